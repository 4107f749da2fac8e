"""Adapts alt texts to a platform's limit, and finds those that are missing or useless."""

from __future__ import annotations

import regex

from publisher.adapt.text.cleaning import one_line
from publisher.adapt.text.counting import count
from publisher.adapt.text.shortening import shorten_plain
from publisher.core.content import Problem, SourceImage
from publisher.platforms.profiles import AltTextLimits

_FILE_NAME = regex.compile(
    r"\S+\.(?:jpe?g|png|tiff?|gif|webp|avif|heic)|(?:img|image|dsc|dscn|pxl|screenshot|scan)[ _-]?\d+|[0-9a-f]{16,}",
    regex.IGNORECASE,
)
_NEEDLESS = regex.compile(
    r"(?:an?\s+|the\s+)?(?:image|picture|photo|photograph|graphic)\s+(?:of|showing)\b|(?:una?\s+)?(?:imatge|foto|fotografia)\s+d[e’']",
    regex.IGNORECASE,
)


def adapt_alt_text(
    image: SourceImage, number: int, title: str, limits: AltTextLimits, platform: str
) -> tuple[str, tuple[Problem, ...]]:
    """Returns the alt text that a platform gets, and what staff should know about it. `number` counts from 0."""
    field = f"images[{number}].alt_text"
    text = one_line(image.alt_text)
    if not text:
        message = f"Picture {number + 1} has no alt text; describe in a sentence or two what it shows."
        return "", (Problem(field=field, message=message),)
    if _FILE_NAME.fullmatch(text):
        message = f"The alt text of picture {number + 1} is a file name; describe what the picture shows."
        return text, (Problem(field=field, message=message),)
    notes = list(_notes(text, number, title))
    over = count(text, limits.unit) - limits.limit
    if over > 0:
        text = shorten_plain(text, lambda candidate: count(candidate, limits.unit) <= limits.limit)
        notes.append(
            f"The alt text of picture {number + 1} is {over} characters too long for {platform} and ends earlier "
            f"there; shorten it to {limits.limit}."
        )
    if not text:
        message = f"The alt text of picture {number + 1} does not fit {platform} and can't be shortened; write it anew."
        return "", (Problem(field=field, message=message),)
    return text, tuple(Problem(field=field, message=note, blocking=False) for note in notes)


def _notes(text: str, number: int, title: str) -> list[str]:
    notes = []
    if needless := _NEEDLESS.match(text):
        notes.append(
            f"The alt text of picture {number + 1} begins with “{needless[0]}”, which screen readers "
            "say anyway; leave it out."
        )
    if title and text.casefold().rstrip(".") == title.casefold().rstrip("."):
        notes.append(f"The alt text of picture {number + 1} repeats the title; describe what the picture shows.")
    return notes
