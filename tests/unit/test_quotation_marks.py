"""Tests that texts for people quote alike: “so”. Straight marks stay where they are part of what is to be typed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.catalogues import ROOT, extract_texts

SINGLE = re.compile(r"(?<![\w}])'[^'\n]+'(?![\w{])")
DOUBLE = re.compile(r'"[^"\n]+"')
MARKUP = re.compile(r"<[^>]*>")
TYPED = (
    "in_language('Written by', ca='Text de')",
    "HH:mm 'on'",
    '"Europe/London"',
    '"09:00"',
    '"until 20:00"',
    '"skip"',
    '"#"',
    '"{form}"',
    '"threads"',
    '"procrastinate"',
    '"sqlite:///queue.db"',
    '"postgresql+psycopg://user@host/name"',
    '"postgresql+psycopg://host/name"',
    'PLATFORM = "..."',
    "'publisher[{extra}]'",
    '"two words"',
    '"https://example.org"',
)
"""Code, patterns of dates, words for a shell, and values of the configuration with the marks that TOML wants."""


def straight_quotes(text: str) -> list[str]:
    """Finds words between straight marks, without those in TYPED and those of HTML."""
    for typed in TYPED:
        text = text.replace(typed, "")
    text = MARKUP.sub("", text)
    return [*SINGLE.findall(text), *DOUBLE.findall(text)]


def texts() -> Iterator[str]:
    for message in extract_texts(ROOT):
        yield from (message.id,) if isinstance(message.id, str) else message.id


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("there is no channel '{channel}'; known are tumblr", ["'{channel}'"]),
        ('There is no "{name}".', ['"{name}"']),
        ("unknown key 'file'; remove it", ["'file'"]),
        ("every channel's hour isn't the post's", []),
        ('write an IANA name such as "Europe/London"', []),
        ('<a href="/queue">the queue</a>', []),
        ("there is no channel “{channel}”", []),
    ],
)
def test_straight_marks_are_found(text: str, found: list[str]) -> None:
    assert straight_quotes(text) == found


def test_texts_for_people_quote_alike() -> None:
    assert [(text, found) for text in texts() if (found := straight_quotes(text))] == []
