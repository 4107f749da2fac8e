"""Tests that the queue and the archive work in a browser without scripts."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import delete, select

from publisher.core.clock import FixedClock
from publisher.db.models import Delivery, Event, Media, Pick, Post, PostImage
from publisher.db.session import Database
from publisher.db.staff import PostVersion
from publisher.posts.drafts import PostChanges
from publisher.posts.problem_cache import ProblemCache
from publisher.posts.problems import content_problems
from publisher.posts.search import find_posts
from publisher.posts.search_index import refresh_index
from publisher.schedule.listing import PAGE_SIZE, queue_page
from publisher.schedule.order import Front
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.waiting import QueueFilter
from tests import queue_desk
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site, text_of

pytestmark = pytest.mark.usefixtures("instant_pictures")

NOON = datetime(2026, 5, 4, 11, 0, tzinfo=UTC)
TUESDAY = date(2026, 5, 5)
ROWS = re.compile(r'<li class="post" id="post-(\d+)"')
UNDO = re.compile(r'name="undo" value="([^"]*)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[Site]:
    """Serves a desk on a Monday after its post is due, whose channels reach no platform."""
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk")), FixedClock(NOON)) as opened:
        yield opened


@pytest.fixture
def posts(site: Site) -> Iterator[queue_desk.Desk]:
    """Returns the helper that fills the empty queue; Monday has had its post."""
    desk = site.desk
    with desk.database.writing() as session:
        session.add(Pick(slot=NOON.date(), reason="missed", picked_at=NOON))
    yield queue_desk.Desk(desk.database, desk.settings, desk.targets, desk.store, desk.people)  # type: ignore[arg-type]
    with desk.database.writing() as session:
        for table in (Event, Delivery, Pick, PostVersion, PostImage, Post, Media):
            session.execute(delete(table))
    # The next test's posts have the same numbers.
    desk._known = None


@pytest.fixture
def editor(site: Site) -> Client:
    return site.client("editor")


def line(answer: requests.Response) -> list[int]:
    return [int(number) for number in ROWS.findall(answer.text)]


def move(client: Client, to: str, *posts: int, **fields: Any) -> requests.Response:
    return client.send_form("/queue/move", {"posts": list(posts), "to": to, **fields})


def undo(client: Client, answer: requests.Response) -> requests.Response:
    button = UNDO.search(answer.text)
    assert button, "no way back is offered"
    return client.send_form("/queue/undo", {"undo": html.unescape(button[1])})


def test_an_empty_queue_says_what_to_do(posts: queue_desk.Desk, site: Site, editor: Client) -> None:
    assert 'href="/posts/new">Add the first post' in editor.get("/queue").text
    assert "Add the first post" not in site.client("operator").get("/queue").text


def test_the_queue_shows_each_post_with_its_day_and_its_problems(posts: queue_desk.Desk, editor: Client) -> None:
    first, second = posts.posts(["one", "<b>two</b>"], NOON)
    draft = posts.post("unfinished", NOON, state="draft", credit="")
    dated = posts.post("dated", NOON, fixed_date=TUESDAY + timedelta(days=1))
    reserve = posts.post("evergreen", NOON, reserve=True)
    posts.post("shown", NOON, last_shown_on=NOON.date() - timedelta(days=3))
    page = editor.get("/queue")
    assert line(page) == [dated, first, second, draft, reserve]
    days = re.findall(r'<p class="day">(?:<time datetime="([^"]+)">)?', page.text)
    assert days == ["2026-05-06", "2026-05-05", "2026-05-07", "", "2026-05-08"]
    assert "once approved" in page.text
    assert "4 days are covered" in text_of(page)
    assert '<li class="problem bad">' in page.text
    assert "The post has no credit; say who made the picture." in text_of(page)
    assert "<b>two" not in page.text


def test_the_buttons_move_a_post_and_show_its_place(posts: queue_desk.Desk, editor: Client) -> None:
    a, b, c = posts.posts("abc", NOON)
    for button, expected in (
        (f"{c} up", [a, c, b]),
        (f"{a} up", [a, c, b]),
        (f"{a} down", [c, a, b]),
        (f"{b} down", [c, a, b]),
        (f"{b} front", [b, c, a]),
    ):
        answer = editor.send_form("/queue/move", {"one": button})
        assert line(answer) == expected, button
    assert "“b” is number 1 in line now, for Tuesday 5 May 2026." in text_of(answer)
    assert line(move(editor, "after", b, neighbour=c)) == [c, b, a]
    assert line(move(editor, "position", a, number="2")) == [c, a, b]
    assert "“c” goes out on Wednesday 6 May 2026." in text_of(move(editor, "date", c, day="2026-05-06"))
    assert "already goes out on 2026-05-06" in text_of(move(editor, "date", a, day="2026-05-06"))
    assert posts.load(a).fixed_date is None
    assert "“b” is number 1 in the reserve now" in text_of(move(editor, "reserve", b))
    assert line(editor.send_form("/queue/move", {"one": f"{b} end"})) == [c, a, b]
    assert "Choose a date" in move(editor, "date", a, day="soon").text
    assert "Tick the posts first" in move(editor, "front").text


def test_several_posts_move_together_in_their_order(posts: queue_desk.Desk, editor: Client) -> None:
    a, b, c, d = posts.posts("abcd", NOON)
    assert line(move(editor, "front", c, d)) == [c, d, a, b]
    answer = move(editor, "date", a, b, day="2026-06-01")
    assert "2 posts are moved." in text_of(answer)
    assert [posts.load(post).fixed_date for post in (a, b)] == [date(2026, 6, 1), date(2026, 6, 2)]
    assert line(undo(editor, answer)) == [c, d, a, b]


def test_a_move_is_undone_unless_somebody_moved_the_post_since(
    posts: queue_desk.Desk, site: Site, editor: Client
) -> None:
    a, b, c = posts.posts("abc", NOON)
    into_reserve = move(editor, "reserve", a)
    dated = move(editor, "date", b, day="2026-05-20")
    assert line(undo(editor, dated)) == [b, c, a]
    assert line(undo(editor, into_reserve)) == [a, b, c]
    assert [posts.load(post).reserve for post in (a, b, c)] == [False, False, False]

    stale = move(editor, "front", c)
    queue = PostQueue(posts.at(NOON))
    queue.move(b, Front())
    queue.move(c, Front())
    refused = undo(editor, stale)
    assert "was changed or moved meanwhile, so this can't be undone" in html.unescape(text_of(refused))
    assert line(refused) == [c, b, a]


def test_what_blocks_one_post_stops_no_other(posts: queue_desk.Desk, editor: Client) -> None:
    good = posts.post("good", NOON, state="in_review")
    bad = posts.post("bad", NOON, state="draft", credit="")
    answer = editor.send_form("/queue/approve", {"posts": [good, bad]})
    text = text_of(answer)
    assert "1 post is approved. 1 post stays as it was; the reason stands below." in text
    assert "bad : Instagram, Tumblr, X: The post has no credit; say who made the picture." in text
    assert [posts.load(post).state for post in (good, bad)] == ["approved", "draft"]

    assert "1 post is as before" in text_of(undo(editor, answer))
    assert (posts.load(good).state, posts.load(good).approved_at) == ("in_review", None)
    assert [event.detail["state"] for event in posts.events("undone")] == ["in_review"]


def test_nobody_approves_a_text_that_they_did_not_see(posts: queue_desk.Desk, site: Site, editor: Client) -> None:
    unchanged, changed = posts.post("seen", NOON, state="in_review"), posts.post("changed", NOON, state="in_review")
    page = editor.get("/queue").text
    looked_at = re.findall(r'name="seen" value="(\d+:\d+)"', page)
    assert len(looked_at) == 2
    PostQueue(site.desk, "colleague").edit(changed, PostChanges(standfirst="Slipped in"))
    text = text_of(editor.send_form("/queue/approve", {"posts": [unchanged, changed], "seen": looked_at}))
    assert "1 post is approved. 1 post stays as it was; the reason stands below." in text
    assert f"post {changed} was changed meanwhile: you saw version 1, it has version 2 now" in text
    assert [posts.load(post).state for post in (unchanged, changed)] == ["approved", "in_review"]


def test_an_approval_is_not_undone_after_an_edit(posts: queue_desk.Desk, site: Site, editor: Client) -> None:
    post = posts.post("good", NOON, state="draft")
    answer = editor.send_form("/queue/approve", {"posts": [post]})
    PostQueue(site.desk, "colleague").edit(post, PostChanges(credit="John Roe"))
    assert "was changed or moved meanwhile" in text_of(undo(editor, answer))
    assert posts.load(post).state == "in_review"


def test_withdrawn_posts_come_back(posts: queue_desk.Desk, editor: Client) -> None:
    a, b = posts.posts("ab", NOON)
    answer = editor.send_form("/queue/withdraw", {"posts": [a]})
    assert line(answer) == [b]
    assert line(undo(editor, answer)) == [a, b]
    assert posts.load(a).state == "approved"


def test_a_change_of_tags_sends_an_approved_post_back_to_review(posts: queue_desk.Desk, editor: Client) -> None:
    a = posts.post("a", NOON, tags=["cells", "Brain"])
    b = posts.post("b", NOON, state="draft")
    answer = editor.send_form("/queue/tag", {"posts": [a, b], "tags": "#brain, x-ray ,", "tagging": "add"})
    assert "2 posts are tagged. 1 post that was approved needs approval again." in text_of(answer)
    assert (posts.load(a).tags, posts.load(a).state) == (["cells", "Brain", "x-ray"], "in_review")
    undo(editor, answer)
    assert (posts.load(a).tags, posts.load(a).state) == (["cells", "Brain"], "approved")
    assert posts.load(b).tags == []
    editor.send_form("/queue/tag", {"posts": [a], "tags": "BRAIN", "tagging": "remove"})
    assert posts.load(a).tags == ["cells"]


def test_a_contributor_tags_but_neither_moves_nor_approves(posts: queue_desk.Desk, site: Site, editor: Client) -> None:
    a = posts.post("a", NOON)
    contributor = site.client("contributor")
    page = contributor.get("/queue").text
    offered = [path for path in ("/queue/tag", "/queue/approve", "/queue/move") if f'action="{path}"' in page]
    assert offered == ["/queue/tag"]
    for path, fields in (
        ("/queue/move", {"one": f"{a} front"}),
        ("/queue/approve", {"posts": [a]}),
        ("/queue/withdraw", {"posts": [a]}),
        ("/calendar/place", {"post": a, "day": "2026-05-09"}),
    ):
        assert contributor.send_form(path, fields).status_code == 403, path
    moved = UNDO.search(move(editor, "reserve", a).text)
    assert moved
    assert contributor.send_form("/queue/undo", {"undo": html.unescape(moved[1])}).status_code == 403
    assert posts.load(a).reserve

    tagged = contributor.send_form("/queue/tag", {"posts": [a], "tags": "new"})
    back = undo(contributor, tagged)
    assert "somebody has to approve it again" in text_of(back)
    assert (posts.load(a).tags, posts.load(a).state) == ([], "in_review")


def test_a_forged_undo_can_not_approve_a_post(posts: queue_desk.Desk, editor: Client) -> None:
    post = posts.post("blocked", NOON, state="draft", credit="")
    now = {"version": 1, "state": "draft", "reserve": False, "fixed_date": None, "position": 1.0, "tags": []}
    made_up = {"act": "withdraw", "changes": [{"post": post, "before": {**now, "state": "approved"}, "after": now}]}
    refused = editor.send_form("/queue/undo", {"undo": json.dumps(made_up)})
    assert "The post has no credit" in text_of(refused)
    assert posts.load(post).state == "draft"
    assert editor.send_form("/queue/undo", {"undo": "{}"}).status_code == 400


def test_the_queue_is_searched_and_filtered(posts: queue_desk.Desk, editor: Client) -> None:
    cells = posts.post("Cèl·lules del cervell", NOON, tags=["neurociència"], body="A *quiet* night")
    draft = posts.post("Bones", NOON, state="draft", credit="")
    reserve = posts.post("Roots", NOON, reserve=True)
    for query, expected in (
        ("text=CÈL%C2%B7LULES", [cells]),
        ("text=Neuroci%C3%A8ncia+quiet", [cells]),
        ("text=100%25", []),
        ("state=draft", [draft]),
        ("state=problems&text=bones", [draft]),
        ("place=reserve", [reserve]),
        ("state=approved&place=queue", [cells]),
    ):
        assert line(editor.get(f"/queue?{query}")) == expected, query
    moved = move(editor, "front", draft, view="state=draft&page=1&evil=1")
    assert moved.url.endswith("/queue?state=draft")


def test_a_long_queue_has_pages_and_moves_cross_them(posts: queue_desk.Desk, editor: Client) -> None:
    ids = posts.posts([f"post {number}" for number in range(PAGE_SIZE + 20)], NOON)
    assert line(editor.get("/queue")) == ids[:PAGE_SIZE]
    assert line(editor.get("/queue?page=2")) == ids[PAGE_SIZE:]
    assert line(editor.get("/queue?page=99")) == ids[PAGE_SIZE:]
    answer = editor.send_form("/queue/move", {"one": f"{ids[PAGE_SIZE]} up", "view": "page=2"})
    assert line(answer)[0] == ids[PAGE_SIZE - 1]
    assert f"“post {PAGE_SIZE}” is number {PAGE_SIZE} in line now" in text_of(answer)


def test_a_post_is_adapted_once_for_as_long_as_it_stays_as_it_is(
    posts: queue_desk.Desk, site: Site, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapted: list[int] = []

    def counted(post: Post, *rest: Any) -> Any:
        adapted.append(post.id)
        return content_problems(post, *rest)

    monkeypatch.setattr("publisher.posts.problem_cache.content_problems", counted)
    monkeypatch.setattr("publisher.db.event_cache.MAX_AGE", timedelta(0))  # The page itself is not kept.
    a, b = posts.posts("ab", NOON)
    for _ in range(2):
        assert "has no credit" not in editor.get("/queue").text
    assert sorted(adapted) == [a, b]
    with posts.database.writing() as session:
        session.get_one(Post, a).credit = ""
    assert "The post has no credit" in editor.get("/queue").text
    assert sorted(adapted) == [a, a, b]

    small = ProblemCache(site.desk.targets, site.desk.people, max_posts=1)
    with posts.database.reading() as session:
        versions = {post.id: post.version for post in session.scalars(select(Post))}
        assert small.of(session, versions) == small.of(session, versions)
        assert small.of(session, {999: 1}) == {999: ()}
    assert len(adapted) > 5, "no more than one post is remembered"


def test_the_archive_is_searched_page_by_page(posts: queue_desk.Desk, editor: Client) -> None:
    post_ids = [
        posts.post(f"Picture {number}", NOON, last_shown_on=NOON.date() - timedelta(days=number))
        for number in range(60)
    ]
    posts.post("Spores", NOON, state="draft", tags=["fungi"], standfirst="Under glass")

    def listed(path: str) -> list[int]:
        return [int(number) for number in re.findall(r'<p><a href="/posts/(\d+)">', editor.get(path).text)]

    first = listed("/posts?state=shown")
    assert first == post_ids[:9:-1]
    assert 'href="/posts?before=' in editor.get("/posts?state=shown").text
    assert listed(f"/posts?state=shown&before={first[-1]}") == post_ids[9::-1]
    assert len(listed("/posts?text=GLASS+fungi")) == 1
    assert listed("/posts?text=fungi+bone") == []
    assert "“%” holds no letter" in editor.get("/posts?text=%25").text


def test_posts_are_listed_and_found_on_postgresql(postgres_database: Database, tmp_path: Path) -> None:
    desk = queue_desk.open_desk(postgres_database, tmp_path)
    cells = desk.post("Cèl·lules del cervell", NOON, tags=["neurociència"])
    reserve = desk.post("Roots", NOON, reserve=True)
    dated = desk.post("Bones", NOON, fixed_date=TUESDAY)
    problems = ProblemCache(desk.targets, desk.people)
    with postgres_database.reading() as session:
        page = queue_page(session, desk.settings, problems, QueueFilter(), 1, now=NOON)
        results = find_posts(session, "CÈL·LULES Neurociència")
    assert [(listed.post.id, listed.projected) for listed in page.posts] == [
        (dated, TUESDAY),
        (cells, NOON.date()),
        (reserve, TUESDAY + timedelta(days=1)),
    ]
    assert [post.id for post in results] == [cells]


@pytest.mark.parametrize("path", ["/queue", "/posts"])
def test_a_search_shows_where_a_post_matched(posts: queue_desk.Desk, editor: Client, path: str) -> None:
    posts.post("Leaves", NOON, translations={"ca": {"title": "Fulles", "body": "Unes cèl·lules <b>verdes</b>."}})
    answer = editor.get(f"{path}?text=cellules").text
    assert "Some posts are not in the search index yet" in answer
    refresh_index(posts.database)
    answer = editor.get(f"{path}?text=cellula").text
    assert "Text (Catalan):" in answer
    assert '<span lang="ca" dir="auto">Unes <mark>cèl·lules</mark> &lt;b&gt;verdes&lt;/b&gt;.</span>' in answer
    assert "search index" not in answer
    assert "mark>" not in editor.get(path).text


def test_a_page_of_problems_says_which_posts_it_was_chosen_from(posts: queue_desk.Desk, editor: Client) -> None:
    posts.posts(["One", "Two"], NOON)
    posts.post("Three", NOON, credit="")
    assert "of the posts 1 to 3" in editor.get("/queue?state=problems").text
