"""Tests that a preview link shows one post to whoever has it, takes remarks, and gives nothing else of the desk."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from publisher.collaboration import preview_links
from publisher.collaboration.preview_links import make_link, revoke_link
from publisher.core.clock import ShiftedClock
from publisher.core.post_limits import COMMENT
from publisher.core.states import State
from publisher.db.models import Delivery, Event
from publisher.db.staff import Comment, PreviewLink
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft
from publisher.posts.errors import PostError
from publisher.posts.posts import add_post
from publisher.schedule.picking import pick_slot
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.slots import slot_day, slot_opens
from publisher.settings.channel_names import channel_names
from publisher.staff import accounts
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site, text_of
from tests.outlet import draw

HOSTILE = "<script>alert(1)</script> <b>bold</b> {{ 7 * 7 }}"


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, clock: ShiftedClock) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk"), clock) as opened:
        yield opened


def add(site: Site, title: str, seed: int) -> int:
    file = site.desk.config.parent / f"{seed}.png"
    draw(file, seed=seed)
    image = ImageDraft(file=file, alt_text="A disc on black ground")
    draft = PostDraft(title=title, credit="Dr Roca", images=(image,))
    return add_post(site.desk.database, site.desk.store, draft, site.desk.now(), "writer@example.org").id


@pytest.fixture
def post(site: Site) -> int:
    return add(site, "A quiet cell", 1)


def link_to(site: Site, post: int, days: int = 14) -> str:
    """Makes a link, and returns the path of its page."""
    made = make_link(site.desk.database, post, "Dr Roca", days=days, now=site.desk.now(), actor="editor@example.org")
    return f"/shared/{made.token}"


def pictures_in(page: str) -> list[str]:
    return re.findall(r'src="(/shared/[^"]+/pictures/[0-9a-f]{64})"', page)


def remarks(site: Site) -> list[str]:
    with site.desk.database.reading() as session:
        return list(session.scalars(select(Comment.text).where(Comment.preview_link_id.is_not(None))))


def test_a_link_shows_the_post_on_every_channel_and_takes_a_remark(site: Site, post: int) -> None:
    editor = site.client("editor")
    made = editor.send_form(f"/posts/{post}/links", {"name": "Dr Roca", "days": "7"})
    address = re.search(r'<code id="new-link">([^<]+)</code>', made.text)
    assert address is not None, text_of(made)
    assert address[1].startswith(f"{site.url}/shared/")
    guest = site.client()
    page = guest.get(address[1])
    assert page.status_code == 200
    for channel in channel_names(site.desk.settings).values():
        assert f'aria-label="{channel}"' in page.text
    assert "Nothing blocks approval" not in page.text
    assert guest.get_picture(pictures_in(page.text)[0]).headers["content-type"].startswith("image/")
    # A page without a referrer gives no origin either.
    sent = guest.send_form(
        f"{address[1]}/remarks", {"text": "The stain is DAPI.", "author": "Anna Roca"}, headers={"Origin": "null"}
    )
    assert "Thank you." in text_of(sent)
    assert "The stain is DAPI." in text_of(sent)
    shown = text_of(editor.get(f"/posts/{post}"))
    assert "Anna Roca by a preview link" in shown
    assert "The stain is DAPI." in shown
    assert "last visit" in shown
    assert not guest.cookies, "the page sets no cookie"


@pytest.mark.parametrize("part", ["", "/remarks", "/pictures/" + "0" * 64])
def test_every_answer_keeps_the_address_secret(site: Site, post: int, part: str) -> None:
    for path in (link_to(site, post), "/shared/guessed"):
        answer = site.client().get(path + part)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "set-cookie" not in answer.headers


def test_pictures_of_the_post_are_not_cached(site: Site, post: int) -> None:
    guest = site.client()
    picture = guest.get_picture(pictures_in(guest.get(link_to(site, post)).text)[0])
    assert picture.headers["cache-control"] == "no-store"


def test_the_page_leads_nowhere_else(site: Site, post: int) -> None:
    path = link_to(site, post)
    guest = site.client()
    links = set(re.findall(r'(?:href|action|src)="(/[^"]*)"', guest.get(path).text))
    assert all(link.startswith((path, "/static/")) for link in links), links
    for elsewhere in (f"/posts/{post}", "/", "/queue", f"/posts/{post}/links"):
        assert "Log in" in guest.get(elsewhere).text


def test_only_a_hash_of_the_token_is_stored(site: Site, post: int) -> None:
    token = link_to(site, post).rpartition("/")[2]
    site.desk.database.close()
    files = site.desk.config.parent.parent.glob("queue.db*")
    assert not any(token.encode() in file.read_bytes() for file in files)


def test_an_ended_revoked_or_guessed_address_shows_the_same_nothing(site: Site, post: int, clock: ShiftedClock) -> None:
    guest = site.client()
    revoked, ended = link_to(site, post), link_to(site, post, days=7)
    picture = pictures_in(guest.get(revoked).text)[0]
    revoke_link(site.desk.database, post, 1, now=site.desk.now(), actor="editor@example.org")
    assert guest.get(ended).status_code == 200
    clock.shift_to(site.desk.now() + timedelta(days=7, seconds=1))
    answers = [guest.get(path) for path in (revoked, ended, "/shared/guessed", f"/shared/{'x' * 150}", picture)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "A quiet cell" not in answers[0].text
    late = guest.send_form(f"{revoked}/remarks", {"text": "It is <b>DAPI</b>, and too late"})
    assert late.status_code == 404
    assert "It is &lt;b&gt;DAPI&lt;/b&gt;, and too late</textarea>" in late.text, "what was written is given back"
    assert remarks(site) == []


def test_pictures_of_other_posts_are_not_served(site: Site, post: int) -> None:
    guest = site.client()
    other = guest.get(link_to(site, add(site, "Another cell", 2))).text
    path = link_to(site, post)
    foreign = pictures_in(other)[0].rpartition("/")[2]
    for known in (False, True):
        assert guest.get(f"{path}/pictures/{foreign}").status_code == 404, f"page opened before: {known}"
        own = pictures_in(guest.get(path).text)[0]
        assert guest.get_picture(own).status_code == 200
    assert guest.get(f"/renditions/{foreign}", allow_redirects=False).status_code == 303


def test_pictures_are_found_again_after_a_restart(site: Site, post: int) -> None:
    guest = site.client()
    picture = pictures_in(guest.get(link_to(site, post)).text)[0]
    site.server._app.state.shared_limits._specs.clear()
    assert guest.get_picture(picture).status_code == 200


def test_a_remark_is_plain_text(site: Site, post: int) -> None:
    path = link_to(site, post)
    guest = site.client()
    answer = guest.send_form(f"{path}/remarks", {"text": f"{HOSTILE}\x1b[2J\u202e", "author": HOSTILE})
    assert remarks(site) == [f"{HOSTILE}[2J"]
    for page in (answer, guest.get(path), site.client("editor").get(f"/posts/{post}")):
        assert "<script>alert" not in page.text
        assert "<b>bold" not in page.text
        assert "{{ 7 * 7 }}" in page.text


def test_a_refused_remark_stays_in_the_form(site: Site, post: int) -> None:
    guest = site.client()
    answer = guest.send_form(f"{link_to(site, post)}/remarks", {"text": "é" * (COMMENT + 1), "author": "Anna Roca"})
    assert answer.status_code == 422
    assert "4,001 characters" in text_of(answer)
    assert "é" * (COMMENT + 1) in answer.text
    assert 'value="Anna Roca"' in answer.text
    assert guest.send_form(f"{link_to(site, post)}/remarks", {"text": "  "}).status_code == 422
    assert remarks(site) == []


def test_a_remark_of_ten_megabytes_is_not_read(site: Site, post: int) -> None:
    path = f"{link_to(site, post)}/remarks"
    with socket.create_connection(("127.0.0.1", site.server.port)) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000000\r\n"
        connection.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert remarks(site) == []


def test_a_flood_of_remarks_ends(site: Site, post: int, clock: ShiftedClock) -> None:
    path = f"{link_to(site, post)}/remarks"
    guest = site.client()
    for number in range(preview_links.MAX_REMARKS_AN_HOUR):
        assert guest.send_form(path, {"text": f"Remark {number}"}).status_code == 200
    again = guest.send_form(path, {"text": "Remark 3"})
    assert again.status_code == 200, "the same remark sent twice is one"
    flooded = guest.send_form(path, {"text": "One more"})
    assert flooded.status_code == 429
    assert "One more</textarea>" in flooded.text
    assert len(remarks(site)) == preview_links.MAX_REMARKS_AN_HOUR
    clock.shift_to(site.desk.now() + timedelta(hours=1, seconds=1))
    assert guest.send_form(path, {"text": "One more"}).status_code == 200


def test_a_link_takes_no_more_remarks_than_a_number_in_all_its_time(
    site: Site, post: int, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_links, "MAX_REMARKS", 2)
    path = f"{link_to(site, post)}/remarks"
    for number, status in enumerate((200, 200, 429)):
        clock.shift_to(site.desk.now() + timedelta(hours=2))
        assert site.client().send_form(path, {"text": f"Remark {number}"}).status_code == status


def test_guesses_and_a_link_have_a_rate(site: Site, post: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = site.server._app.state.shared_limits
    limits.guesses._quota, limits.links._quota = 3, 5
    guest = site.client()
    assert [guest.get(f"/shared/guess-{number}").status_code for number in range(4)] == [404, 404, 404, 429]
    path = link_to(site, post)
    answers = [guest.get(path) for _number in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429], "guesses don't count against a link"
    assert int(answers[-1].headers["retry-after"]) > 0
    assert guest.get(link_to(site, post)).status_code == 200, "each link has a rate of its own"


def test_a_changed_post_is_shown_as_it_is_and_says_so(site: Site, post: int) -> None:
    path = link_to(site, post)
    guest = site.client()
    PostQueue(site.desk, "writer@example.org").ask_for_review(post)
    assert "The post was changed" not in guest.get(path).text, "a review is no change"
    PostQueue(site.desk, "writer@example.org").edit(post, PostChanges(title="A loud cell"))
    page = text_of(guest.get(path))
    assert "The post was changed on" in page
    assert "A loud cell" in page
    assert "A quiet cell" not in page
    assert "The post was changed" not in guest.get(link_to(site, post)).text


def test_links_are_listed_and_revoked(site: Site, post: int) -> None:
    editor = site.client("editor")
    path = link_to(site, post)
    listed = text_of(editor.get(f"/posts/{post}"))
    assert "Dr Roca works until" in listed
    assert "made by editor@example.org" in listed
    assert "not visited yet" in listed
    editor.get(path)
    assert "not visited yet" in text_of(editor.get(f"/posts/{post}")), "a colleague's look is no visit"
    assert "Dr Roca revoked" in text_of(editor.send_form(f"/posts/{post}/links/1/revoke"))
    assert site.client().get(path).status_code == 404
    other = add(site, "Another cell", 2)
    assert editor.send_form(f"/posts/{other}/links/1/revoke").status_code == 409
    with site.desk.database.reading() as session:
        names = session.scalars(select(Event.name).where(Event.name.like("preview link%")).order_by(Event.id))
        assert list(names) == ["preview link made", "preview link revoked"]


def test_who_may_only_read_makes_no_links(site: Site, post: int) -> None:
    operator = site.client("operator")
    assert operator.send_form(f"/posts/{post}/links", {"name": "Me"}).status_code == 403
    assert "Preview links" not in operator.get(f"/posts/{post}").text


def test_the_links_of_somebody_who_is_shut_out_end(site: Site, post: int) -> None:
    person = site.person("editor", email="editor@example.org")
    site.person("admin")
    path = link_to(site, post)
    accounts.set_active(site.desk.database, person, False, now=site.desk.now(), actor="test")
    assert site.client().get(path).status_code == 404


def test_a_post_has_a_bounded_number_of_links(site: Site, post: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_links, "MAX_LINKS", 2)
    link_to(site, post)
    link_to(site, post)
    with pytest.raises(PostError, match="2 links that work"):
        link_to(site, post)
    refused = site.client("editor").send_form(f"/posts/{post}/links", {"name": " ", "days": "7"})
    assert refused.status_code == 422
    with site.desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PreviewLink)) == 2


def test_a_failure_logs_no_token(
    site: Site, post: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    path = link_to(site, post)
    monkeypatch.setattr("publisher.web.pages.shared.channel_previews", broken)
    assert site.client().get(path).status_code == 500
    assert path.rpartition("/")[2] not in "".join(capfd.readouterr())


def test_a_client_of_another_site_sends_no_remarks_without_the_address(site: Site) -> None:
    stranger = Client(site.url)
    answer = stranger.post("/shared/guessed/remarks", data={"text": "x"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 404


def test_a_picked_post_that_is_not_out_yet_is_not_said_to_be_out(site: Site, post: int) -> None:
    desk = site.desk
    PostQueue(desk, "editor@example.org").approve(post)
    day = slot_day(desk.now(), desk.settings.outlet.zone)
    opened = slot_opens(day + timedelta(days=1), desk.settings)
    pick_slot(desk.database, desk.settings, desk.targets, desk.people, opened)
    page = text_of(site.client().get(link_to(site, post)))
    assert "went out" not in page
    assert "It is not public yet" in page
    with desk.database.writing() as session:
        for delivery in session.scalars(select(Delivery)):
            delivery.state, delivery.idempotency_key = State.UNCONFIRMED, f"key {delivery.id}"
    unknown = text_of(site.client().get(link_to(site, post)))
    assert ("went out" in unknown, "It is not public yet" in unknown) == (False, False)
