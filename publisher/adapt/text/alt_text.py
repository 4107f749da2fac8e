"""Adapts alt texts to a platform's limit, and finds those that are missing or useless."""

from __future__ import annotations

import regex

from publisher.adapt.problem_codes import AdaptProblem
from publisher.adapt.text.cleaning import one_line
from publisher.adapt.text.counting import count
from publisher.adapt.text.markdown import plain_words
from publisher.adapt.text.shortening import shorten_plain
from publisher.core.alt_texts import is_file_name
from publisher.core.content import ContentProblem, SourceImage
from publisher.core.problems import Problem
from publisher.platforms.profiles import AltTextLimits

_HTML = regex.compile(r"<[a-z/!]|&#?\w+;", regex.IGNORECASE)
_NEEDLESS = regex.compile(
    r"(?:an?\s+|the\s+)?(?:image|picture|photo|photograph|graphic)\s+(?:of|showing)\b|(?:una?\s+)?(?:imatge|foto|fotografia)\s+d[e’']",
    regex.IGNORECASE,
)


def adapt_alt_text(
    image: SourceImage, number: int, title: str, limits: AltTextLimits, platform: str
) -> tuple[str, tuple[ContentProblem, ...]]:
    """Returns the alt text that a platform gets, and what staff should know about it. `number` counts from 0."""
    text = one_line(image.alt_text)
    if _HTML.search(text):
        text = one_line(plain_words(text))
    if not text:
        return "", (_problem(number, AdaptProblem.NO_ALT_TEXT(picture=number + 1)),)
    if is_file_name(text):
        return text, (_problem(number, AdaptProblem.ALT_TEXT_IS_FILE_NAME(picture=number + 1)),)
    notes = list(_notes(text, number, title))
    over = count(text, limits.unit) - limits.limit
    if over > 0:
        text = shorten_plain(text, lambda candidate: count(candidate, limits.unit) <= limits.limit)
        notes.append(
            AdaptProblem.ALT_TEXT_SHORTENED(picture=number + 1, count=over, platform=platform, limit=limits.limit)
        )
    if not text:
        return "", (_problem(number, AdaptProblem.ALT_TEXT_DOES_NOT_FIT(picture=number + 1, platform=platform)),)
    return text, tuple(_problem(number, note, blocking=False) for note in notes)


def _problem(number: int, problem: Problem, *, blocking: bool = True) -> ContentProblem:
    return ContentProblem(field=f"images[{number}].alt_text", problem=problem, blocking=blocking)


def _notes(text: str, number: int, title: str) -> list[Problem]:
    notes = []
    if needless := _NEEDLESS.match(text):
        notes.append(AdaptProblem.ALT_TEXT_NEEDLESS_WORDS(picture=number + 1, words=needless[0]))
    if title and text.casefold().rstrip(".") == title.casefold().rstrip("."):
        notes.append(AdaptProblem.ALT_TEXT_REPEATS_TITLE(picture=number + 1))
    return notes
