"""Fills a desk with a hundred thousand waiting posts and centuries of deliveries, copied within the database.

A few samples are added as staff would; every other row is a copy of one of theirs with a title, a place and a day of
its own. It takes a minute on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CTE,
    Integer,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from benchmarks.web_data import build_outlet
from publisher.db.models import Attempt, Delivery, Event, Pick, Post, PostImage
from publisher.db.post_words import PostWords
from publisher.desk import Desk

SAMPLES = 40
BATCH = 20_000
STEP = 1024.0


def build_large_outlet(folder: Path, *, waiting: int, published: int, database: str = "") -> Desk:
    """Makes a desk in `folder` with so many waiting posts and, about, so many published deliveries.

    Of the waiting posts, one in ten is a draft or in review, one in twenty in the reserve, and one in two hundred has
    a fixed date. `database`: the URL of one that is not in the folder.
    """
    desk = build_outlet(folder, published=SAMPLES, queued=SAMPLES, database=database)
    with desk.database.writing() as session:
        first = (session.scalar(select(func.max(Post.id))) or 0) + 1
        shown = list(session.scalars(select(Pick.post_id).order_by(Pick.id)))
        days = published // max(1, len(desk.settings.channels))
        first_day = session.scalars(select(func.min(Pick.slot))).one()
        _copy_posts(session, [post for post in shown if post is not None], days + waiting)
        _set_places(session, first + days, desk.now())
        _set_dates(session, first + days, waiting, desk.now().date())
        _add_picks(session, first, days, first_day)
        _add_deliveries(session, first)
    _analyze(desk)
    return desk


def _numbers(count: int) -> CTE:
    start = select(literal(0, Integer).label("number")).cte("numbers", recursive=True)
    return start.union_all(select(start.c.number + 1).where(start.c.number < count - 1))


def _copied(table: Any, own: dict[str, Any]) -> dict[str, Any]:
    """Returns the columns of a copied row: those of its sample, except its `own`."""
    return {column.name: own.get(column.name, column) for column in table.columns if column.name != "id"}


def _copy_posts(session: Session, samples: list[int], count: int) -> None:
    posts: Any = Post.__table__
    images: Any = PostImage.__table__
    first, last = min(samples), max(samples)
    numbers = _numbers(count)
    sample = posts.c.id == first + numbers.c.number % (last - first + 1)
    own = {
        "title": posts.c.title + literal(" ") + cast(numbers.c.number, String),
        "position": cast(numbers.c.number + 1000, posts.c.position.type) * STEP,
        "last_shown_on": null(),
        "version": literal(1),
    }
    columns = _copied(posts, own)
    newest = session.scalars(select(func.max(Post.id))).one()
    rows = select(*columns.values()).select_from(numbers.join(posts, sample)).order_by(numbers.c.number)
    session.execute(insert(posts).from_select(list(columns), rows))
    copy = posts.alias("copy")
    sample_id = first + (copy.c.id - newest - 1) % (last - first + 1)
    words: Any = PostWords.__table__
    for table in (images, words):
        of_sample = and_(copy.c.id > newest, table.c.post_id == sample_id)
        columns = _copied(table, {"post_id": copy.c.id})
        rows = select(*columns.values()).select_from(copy.join(table, of_sample))
        session.execute(insert(table).from_select(list(columns), rows))


def _set_places(session: Session, first: int, now: datetime) -> None:
    state = case(
        (Post.id % 20 == 9, literal("in_review")), (Post.id % 20 == 19, literal("draft")), else_=literal("approved")
    )
    approved_at = case((Post.id % 10 == 9, None), else_=literal(now, Post.approved_at.type))
    session.execute(
        update(Post)
        .where(Post.id >= first)
        .values(state=state, approved_at=approved_at, reserve=Post.id % 20 == 0)
        .execution_options(synchronize_session=False)
    )


def _set_dates(session: Session, first: int, waiting: int, today: date) -> None:
    posts = range(first + 5 - first % 20 + 20, first + waiting, 200)
    rows = [{"post": post, "day": today + timedelta(days=3 * number)} for number, post in enumerate(posts)]
    table: Any = Post.__table__
    change = update(table).where(table.c.id == bindparam("post")).values(fixed_date=bindparam("day"))
    session.connection().execute(change, rows)


def _add_picks(session: Session, first: int, days: int, before: date) -> None:
    for batch in _batches(days):
        rows = [
            {
                "slot": (slot := before - timedelta(days=days - number)),
                "post_id": first + number,
                "reason": "queue",
                "picked_at": datetime.fromisoformat(f"{slot}T09:00:00+00:00"),
            }
            for number in batch
        ]
        session.execute(insert(Pick), rows)
    slot_of_pick = select(Pick.slot).where(Pick.post_id == Post.id).scalar_subquery()
    shown = and_(Post.id >= first, Post.id < first + days)
    change = update(Post).where(shown).values(last_shown_on=slot_of_pick)
    session.execute(change.execution_options(synchronize_session=False))


def _batches(count: int) -> Iterator[range]:
    return (range(start, min(start + BATCH, count)) for start in range(0, count, BATCH))


def _add_deliveries(session: Session, first_post: int) -> None:
    deliveries: Any = Delivery.__table__
    newest = session.scalars(select(func.max(Delivery.id))).one()
    sample_pick = session.scalars(select(func.min(Delivery.pick_id))).one()
    picks = session.scalars(select(func.count(func.distinct(Delivery.pick_id)))).one()
    number = Pick.id * 10 + deliveries.c.id % 10
    key = literal("old-") + cast(number, String) + literal("-") + deliveries.c.channel_name
    at = Pick.picked_at
    own: dict[str, Any] = {
        "pick_id": Pick.id,
        "slot": Pick.slot,
        "token": cast(number, String),
        "idempotency_key": key,
        "remote_id": key,
        "remote_url": literal("https://") + deliveries.c.channel_name + literal(".example/") + key,
        **dict.fromkeys(("due_at", "scheduled_at", "expires_at", "sent_at", "published_at"), at),
    }
    columns = _copied(deliveries, own)
    of_sample = deliveries.c.pick_id == sample_pick + Pick.id % picks
    rows = select(*columns.values()).select_from(Pick).join(deliveries, of_sample).where(Pick.post_id >= first_post)
    session.execute(insert(deliveries).from_select(list(columns), rows))
    _add_attempts_and_events(session, newest)


def _add_attempts_and_events(session: Session, after: int) -> None:
    attempt: dict[str, Any] = {
        "delivery_id": Delivery.id,
        "kind": literal("send"),
        "fence": literal(1),
        "worker": literal("history"),
        "started_at": Delivery.sent_at,
        "ended_at": Delivery.published_at,
        "outcome": literal("published"),
        "detail": literal(""),
        "cost_micros": literal(0),
    }
    event: dict[str, Any] = {
        "at": Delivery.published_at,
        "name": literal("delivery published"),
        "delivery_id": Delivery.id,
        "actor": literal(""),
        "detail": literal({}, Event.detail.type),
    }
    for table, columns in ((Attempt, attempt), (Event, event)):
        rows = select(*columns.values()).where(Delivery.id > after)
        session.execute(insert(table).from_select(list(columns), rows))


def _analyze(desk: Desk) -> None:
    """Gathers the statistics that PostgreSQL gathers by itself within minutes; SQLite uses none here."""
    if desk.database.engine.dialect.name == "postgresql":
        with desk.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
