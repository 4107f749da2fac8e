"""Lists X's uncertain behaviours, by the attributes of the sandbox that hold them."""

from __future__ import annotations

from publisher.sandbox.habits import PlatformHabits, boolean

HABITS = PlatformHabits(
    readers={"refuse_duplicates": boolean, "hides_time_windows": boolean},
    usual={"hides_time_windows": False},
    drawn={"refuse_duplicates": (True, False, False, False), "hides_time_windows": (True, False)},
    evidence={"refuse_duplicates": True},
)
