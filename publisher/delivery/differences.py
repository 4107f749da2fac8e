"""Finds how a shown post differs from what was sent."""

from __future__ import annotations

from collections.abc import Sequence

from publisher.core.content import AdaptedPost, PublishedPost
from publisher.core.problems import Problem
from publisher.delivery.problem_codes import DifferenceProblem
from publisher.platforms.abilities import SupportsReadBack
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.text_difference import excerpt, readable_words


def differences_between(
    adapter: PlatformAdapter, sent: AdaptedPost, shown: PublishedPost, credit_lines: Sequence[str] = ()
) -> list[Problem]:
    """Returns how a shown post differs from what was sent. `credit_lines`: of the post, in any language."""
    return [
        *_picture_differences(sent, shown),
        *_text_differences(adapter, sent, shown, credit_lines),
        *_tag_differences(sent, shown),
    ]


def _picture_differences(sent: AdaptedPost, shown: PublishedPost) -> list[Problem]:
    differences = []
    if shown.image_count != len(sent.images):
        differences.append(DifferenceProblem.OTHER_PICTURES(shown=shown.image_count, sent=len(sent.images)))
    for number, (image, alt_text) in enumerate(zip(sent.images, shown.alt_texts, strict=False), start=1):
        if alt_text is None or _plain(alt_text) == _plain(image.alt_text):
            continue
        differences.append(
            DifferenceProblem.OTHER_ALT_TEXT(number=number, sent=excerpt(image.alt_text), shown=excerpt(alt_text))
            if _plain(alt_text)
            else DifferenceProblem.NO_ALT_TEXT(number=number)
        )
    return differences


def _text_differences(
    adapter: PlatformAdapter, sent: AdaptedPost, shown: PublishedPost, credit_lines: Sequence[str]
) -> list[Problem]:
    if shown.text is None or not isinstance(adapter, SupportsReadBack):
        return []
    difference = adapter.text_difference(sent, shown.text)
    if difference is None:
        return []
    code = DifferenceProblem.OTHER_TEXT
    if not difference.shown:
        code = DifferenceProblem.TEXT_ENDS_EARLY
    elif not difference.sent:
        code = DifferenceProblem.TEXT_GOES_ON
    differences = [code(sent=difference.sent, shown=difference.shown)]
    missing = [
        line for line in credit_lines if _plain(line) in _plain(sent.caption) and _plain(line) not in _plain(shown.text)
    ]
    return differences + [DifferenceProblem.NO_CREDIT(credit=excerpt(line)) for line in missing]


def _tag_differences(sent: AdaptedPost, shown: PublishedPost) -> list[Problem]:
    if shown.tags is None or _folded(shown.tags) == _folded(sent.tags):
        return []
    code = DifferenceProblem.OTHER_TAGS
    if not shown.tags:
        code = DifferenceProblem.NO_TAGS
    elif not sent.tags:
        code = DifferenceProblem.TAGS_ADDED
    return [code(sent=list(sent.tags), shown=list(shown.tags))]


def _folded(tags: Sequence[str]) -> set[str]:
    return {_plain(tag).casefold() for tag in tags}


def _plain(text: str) -> str:
    return " ".join(readable_words(text))
