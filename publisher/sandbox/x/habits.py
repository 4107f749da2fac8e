"""Lists X's doubtful ways, by the attributes of the sandbox that hold them."""

from __future__ import annotations

from publisher.sandbox.habits import PlatformHabits, yes_or_no

HABITS = PlatformHabits(
    readers={"refuse_duplicates": yes_or_no, "hides_time_windows": yes_or_no},
    usual={"hides_time_windows": False},
    drawn={"refuse_duplicates": (True, False, False, False), "hides_time_windows": (True, False)},
    evidence={"refuse_duplicates": True},
)
