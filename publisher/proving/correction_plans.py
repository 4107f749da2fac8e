"""Draws the corrections of published posts that a proof asks for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

CORRECTION_MILESTONES = ("correcting", "correction answered", "correction recorded")
NO_KILL = ""
SHARE_OF_DAYS = 0.5
"""So many days have a correction; the first one always has, so that the shortest proof has one."""


@dataclass(frozen=True, slots=True)
class PlannedCorrection:
    """Plans the correction of a day's post."""

    at: float
    """Seconds after the day began. It waits until the post is public somewhere."""
    faults: tuple[tuple[str, str], ...] = ()
    """Platform and fault, which its requests meet."""
    milestone: str = NO_KILL
    """Where the worker that carries it is killed; empty: nowhere."""


def draw_corrections(
    seed: int, days: int, platforms: Sequence[str], faults: Sequence[str], window_seconds: float
) -> list[PlannedCorrection | None]:
    """Draws a correction or none for each day, with a fault on each platform and perhaps a kill.

    It uses numbers of its own: what else the seed draws stays as it is.
    """
    chance = random.Random(f"{seed} corrections")  # noqa: S311 - a seed that can be repeated is the point
    return [
        _draw(chance, platforms, faults, window_seconds) if chance.random() < SHARE_OF_DAYS or number == 0 else None
        for number in range(days)
    ]


def _draw(
    chance: random.Random, platforms: Sequence[str], faults: Sequence[str], window_seconds: float
) -> PlannedCorrection:
    struck = tuple((platform, f"correct/{chance.choice(faults)}") for platform in platforms)
    milestone = chance.choice((*CORRECTION_MILESTONES, NO_KILL))
    return PlannedCorrection(at=chance.uniform(0, window_seconds), faults=struck, milestone=milestone)
