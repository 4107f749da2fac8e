"""Fills a database with centuries of past deliveries and with waiting ones, inserted in bulk."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import String, cast, func, insert, literal, select, text
from sqlalchemy.orm import Session

from publisher.core.content import TextBlock
from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.db.operations import Channel
from publisher.db.session import Database
from tests.fakes import adapted_post

CHANNELS = tuple(f"channel{number}" for number in range(10))
BATCH = 20_000
NEVER = datetime(9000, 1, 1, tzinfo=UTC)


def text_post(title: str) -> dict[str, Any]:
    """Returns an adapted post without pictures, as JSON."""
    blocks = (TextBlock(kind="heading", text=title), TextBlock(text="A few words for the followers."))
    return adapted_post(title).model_copy(update={"images": (), "blocks": blocks}).model_dump(mode="json")


def add_channels(session: Session, names: Sequence[str]) -> None:
    session.add_all(Channel(name=name, platform="fake") for name in names)
    session.flush()


def add_due(database: Database, channels: Sequence[str], due_times: Sequence[datetime], now: datetime) -> None:
    """Adds a delivery per instant, on the channels in turn, each with a pick of its own on a day in the future."""
    with database.writing() as session:
        post = session.scalars(insert(Post).returning(Post.id), [_post(now, 1, shown_after_days=0)]).one()
        first = session.scalars(select(func.max(Pick.slot))).one() or now.date()
        days = [first + timedelta(days=number) for number in range(1, len(due_times) + 1)]
        rows = [{"slot": day, "post_id": post, "reason": "queue", "picked_at": now} for day in days]
        session.execute(insert(Pick), rows)
        picks = session.scalars(select(Pick.id).where(Pick.slot > first).order_by(Pick.slot)).all()
        session.execute(
            insert(Delivery),
            [
                {
                    "pick_id": pick,
                    "channel_name": channels[number % len(channels)],
                    "due_at": due,
                    "scheduled_at": due,
                    "expires_at": due + timedelta(days=1),
                    "token": random.randbytes(6).hex(),
                    "adapted": text_post("A title"),
                }
                for number, (pick, due) in enumerate(zip(picks, due_times, strict=True))
            ],
        )


def add_history(database: Database, *, past: int, waiting: int, now: datetime) -> None:
    """Adds `past` published deliveries with an attempt and an event each, and `waiting` ones due on coming days."""
    with database.writing() as session:
        add_channels(session, CHANNELS)
    days = past // len(CHANNELS)
    _add_days(database, now, range(-days, 0), published=True)
    _add_days(database, now, range(1, waiting // len(CHANNELS) + 1), published=False)
    if database.engine.dialect.name == "postgresql":
        # PostgreSQL itself does this within minutes; SQLite uses no statistics unless they are requested.
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _add_days(database: Database, now: datetime, days: range, *, published: bool) -> None:
    with database.writing() as session:
        before = session.scalars(select(func.coalesce(func.max(Pick.id), 0))).one()
        first = session.scalars(select(func.coalesce(func.max(Post.id), 0))).one() + 1
        for batch in _batches(days):
            session.execute(insert(Post), [_post(now, day, shown_after_days=day) for day in batch])
        for batch in _batches(days):
            rows = (_pick(now, day, first + number) for number, day in enumerate(batch, start=batch[0] - days[0]))
            session.execute(insert(Pick), list(rows))
        _add_deliveries(session, before, published=published)
        if published:
            _add_attempts_and_events(session)


def _batches(days: range) -> Iterator[range]:
    return (days[start : start + BATCH] for start in range(0, len(days), BATCH))


def _post(now: datetime, number: int, *, shown_after_days: int) -> dict[str, Any]:
    return {
        "state": "approved",
        "approved_at": now,
        "position": float(number),
        "title": f"Post {number}",
        "last_shown_on": now.date() + timedelta(days=shown_after_days),
        "created_at": now,
        "updated_at": now,
    }


def _pick(now: datetime, day: int, post: int) -> dict[str, Any]:
    slot = now.date() + timedelta(days=day)
    picked_at = datetime.combine(slot, time(9), tzinfo=UTC)
    return {"slot": slot, "post_id": post, "reason": "queue", "picked_at": picked_at}


def _add_deliveries(session: Session, after_pick: int, *, published: bool) -> None:
    """Adds a delivery of each new pick to each channel."""
    number = literal(100_000_000_000) + after_pick * len(CHANNELS) + func.row_number().over(order_by=Pick.id)
    at = Pick.picked_at
    columns: dict[str, Any] = {
        "pick_id": Pick.id,
        "slot": Pick.slot,
        "channel_name": Channel.name,
        "part": literal(0),
        "fence": literal(1),
        "state": literal("published" if published else "pending"),
        "due_at": at,
        "scheduled_at": at,
        "expires_at": literal(NEVER, Delivery.expires_at.type),
        "token": cast(number, String),
        "adapted": literal(text_post("A title"), Delivery.adapted.type),
        **{name: literal(0) for name in ("tries", "lookups", "clean_lookups", "lost_requests")},
    }
    if published:
        remote_id = cast(number, String)
        columns |= {"remote_id": remote_id, "remote_url": remote_id, "published_at": at, "sent_at": at}
        columns |= {"idempotency_key": remote_id}
    rows = select(*columns.values()).select_from(Pick).join(Channel, literal(True)).where(Pick.id > after_pick)
    session.execute(insert(Delivery).from_select(list(columns), rows))


def _add_attempts_and_events(session: Session) -> None:
    """Adds an attempt and an event of each published delivery."""
    attempt: dict[str, Any] = {
        "delivery_id": Delivery.id,
        "kind": literal("send"),
        "fence": literal(1),
        "worker": literal("machine:1:1:boot"),
        "started_at": Delivery.published_at,
        "ended_at": Delivery.published_at,
        "outcome": literal("published"),
        "detail": literal(""),
        "cost_micros": literal(0),
    }
    session.execute(insert(Attempt).from_select(list(attempt), select(*attempt.values())))
    event: dict[str, Any] = {
        "at": Delivery.published_at,
        "name": literal("delivery published"),
        "delivery_id": Delivery.id,
        "actor": literal(""),
        "detail": literal({}, Event.detail.type),
    }
    session.execute(insert(Event).from_select(list(event), select(*event.values())))
