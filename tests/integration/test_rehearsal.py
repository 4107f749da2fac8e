"""Tests that a rehearsal shows what picking will do, and changes nothing."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.db.base import Base
from publisher.db.session import Database
from publisher.posts.errors import PostError
from publisher.schedule.projection import project
from publisher.schedule.rehearsal import RehearsedDay, rehearse
from tests.queue_desk import Desk, open_desk

NINE = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
MONDAY = date(2026, 5, 4)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path)


def play(desk: Desk, days: int, now: datetime = NINE, start: date = MONDAY) -> list[RehearsedDay]:
    return rehearse(desk.at(now), start=start, days=days)


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.reading() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table))] for table in Base.metadata.sorted_tables
        }


def fill(desk: Desk, chance: random.Random) -> None:
    """Fills the queue with posts of every kind."""
    for number in range(25):
        reserve = chance.random() < 0.3
        day = MONDAY + timedelta(days=chance.randint(-3, 30))
        embargo = NINE + timedelta(hours=chance.randint(-20, 500))
        last_shown_on = MONDAY - timedelta(days=chance.randint(1, 30))
        desk.post(
            f"post {number}",
            NINE,
            reserve=reserve,
            state=chance.choice(["approved", "approved", "approved", "draft", "withdrawn"]),
            fixed_date=day if not reserve and chance.random() < 0.3 else None,
            embargo_until=embargo if chance.random() < 0.4 else None,
            last_shown_on=last_shown_on if reserve and chance.random() < 0.5 else None,
        )


def test_a_rehearsal_lists_the_post_of_each_day_and_each_channels_hour(desk: Desk) -> None:
    first = desk.post("one", NINE)
    fixed = desk.post("fixed", NINE, fixed_date=MONDAY + timedelta(days=1))
    days = play(desk, 3)
    assert [(day.slot - MONDAY, day.post_id, day.title, day.reason) for day in days] == [
        (timedelta(0), first, "one", "queue"),
        (timedelta(1), fixed, "fixed", "fixed date"),
        (timedelta(2), None, "", "empty"),
    ]
    assert days[0].instant == NINE
    assert days[0].local.strftime("%H:%M %Z") == "09:00 BST"
    assert [(channel.name, channel.local.strftime("%H:%M"), channel.problem) for channel in days[0].channels] == [
        ("web", "09:00", None),
        ("mail", "10:30", None),
    ]
    assert days[2].channels == ()


def test_a_rehearsal_changes_nothing(desk: Desk) -> None:
    fill(desk, random.Random(1))
    desk.pick(NINE)
    before, content = rows(desk.database), file_hash(desk.database)

    assert any(day.post_id for day in play(desk, 40))

    assert rows(desk.database) == before
    assert file_hash(desk.database) == content


def file_hash(database: Database) -> str:
    """Hashes the database file when nobody has it open, so that it holds everything committed."""
    database.close()
    return hashlib.sha256(Path(str(database.engine.url.database)).read_bytes()).hexdigest()


@pytest.mark.parametrize("seed", range(6))
def test_what_was_rehearsed_is_what_happens_and_what_the_listing_projects(
    database: Database, tmp_path: Path, seed: int
) -> None:
    desk = open_desk(database, tmp_path, no_repeat_days=7)
    fill(desk, random.Random(seed))
    rehearsed = [(day.slot, day.post_id, day.reason) for day in play(desk, 30)]
    with desk.database.reading() as session:
        projected = [(day.slot, day.post_id, day.reason) for day in islice(project(session, desk.settings, NINE), 30)]

    for minutes in range(0, 30 * 24 * 60, 30):
        desk.pick(NINE + timedelta(minutes=minutes))

    assert [(pick.slot, pick.post_id, pick.reason) for pick in desk.picks()] == rehearsed
    assert projected == rehearsed
    assert {"fixed date", "queue", "reserve"} <= {reason for _, _, reason in rehearsed}


def test_the_past_of_today_is_kept(desk: Desk) -> None:
    post = desk.post("one", NINE)
    desk.pick(NINE)
    [today, tomorrow] = play(desk, 2, now=NINE + timedelta(hours=5))
    assert (today.post_id, today.instant, len(today.channels)) == (post, NINE, 2)
    assert tomorrow.reason == "empty"


def test_a_day_that_is_too_late_is_missed(desk: Desk) -> None:
    post = desk.post("one", NINE)
    assert [(day.reason, day.post_id) for day in play(desk, 2, now=NINE + timedelta(hours=12))] == [
        ("missed", None),
        ("queue", post),
    ]


def test_the_days_until_the_start_use_up_posts(desk: Desk) -> None:
    posts = desk.posts("abc", NINE)
    assert [day.post_id for day in play(desk, 1, start=MONDAY + timedelta(days=2))] == [posts[2]]
    with pytest.raises(PostError, match="2026-05-03 is over; rehearse from 2026-05-04 on"):
        play(desk, 1, start=MONDAY - timedelta(days=1))


def test_both_dst_nights_are_rehearsed(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, hour=time(1, 30), web={})
    desk.posts([f"post {number}" for number in range(220)], NINE)
    days = play(desk, 215, now=NINE, start=MONDAY + timedelta(days=1))
    assert all(day.reason == "queue" for day in days)
    assert {day.local.strftime("%H:%M") for day in days} == {"01:30"}
    assert {day.local.strftime("%Z") for day in days} == {"BST", "GMT"}
