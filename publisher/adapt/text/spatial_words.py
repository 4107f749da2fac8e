"""Finds words such as “on the left”, which mislead when the picture is shown in parts."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from publisher.adapt.problem_codes import AdaptProblem
from publisher.core.content import AdaptedImage, ContentProblem

# “Right” and “left” alone have too many other meanings: only where they surely speak of a place.
_SPATIAL_WORDS = regex.compile(
    r"""
    \b(?:on|at|to|in|from)\ the\ (?:far\ |very\ )?(?:left|right|top|bottom)\b
    |\b(?:top|bottom|upper|lower)[ -](?:left|right|row|half|panels?|images?|pictures?)\b
    |\b(?:left|right)(?:[ -]hand\b|\ (?:panels?|images?|pictures?|side|half|column)\b)
    |[(\[](?:top|bottom|left|right|middle|centre|center)(?:\ and\ \w+)?[)\],;:]
    |(?:^|[.;]\s+)(?:top|bottom|left|right|middle|centre|center):
    |\b(?:a\ la\ |a\ l[’'])?(?:esquerra|dreta|izquierda|derecha)\b
    |\b(?:a\ dalt|a\ baix|arriba|abajo)\b
    """,
    regex.IGNORECASE | regex.VERBOSE | regex.MULTILINE,
)


def spatial_word_problems(caption: str, images: Sequence[AdaptedImage]) -> tuple[ContentProblem, ...]:
    """Finds out whether the caption says where in a picture something is that followers see in parts."""
    in_parts = any(image.spec.fit == "split" and image.spec.crop is not None for image in images)
    phrase = _SPATIAL_WORDS.search(caption) if in_parts else None
    if phrase is None:
        return ()
    problem = AdaptProblem.PLACE_IN_SPLIT_PICTURE(phrase=phrase[0].strip(".;:()[], "))
    return (ContentProblem(field="caption", problem=problem, blocking=False),)
