"""Lists what needs a person, once for each cause, with the page where it is mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.alerts.conditions import DELIVERY_KINDS, Condition, Snapshot
from publisher.alerts.problem_codes import AlertHeadline, AlertProblem
from publisher.alerts.store import CONDITION_SOURCES
from publisher.core.messages import Message, _, ngettext
from publisher.core.remedies import Remedy
from publisher.core.states import BY_HAND
from publisher.db.models import Delivery
from publisher.db.operations import AlertKind
from publisher.desk import Desk
from publisher.web.rendering import address

OF_EVERY_CHANNEL = (
    AlertProblem.NO_SCHEDULER,
    AlertProblem.NOT_PICKED,
    AlertProblem.PICK_FAILS,
    AlertProblem.FIRST_DAY_WAITS,
)
"""Why a post is late on every channel alike."""


@dataclass(frozen=True, slots=True)
class OpenProblem:
    """Something that needs a person, with a link to the page where it is solved."""

    title: Message
    message: Message
    href: str
    action: Message
    """The text of the link."""
    more: Message | None = None
    """What waits because of it."""


def open_problems(request: Request, session: Session, desk: Desk, now: datetime) -> list[OpenProblem]:
    """Returns one entry for each cause: a refused account that holds a post is one thing to mend, not two."""
    conditions = list(_conditions(Snapshot(session, desk.settings, now)))
    causes = _Causes(session, conditions)
    shown: list[OpenProblem] = []
    for condition in conditions:
        if causes.is_told_by_another(condition):
            continue
        headline = causes.headline(condition)
        count = causes.waiting_for(condition)
        more = ngettext("{count} post waits for that.", "{count} posts wait for that.", count=count) if count else None
        href, action = _page_of(request, condition)
        shown.append(OpenProblem(headline, condition.problem.message, href, action, more))
    return shown


def _conditions(view: Snapshot) -> Iterator[Condition]:
    for source in CONDITION_SOURCES:
        yield from source(view)


class _Causes:
    """Finds which conditions have one cause."""

    def __init__(self, session: Session, conditions: Sequence[Condition]) -> None:
        self._by_hand = {(condition.channel, condition.day) for condition in conditions if _is_of_delivery(condition)}
        self._paused = {condition.channel for condition in conditions if condition.kind is AlertKind.PAUSED}
        self._silent = {condition.channel for condition in conditions if condition.kind is AlertKind.SILENT}
        self._of_account = self._held_by_account(session)
        self._late = [condition for condition in conditions if _is_late_everywhere(condition)]

    def _held_by_account(self, session: Session) -> dict[int, str]:
        """Returns the deliveries that wait for a paused channel's account to be mended, with their channels."""
        if not self._paused:
            return {}
        query = select(Delivery).where(Delivery.channel_name.in_(self._paused), Delivery.state.in_(BY_HAND))
        return {
            delivery.id: delivery.channel_name
            for delivery in session.scalars(query)
            if delivery.problem is not None and delivery.problem.remedy is Remedy.RECONNECT_AND_RETRY
        }

    def is_told_by_another(self, condition: Condition) -> bool:
        """Decides whether another condition tells of the same cause."""
        if condition.delivery_id in self._of_account and _is_of_delivery(condition):
            return True
        if condition.kind is not AlertKind.LATE:
            return False
        if _is_late_everywhere(condition):
            return next(late for late in self._late if _same_lateness(late, condition)) is not condition
        of_channel = condition.channel in self._paused or condition.channel in self._silent
        return of_channel or (condition.channel, condition.day) in self._by_hand

    def headline(self, condition: Condition) -> Message:
        """Returns the title: with every channel that a cause is about."""
        channels = [late.channel for late in self._late if _same_lateness(late, condition)]
        if _is_late_everywhere(condition) and len(channels) > 1:
            return AlertHeadline.POSTS_LATE(channels=channels, day=condition.day).message
        return condition.headline.message

    def waiting_for(self, condition: Condition) -> int:
        """Counts the posts that wait for a paused channel's account to be mended."""
        if condition.kind is not AlertKind.PAUSED:
            return 0
        return sum(1 for channel in self._of_account.values() if channel == condition.channel)


def _is_of_delivery(condition: Condition) -> bool:
    return condition.kind in DELIVERY_KINDS


def _is_late_everywhere(condition: Condition) -> bool:
    return condition.kind is AlertKind.LATE and condition.problem.code in OF_EVERY_CHANNEL


def _same_lateness(one: Condition, other: Condition) -> bool:
    return one.day == other.day and one.problem.code is other.problem.code


def _page_of(request: Request, condition: Condition) -> tuple[str, Message]:
    """Returns the page where a condition is mended, and the text of the link."""
    match condition.kind:
        case AlertKind.HELD | AlertKind.FAILED | AlertKind.MISSED | AlertKind.CORRECTION:
            return address(request, "delivery", delivery_id=condition.delivery_id), _("Look and decide")
        case AlertKind.COVER | AlertKind.EMPTY if condition.problem.remedy is Remedy.WRITE_ALT_TEXTS:
            return address(request, "alt_texts"), _("Describe pictures")
        case AlertKind.COVER | AlertKind.EMPTY:
            return address(request, "queue"), _("Fill the queue")
        case AlertKind.LATE:
            return f"{address(request, 'deliveries')}?day={condition.day}", _("See its deliveries")
        case AlertKind.PAUSED | AlertKind.BUDGET | AlertKind.CAPTION | AlertKind.CHANGED:
            return f"{address(request, 'channels')}#channel-{condition.channel}", _("See the channel")
        case AlertKind.CLOCK:
            return address(request, "channels"), _("See the channels")
        case AlertKind.SILENT:
            return f"{address(request, 'deliveries')}?channel={condition.channel}", _("See its deliveries")
        case _:
            return address(request, "deliveries"), _("See the deliveries")
