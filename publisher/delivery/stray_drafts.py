"""Finds drafts on the platforms that no delivery waits for.

A draft is seen by nobody but the account's owner, and a person who publishes a needless one there shows its post a
second time. One is left where a worker was killed between the platform's answer and its record, or where the platform
made it so late that another one was used. Such drafts are named to people, and never removed from here: what a list of
drafts shows may be public by now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.clock import Clock, monotonic
from publisher.core.content import Preparation
from publisher.core.logs import get_logger
from publisher.core.states import BY_HAND, State
from publisher.db.models import Delivery, Event
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery.channels import Channels
from publisher.delivery.claim import READING_SECONDS
from publisher.delivery.problem_codes import PublicPostProblem
from publisher.lifecycle import record_delivery_event, record_event
from publisher.platforms.abilities import ListedDraft, ListsDrafts
from publisher.platforms.errors import PlatformError
from publisher.platforms.exchange import within

STRAY_DRAFT = "stray draft"
"""The event that names a draft which no delivery waits for."""
REPORT_AFTER_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class StrayDraft:
    """Holds a draft, and the delivery that it was made for; None where no delivery is known."""

    channel: str
    draft: ListedDraft
    delivery: int | None


class StrayDrafts:
    """Checks the drafts of every channel. One is reported when rounds half an hour apart list it: lists lag."""

    def __init__(self, database: Database, channels: Channels, clock: Clock) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._first_seen: dict[str, dict[str, float]] = {}
        """By channel: each stray draft of the look before, and when it was seen first, by the monotonic clock."""

    def look(self) -> None:
        """Asks each platform that lists drafts once. A failed question is asked again in the next round."""
        with self._database.reading() as session:
            paused = set(session.scalars(select(Channel.name).where(Channel.paused_at.is_not(None))))
        for channel in self._channels.names():
            if channel in paused:
                continue
            try:
                drafts = self._list_drafts(channel)
            except PlatformError as error:
                get_logger("delivery").warning("drafts were not looked over", channel=channel, why=error.message)
                continue
            self._judge(channel, drafts)

    def _list_drafts(self, channel: str) -> list[ListedDraft]:
        adapter = self._channels.open(channel)
        if not isinstance(adapter, ListsDrafts):
            return []
        with within(READING_SECONDS):
            return list(adapter.list_drafts())

    def _judge(self, channel: str, drafts: list[ListedDraft]) -> None:
        first_seen, now = self._first_seen.get(channel, {}), monotonic()
        with self._database.reading() as session:
            stray = list(_stray(session, channel, drafts)) if drafts else []
            reported = _reported_drafts(session, channel) if stray else set()
        self._first_seen[channel] = {
            stray_draft.draft.reference: first_seen.get(stray_draft.draft.reference, now) for stray_draft in stray
        }
        lasting = [
            stray_draft
            for stray_draft in stray
            if now - self._first_seen[channel][stray_draft.draft.reference] >= REPORT_AFTER_SECONDS
        ]
        if not [stray_draft for stray_draft in lasting if stray_draft.draft.reference not in reported]:
            return
        platform = self._channels.profile(channel).label
        with self._database.writing() as session:
            reported = _reported_drafts(session, channel)
            for stray_draft in lasting:
                if stray_draft.draft.reference not in reported:
                    _record_stray_draft(session, stray_draft, platform, self._clock.now())


def _stray(session: Session, channel: str, drafts: Sequence[ListedDraft]) -> Iterator[StrayDraft]:
    query = select(Delivery).where(Delivery.token.in_({draft.token for draft in drafts}))
    deliveries: Mapping[str, Delivery] = {row.token: row for row in session.scalars(query)}
    for draft in drafts:
        delivery = deliveries.get(draft.token)
        if delivery is None or not _may_need(delivery, draft.reference):
            yield StrayDraft(channel, draft, delivery.id if delivery else None)


def _may_need(delivery: Delivery, reference: str) -> bool:
    """Returns whether a delivery may still use, publish or remove a draft, or has this one as its post."""
    if delivery.state == State.PUBLISHED:
        return reference == delivery.remote_id
    if delivery.state in BY_HAND:
        prepared = Preparation.model_validate(delivery.preparation)
        # Without a stored draft, a retry takes the one that it finds.
        return not (prepared.is_draft and prepared.reference) or prepared.reference == reference
    return delivery.state != State.CANCELED or delivery.verify_at is not None


def _reported_drafts(session: Session, channel: str) -> set[str]:
    query = select(Event.detail).where(Event.name == STRAY_DRAFT)
    return {str(detail.get("draft")) for detail in session.scalars(query) if detail.get("channel") == channel}


def _record_stray_draft(session: Session, stray: StrayDraft, platform: str, now: datetime) -> None:
    named = {"draft": stray.draft.reference, "slug": stray.draft.slug, "platform": platform}
    problem = (
        PublicPostProblem.DRAFT_UNKNOWN(**named)
        if stray.delivery is None
        else PublicPostProblem.DRAFT_NOT_NEEDED(delivery=stray.delivery, **named)
    )
    detail: dict[str, Any] = {"channel": stray.channel, "draft": stray.draft.reference, "problem": problem.to_json()}
    if stray.delivery is None:
        record_event(session, STRAY_DRAFT, now=now, detail=detail)
    else:
        record_delivery_event(session, stray.delivery, STRAY_DRAFT, now=now, detail=detail)
    get_logger("delivery").warning(STRAY_DRAFT, channel=stray.channel, delivery=stray.delivery, why=str(problem))
