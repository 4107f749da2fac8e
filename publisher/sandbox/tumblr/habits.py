"""Lists the doubtful ways of the sandbox's Tumblr blog: how a request names them, and what a proof draws."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from publisher.sandbox.habits import PlatformHabits, each, one_of, or_none, seconds, whole_number, yes_or_no

HIDDEN_STATES = ("queued", "transcoding", "unapproved")


@dataclass(slots=True)
class BlogHabits:
    """How this blog treats posts. Live, each of these was seen, is documented, or can't be ruled out."""

    slug_limit: int | None = None
    """Longer slugs are cut."""
    slug_spaces: bool = False
    """The hyphens of a slug become spaces."""
    drafts_keep_id: bool = False
    """A draft that is published keeps its id. Else the post gets another one, and names the former as its genesis."""
    edits_tell_new_id: bool = False
    states: deque[str] = field(default_factory=deque)
    """The states in which the next posts end up, instead of those that were asked for."""
    states_spare_drafts: bool = False
    """Only posts that were to be published end up in one of `states`."""
    hidden_for: timedelta | None = None
    """After so long Tumblr itself publishes what it queued or transcodes. None: never."""
    listing_lag: timedelta = timedelta(0)
    """So much later a listing shows a post."""
    reading_lag: timedelta = timedelta(0)
    """So much later a reading by id shows a change."""


HABITS = PlatformHabits(
    readers={
        "slug_limit": or_none(whole_number(1, 1000)),
        "slug_spaces": yes_or_no,
        "drafts_keep_id": yes_or_no,
        "edits_tell_new_id": yes_or_no,
        "states": lambda value: deque(each(one_of(*HIDDEN_STATES, "draft", "private", "published"))(value)),
        "states_spare_drafts": yes_or_no,
        "hidden_for": or_none(seconds),
        "listing_lag": seconds,
        "reading_lag": seconds,
    },
    usual={
        "slug_limit": None,
        "slug_spaces": False,
        "edits_tell_new_id": False,
        "reading_lag": 0.0,
        "states": [],
        "hidden_for": None,
    },
    drawn={
        "slug_limit": (None, 8, 12, 20, 31),
        "slug_spaces": (True, False),
        "drafts_keep_id": (True, False),
        "edits_tell_new_id": (True, False),
        "reading_lag": (0.0, 0.0, 0.0, 1.0, 8.0, 20.0),
        "states": (*[[]] * 6, ["queued"], ["transcoding"]),
        "states_spare_drafts": (True,),
        "hidden_for": (30.0, 120.0, 300.0, 600.0),
    },
    evidence={"drafts_keep_id": True, "reading_lag": 0.0, "states": []},
)
