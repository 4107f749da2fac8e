"""Tests that lists cost as much as they show, however many posts wait and however much was published.

On SQLite it counts the steps of the database's virtual machine, which do not depend on the load of the computer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, literal, select, update
from sqlalchemy.orm import Session

from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.db.post_words import PostWords
from publisher.delivery.listing import DeliveryFilter, find_deliveries
from publisher.health.measures import read_metrics
from publisher.posts.problem_cache import ProblemCache
from publisher.posts.search import find_posts
from publisher.posts.search_index import FORMAT
from publisher.schedule.calendar_days import calendar_days
from publisher.schedule.late_changes import late_changes
from publisher.schedule.listing import queue_listing, queue_page
from publisher.schedule.projection import days_of_cover, project
from publisher.schedule.waiting import QueueFilter, read_waiting_after
from publisher.settings import Settings
from publisher.web.pages.today import unknown_delivery
from tests.queue_desk import Desk, open_desk

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
TODAY = NOW.date()
POST = {
    "state": "approved", "approved_at": NOW, "standfirst": "", "body": "", "written_by": "", "credit": "",
    "licence": "", "link": "", "links": [], "tags": [], "language": "en", "captions": {}, "translations": {},
    "created_at": NOW, "updated_at": NOW, "reserve": False, "version": 1,
}  # fmt: skip
FEW, MANY = 1_500, 12_000


@pytest.fixture
def desk(database: Any, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


def fill(desk: Desk, number: int) -> None:
    """Adds `number` waiting posts to the queue, half as many shown ones with a delivery, and a reserve."""
    shown = number // 2
    with desk.database.writing() as session:
        session.add(Channel(name="web", platform="fake"))
        session.flush()
        days = [TODAY - timedelta(days=shown - index) for index in range(shown)]
        rows = [{**POST, "title": f"shown {day}", "position": -1.0 * number, "last_shown_on": day} for day in days]
        first = session.scalars(select(Post.id).order_by(Post.id.desc()).limit(1)).first() or 0
        session.execute(insert(Post), rows)
        picks = [
            {"slot": day, "post_id": first + 1 + index, "reason": "queue", "picked_at": NOW}
            for index, day in enumerate(days)
        ]
        session.execute(insert(Pick), picks)
        session.execute(insert(Delivery), [_delivery(index + 1, day) for index, day in enumerate(days)])
        waiting = [{**POST, "title": f"waits {index}", "position": float(index)} for index in range(number)]
        session.execute(insert(Post), waiting)
        reserve = [
            {**POST, "title": f"evergreen {index}", "position": float(index), "reserve": True} for index in range(shown)
        ]
        session.execute(insert(Post), reserve)
        draft = {**POST, "state": "draft", "approved_at": None, "title": "the last draft", "position": 2.0 * number}
        session.execute(insert(Post), [draft, {**draft, "title": "dated", "fixed_date": TODAY + timedelta(days=3)}])
        words = select(Post.id, literal(FORMAT), literal("cells"), literal("cell"))
        session.execute(insert(PostWords).from_select(["post_id", "format", "words", "stems"], words))
        session.execute(update(Post).values(words_stale=False))


def _delivery(pick: int, day: date) -> dict[str, Any]:
    return {
        "pick_id": pick, "slot": day, "channel_name": "web", "state": "published", "due_at": NOW, "scheduled_at": NOW,
        "expires_at": NOW, "token": f"{pick}", "idempotency_key": f"{pick}", "adapted": {"title": "x"},
        "remote_id": f"{pick}", "remote_url": f"https://web.example/{pick}",
        "published_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip


def steps_of(desk: Desk, act: Callable[[Session], object]) -> int:
    """Counts thousands of the steps that SQLite's virtual machine takes, at the second time: the first compiles."""
    count = 0

    def progress() -> int:
        nonlocal count
        count += 1
        return 0

    with desk.database.reading() as session:
        act(session)
        session.expunge_all()
        connection: Any = session.connection().connection.dbapi_connection
        connection.set_progress_handler(progress, 100)
        try:
            act(session)
        finally:
            connection.set_progress_handler(None, 0)
    return count * 100


LISTS: dict[str, Callable[[Desk, Session], object]] = {
    "the first page of the queue": lambda desk, session: page_of(desk, session, QueueFilter()),
    "the drafts of the queue": lambda desk, session: page_of(desk, session, QueueFilter(state="draft")),
    "posts with problems": lambda desk, session: page_of(desk, session, QueueFilter(with_problems=True)),
    "the queue for programs": lambda desk, session: read_waiting_after(session, 1 + len_shown(session), 50),
    "`publisher queue`": lambda desk, session: queue_listing(
        session, desk.settings, desk.targets, desk.people, now=NOW, limit=5
    ),
    "a month of the calendar": lambda desk, session: calendar_days(
        session, desk.settings, TODAY, TODAY + timedelta(days=31), NOW
    ),
    "the next post": lambda desk, session: next(project(session, desk.settings, NOW)),
    "changes after the pick": lambda _desk, session: late_changes(session),
    "what is not known of a channel": lambda _desk, session: unknown_delivery(session, "web"),
    "a search of the queue for a frequent word": lambda desk, session: page_of(
        desk, session, QueueFilter(text="cells")
    ),
    "a search of deliveries for a frequent word": lambda desk, session: find_deliveries(
        session, DeliveryFilter(text="cells")
    ),
    "a search of posts for a frequent word": lambda desk, session: find_posts(session, "cells"),
    "the days of cover": lambda desk, session: days_of_cover(session, desk.settings, NOW),
    "the metrics": lambda desk, session: list(read_metrics(session, on_x(desk), NOW)),
    "published deliveries": lambda desk, session: find_deliveries(session, DeliveryFilter(states=("published",))),
    "deliveries of a channel": lambda desk, session: find_deliveries(session, DeliveryFilter(channel="web")),
    "failed deliveries": lambda desk, session: find_deliveries(session, DeliveryFilter(states=("failed",))),
    "older deliveries": lambda desk, session: find_deliveries(session, DeliveryFilter(), after=100),
    "older published deliveries": lambda desk, session: find_deliveries(
        session, DeliveryFilter(states=("published",)), after=100
    ),
}


def on_x(desk: Desk) -> Settings:
    """Returns the settings with a platform that asks for money."""
    channels = {name: channel.model_copy(update={"platform": "x"}) for name, channel in desk.settings.channels.items()}
    return desk.settings.model_copy(update={"channels": channels})


def len_shown(session: Session) -> int:
    return len(session.scalars(select(Post.id).where(Post.position < 0).limit(150)).all())


def page_of(desk: Desk, session: Session, criteria: QueueFilter, number: int = 1) -> Any:
    cache = ProblemCache(desk.targets, desk.people)
    return queue_page(session, desk.settings, cache, criteria, number, now=NOW)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> dict[str, tuple[int, int]]:
    """Counts the steps of each list with few posts and with eight times as many."""
    counted: dict[str, list[int]] = {name: [] for name in LISTS}
    for number in (FEW, MANY):
        folder = tmp_path_factory.mktemp("growth")
        for desk in _opened(sqlite_template, folder):
            fill(desk, number)
            for name, read in LISTS.items():
                counted[name].append(steps_of(desk, lambda session, read=read, desk=desk: read(desk, session)))  # type: ignore[misc]
    return {name: (few, many) for name, (few, many) in counted.items()}


def _opened(template: Path, folder: Path) -> Iterator[Desk]:
    from publisher.db.session import Database

    file = folder / "queue.db"
    file.write_bytes(template.read_bytes())
    database = Database.open(f"sqlite:///{file}")
    yield open_desk(database, folder).at(NOW)
    database.close()


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_with_eight_times_as_many_posts(steps: dict[str, tuple[int, int]], name: str) -> None:
    few, many = steps[name]
    # What shows few posts in full reads no more of many. Reading 10,000 more would cost at least half a million steps.
    assert many < 1.3 * few + (150_000 if name in COUNTING else 3_000)


COUNTING = (
    "the first page of the queue", "the drafts of the queue", "posts with problems",
    "a search of the queue for a frequent word",
)  # fmt: skip
"""Pages that say how many posts there are, up to `MAX_COUNTED`."""
