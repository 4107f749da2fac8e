"""Lists the uncertain behaviours of the simulated Tumblr blog: their names, and the values that a proof draws."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from publisher.sandbox.habits import PlatformHabits, boolean, duration, list_of, one_of, optional, whole_number

HIDDEN_STATES = ("queued", "transcoding", "unapproved")


@dataclass(slots=True)
class BlogHabits:
    """Sets how this blog treats posts. Each behaviour was reported, is documented, or is possible live."""

    slug_limit: int | None = None
    """Longer slugs are cut."""
    slug_spaces: bool = False
    """The hyphens of a slug become spaces."""
    drafts_keep_id: bool = False
    """A draft that is published keeps its id. Else the post gets a new one, and `genesis_post_id` is the draft's."""
    edits_tell_new_id: bool = False
    states: deque[str] = field(default_factory=deque)
    """The states that the next posts get instead of the requested ones."""
    states_spare_drafts: bool = False
    """Only posts that are to be published get one of `states`."""
    hidden_for: timedelta | None = None
    """The time after which Tumblr publishes what it queued or transcodes. None: never."""
    listing_lag: timedelta = timedelta(0)
    """How much later a listing shows a post."""
    reading_lag: timedelta = timedelta(0)
    """How much later a reading by id shows a change: that a post was made, published or corrected."""


HABITS = PlatformHabits(
    readers={
        "slug_limit": optional(whole_number(1, 1000)),
        "slug_spaces": boolean,
        "drafts_keep_id": boolean,
        "edits_tell_new_id": boolean,
        "states": lambda value: deque(list_of(one_of(*HIDDEN_STATES, "draft", "private", "published"))(value)),
        "states_spare_drafts": boolean,
        "hidden_for": optional(duration),
        "listing_lag": duration,
        "reading_lag": duration,
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
