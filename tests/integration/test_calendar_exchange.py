"""Tests what becomes of every kind of post that is put on the day of every other kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.posts.errors import PostError
from publisher.schedule.calendar_days import calendar_days
from publisher.schedule.exchange import exchange_places
from tests import queue_desk
from tests.conftest import WriteDesk
from tests.desk_site import Site, text_of
from tests.integration.test_web_calendar import NOON, TODAY, desk_at, place, posts_of, undo

OWN_DAY, FREE_DAY = date(2026, 5, 12), date(2026, 5, 20)
KINDS: dict[str, dict[str, Any]] = {
    "fixed": {"state": "approved"},
    "in line": {"state": "approved"},
    "fixed draft": {"state": "draft"},
    "draft": {"state": "draft"},
    "reserve": {"state": "approved", "reserve": True},
}
SWAPPED, TAKEN, SHARED, REFUSED = "swapped", "taken", "shared", "refused"
"""Both have the day of the other; the moved one has the day, and the other waits for its turn as before; both have
the day, of which one at most is approved; nothing was changed."""
OUTCOMES = {
    "fixed": {"fixed": SWAPPED, "in line": SWAPPED, "fixed draft": SWAPPED, "reserve": TAKEN, "": TAKEN},
    "in line": {"fixed": SWAPPED, "in line": SWAPPED, "fixed draft": SWAPPED, "reserve": TAKEN, "": TAKEN},
    "fixed draft": {"fixed": SWAPPED, "in line": SHARED, "fixed draft": SWAPPED, "reserve": SHARED, "": TAKEN},
    "draft": {"fixed": REFUSED, "in line": SHARED, "fixed draft": SHARED, "reserve": SHARED, "": TAKEN},
    "reserve": {"fixed": REFUSED, "in line": TAKEN, "fixed draft": SHARED, "reserve": TAKEN, "": TAKEN},
}


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with desk_at(write_desk(tmp_path), NOON) as opened:
        yield opened


@pytest.fixture
def posts(site: Site) -> queue_desk.Desk:
    return posts_of(site)


def days_of(site: Site) -> dict[int, date]:
    """Returns the first day of each post that the calendar shows, as people see it."""
    desk = site.desk
    with desk.database.reading() as session:
        shown = calendar_days(session, desk.settings, TODAY, TODAY + timedelta(days=27), desk.now())
    entries = [(entry.post_id, day.day) for day in shown for entry in day.entries if entry.post_id]
    return {post: day for post, day in reversed(entries)}


def add(posts: queue_desk.Desk, title: str, kind: str, day: date) -> int:
    return posts.post(title, NOON, fixed_date=day if kind.startswith("fixed") else None, **KINDS[kind])


@pytest.mark.parametrize("there", ["fixed", "in line", "fixed draft", "reserve", ""])
@pytest.mark.parametrize("moved", KINDS)
def test_a_post_that_is_put_on_a_day(posts: queue_desk.Desk, site: Site, moved: str, there: str) -> None:
    posts.post("first in line", NOON)
    other = add(posts, "the other", there, FREE_DAY) if there else 0
    post = add(posts, "the moved", moved, OWN_DAY)
    before = days_of(site)
    day = before.get(other, FREE_DAY)
    answer = place(site.client("editor"), post, day.isoformat())
    said, after = text_of(answer), days_of(site)
    stored = posts.load(post)
    expected = OUTCOMES[moved][there]
    if expected == REFUSED:
        assert after == before
        assert "stays as it was" in said
        assert stored.fixed_date is None
        return
    assert after[post] == day
    assert stored.state == KINDS[moved]["state"]
    assert (stored.fixed_date == day) == (not moved == there == "in line"), "what had its day keeps one"
    assert "“the moved” " in said
    if not there:
        return
    stays = posts.load(other)
    assert stays.state == KINDS[there]["state"]
    if there.startswith("fixed"):
        assert stays.fixed_date is not None, "nobody's day is lost"
    if expected == SWAPPED:
        assert after[other] == before[post]
        assert "“the other” " in said
    elif expected == SHARED:
        assert after[other] == day
    elif there == "in line":
        assert after[other] == day + timedelta(days=1)
        assert "“the other” is number 2 in line now" in said
        assert stays.fixed_date is None
    undo(site.client("editor"), answer)
    assert days_of(site) == before


def test_a_post_whose_own_day_is_over_changes_with_nobody(posts: queue_desk.Desk, site: Site) -> None:
    posts.post("first in line", NOON)
    other = posts.post("the other", NOON)
    late = posts.post("late", NOON, fixed_date=TODAY - timedelta(days=3))
    day = days_of(site)[other]
    place(site.client("editor"), late, day.isoformat())
    assert (posts.load(late).fixed_date, posts.load(other).fixed_date) == (day, None)
    fixed = posts.post("fixed", NOON, fixed_date=FREE_DAY)
    later = posts.post("later", NOON, fixed_date=TODAY - timedelta(days=2))
    said = text_of(place(site.client("editor"), later, FREE_DAY.isoformat()))
    assert "stays as it was" in said
    assert (posts.load(later).fixed_date, posts.load(fixed).fixed_date) == (TODAY - timedelta(days=2), FREE_DAY)


def test_a_refused_exchange_says_what_to_do(posts: queue_desk.Desk, site: Site) -> None:
    fixed = posts.post("fixed", NOON, fixed_date=FREE_DAY)
    draft = posts.post("draft", NOON, state="draft")
    with pytest.raises(PostError, match=r"no day.*give post 1 another day first"):
        exchange_places(site.desk, draft, fixed, actor="Ada")
