"""Loads a platform's own rules for counting and linking texts from the module `text` of its folder."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Protocol, runtime_checkable

from publisher.core.messages import Message


@runtime_checkable
class TextRules(Protocol):
    """Counts a text and finds its links as one platform does."""

    @property
    def unit(self) -> str:
        """The name of what is counted, as posts and the API carry it: `code_points`."""

    @property
    def unit_name(self) -> Message | str:
        """The same for people, behind a number: `characters`."""

    def count(self, text: str) -> int:
        """Returns the length that the platform compares with its limit."""

    def find_links(self, text: str) -> tuple[str, ...]:
        """Returns the parts of a text that the platform shows as links, in order."""

    def emoji_reserve(self, text: str) -> int:
        """Returns how many units to keep free for the emoji of this text, which may count for more."""


@cache
def load_text_rules(platform: str) -> TextRules:
    """Returns `RULES` of `publisher.platforms.<platform>.text`, for a profile whose unit is `own`.

    Raises:
        ImportError: the folder has no such module.
        TypeError: the module has no such rules.
    """
    module = f"publisher.platforms.{platform}.text"
    rules: object = getattr(importlib.import_module(module), "RULES", None)
    if not isinstance(rules, TextRules):
        raise TypeError(f"{module}.RULES is not a TextRules")
    return rules
