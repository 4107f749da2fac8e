"""Messages on their way: queued from the history, claimed by one sender, recorded, sent again by hand.

Any number of processes may work on it. That an event is queued once for a webhook is kept by a
unique index; that one of them sends it, by a claim: a conditional update that puts the next try
ahead. Whoever dies between sending and recording lets the claim run out, and the same message goes
out again under the same id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, and_, delete, exists, func, select, update
from sqlalchemy.orm import Session

from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.staff import UNSENT, Webhook, WebhookMessage
from publisher.webhooks.events import EVENTS, event_id, message_of

MAX_AT_ONCE = 200
SETTLES = timedelta(minutes=5)
"""An event may become visible after others with higher numbers: until it is so old, it is looked for again."""
CLAIM = timedelta(minutes=2)
"""Longer than a sender needs for one message."""
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (30, 120, 600, 1800, 3600, 10_800, 21_600, 43_200, 43_200, 43_200, 43_200, 43_200)
)
"""After each failed try: three days in all, then it is given up."""
KEPT = timedelta(days=90)
"""How long a message is still there to be looked at, or sent again, after it was sent or given up."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send until the claim runs out."""

    id: int
    webhook_id: int
    url: str
    secret: str
    """Sealed."""
    event: str
    body: bytes
    tries: int


def queue_new(database: Database, outlet: str, now: datetime) -> int:
    """Make messages of what happened since the last time, and return how many. Writes only when there are some."""
    with database.reading() as session:
        hooks = [hook.id for hook in session.scalars(_active()) if _has_news(session, hook, now)]
    queued = 0
    for hook_id in hooks:
        with database.writing() as session:
            hook = session.scalar(_active().where(Webhook.id == hook_id).with_for_update())
            if hook is not None:
                queued += _queue_for(session, hook, outlet, now)
    return queued


def _active() -> Select[Webhook]:
    return select(Webhook).where(Webhook.active).order_by(Webhook.id)


def _has_news(session: Session, hook: Webhook, now: datetime) -> bool:
    return bool(_news(session, hook)) or _settled(session, hook, now) > hook.last_event


def _queue_for(session: Session, hook: Webhook, outlet: str, now: datetime) -> int:
    news = _news(session, hook)
    queue(session, hook, news, outlet, now)
    settled = _settled(session, hook, now)
    hook.last_event = min(settled, news[-1].id) if len(news) == MAX_AT_ONCE else settled
    return len(news)


def _news(session: Session, hook: Webhook) -> Sequence[Event]:
    """What the webhook wants to be told of and has no message for."""
    queued = exists().where(WebhookMessage.webhook_id == hook.id, WebhookMessage.event_id == Event.id)
    names = hook.events or list(EVENTS)
    query = select(Event).where(Event.id > hook.last_event, Event.name.in_(names), ~queued)
    return session.scalars(query.order_by(Event.id).limit(MAX_AT_ONCE)).all()


def _settled(session: Session, hook: Webhook, now: datetime) -> int:
    """The newest event that no older one can come behind any more."""
    query = select(func.max(Event.id)).where(Event.id > hook.last_event, Event.at < now - SETTLES)
    return session.scalar(query) or hook.last_event


def queue(session: Session, hook: Webhook, events: Iterable[Event], outlet: str, now: datetime) -> None:
    """A message for each of these events, due at once."""
    session.add_all(
        WebhookMessage(webhook_id=hook.id, event_id=event.id, body=message_of(session, event, outlet), next_try_at=now)
        for event in events
    )


def is_any_due(database: Database, now: datetime) -> bool:
    query = select(WebhookMessage.id).join(Webhook).where(_due(now)).limit(1)
    with database.reading() as session:
        return session.scalar(query) is not None


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(UNSENT, WebhookMessage.next_try_at <= now, Webhook.active)


def claim(database: Database, now: datetime, *, without: Collection[int] = ()) -> Claimed | None:
    """The message that has been due for longest, now ours; None: none is due. `without`: webhooks to leave alone."""
    query = select(WebhookMessage.id, WebhookMessage.tries).join(Webhook)
    query = query.where(_due(now), WebhookMessage.webhook_id.not_in(without))
    order = (WebhookMessage.next_try_at, WebhookMessage.id)
    with database.reading() as session:
        found = session.execute(query.order_by(*order).limit(20)).all()
    for message_id, tries in found:
        with database.writing() as session:
            if _update(session, message_id, tries, next_try_at=now + CLAIM, tries=tries + 1):
                return _claimed(session, message_id)
    return None


def _claimed(session: Session, message_id: int) -> Claimed:
    message = session.get_one(WebhookMessage, message_id, populate_existing=True)
    hook = message.webhook
    event = session.get_one(Event, message.event_id)
    return Claimed(message.id, hook.id, hook.url, hook.secret, event_id(event), message.body, message.tries)


def record(database: Database, claimed: Claimed, *, status: int | None, trouble: str, now: datetime) -> None:
    """What came of a try; `trouble` empty: it was taken. Without effect when the claim is another's by now."""
    values: dict[str, Any] = {"status": status, "trouble": trouble[:500]}
    if not trouble:
        values["sent_at"] = now
    elif claimed.tries > len(PAUSES):
        values["given_up_at"] = now
    else:
        values["next_try_at"] = now + PAUSES[claimed.tries - 1]
    with database.writing() as session:
        _update(session, claimed.id, claimed.tries, **values)


def send_again(database: Database, hook_id: int, message_id: int, now: datetime) -> bool:
    """Have a message sent once more, whatever became of it; False: there is no such message."""
    with database.writing() as session:
        done = session.execute(
            update(WebhookMessage)
            .where(WebhookMessage.id == message_id, WebhookMessage.webhook_id == hook_id)
            .values(sent_at=None, given_up_at=None, tries=0, next_try_at=now)
        )
        return cast("CursorResult[Any]", done).rowcount == 1


def forget_old(database: Database, now: datetime) -> int:
    """Remove the messages whose time is over, and return how many. What is on its way stays, however old."""
    # Of newer events than these, that a message exists is what keeps them from being queued again.
    looked_at = select(Webhook.last_event).where(Webhook.id == WebhookMessage.webhook_id).scalar_subquery()
    over = func.coalesce(WebhookMessage.sent_at, WebhookMessage.given_up_at) < now - KEPT
    with database.writing() as session:
        done = session.execute(
            delete(WebhookMessage)
            .where(over, WebhookMessage.event_id <= looked_at)
            .execution_options(synchronize_session=False)
        )
        return cast("CursorResult[Any]", done).rowcount


def messages_of(
    session: Session, hook_id: int, *, before: int | None = None, most: int = 50
) -> list[tuple[WebhookMessage, Event]]:
    """The messages of a webhook with their events, the newest first; `before`: older than the one with this id."""
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


def _update(session: Session, message_id: int, seen: int, **values: Any) -> bool:
    """Change a message that is on its way and was still `seen` with so many tries."""
    done = session.execute(
        update(WebhookMessage)
        .where(WebhookMessage.id == message_id, WebhookMessage.tries == seen, UNSENT)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", done).rowcount == 1
