"""Computes slots: one local calendar day each, and the instants that belong to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from publisher.settings import Lateness, Settings

GRACE_PERIOD = timedelta(minutes=15)
"""How late a post may be where the rule says that late posts are skipped: long enough for a restart."""

_MINUTE = timedelta(minutes=1)


def slot_day(now: datetime, zone: ZoneInfo) -> date:
    """Returns the local day of an instant."""
    return now.astimezone(zone).date()


@lru_cache(maxsize=8192)
def slot_instant(day: date, hour: time, zone: ZoneInfo) -> datetime:
    """Returns when it is `hour` on `day` in `zone`, in UTC.

    An hour that is skipped in spring means the next minute that exists; one that comes twice in autumn
    means the first of the two.
    """
    wall = datetime.combine(day, hour)
    while not _exists(wall, zone):
        wall += _MINUTE
    return wall.replace(tzinfo=zone).astimezone(UTC)


def expiry(day: date, hour: time, lateness: Lateness, zone: ZoneInfo) -> datetime:
    """Returns from when a post due at `hour` on `day` is too late, in UTC; always after it is due."""
    opening = slot_instant(day, hour, zone)
    if lateness.until is None:
        return opening + GRACE_PERIOD
    closing = slot_instant(day, lateness.until, zone)
    # Both ends can be in the hour that is skipped in spring, and so be the same instant.
    return closing if closing > opening else opening + GRACE_PERIOD


def slot_opens(day: date, settings: Settings) -> datetime:
    """Returns when the day's post is picked: the outlet's hour."""
    return slot_instant(day, settings.outlet.hour, settings.outlet.zone)


def next_opening(now: datetime, settings: Settings) -> datetime:
    """Returns when the next slot after this instant opens."""
    day = slot_day(now, settings.outlet.zone)
    today = slot_opens(day, settings)
    return today if today > now else slot_opens(day + timedelta(days=1), settings)


def slot_closes(day: date, settings: Settings) -> datetime:
    """Returns from when it is too late for the day's post on every channel."""
    outlet = settings.outlet
    hours = {settings.channel_hour(channel) for channel in settings.channels.values()}
    return max(expiry(day, hour, outlet.lateness, outlet.zone) for hour in hours)


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
