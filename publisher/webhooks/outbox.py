"""Queues webhook messages, claims them for one sender, records results, and sends again by hand.

Any number of processes may call these functions. A unique index makes sure that an event is queued
once for a webhook. A claim makes sure that one process sends it: a conditional update that puts the
next try later. Where a process dies between sending and recording, its claim ends, and the same
message is sent again under the same id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, and_, delete, exists, func, select, update
from sqlalchemy.orm import Session

from publisher.core.problems import Problem
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.webhooks import IS_UNSENT, Webhook, WebhookMessage
from publisher.webhooks.events import EVENTS, event_id, render_message

MAX_AT_ONCE = 200
SETTLING_TIME = timedelta(minutes=5)
"""An event may become visible after events with higher numbers: for so long, missing ones are looked for."""
CLAIM_TIME = timedelta(minutes=2)
"""Longer than a sender needs for one message."""
RETRY_PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (30, 120, 600, 1800, 3600, 10_800, 21_600, 43_200, 43_200, 43_200, 43_200, 43_200)
)
"""The pause after each failed try: three days in all, then the message is given up."""
KEEP_MESSAGES = timedelta(days=90)
"""How long a message is kept after it was sent or given up, to be shown or sent again."""


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """Holds a message that only this process sends until its claim ends."""

    id: int
    webhook_id: int
    url: str
    secret: str
    """Sealed."""
    event: str
    body: bytes
    tries: int


def queue_new_events(database: Database, outlet: str, now: datetime) -> int:
    """Queues messages for new events, and returns how many. Writes only when there are some."""
    with database.reading() as session:
        hooks = [hook.id for hook in session.scalars(_active_webhooks()) if _has_new_events(session, hook, now)]
    queued = 0
    for hook_id in hooks:
        with database.writing() as session:
            hook = session.scalar(_active_webhooks().where(Webhook.id == hook_id).with_for_update())
            if hook is not None:
                queued += _queue_for(session, hook, outlet, now)
    return queued


def _active_webhooks() -> Select[Webhook]:
    return select(Webhook).where(Webhook.active).order_by(Webhook.id)


def _has_new_events(session: Session, hook: Webhook, now: datetime) -> bool:
    return bool(_new_events(session, hook)) or _newest_settled_event(session, hook, now) > hook.last_event


def _queue_for(session: Session, hook: Webhook, outlet: str, now: datetime) -> int:
    events = _new_events(session, hook)
    queue_messages(session, hook, events, outlet, now)
    settled = _newest_settled_event(session, hook, now)
    hook.last_event = min(settled, events[-1].id) if len(events) == MAX_AT_ONCE else settled
    return len(events)


def _new_events(session: Session, hook: Webhook) -> Sequence[Event]:
    """Lists the new events that the webhook wants and has no message for."""
    queued = exists().where(WebhookMessage.webhook_id == hook.id, WebhookMessage.event_id == Event.id)
    names = hook.events or list(EVENTS)
    query = select(Event).where(Event.id > hook.last_event, Event.name.in_(names), ~queued)
    return session.scalars(query.order_by(Event.id).limit(MAX_AT_ONCE)).all()


def _newest_settled_event(session: Session, hook: Webhook, now: datetime) -> int:
    """Returns the newest event that no older event can follow any more."""
    query = select(func.max(Event.id)).where(Event.id > hook.last_event, Event.at < now - SETTLING_TIME)
    return session.scalar(query) or hook.last_event


def queue_messages(session: Session, hook: Webhook, events: Iterable[Event], outlet: str, now: datetime) -> None:
    """Queues a message for each of these events, due at once."""
    session.add_all(
        WebhookMessage(
            webhook_id=hook.id, event_id=event.id, body=render_message(session, event, outlet), next_try_at=now
        )
        for event in events
    )


def is_any_due(database: Database, now: datetime) -> bool:
    query = select(WebhookMessage.id).join(Webhook).where(_is_due(now)).limit(1)
    with database.reading() as session:
        return session.scalar(query) is not None


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(IS_UNSENT, WebhookMessage.next_try_at <= now, Webhook.active)


def claim(database: Database, now: datetime, *, without: Collection[int] = ()) -> ClaimedMessage | None:
    """Claims the message that has been due for longest; None: none is due. `without`: webhooks to pass over."""
    query = select(WebhookMessage.id, WebhookMessage.tries).join(Webhook)
    query = query.where(_is_due(now), WebhookMessage.webhook_id.not_in(without))
    order = (WebhookMessage.next_try_at, WebhookMessage.id)
    with database.reading() as session:
        due_messages = session.execute(query.order_by(*order).limit(20)).all()
    for message_id, tries in due_messages:
        with database.writing() as session:
            if _update(session, message_id, tries, next_try_at=now + CLAIM_TIME, tries=tries + 1):
                return _load_claimed(session, message_id)
    return None


def _load_claimed(session: Session, message_id: int) -> ClaimedMessage:
    message = session.get_one(WebhookMessage, message_id, populate_existing=True)
    hook = message.webhook
    event = session.get_one(Event, message.event_id)
    return ClaimedMessage(message.id, hook.id, hook.url, hook.secret, event_id(event), message.body, message.tries)


def record(
    database: Database, claimed: ClaimedMessage, *, status: int | None, trouble: Problem | None, now: datetime
) -> None:
    """Records the result of a try; `trouble` None: it was accepted. Does nothing when another has the claim by now."""
    values: dict[str, Any] = {"status": status, "trouble": trouble}
    if trouble is None:
        values["sent_at"] = now
    elif claimed.tries > len(RETRY_PAUSES):
        values["given_up_at"] = now
    else:
        values["next_try_at"] = now + RETRY_PAUSES[claimed.tries - 1]
    with database.writing() as session:
        _update(session, claimed.id, claimed.tries, **values)


def send_again(database: Database, hook_id: int, message_id: int, now: datetime) -> bool:
    """Queues a message once more, whatever its state; False: there is no such message."""
    with database.writing() as session:
        result = session.execute(
            update(WebhookMessage)
            .where(WebhookMessage.id == message_id, WebhookMessage.webhook_id == hook_id)
            .values(sent_at=None, given_up_at=None, tries=0, next_try_at=now)
        )
        return cast("CursorResult[Any]", result).rowcount == 1


def delete_old_messages(database: Database, now: datetime) -> int:
    """Deletes messages that ended long ago, and returns how many. Unsent messages stay, however old."""
    # Newer events than these would be queued again if their messages were deleted.
    queued_until = select(Webhook.last_event).where(Webhook.id == WebhookMessage.webhook_id).scalar_subquery()
    over = func.coalesce(WebhookMessage.sent_at, WebhookMessage.given_up_at) < now - KEEP_MESSAGES
    with database.writing() as session:
        result = session.execute(
            delete(WebhookMessage)
            .where(over, WebhookMessage.event_id <= queued_until)
            .execution_options(synchronize_session=False)
        )
        return cast("CursorResult[Any]", result).rowcount


def list_messages(
    session: Session, hook_id: int, *, before: int | None = None, most: int = 50
) -> list[tuple[WebhookMessage, Event]]:
    """Lists the messages of a webhook with their events, newest first; `before`: only older than this message id."""
    query = (
        select(WebhookMessage, Event)
        .join(Event, Event.id == WebhookMessage.event_id)
        .where(WebhookMessage.webhook_id == hook_id)
        .order_by(WebhookMessage.id.desc())
        .limit(most)
    )
    if before is not None:
        query = query.where(WebhookMessage.id < before)
    return [(message, event) for message, event in session.execute(query)]


def _update(session: Session, message_id: int, tries_before: int, **values: Any) -> bool:
    """Changes an unsent message if it still has so many tries, and returns whether it did."""
    result = session.execute(
        update(WebhookMessage)
        .where(WebhookMessage.id == message_id, WebhookMessage.tries == tries_before, IS_UNSENT)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount == 1
