"""Cleans pasted text: one form of every letter, no invisible characters, no stray spaces."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex

_LINE_END = regex.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES = regex.compile(r"[ \t\n]{2,}|\t")
"""What is not a single space or line end already."""
# Private-use characters go too: nobody else's font has them, and the marks of `rich_text` live there.
_INVISIBLE = regex.compile(
    r"[[\p{Cc}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b"
    r"\u202a-\u202e\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]--[\n\t]]",
    regex.VERSION1,
)
_DIRECTION = regex.compile(r"[\u061c\u200e\u200f\u2066-\u2069]")
_RIGHT_TO_LEFT = regex.compile(r"(?=\p{L})[\p{Bidi_Class=R}\p{Bidi_Class=AL}]")
# Joiners and variation selectors mean something inside an emoji or a word of a script that joins.
_STRAY = regex.compile(
    r"(?<![^\x00-\x7f\s\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f\s\u200c\u200d\ufe00-\ufe0f])"
    r"|(?<![^\x00-\x7f\s\u200c\u200d\ufe00-\ufe0f]|[0-9#*])[\ufe00-\ufe0f]"
    r"|\U0001F3F4[\U000E0020-\U000E007F]+(*SKIP)(*FAIL)|[\U000E0001\U000E0020-\U000E007F]"
)
_LEADING_MARKS = regex.compile(r"\A[\p{M}\s]+")


def space_for(run: str) -> str:
    """Returns what replaces a run of spaces and line ends: a space, a new line or one blank line."""
    return "\n" * min(run.count("\n"), 2) or " "


# Each channel in turn cleans the same texts of a post.
@lru_cache(maxsize=256)
def clean(text: str) -> str:
    """Returns the text in NFC, without invisible characters, stray spaces and more than one blank line at a time.

    Typographic quotes, dashes and non-breaking spaces stay. Cleaning twice changes nothing more.
    """
    text = _INVISIBLE.sub("", _LINE_END.sub("\n", text))
    if not _RIGHT_TO_LEFT.search(text):
        text = _DIRECTION.sub("", text)
    previous = None
    while text != previous:
        previous, text = text, _LEADING_MARKS.sub("", _STRAY.sub("", text))
    text = _SPACES.sub(lambda spaces: space_for(spaces[0]), text)
    return unicodedata.normalize("NFC", text).strip(" \n")


def one_line(text: str) -> str:
    """Returns the cleaned text with its line ends turned into spaces."""
    return clean(text).replace("\n\n", " ").replace("\n", " ")
