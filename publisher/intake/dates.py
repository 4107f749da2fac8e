"""Reads the days on which posts were published, in the forms in which sources write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal

from publisher.core.characters import remove_control_characters
from publisher.core.problems import Problem
from publisher.intake.problem_codes import ImportProblem
from publisher.posts.date_mistakes import calendar_day

DateOrder = Literal["", "day first", "month first"]
"""How a source writes a date such as 03/04/2022. Empty: only days that can be one day are read."""
MONTH_LANGUAGES = ("en", "ca", "es", "fr", "de", "it", "pt")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?$")
_YEAR_FIRST = re.compile(r"(\d{4})[./](\d{1,2})[./](\d{1,2})$")
_NUMBERS = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})$")
_DAY_MONTH = re.compile(
    r"(?:[^\W\d]+,?\s+)?(\d{1,2})(?:st|nd|rd|th|\.|º)?\s+(?:de\s+|d['’])?([^\W\d]+)\.?,?\s+(?:de\s+|del\s+)?(\d{4})$"
)
_MONTH_DAY = re.compile(r"(?:[^\W\d]+,\s+)?([^\W\d]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})$")


def read_day(value: Any, order: DateOrder = "") -> date | Problem:
    """Returns the day that a source names, as its own zone says, or why it can't be read."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = " ".join(str(value).split())
    if not text:
        return ImportProblem.NO_DATE()
    if numbers := _NUMBERS.match(text):
        return _by_order(text, numbers, order)
    return next((day for day in _readings(text) if day), None) or _no_date(text)


def _readings(text: str) -> Iterator[date | None]:
    if match := _ISO.match(text) or _YEAR_FIRST.match(text):
        yield calendar_day(*map(int, match.groups()))
    if match := _DAY_MONTH.match(text):
        yield calendar_day(int(match[3]), _month(match[2]), int(match[1]))
    if match := _MONTH_DAY.match(text):
        yield calendar_day(int(match[3]), _month(match[1]), int(match[2]))
    try:
        yield parsedate_to_datetime(text).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        yield None


def _by_order(text: str, numbers: re.Match[str], order: DateOrder) -> date | Problem:
    first, second, year = map(int, numbers.groups())
    day_first, month_first = calendar_day(year, second, first), calendar_day(year, first, second)
    if order:
        return (day_first if order == "day first" else month_first) or _no_date(text)
    if day_first and month_first and day_first != month_first:
        return ImportProblem.TWO_DATES(value=text, one=day_first, other=month_first, file="config/sources.toml")
    return day_first or month_first or _no_date(text)


def _no_date(text: str) -> Problem:
    shown = remove_control_characters(text)
    return ImportProblem.NO_SUCH_DATE(value=shown if len(shown) <= 60 else f"{shown[:60]}…")


def _month(name: str) -> int:
    """Returns the number of a month by its name; 0: there is none."""
    return _months().get(name.casefold(), 0)


@lru_cache
def _months() -> dict[str, int]:
    from babel.dates import get_month_names  # noqa: PLC0415 - most commands read no such date

    names: dict[str, int] = {}
    for language in MONTH_LANGUAGES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, language).items():
                    word = re.sub(r"^(?:de\s+|d['’])", "", name.casefold()).rstrip(".")
                    names.setdefault(word, number)
    return names
