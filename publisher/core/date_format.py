"""Writes days, instants, numbers and names of languages for the present reader."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from babel import Locale, UnknownLocaleError

from publisher.core.messages import Message, _, current_reader, format_by_pattern, locale_name, ngettext
from publisher.core.messages import format_number as format_in_language

NO_INSTANT = "–"
MINUTES_NAMED, HOURS_NAMED = 90, 48
"""From so many on, a lateness is told in the next unit."""
FORMS: Mapping[str, Message] = {
    "minute": _("yyyy-MM-dd HH:mm"),
    "second": _("yyyy-MM-dd HH:mm:ss"),
    "date": _("yyyy-MM-dd"),
    "clock": _("HH:mm"),
    "clock-second": _("HH:mm:ss"),
    "weekday-clock": _("EEE HH:mm"),
    "weekday-second": _("EEE HH:mm:ss"),
    "long-weekday-clock": _("EEEE HH:mm"),
    "short-day-clock": _("EEE d MMM HH:mm"),
    "short-day-year-clock": _("EEE d MMM yyyy HH:mm"),
    "month-day-second": _("MM-dd HH:mm:ss"),
    "clock-on-day": _("HH:mm 'on' EEEE, d MMMM"),
    "weekday": _("EEE"),
    "month": _("MMMM yyyy"),
    "month-name": _("MMMM"),
    "day-month": _("d MMMM"),
    "day-month-year": _("d MMMM yyyy"),
    "title-day": _("EEEE, d MMMM"),
    "title-day-year": _("EEEE, d MMMM yyyy"),
    "long-day": _("EEEE d MMMM yyyy"),
    "short-day": _("EEE d MMM"),
    "short-day-year": _("EEE d MMM yyyy"),
}
"""How pages write days and instants, by a name: patterns of the Unicode CLDR, which translators may order anew."""


def format_moment(value: datetime | date | time | None, form: str = "minute") -> str:
    """Writes an instant, a day or an hour in one of `FORMS`; a dash for none."""
    return format_by_pattern(value, FORMS[form], current_reader()) if value is not None else NO_INSTANT


def long_day(day: date) -> str:
    """Writes a day like `Tuesday 12 May 2026`."""
    return format_moment(day, "long-day")


def short_day(day: date, today: date | None = None) -> str:
    """Writes a day like `Tue 12 May`, with the year where it isn't that of `today`."""
    return format_moment(day, "short-day" if today is None or day.year == today.year else "short-day-year")


def format_number(value: float) -> str:
    """Writes a number with its groups of digits: `1,234`."""
    return format_in_language(value, current_reader())


def native_name(language: str) -> str:
    """Names a language in itself, as its speakers look for it: `català`."""
    locale = Locale.parse(locale_name(language))
    return str(locale.get_display_name() or language)


def language_name(language: str) -> str:
    """Names a language for the present reader: `Catalan`; one that is not known by its code."""
    try:
        locale = Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return language
    return str(locale.get_display_name(locale_name(current_reader().language)) or language)


def describe_lateness(late: timedelta) -> Message:
    """Says in the largest unit that fits how late something is."""
    minutes = int(late.total_seconds() // 60)
    hours, days = round(minutes / 60), round(minutes / 1440)
    if minutes < MINUTES_NAMED:
        return ngettext("{count} minute late", "{count} minutes late", count=minutes)
    if hours < HOURS_NAMED:
        return ngettext("{count} hour late", "{count} hours late", count=hours)
    return ngettext("{count} day late", "{count} days late", count=days)
