"""Counts words, as the toy platform does. A platform with a generic unit needs no such module."""

from __future__ import annotations


class ToyTextRules:
    """Counts words and makes no links."""

    unit = "words"
    unit_name = "words"

    def count(self, text: str) -> int:
        return len(text.split())

    def find_links(self, text: str) -> tuple[str, ...]:
        return ()

    def emoji_reserve(self, text: str) -> int:
        return 0


RULES = ToyTextRules()
