"""Tests which posts belong to another one: by the look of their pictures, and by their day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from publisher.archive.related import posts_on_day, similar_posts
from publisher.db.models import Post
from publisher.db.session import Database
from tests.conftest import on_every_database
from tests.queue_desk import Desk, open_desk, picture

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


def add(desk: Desk, title: str, phash: int | None, shown: str = "", **values: object) -> int:
    image = picture(title, NOW)
    image.media.phash = None if phash is None else f"{phash:064x}"
    day = date.fromisoformat(shown) if shown else None
    return desk.post(title, NOW, images=[image], last_shown_on=day, **values)


@on_every_database
def test_similar_pictures_are_listed_by_their_likeness(desk: Desk) -> None:
    post = add(desk, "one", 0)
    add(desk, "far", (1 << 128) - 1)
    add(desk, "near", (1 << 80) - 1)
    add(desk, "same", 1)
    add(desk, "withdrawn", 3, state="withdrawn")
    add(desk, "unknown", None)
    with desk.database.reading() as session:
        similar = similar_posts(session, session.get_one(Post, post))
        assert [(other.title, other.likeness) for other in similar] == [("same", 100), ("near", 69)]
        assert similar_posts(session, session.get_one(Post, post + 5)) == []


@on_every_database
def test_a_day_has_what_was_shown_in_other_years(desk: Desk) -> None:
    post = add(desk, "leap day", 0, "2024-02-29")
    add(desk, "older", 1 << 200, "2020-02-29")
    add(desk, "day after", 1 << 201, "2023-03-01")
    add(desk, "same day", 1 << 202, "2024-02-29")
    coming = add(desk, "coming", 1 << 203, fixed_date=date(2027, 3, 1))
    undated = add(desk, "undated", 1 << 204)
    with desk.database.reading() as session:
        titles = {
            each: [other.title for other in posts_on_day(session, session.get_one(Post, each))]
            for each in (post, coming, undated)
        }
    assert titles == {post: ["older"], coming: ["day after"], undated: []}
