"""Draws the uncertain behaviours that each platform follows on a day of a proof."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Habits = tuple[tuple[str, Any], ...]
"""Names and values, as the sandbox's control port takes them."""


@dataclass(frozen=True, slots=True)
class HabitChoices:
    """Holds the uncertain behaviours of one platform, as the sandbox lists them."""

    usual: Mapping[str, Any] = field(default_factory=dict)
    """The values of a day for which nothing is drawn."""
    drawn: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The values that each habit is drawn from."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The values that replace drawn ones where the platform itself has to show that a post exists."""


def draw_habits(generator: random.Random, choices: HabitChoices, *, shows_evidence: bool) -> Habits:
    """Draws a value for each habit of a platform. With `shows_evidence` no habit hides a post from a look-up."""
    drawn = {name: generator.choice(values) for name, values in choices.drawn.items()}
    return tuple({**drawn, **(choices.evidence if shows_evidence else {})}.items())
