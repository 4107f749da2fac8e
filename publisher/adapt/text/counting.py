"""Counts texts in the unit of a platform, and computes by how much a text is too long."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import regex

from publisher.adapt.text.web_addresses import find_addresses
from publisher.core.messages import Message, _
from publisher.platforms.profiles import TextLimits, Unit, load_profile, platform_names
from publisher.platforms.text_rules import TextRules, load_text_rules

_GRAPHEME = regex.compile(r"\X")
_BARE_LINK = regex.compile(
    r"(?<![\w@./-])(?:[\w-]+\.)+(?:com|edu|gov|info|int|net|org|[a-z]{2})(?![\w@-])"
    r"(?:/[^\s<>\"]*[^\s<>\".,;:!?’”»)\]])?",
    regex.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class GenericRules:
    """Counts in a generic unit, and finds written-out addresses and bare domains as links."""

    unit: Unit
    unit_name: Message | str
    counter: Callable[[str], int]

    def count(self, text: str) -> int:
        """Returns the length of a text after NFC."""
        return self.counter(unicodedata.normalize("NFC", text))

    def find_links(self, text: str) -> tuple[str, ...]:
        """Returns the web addresses in a text, in order."""
        links: list[str] = []
        at = 0
        for start, end in (*find_addresses(text), (len(text), len(text))):
            links.extend(link.group() for link in _BARE_LINK.finditer(text, at, start))
            links.append(text[start:end])
            at = end
        return tuple(filter(None, links))

    def emoji_reserve(self, text: str) -> int:
        """Returns 0: emoji count for as much as the unit says."""
        return 0


def graphemes(text: str) -> list[str]:
    """Splits a text into the characters that a reader sees."""
    characters: list[str] = _GRAPHEME.findall(text)
    return characters


_RULES: dict[str, TextRules] = {
    rules.unit: rules
    for rules in (
        GenericRules("code_points", _("characters"), len),
        GenericRules("utf16", _("characters, emoji as two"), lambda text: len(text.encode("utf-16-le")) // 2),
        GenericRules("graphemes", _("characters"), lambda text: len(graphemes(text))),
    )
}


def rules_of(limits: TextLimits) -> TextRules:
    """Returns the rules that a platform's texts are counted by: its own, or those of a generic unit."""
    return load_text_rules(limits.rules_of) if limits.rules_of else _RULES[limits.unit]


def unit_name(unit: str, platform: str) -> str:
    """Returns the name for people of the unit in which a post of a platform was counted."""
    if unit not in _RULES and platform in platform_names():
        return str(rules_of(load_profile(platform).text).unit_name)
    return str(_RULES[unit].unit_name) if unit in _RULES else unit


def count(text: str, unit: Unit) -> int:
    """Returns the length of a text in a generic unit."""
    return _RULES[unit].count(text)


def excess(text: str, limits: TextLimits) -> int:
    """Returns by how many units, or bytes, a text is too long; 0 when it fits."""
    rules = rules_of(limits)
    excess_units = rules.count(text) + rules.emoji_reserve(text) - limits.limit
    if limits.max_bytes is not None:
        excess_units = max(excess_units, len(text.encode()) - limits.max_bytes)
    return max(excess_units, 0)
