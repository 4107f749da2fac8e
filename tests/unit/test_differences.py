"""Tests that two versions of a text are compared in bounded time, and both are shown."""

from __future__ import annotations

import random
from collections.abc import Callable
from difflib import SequenceMatcher
from unittest.mock import patch

import pytest

from publisher.web import differences
from publisher.web.differences import MAX_PAIRS, Piece, diff_words

TEXT = "A newt's lung cell divides, and its chromosomes line up in the middle of the spindle. "


def sides(parts: list[Piece]) -> tuple[str, str]:
    before = "".join(piece.text for piece in parts if piece.kind != "in")
    return before, "".join(piece.text for piece in parts if piece.kind != "out")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "", []),
        ("a", "a", [Piece("same", "a")]),
        ("", "a", [Piece("in", "a")]),
        ("a", "", [Piece("out", "a")]),
        (
            "A cell divides.",
            "A newt cell divides!",
            [
                Piece("same", "A "),
                Piece("in", "newt "),
                Piece("same", "cell divides"),
                Piece("out", "."),
                Piece("in", "!"),
            ],
        ),
        (
            "one two three",
            "one 2 three",
            [Piece("same", "one "), Piece("out", "two"), Piece("in", "2"), Piece("same", " three")],
        ),
    ],
)
def test_words_are_compared(before: str, after: str, expected: list[Piece]) -> None:
    assert diff_words(before, after) == expected


def test_what_is_shown_is_both_texts_whatever_they_are() -> None:
    chance = random.Random(5)
    for _ in range(300):
        before, after = ("".join(chance.choices("ab .\n,", k=chance.randrange(80))) for _ in range(2))
        assert sides(diff_words(before, after)) == (before, after)


def test_a_change_in_a_long_text_is_found_to_the_word() -> None:
    long = "".join(f"{TEXT}{number} " for number in range(300))
    parts = diff_words(long, long.replace("150 ", "150 bright "))
    assert [piece for piece in parts if piece.kind != "same"] == [Piece("in", "bright ")]


HOSTILE: dict[str, Callable[[int], tuple[str, str]]] = {
    "dots": lambda size: ("." * size, "." * (size // 2) + "x" + "." * (size // 3)),
    "two words": lambda size: ("a b " * (size // 4), "b a " * (size // 4)),
    "turned around": lambda size: (
        " ".join(str(number) for number in range(size // 6)),
        " ".join(str(number) for number in reversed(range(size // 6))),
    ),
    "nothing in common": lambda size: ("a." * (size // 2), "b," * (size // 2)),
    "chance": lambda size: (
        "".join(random.Random(1).choices("abc ", k=size)),
        "".join(random.Random(2).choices("abc ", k=size)),
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_work_grows_with_the_text_and_not_with_its_square(kind: str) -> None:
    """Counted in pairs of words that are compared one by one, whatever machine this is."""
    before, after = HOSTILE[kind](25_000)
    pairs = []

    def compare(_junk: None, old: list[str], new: list[str], *, autojunk: bool) -> object:
        pairs.append(len(old) * len(new))
        return SequenceMatcher(None, old, new, autojunk=autojunk)

    with patch.object(differences, "SequenceMatcher", compare):
        parts = diff_words(before, after)
    assert sides(parts) == (before, after)
    assert max(pairs, default=0) <= MAX_PAIRS
    assert sum(pairs) <= 40 * (len(before) + len(after))
