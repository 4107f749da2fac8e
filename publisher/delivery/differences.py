"""Finds how a shown post differs from what was sent, and describes it in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from publisher.core.content import AdaptedPost, PublishedPost
from publisher.platforms.base import PlatformAdapter, SupportsReadBack
from publisher.platforms.text_difference import excerpt, readable_words


class DifferenceKind(Enum):
    """Names the part of a post that differs from what was sent."""

    PICTURES = auto()
    NO_ALT_TEXT = auto()
    ALT_TEXT = auto()
    TEXT = auto()
    TEXT_ENDS = auto()
    TEXT_GOES_ON = auto()
    CREDIT = auto()
    TAGS = auto()


WORDS: Mapping[DifferenceKind, str] = {
    DifferenceKind.PICTURES: "{shown} of {sent} pictures are shown",
    DifferenceKind.NO_ALT_TEXT: "picture {number} has no alt text",
    DifferenceKind.ALT_TEXT: "the alt text of picture {number} differs: sent was “{sent}”, shown is “{shown}”",
    DifferenceKind.TEXT: "the text differs: sent was “{sent}”, shown is “{shown}”",
    DifferenceKind.TEXT_ENDS: "the text ends early: “{sent}” is missing",
    DifferenceKind.TEXT_GOES_ON: "the text goes on after its end with “{shown}”",
    DifferenceKind.CREDIT: "the credit “{credit}” is missing",
    DifferenceKind.TAGS: "the tags differ: sent were {sent}, shown are {shown}",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Holds one difference between what is shown and what was sent."""

    kind: DifferenceKind
    parameters: Mapping[str, object]


def describe_difference(difference: Difference) -> str:
    """Returns a difference as part of a sentence."""
    return WORDS[difference.kind].format(**difference.parameters)


def differences_between(
    adapter: PlatformAdapter, sent: AdaptedPost, shown: PublishedPost, credit_lines: Sequence[str] = ()
) -> list[Difference]:
    """Returns how a shown post differs from what was sent. `credit_lines`: of the post, in any language."""
    return [
        *_picture_differences(sent, shown),
        *_text_differences(adapter, sent, shown, credit_lines),
        *_tag_differences(sent, shown),
    ]


def _picture_differences(sent: AdaptedPost, shown: PublishedPost) -> list[Difference]:
    differences = []
    if shown.image_count != len(sent.images):
        count = {"shown": shown.image_count, "sent": len(sent.images)}
        differences.append(Difference(DifferenceKind.PICTURES, count))
    for number, (image, alt_text) in enumerate(zip(sent.images, shown.alt_texts, strict=False), start=1):
        if alt_text is None or _plain(alt_text) == _plain(image.alt_text):
            continue
        kind = DifferenceKind.ALT_TEXT if _plain(alt_text) else DifferenceKind.NO_ALT_TEXT
        parameters = {"number": number, "sent": excerpt(image.alt_text), "shown": excerpt(alt_text)}
        differences.append(Difference(kind, parameters))
    return differences


def _text_differences(
    adapter: PlatformAdapter, sent: AdaptedPost, shown: PublishedPost, credit_lines: Sequence[str]
) -> list[Difference]:
    if shown.text is None or not isinstance(adapter, SupportsReadBack):
        return []
    difference = adapter.text_difference(sent, shown.text)
    if difference is None:
        return []
    kind = DifferenceKind.TEXT
    if not difference.shown:
        kind = DifferenceKind.TEXT_ENDS
    elif not difference.sent:
        kind = DifferenceKind.TEXT_GOES_ON
    differences = [Difference(kind, {"sent": difference.sent, "shown": difference.shown})]
    missing = [
        line for line in credit_lines if _plain(line) in _plain(sent.caption) and _plain(line) not in _plain(shown.text)
    ]
    return differences + [Difference(DifferenceKind.CREDIT, {"credit": excerpt(line)}) for line in missing]


def _tag_differences(sent: AdaptedPost, shown: PublishedPost) -> list[Difference]:
    if shown.tags is None or _folded(shown.tags) == _folded(sent.tags):
        return []
    parameters = {"sent": ", ".join(sent.tags) or "none", "shown": ", ".join(shown.tags) or "none"}
    return [Difference(DifferenceKind.TAGS, parameters)]


def _folded(tags: Sequence[str]) -> set[str]:
    return {_plain(tag).casefold() for tag in tags}


def _plain(text: str) -> str:
    return " ".join(readable_words(text))
