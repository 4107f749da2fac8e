"""Draws which of its doubtful ways each platform follows on a day of a proof."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Habits = tuple[tuple[str, Any], ...]
"""Names and values, as the sandbox's control port takes them."""


@dataclass(frozen=True, slots=True)
class HabitChoices:
    """The ways of one platform, as the sandbox lists them."""

    usual: Mapping[str, Any] = field(default_factory=dict)
    """What a day has for which nothing is drawn."""
    drawn: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The values of each that are drawn from."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What takes the place of a drawn value where the platform has to show by itself that a post is there."""


def draw_habits(chance: random.Random, choices: HabitChoices, *, shows_evidence: bool) -> Habits:
    """Draws a value for each of a platform's ways; `shows_evidence` lets none hide a post from a look-up."""
    drawn = {name: chance.choice(values) for name, values in choices.drawn.items()}
    return tuple({**drawn, **(choices.evidence if shows_evidence else {})}.items())
