"""Says how a date is written that somebody wrote in another order than year, month, day."""

from __future__ import annotations

import re
from datetime import date

from publisher.core.messages import Message, _

_YEAR_LAST = re.compile(r"\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?!\d)")
_YEAR_FIRST = re.compile(r"\s*(\d{4})([./-])(\d{1,2})\2(\d{1,2})(?!\d)")


def describe_other_date(text: str) -> Message | None:
    """Says how to write a date such as 12/05/2027; None: it is no date in another order."""
    if match := _YEAR_LAST.match(text):
        first, second, year = map(int, match.groups())
        written = match[0].strip()
        days = [day for day in (calendar_day(year, second, first), calendar_day(year, first, second)) if day]
        if len(set(days)) == 2:
            return _(
                "{written} can be two days; write {one} or {other}",
                written=written,
                one=days[0].isoformat(),
                other=days[1].isoformat(),
            )
    elif match := _YEAR_FIRST.match(text):
        written = match[0].strip()
        days = [day for day in (calendar_day(int(match[1]), int(match[3]), int(match[4])),) if day]
        if days and days[0].isoformat() == written:
            return None
    else:
        return None
    if days:
        return _("{written} is not written as dates are here; write {day}", written=written, day=days[0].isoformat())
    return _("{written} is no day of the calendar; write a day like 2026-05-12", written=written)


def calendar_day(year: int, month: int, day: int) -> date | None:
    """Returns a day; None where the calendar has no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None
