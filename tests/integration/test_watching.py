"""Tests that a watched source brings each new item once, as a draft, and that its failures are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.core.clock import FixedClock
from publisher.core.errors import SettingsError
from publisher.db.imports import SeenItem, WatchedSource
from publisher.db.models import Event, Pick, Post
from publisher.db.session import Database
from publisher.intake.importing import ImportPlaces
from publisher.intake.items import ImportedItem
from publisher.intake.runs import ImportRequest, open_import
from publisher.intake.undoing import undo_import
from publisher.intake.watched_pages import PageState, WatchedPage
from publisher.intake.watching import MAX_NEW_ITEMS, Watcher, WatchFails
from publisher.posts.errors import PostError
from tests.conftest import on_every_database
from tests.hostile_web import LocalWeb, answer, open_web
from tests.outlet import draw
from tests.queue_desk import Desk, open_desk

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENTRY = """\
<entry><id>tag:old.test,2026:{number}</id><title>Picture {number}</title><updated>2026-05-0{number}T06:00:00Z</updated>
<link href="http://old.test/{number}"/><content type="html">&lt;p&gt;Text {number}.&lt;/p&gt;
&lt;img src="/img/{number}.png" alt="Shape {number}"&gt;</content></entry>"""


class Watched:
    """Holds a desk with one watched source, and its server."""

    def __init__(self, desk: Desk, web: LocalWeb, folder: Path) -> None:
        self.desk, self.web, self.clock = desk, web, FixedClock(NOW)
        config = folder / "config"
        config.mkdir()
        self.settings = desk.settings.model_copy(update={"file": config / "publisher.toml"})
        self.file = config / "sources.toml"
        self.file.write_text(
            '[old]\naddress = "http://old.test/feed"\nwatch = true\ninterval = 0.1\n', encoding="utf-8"
        )
        draw(folder / "drawn.png")
        self._picture = (folder / "drawn.png").read_bytes()

    @property
    def places(self) -> ImportPlaces:
        return ImportPlaces(self.desk.database, self.desk.store, self.clock, date(2026, 5, 4))

    def publish(self, *numbers: int, **headers: str) -> None:
        entries = "".join(ENTRY.format(number=number) for number in numbers)
        feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Old</title>{entries}</feed>'
        self.web.put("old.test/feed", feed, "application/atom+xml", **headers)
        for number in numbers:
            self.web.put(f"old.test/img/{number}.png", self._picture + bytes(number), "image/png")

    def look(self, after: timedelta = HOUR) -> int:
        self.clock.advance(seconds=after.total_seconds())
        return Watcher(self.settings, self.places).look()

    def titles(self) -> list[str]:
        with self.desk.database.reading() as session:
            return list(session.scalars(select(Post.title).order_by(Post.id)))

    def row(self) -> WatchedSource:
        with self.desk.database.reading() as session:
            return session.get_one(WatchedSource, "old")


@pytest.fixture
def watched(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr("publisher.intake.web_fetching.WebFetcher._pause", lambda *_arguments: None)
    with open_web(monkeypatch) as web:
        yield Watched(open_desk(database, tmp_path).at(NOW), web, tmp_path)


@on_every_database
def test_new_items_become_drafts_once(watched: Watched) -> None:
    watched.publish(1)
    assert watched.look() == 0
    watched.publish(3, 2, 1)
    assert watched.look() == 2
    assert watched.titles() == ["Picture 2", "Picture 3"]
    assert watched.look() == 0
    with watched.desk.database.reading() as session:
        post = session.get_one(Post, 1)
        assert (post.state, post.published_elsewhere_on, post.last_shown_on) == ("draft", None, None)
        assert (post.body, post.link, post.edited_by) == ("Text 2.", "http://old.test/2", "source:old")
        assert post.images[0].alt_text == "Shape 2"
        assert not session.scalars(select(Pick.id)).all()
        assert session.scalars(select(Event.name)).all() == ["post added"] * 2
        assert len(session.scalars(select(SeenItem.key)).all()) == 3


def test_a_draft_that_was_removed_is_not_made_again(watched: Watched) -> None:
    watched.publish()
    watched.look()
    watched.publish(1)
    assert watched.look() == 1
    with watched.desk.database.writing() as session:
        session.get_one(Post, 1).state = "withdrawn"
    assert watched.look() == 0


def test_it_is_asked_for_changes_only_and_not_too_often(watched: Watched) -> None:
    watched.publish(1, etag='"one"', last_modified="Mon, 04 May 2026 06:00:00 GMT")
    watched.look()
    assert watched.look(timedelta(minutes=59)) == 0
    assert len(watched.web.requests) == 1
    watched.web.answers["old.test/feed"] = answer(304)
    assert watched.look(timedelta(minutes=1)) == 0
    asked = watched.web.headers[-1]
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"one"', "Mon, 04 May 2026 06:00:00 GMT")
    assert watched.row().etag == '"one"'


def test_a_source_that_fails_is_asked_less_and_less_and_told(watched: Watched) -> None:
    watched.web.answers["old.test/feed"] = answer(500)
    pauses = []
    for _ in range(6):
        Watcher(watched.settings, watched.places).look()
        pauses.append(watched.row().next_check_at - watched.clock.now())
        watched.clock.advance(seconds=pauses[-1].total_seconds())
        if watched.clock.now() - NOW >= timedelta(days=1):
            break
    assert pauses == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR]
    with pytest.raises(WatchFails) as failure:
        watched.look(timedelta(0))
    assert "The source old has brought nothing since" in str(failure.value)
    assert "answers 500" in str(failure.value)
    watched.publish(1)
    watched.look(timedelta(days=1))
    assert (watched.row().failures, watched.row().failing_since, watched.row().problem) == (0, None, None)


def test_a_server_that_asks_for_a_pause_gets_it(watched: Watched) -> None:
    watched.web.answers["old.test/feed"] = answer(429, retry_after="18000")
    watched.look()
    assert watched.row().next_check_at - watched.clock.now() == 5 * HOUR


def test_an_item_without_its_picture_is_tried_again(watched: Watched) -> None:
    watched.publish(1, etag='"one"')
    watched.look()
    watched.publish(2, 1, etag='"two"')
    picture = watched.web.answers.pop("old.test/img/2.png")
    assert watched.look() == 0
    assert "“Picture 2” can't be made a draft: Picture 1: http://old.test/img/2.png" in str(watched.row().problem)
    watched.web.answers["old.test/img/2.png"] = picture
    assert watched.look() == 1
    assert watched.titles() == ["Picture 2"]


def test_a_flood_of_items_makes_no_drafts(watched: Watched) -> None:
    watched.publish()
    watched.look()
    watched.publish(*range(1, MAX_NEW_ITEMS + 2))
    assert watched.look() == 0
    assert watched.titles() == []
    assert "new items at once" in str(watched.row().problem)


def test_another_address_begins_anew(watched: Watched) -> None:
    watched.publish(1)
    watched.look()
    settings = watched.file.read_text(encoding="utf-8").replace("feed", "other")
    watched.file.write_text(settings, encoding="utf-8")
    watched.publish(2, 1)
    watched.web.answers["old.test/other"] = watched.web.answers["old.test/feed"]
    assert watched.look(timedelta(0)) == 0
    assert watched.titles() == []


def test_two_watchers_make_one_look(watched: Watched) -> None:
    watched.publish(1)
    watched.look()
    watched.clock.advance(hours=1)
    first, second = (Watcher(watched.settings, watched.places) for _ in range(2))
    first.look()
    second.look()
    assert len(watched.web.requests) == 2


def test_an_import_of_the_source_knows_its_drafts(watched: Watched) -> None:
    watched.publish(1)
    watched.look()
    watched.publish(2, 1)
    watched.look()
    request = ImportRequest("http://old.test/feed", "cli:ana", "old")
    opened = open_import(watched.settings, watched.places, request)
    outcomes = list(opened.importer.run(opened.read()))
    assert [(outcome.item.title, outcome.outcome.value) for outcome in outcomes] == [
        ("Picture 1", "made"),
        ("Picture 2", "same"),
    ]
    assert "It is post 1 already" in str(outcomes[1].problems[0])


def test_a_page_with_the_post_of_the_day_is_watched(watched: Watched) -> None:
    page = (
        "<h1>{title}</h1><h2>Summary</h2><time>{day} May 2026</time><h3>{title}</h3><p>Text.</p><p>Written by Ana</p>"
    )
    with watched.file.open("a", encoding="utf-8") as file:
        file.write('preset = "repeated-title"\n')
    watched.web.put("old.test/feed", page.format(title="Skin", day=3))
    watched.look()
    watched.web.put("old.test/feed", page.format(title="Bone", day=4))
    assert watched.look() == 1
    assert watched.titles() == ["Bone"]
    watched.web.put("old.test/feed", "<p>Nothing</p>")
    watched.look()
    assert "has no feed and no post" in str(watched.row().problem)


def test_a_private_address_is_not_watched(watched: Watched) -> None:
    watched.web.redirect("old.test/feed", "http://169.254.169.254/latest/meta-data/")
    watched.look()
    assert "no public address" in str(watched.row().problem)


def test_a_watched_source_needs_its_address(watched: Watched) -> None:
    watched.file.write_text("[old]\nwatch = true\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="needs its address"):
        watched.look()


def _feed(entries: str) -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>O</title>{entries}</feed>'


def _put_feed(watched: Watched, address: str, entries: str) -> None:
    watched.web.put(address, _feed(entries), "application/atom+xml")


def _watch_another(watched: Watched) -> None:
    with watched.file.open("a", encoding="utf-8") as file:
        file.write('\n[other]\naddress = "http://other.test/feed"\nwatch = true\ninterval = 0.1\n')


LINKED = '<entry><id>{key}</id><link href="{key}"/><title>{title}</title><content type="html">{text}</content></entry>'


def test_a_fault_at_one_source_keeps_no_other_from_its_look(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    _watch_another(watched)
    watched.publish()
    _put_feed(watched, "other.test/feed", "")
    watched.look()
    _put_feed(watched, "other.test/feed", LINKED.format(key="http://other.test/1", title="Good", text="t"))
    read = WatchedPage.read

    def fail_at_old(page: WatchedPage, known: PageState) -> list[ImportedItem]:
        if page._source.address == "http://old.test/feed":
            raise ValueError("a fault")
        return read(page, known)

    monkeypatch.setattr(WatchedPage, "read", fail_at_old)
    assert watched.look() == 1
    assert watched.titles() == ["Good"]
    assert "the program has a fault there" in str(watched.row().problem)


def test_a_feed_with_new_keys_at_each_look_makes_no_draft_twice(watched: Watched) -> None:
    watched.publish()
    watched.look()
    for run in range(3):
        entries = (
            LINKED.format(
                key=f"http://old.test/{n}?r={run}",
                title=f"P{n}",
                text=f"Text {n}. " + "Long enough to be known again. " * 5,
            )
            for n in range(9)
        )
        _put_feed(watched, "old.test/feed", "".join(entries))
        watched.look()
    assert len(watched.titles()) == 9
    assert watched.row().problem is None


def test_a_source_makes_so_many_drafts_a_day_and_no_more(watched: Watched) -> None:
    watched.publish()
    watched.look()
    for run in range(2):
        entries = (
            LINKED.format(key=f"http://old.test/{run}/{n}", title=f"P{n}", text=f"Text {run} {n}") for n in range(60)
        )
        _put_feed(watched, "old.test/feed", "".join(entries))
        watched.look()
    assert len(watched.titles()) == 60
    assert "too many in a day" in str(watched.row().problem)


def test_an_import_that_is_taken_back_makes_no_drafts(watched: Watched) -> None:
    watched.publish(1, 2, 3)
    opened = open_import(watched.settings, watched.places, ImportRequest("http://old.test/feed", "cli:ana", "old"))
    list(opened.importer.run(opened.read()))
    assert watched.look() == 0
    assert opened.importer.import_id is not None
    list(undo_import(watched.desk.database, opened.importer.import_id, now=watched.clock.now(), actor="cli:ana"))
    assert watched.look() == 0
    assert watched.titles() == []


def test_a_source_keeps_no_item_from_the_one_whose_item_it_is(watched: Watched) -> None:
    _watch_another(watched)
    watched.publish()
    _put_feed(watched, "other.test/feed", "")
    watched.look()
    _put_feed(watched, "other.test/feed", LINKED.format(key="http://old.test/next", title="Not theirs", text="t"))
    watched.look()
    _put_feed(watched, "old.test/feed", LINKED.format(key="http://old.test/next", title="Ours", text="u"))
    watched.look()
    assert watched.titles() == ["Not theirs", "Ours"]


def test_an_item_of_two_sources_with_one_text_makes_one_draft(watched: Watched) -> None:
    _watch_another(watched)
    watched.publish()
    _put_feed(watched, "other.test/feed", "")
    watched.look()
    for address in ("old.test/feed", "other.test/feed"):
        _put_feed(watched, address, LINKED.format(key="http://old.test/next", title="Ours", text="The text"))
    assert watched.look() == 1
    assert watched.titles() == ["Ours"]


def test_a_look_at_an_old_address_changes_nothing_of_the_new_one(watched: Watched) -> None:
    watched.publish(1)
    watched.look()

    def change_meanwhile(handler: BaseHTTPRequestHandler) -> None:
        with watched.desk.database.writing() as session:
            session.get_one(WatchedSource, "old").address = "http://new.test/feed"
        answer(200, _feed("").encode(), **{"content-type": "application/atom+xml", "etag": '"old"'})(handler)

    watched.web.answers["old.test/feed"] = change_meanwhile
    watched.look()
    assert (watched.row().address, watched.row().etag) == ("http://new.test/feed", "")


def test_a_first_answer_without_items_is_no_first_look(watched: Watched) -> None:
    watched.web.answers["old.test/feed"] = answer(304)
    assert watched.look() == 0
    watched.publish(1, 2, 3)
    assert watched.look() == 0
    assert watched.titles() == []


@on_every_database
def test_an_import_that_is_taken_back_while_it_runs_stops(watched: Watched) -> None:
    watched.publish(1, 2, 3)
    opened = open_import(watched.settings, watched.places, ImportRequest("http://old.test/feed", "cli:ana"))
    running = opened.importer.run(opened.read())
    next(running)
    number = opened.importer.import_id
    assert number is not None
    list(undo_import(watched.desk.database, number, now=watched.clock.now(), actor="cli:ana"))
    with pytest.raises(PostError, match="is being taken back"):
        list(running)
    assert watched.titles() == []


def test_a_foreign_feed_changes_no_imported_post(watched: Watched) -> None:
    watched.publish(1)
    opened = open_import(watched.settings, watched.places, ImportRequest("http://old.test/feed", "cli:ana"))
    list(opened.importer.run(opened.read()))
    foreign = LINKED.format(key="tag:old.test,2026:1", title="Foreign", text="foreign")
    foreign = foreign.replace('href="tag:old.test,2026:1"', 'href="http://foreign.test/1"')
    foreign = foreign.replace("<title>", "<updated>2001-01-01T00:00:00Z</updated><title>")
    _put_feed(watched, "foreign.test/feed", foreign)
    opened = open_import(watched.settings, watched.places, ImportRequest("http://foreign.test/feed", "cli:ana"))
    outcomes = list(opened.importer.run(opened.read()))
    assert [outcome.outcome.value for outcome in outcomes] == ["kept"]
    assert "came from another source" in str(outcomes[0].problems[0])
    assert watched.titles() == ["Picture 1"]
