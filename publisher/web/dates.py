"""Days in words, as English writes them."""

from __future__ import annotations

from datetime import date


def long_day(day: date) -> str:
    """`Tuesday 12 May 2026`."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def short_day(day: date) -> str:
    """`Tue 12 May`."""
    return f"{day:%a} {day.day} {day:%b}"
