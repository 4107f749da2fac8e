"""Tests that the calendar shows past and coming days, both clock changes, and has a feed with a secret address."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
import requests
from sqlalchemy import select

from publisher.core.clock import FixedClock
from publisher.db.models import Delivery, Pick, Post
from publisher.db.staff import ApiToken, Person
from publisher.desk import Desk
from publisher.schedule.bulk import BulkChanges
from publisher.schedule.order import FixedDate
from publisher.schedule.picking import pick_slot
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.undated_drafts import MAX_LISTED
from publisher.staff import accounts
from publisher.staff.calendar_keys import MAX_KEYS, new_calendar_key
from publisher.staff.tokens import hash_of, new_token
from tests import queue_desk
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_site, text_of

NOON = datetime(2026, 5, 4, 11, 0, tzinfo=UTC)
TODAY = NOON.date()
DAY = re.compile(
    r'<li(?: id="today")? class="day (\w+)[^"]*" data-day="([^"]+)".*?</li>\s*(?=<li(?: id="today")? class="day|</ol>)',
    re.S,
)
UNDO = re.compile(r'name="undo" value="([^"]*)"')
ADDRESS = re.compile(r'<code class="secret">http://[^/]+([^<]+)</code>')


@contextmanager
def desk_at(config: Path, now: datetime, zone: str = "Europe/London", hour: str = "09:00") -> Iterator[Site]:
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("Europe/London", zone, 1).replace('hour = "09:00"', f'hour = "{hour}"', 1))
    desk = Desk(config, FixedClock(now))
    with open_site(desk) as opened:
        yield opened
    desk.database.close()


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with desk_at(write_desk(tmp_path), NOON) as opened:
        yield opened


@pytest.fixture
def posts(site: Site) -> queue_desk.Desk:
    return posts_of(site)


def posts_of(site: Site) -> queue_desk.Desk:
    desk = site.desk
    return queue_desk.Desk(desk.database, desk.settings, desk.targets, desk.store, desk.people)  # type: ignore[arg-type]


def pick(site: Site, now: datetime) -> None:
    desk = site.desk
    pick_slot(desk.database, desk.settings, desk.targets, desk.people, now)


def days(answer: requests.Response) -> dict[str, tuple[str, str]]:
    """Returns the kind of each day, and its part of the page."""
    return {match[2]: (match[1], match[0]) for match in DAY.finditer(answer.text)}


@pytest.mark.parametrize(
    ("zone", "hour", "nights"),
    [
        ("Europe/London", "01:30", {"2026-03-29": "02:00", "2026-10-25": "01:30"}),
        ("Australia/Lord_Howe", "02:15", {"2026-10-04": "02:30"}),
        ("Australia/Lord_Howe", "01:45", {"2026-04-05": "01:45"}),
    ],
)
def test_nights_of_clock_changes_have_one_post_at_the_local_hour(
    tmp_path: Path, write_desk: WriteDesk, zone: str, hour: str, nights: dict[str, str]
) -> None:
    instants = {
        "2026-03-29": "2026-03-29T01:00:00+00:00",
        "2026-10-25": "2026-10-25T00:30:00+00:00",
        "2026-10-04": "2026-10-03T15:30:00+00:00",
        "2026-04-05": "2026-04-04T14:45:00+00:00",
    }
    with desk_at(write_desk(tmp_path), datetime(2026, 3, 20, 20, 0, tzinfo=UTC), zone, hour) as site:
        posts_of(site).posts([f"post {number}" for number in range(240)], NOON)
        reader = site.client("operator")
        for night, clock in nights.items():
            cells = days(reader.get(f"/calendar?month={night[:7]}"))
            first = date.fromisoformat(f"{night[:7]}-01")
            expected = [first + timedelta(days=number) for number in range(31)]
            assert [day for day in cells if day[:7] == night[:7]] == [
                str(day) for day in expected if day.month == first.month
            ]
            kind, cell = cells[night]
            assert kind == "coming"
            assert cell.count('class="entry') == 1
            assert re.findall(r'hour" datetime="([^"]+)">([^<]+)<', cell) == [(instants[night], clock)]


def test_past_days_show_the_outcome_on_each_channel(posts: queue_desk.Desk, site: Site) -> None:
    posts.posts(["first", "second", "third"], NOON)
    pick(site, NOON - timedelta(days=1))
    with posts.database.writing() as session:
        session.add(Pick(slot=TODAY - timedelta(days=2), reason="missed", picked_at=NOON))
        outcomes = (("published", "https://blog.example/1"), ("held", None), ("published", "javascript:alert(1)"))
        for delivery, (state, link) in zip(session.scalars(select(Delivery)), outcomes, strict=True):
            delivery.state, delivery.remote_url = state, link
            delivery.remote_id = "1" if state == "published" else None
    cells = days(site.client("operator").get("/calendar?month=2026-05"))
    assert [cells[f"2026-05-0{day}"][0] for day in range(1, 9)] == [
        "nothing", "missed", "shown", "coming", "coming", "empty", "empty", "empty",
    ]  # fmt: skip
    assert '<a href="https://blog.example/1"' in cells["2026-05-03"][1]
    assert "Tumblr held" in " ".join(re.sub("<[^>]+>", " ", cells["2026-05-03"][1]).split())
    assert "javascript:" not in cells["2026-05-03"][1]
    assert "no post" in cells["2026-05-06"][1]
    assert "/posts/2" in cells["2026-05-04"][1]


def test_a_post_is_given_a_day_and_taken_from_it(posts: queue_desk.Desk, site: Site) -> None:
    a, b = posts.posts(["one", "two"], NOON)
    draft = posts.post("unfinished", NOON, state="draft")
    editor = site.client("editor")
    week = {"view": "week=2026-05-11"}
    answer = editor.send_form("/calendar/place", {"post": a, "day": "2026-05-13", **week})
    assert answer.url.endswith("/calendar?week=2026-05-11")
    assert "“one” goes out on Wednesday 13 May 2026." in text_of(answer)
    assert f"/posts/{a}" in days(answer)["2026-05-13"][1]
    assert list(days(answer)) == [f"2026-05-{day}" for day in range(11, 18)]
    refused = editor.send_form("/calendar/place", {"post": b, "day": "2026-05-13", **week})
    assert "already goes out on 2026-05-13" in text_of(refused)
    assert "Choose the day" in text_of(editor.send_form("/calendar/place", {"post": b, "day": "13.5.", **week}))

    answer = editor.send_form("/calendar/place", {"post": draft, "day": "2026-05-14", **week})
    assert "goes out on Thursday 14 May 2026, once it is approved." in text_of(answer)
    kind, cell = days(answer)["2026-05-14"]
    assert (kind, "not approved" in cell) == ("empty", True)
    editor.send_form("/calendar/place", {"post": a, "undated": "true"})
    assert posts.load(a).fixed_date is None
    form = editor.get(f"/calendar?month=2026-05&post={b}&day=2026-05-20").text
    assert f'<option value="{b}" selected>' in form
    assert 'value="2026-05-20"' in form


def test_a_month_shows_whole_weeks(site: Site) -> None:
    page = site.client("operator").get("/calendar?month=2026-05")
    shown = list(days(page))
    assert (shown[0], shown[-1], len(shown)) == ("2026-04-27", "2026-05-31", 35)
    outside = re.findall(r'class="day \w+[^"]* outside" data-day="([^"]+)"', page.text)
    assert outside == ["2026-04-27", "2026-04-28", "2026-04-29", "2026-04-30"]
    assert " April</span>" in days(page)["2026-04-28"][1]


def test_a_day_leads_to_a_new_post_on_it(posts: queue_desk.Desk, site: Site) -> None:
    posts.post("dated", NOON, fixed_date=date(2026, 5, 20))
    writer = site.client("contributor")
    offered = re.findall(r'href="/posts/new\?day=([^"]+)"', writer.get("/calendar?month=2026-05").text)
    assert offered == [f"2026-05-{day:02}" for day in range(4, 32) if day != 20]
    form = writer.get("/posts/new?day=2026-05-21").text
    assert re.search(r'name="place" value="date" checked', form)
    assert 'type="date" maxlength="500" value="2026-05-21"' in form
    assert writer.get("/posts/new?day=soon").status_code == 422
    assert "posts/new" not in site.client("operator").get("/calendar").text


def place(client: Client, post: int, day: str, swap: str = "any") -> requests.Response:
    return client.send_form("/calendar/place", {"post": post, "day": day, "swap": swap, "view": "month=2026-05"})


def fixed(posts: queue_desk.Desk, *post_ids: int) -> list[str]:
    return [str(posts.load(post).fixed_date or "") for post in post_ids]


def undo(client: Client, answer: requests.Response) -> requests.Response:
    button = UNDO.search(answer.text)
    assert button, "no way back is offered"
    return client.send_form("/queue/undo", {"undo": html.unescape(button[1]), "back": "calendar"})


def test_posts_change_places_with_one_undo(posts: queue_desk.Desk, site: Site) -> None:
    a = posts.post("one", NOON, fixed_date=date(2026, 5, 12))
    b = posts.post("two", NOON, fixed_date=date(2026, 5, 20))
    c, d = posts.posts(["three", "four"], NOON)
    draft = posts.post("unfinished", NOON, state="draft")
    editor = site.client("editor")
    answer = place(editor, a, "2026-05-20")
    assert fixed(posts, a, b) == ["2026-05-20", "2026-05-12"]
    text = text_of(answer)
    assert "“one” goes out on Wednesday 20 May 2026. “two” goes out on Tuesday 12 May 2026." in text
    assert "2 posts are as before." in text_of(undo(editor, answer))
    assert fixed(posts, a, b) == ["2026-05-12", "2026-05-20"]

    # The queue fills Monday and Tuesday: three, then four.
    place(editor, d, "2026-05-04")
    assert fixed(posts, c, d) == ["", ""]
    assert posts.load(d).position < posts.load(c).position
    # A draft without a day takes none from a post that has one.
    answer = place(editor, draft, "2026-05-12")
    assert "give post 1 another day first" in text_of(answer)
    assert fixed(posts, draft, a) == ["", "2026-05-12"]
    # A draft does not go out in place of a post that is only next in line.
    place(editor, draft, "2026-05-05")
    assert fixed(posts, draft, c, d) == ["2026-05-05", "", ""]
    assert [event.name for event in posts.events("undone")] == ["undone"] * 2


def test_both_posts_change_or_none(posts: queue_desk.Desk, site: Site) -> None:
    a = posts.post("one", NOON, fixed_date=date(2026, 5, 12))
    b = posts.post("two", NOON, fixed_date=date(2026, 5, 20), embargo_until=NOON + timedelta(days=14))
    editor = site.client("editor")
    refused = place(editor, a, "2026-05-20")
    assert "embargo" in text_of(refused)
    assert fixed(posts, a, b) == ["2026-05-12", "2026-05-20"]
    assert not UNDO.search(refused.text)
    with posts.database.writing() as session:
        session.get_one(Post, b).embargo_until = None

    answer = place(editor, a, "2026-05-20", swap=str(b))
    PostQueue(posts.at(NOON)).move(b, FixedDate(date(2026, 5, 13)))
    assert "was changed or moved meanwhile" in text_of(undo(editor, answer))
    assert fixed(posts, a, b) == ["2026-05-20", "2026-05-13"]
    other = posts.post("three", NOON, fixed_date=date(2026, 5, 27))
    assert "has changed meanwhile" in text_of(place(editor, other, "2026-05-20", swap=str(b)))
    assert "already goes out on 2026-05-20" in text_of(place(editor, other, "2026-05-20", swap=""))
    assert fixed(posts, a, other) == ["2026-05-20", "2026-05-27"]


def test_a_picked_day_keeps_its_post(posts: queue_desk.Desk, site: Site) -> None:
    first, second = posts.posts(["one", "two"], NOON)
    pick(site, NOON)
    editor = site.client("editor")
    page = editor.get("/calendar?month=2026-05").text
    cell = re.search(r'<li id="today".*?</li>\s*<li', page, re.S)
    assert cell
    assert 'draggable="true"' not in cell[0]
    assert "posts/new" not in cell[0]
    refused = place(editor, second, "2026-05-04")
    assert "2 posts" not in text_of(refused)
    assert not UNDO.search(refused.text)
    assert fixed(posts, first, second) == ["", ""]
    for one, other in ((first, second), (second, first)):
        result = BulkChanges(site.desk, "editor").exchange(one, other)
        assert (result.done, result.undo) == ((), None)
        assert f"post {first} was picked for 2026-05-04" in str(result.refused[0].reasons[0])


def test_an_exchange_is_not_undone_once_a_day_was_picked(posts: queue_desk.Desk, site: Site) -> None:
    first, second = posts.posts(["one", "two"], NOON)
    editor = site.client("editor")
    answer = place(editor, second, "2026-05-04")
    pick(site, NOON)
    refused = text_of(undo(editor, answer))
    assert "was picked for 2026-05-04" in refused or "was changed or moved meanwhile" in refused
    assert posts.load(second).position < posts.load(first).position


def test_the_tray_holds_the_drafts_without_a_day(posts: queue_desk.Desk, site: Site) -> None:
    for number in range(MAX_LISTED + 2):
        posts.post(f"Draft {number}", NOON, state="draft", updated_at=NOON + timedelta(minutes=number))
    posts.post("approved", NOON)
    posts.post("dated", NOON, state="draft", fixed_date=date(2026, 5, 20))
    posts.post("evergreen", NOON, state="draft", reserve=True)
    page = site.client("editor").get("/calendar?month=2026-05").text
    tray = page[page.index("tray-title") :]
    listed = re.findall(r'<li class="entry" draggable="true" data-id="\d+" data-title="([^"]+)"', tray)
    assert listed == [f"Draft {number}" for number in range(MAX_LISTED + 1, 1, -1)]
    assert "2 more in the queue" in tray
    assert "tray-title" not in site.client("contributor").get("/calendar").text


def test_who_may_not_order_sees_no_way_to(posts: queue_desk.Desk, site: Site) -> None:
    posts.post("one", NOON)
    for role in ("contributor", "operator"):
        page = site.client(role).get("/calendar").text
        assert "/calendar/place" not in page
        assert "draggable" not in page.replace('draggable="false"', "")


@pytest.mark.parametrize(
    ("query", "before", "after", "title"),
    [
        ("month=2026-01", "month=2025-12", "month=2026-02", "January 2026"),
        ("week=2026-05-06", "week=2026-04-27", "week=2026-05-11", "4 May to 10 May 2026"),
        ("month=nonsense", "month=2026-04", "month=2026-06", "May 2026"),
        ("month=9999-01", "month=2026-04", "month=2026-06", "May 2026"),
    ],
)
def test_months_and_weeks_link_to_their_neighbours(site: Site, query: str, before: str, after: str, title: str) -> None:
    page = site.client("operator").get(f"/calendar?{query}").text
    assert f"<h1>{title}</h1>" in page
    assert re.findall(r'calendar\?([^"]+)" rel="(\w+)"', page) == [(before, "prev"), (after, "next")]


@pytest.fixture
def reader(site: Site) -> Client:
    return site.client("contributor", email="reader@example.org")


def change(site: Site, **values: object) -> None:
    with site.desk.database.writing() as session:
        person = session.get_one(Person, site.person(email="reader@example.org"))
        for name, value in values.items():
            setattr(person, name, value)


def feed_of(answer: requests.Response) -> dict[str, icalendar.Event]:
    """Reads the events by their day, as a calendar program does."""
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    return {str(event["uid"])[:10]: event for event in events if isinstance(event, icalendar.Event)}


def address_of(reader: Client) -> str:
    answer = reader.send_form("/calendar/keys", {"name": "my phone"})
    match = ADDRESS.search(answer.text)
    assert match
    return match[1]


def test_the_feed_shows_published_posts_and_those_to_come(posts: queue_desk.Desk, site: Site, reader: Client) -> None:
    posts.posts(["Cells, at; rest", "second"], NOON)
    address = address_of(reader)
    stranger = site.client()
    guessed = feed_of(stranger.get(address))
    assert [str(event["status"]) for event in guessed.values()] == ["TENTATIVE", "TENTATIVE"]

    pick(site, NOON)
    with posts.database.writing() as session:
        delivery = session.scalars(select(Delivery)).first()
        assert delivery
        delivery.state, delivery.remote_id, delivery.remote_url = "published", "1", "https://blog.example/1"
    answer = stranger.get(address)
    events = feed_of(answer)
    event = events["2026-05-04"]
    assert answer.headers["content-type"].startswith("text/calendar")
    assert event["uid"] == guessed["2026-05-04"]["uid"]
    assert (str(event["summary"]), str(event["status"])) == ("Cells, at; rest", "CONFIRMED")
    assert str(event["url"]) == "https://blog.example/1"
    assert event.start == datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
    assert b"DTSTART:20260504T080000Z" in answer.content


@pytest.mark.parametrize(
    "shut",
    [
        lambda site, reader: reader.send_form("/calendar/keys/1/revoke"),
        lambda site, reader: accounts.set_active(
            site.desk.database, site.person(email="reader@example.org"), False, now=NOON, actor="test"
        ),
        lambda site, reader: change(site, active=False),
        lambda site, reader: change(site, roles=[]),
    ],
    ids=["revoked", "shut out", "inactive", "without a role"],
)
def test_a_key_works_until_it_is_revoked_or_its_person_is_shut_out(
    site: Site, reader: Client, shut: Callable[[Site, Client], object]
) -> None:
    address = address_of(reader)
    stranger = site.client()
    assert stranger.get(address).status_code == 200
    key = address.partition("key=")[2]
    assert "shown only now" not in reader.get("/calendar").text
    with site.desk.database.reading() as session:
        [token] = session.scalars(select(ApiToken))
        assert (token.scopes, token.used_at) == (["calendar"], NOON)
        assert token.token_hash == hash_of(key)
    shut(site, reader)
    assert stranger.get(address).status_code == 404


def test_a_key_that_is_wrong_or_for_something_else_opens_nothing(site: Site, reader: Client) -> None:
    key = address_of(reader).partition("key=")[2]
    stranger = site.client()
    for wrong in ("", key[:-1], new_token(), "x" * 200):
        assert stranger.get(f"/calendar.ics?key={wrong}").status_code == 404
    with site.desk.database.writing() as session:
        session.scalars(select(ApiToken)).one().scopes = ["api"]
    assert stranger.get(f"/calendar.ics?key={key}").status_code == 404


def test_nobody_revokes_the_key_of_somebody_else_or_has_too_many(site: Site, reader: Client) -> None:
    address = address_of(reader)
    assert site.client("editor").send_form("/calendar/keys/1/revoke").status_code == 409
    assert site.client().get(address).status_code == 200
    person = site.person(email="reader@example.org")
    for _ in range(MAX_KEYS - 1):
        new_calendar_key(site.desk.database, person, "", now=NOON)
    with pytest.raises(accounts.AccountError, match="revoke one"):
        new_calendar_key(site.desk.database, person, "", now=NOON)
