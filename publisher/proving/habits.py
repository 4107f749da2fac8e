"""Draws which of its doubtful ways each platform follows on a day of a proof."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Habits = tuple[tuple[str, Any], ...]
"""Names and values, as the sandbox's control port takes them."""
SLUG_LIMITS = (None, 8, 12, 20, 31)
LONGEST_READING_LAG = 20.0
HIDDEN_SECONDS = (30.0, 600.0)
"""After so long Tumblr publishes what it queued or transcodes."""
CHANCE_OF_HIDDEN_STATE = 0.25
CONFLICT_STATUSES = (200, 400, 500)


def draw_habits(chance: random.Random, platform: str, *, shows_evidence: bool) -> Habits:
    """`shows_evidence`: it has to show by itself that a post is there, so nothing is drawn that would hide it."""
    return _DRAWN[platform](chance, shows_evidence) if platform in _DRAWN else ()


def usual_habits(platform: str) -> Habits:
    """What a day has for which nothing is drawn."""
    return _USUAL.get(platform, ())


def _tumblr(chance: random.Random, shows_evidence: bool) -> Habits:
    drawn: dict[str, Any] = {
        "slug_limit": chance.choice(SLUG_LIMITS),
        "slug_spaces": chance.random() < 0.5,
        "drafts_keep_id": shows_evidence or chance.random() < 0.5,
        "edits_tell_new_id": chance.random() < 0.5,
        "reading_lag": chance.choice((0.0, chance.uniform(1, LONGEST_READING_LAG))),
        "states": [chance.choice(("queued", "transcoding"))] if chance.random() < CHANCE_OF_HIDDEN_STATE else [],
        "states_spare_drafts": True,
        "hidden_for": chance.uniform(*HIDDEN_SECONDS),
    }
    return tuple((drawn | ({"reading_lag": 0.0, "states": []} if shows_evidence else {})).items())


def _x(chance: random.Random, shows_evidence: bool) -> Habits:
    drawn = {
        "refuse_duplicates": shows_evidence or chance.random() < 0.25,
        "hides_time_windows": chance.random() < 0.5,
    }
    return tuple(drawn.items())


def _instagram(chance: random.Random, shows_evidence: bool) -> Habits:
    drawn = {
        "recognises_upload_ids": shows_evidence or chance.random() < 0.25,
        "echoes_upload_id": shows_evidence or chance.random() < 0.5,
        "conflict_status": chance.choice(CONFLICT_STATUSES),
    }
    return tuple(drawn.items())


_DRAWN: Mapping[str, Callable[[random.Random, bool], Habits]] = {"tumblr": _tumblr, "x": _x, "instagram": _instagram}
_USUAL: Mapping[str, Habits] = {
    "tumblr": (
        ("slug_limit", None),
        ("slug_spaces", False),
        ("edits_tell_new_id", False),
        ("reading_lag", 0.0),
        ("states", []),
        ("hidden_for", None),
    ),
    "x": (("hides_time_windows", False),),
    "instagram": (("echoes_upload_id", True), ("conflict_status", 400)),
}
