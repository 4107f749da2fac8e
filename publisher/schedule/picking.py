"""Picks the post of a slot: once, at slot time, in one transaction with its deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from publisher import lifecycle
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.db.models import Pick, Post
from publisher.db.session import Database
from publisher.delivery.problem_codes import blocked
from publisher.posts.approved import approved_post
from publisher.posts.channel_posts import ChannelPost, adapt_for_channel
from publisher.posts.channel_rows import sync_channels
from publisher.schedule.choice import Choice, choose_post
from publisher.schedule.slots import expiry, slot_closes, slot_day, slot_instant, slot_opens
from publisher.schedule.spacing import earliest_after_change
from publisher.settings import Settings

MAX_GAP = timedelta(days=366)
"""A desk that did not run for longer needs no record of every single day."""

PickResult = Literal["nothing", "picked", "empty", "missed", "lost"]


@dataclass(frozen=True, slots=True)
class PickOutcome:
    """Holds what one call did for the outlet's present day."""

    slot: date
    result: PickResult
    """`nothing`: not yet time, or done before. `lost`: another process was quicker."""
    pick_id: int | None = None
    post_id: int | None = None
    missed: tuple[date, ...] = ()
    """Days that went by without a pick, recorded now."""
    held: tuple[str, ...] = ()
    """The channels whose delivery is held from the start."""


def pick_slot(
    database: Database, settings: Settings, targets: Mapping[str, Target], people: PeopleDirectory, now: datetime
) -> PickOutcome:
    """Picks the post of the outlet's present day when its time has come, and opens its deliveries.

    Any number of processes may call it at any time and any number of times: a slot gets one pick.
    Days that went by are recorded as missed, and get no post later.
    """
    day = slot_day(now, settings.outlet.zone)
    with database.reading() as session:
        if not _has_work(session, settings, day, now):
            return PickOutcome(day, "nothing")
    try:
        with database.writing() as session:
            return _Picking(session, settings, targets, people, now).pick(day)
    except StaleDataError:
        # The chosen post was edited between its choice and the commit: the next call sees the edited one.
        return PickOutcome(day, "lost")


def _has_work(session: Session, settings: Settings, day: date, now: datetime) -> bool:
    """Decides whether a writing transaction is worth its lock."""
    reason = session.scalar(select(Pick.reason).where(Pick.slot == day))
    if reason == "empty":
        return now < slot_closes(day, settings) and choose_post(session, day, now, settings.reserve).post is not None
    if reason is not None:
        return False
    return now >= slot_opens(day, settings) or bool(_days_gone_by(session, day))


def _days_gone_by(session: Session, day: date) -> list[date]:
    """Lists the days since the last pick, without `day` itself and nothing older than a year."""
    last = session.scalar(select(Pick.slot).where(Pick.slot < day).order_by(Pick.slot.desc()).limit(1))
    if last is None:
        return []
    first = max(last + timedelta(days=1), day - MAX_GAP)
    return [first + timedelta(days=number) for number in range((day - first).days)]


class _Picking:
    """Makes one writing transaction of `pick_slot`."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        targets: Mapping[str, Target],
        people: PeopleDirectory,
        now: datetime,
    ) -> None:
        self._session = session
        self._settings = settings
        self._targets = targets
        self._people = people
        self._now = now

    def pick(self, day: date) -> PickOutcome:
        """Records the missed days, and picks the post of `day` or fills its empty slot."""
        missed = tuple(past for past in _days_gone_by(self._session, day) if self._miss(past))
        existing = self._session.scalar(select(Pick).where(Pick.slot == day))
        if existing is not None:
            return self._fill(existing, missed)
        if self._now < slot_opens(day, self._settings):
            return PickOutcome(day, "nothing", missed=missed)
        if self._now >= slot_closes(day, self._settings):
            return PickOutcome(day, "missed" if self._miss(day) else "lost", missed=missed)
        choice = choose_post(self._session, day, self._now, self._settings.reserve)
        pick = self._insert(day, choice.reason, choice.post)
        if pick is None:
            return PickOutcome(day, "lost", missed=missed)
        return self._record(pick, choice, missed)

    def _fill(self, pick: Pick, missed: tuple[date, ...]) -> PickOutcome:
        """Gives a slot that stayed empty the post that is ready by now."""
        choice = choose_post(self._session, pick.slot, self._now, self._settings.reserve)
        if pick.reason != "empty" or choice.post is None or self._now >= slot_closes(pick.slot, self._settings):
            return PickOutcome(pick.slot, "nothing", missed=missed)
        filled = self._session.execute(
            update(Pick)
            .where(Pick.id == pick.id, Pick.reason == "empty")
            .values(post_id=choice.post.id, reason=choice.reason, picked_at=self._now)
            .execution_options(synchronize_session=False)
        )
        if cast("CursorResult[Any]", filled).rowcount != 1:
            return PickOutcome(pick.slot, "lost", missed=missed)
        self._session.refresh(pick)
        return self._record(pick, choice, missed)

    def _record(self, pick: Pick, choice: Choice, missed: tuple[date, ...]) -> PickOutcome:
        if choice.post is None:
            self._record_event("empty slot", pick.slot)
            return PickOutcome(pick.slot, "empty", pick.id, missed=missed)
        choice.post.last_shown_on = pick.slot
        approved = approved_post(self._session, choice.post, self._now)
        if approved is None:
            raise lifecycle.NotApprovedText(f"post {choice.post.id} was picked and is not approved")
        self._record_event(
            "post picked", pick.slot, post_id=choice.post.id, reason=choice.reason, channels=[*self._targets]
        )
        sync_channels(self._session, self._settings)
        channel_posts = {
            name: adapt_for_channel(approved.post, target, self._people) for name, target in self._targets.items()
        }
        for channel, channel_post in channel_posts.items():
            self._open_delivery(pick, channel_post, channel)
        self._session.flush()
        held = tuple(channel for channel, channel_post in channel_posts.items() if channel_post.blocking)
        return PickOutcome(pick.slot, "picked", pick.id, choice.post.id, missed, held)

    def _open_delivery(self, pick: Pick, channel_post: ChannelPost, channel: str) -> None:
        if channel_post.adapted is None:
            self._record_event(
                "channel skipped", pick.slot, post_id=pick.post_id, channel=channel, reason="no translation"
            )
            return
        due_at, expires_at = self._times(pick.slot, channel)
        lifecycle.open_delivery(
            self._session,
            lifecycle.NewDelivery(
                pick=pick,
                channel=channel,
                adapted=channel_post.adapted,
                due_at=due_at,
                expires_at=expires_at,
            ),
            now=self._now,
            held=blocked([problem.problem for problem in channel_post.blocking]),
        )

    def _times(self, day: date, channel: str) -> tuple[datetime, datetime]:
        """Returns when a post is due on a channel, and from when it is too late."""
        outlet = self._settings.outlet
        hour = self._settings.channel_hour(self._settings.channels[channel])
        due_at = slot_instant(day, hour, outlet.zone)
        expires_at = expiry(day, hour, outlet.lateness, outlet.zone)
        earliest = earliest_after_change(self._session, self._settings, channel, day)
        delay = max(earliest - due_at, timedelta(0)) if earliest else timedelta(0)
        return due_at + delay, expires_at + delay

    def _miss(self, day: date) -> bool:
        """Records that a day went by without a post; False when another process did."""
        if self._insert(day, "missed", None) is None:
            return False
        self._record_event("slot missed", day)
        return True

    def _insert(self, day: date, reason: str, post: Post | None) -> Pick | None:
        """Inserts the pick of a slot; None when another process was quicker."""
        pick = Pick(slot=day, reason=reason, post=post, picked_at=self._now)
        try:
            with self._session.begin_nested():
                self._session.add(pick)
        except IntegrityError:
            return None
        return pick

    def _record_event(self, event: str, day: date, *, post_id: int | None = None, **detail: object) -> None:
        lifecycle.record_event(
            self._session, event, now=self._now, post_id=post_id, detail={"slot": day.isoformat(), **detail}
        )
