"""Writes days in English words."""

from __future__ import annotations

from datetime import date


def long_day(day: date) -> str:
    """Writes a day like `Tuesday 12 May 2026`."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def short_day(day: date, today: date | None = None) -> str:
    """Writes a day like `Tue 12 May`, with the year where it isn't that of `today`."""
    year = "" if today is None or day.year == today.year else f" {day.year}"
    return f"{day:%a} {day.day} {day:%b}{year}"
