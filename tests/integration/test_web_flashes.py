"""Tests that a message after a change is shown by the page that was asked for, and by no other request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from publisher.core.clock import ShiftedClock
from publisher.db.models import Post
from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.web.post_form import post_or_404
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site, text_of

SCRIPT = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
PICTURE = {"Accept": "image/avif,image/webp,*/*;q=0.8", "Sec-Fetch-Dest": "image"}
NO_HASH = "0" * 64


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, clock: ShiftedClock) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk"), clock) as opened:
        yield opened


@pytest.fixture
def client(site: Site) -> Client:
    return site.client("editor", "operator")


def save(client: Client, title: str = "A quiet cell") -> str:
    """Saves a new post, and returns the address that the browser is led to and has not asked for yet."""
    fields = {"title": title, "language": "en", "place": "queue", "then": "save"}
    answer = client.send_form("/posts", fields, allow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["Location"]


def shows_saved(client: Client, address: str) -> bool:
    return "Saved." in text_of(client.get(address))


REQUESTS = {
    "a preview": ("POST", "/preview", SCRIPT),
    "a picture's form": ("GET", f"/pictures/{NO_HASH}/form?number=0", SCRIPT),
    "an upload that is gone": ("GET", f"/uploads/{'0' * 32}", SCRIPT),
    "a refused autosave": ("POST", "/posts/999/autosave", SCRIPT),
    "a picture that is missing": ("GET", f"/pictures/{NO_HASH}/96.webp", PICTURE),
    "a live page": ("GET", "/", SCRIPT),
    "the icon": ("GET", "/favicon.ico", PICTURE),
}


@pytest.mark.parametrize("between", REQUESTS)
def test_what_a_page_loads_by_itself_takes_no_message(client: Client, between: str) -> None:
    method, path, headers = REQUESTS[between]
    address = save(client)
    form = {"csrf": client.csrf, "title": "A quiet cell", "language": "en"} if method == "POST" else None
    answer = client.request(method, path, headers=headers, data=form)
    assert "Saved." not in answer.text
    assert shows_saved(client, address)
    assert not shows_saved(client, address)


def test_a_page_that_loads_itself_again_leaves_its_message_to_the_person(client: Client) -> None:
    address = save(client)
    assert "Saved." not in client.get(address, headers=SCRIPT).text
    assert shows_saved(client, address)


def test_a_message_waits_for_its_own_page(client: Client) -> None:
    first, second = save(client), save(client, "Another")
    for other in ("/", "/queue", "/posts", "/posts/new", "/nothing"):
        assert not shows_saved(client, other)
    for address in (second, first):
        assert shows_saved(client, address)
        assert not shows_saved(client, address)


def test_a_page_begun_before_a_change_leaves_the_message_of_the_change(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other tab's page knows of one message when a second one is stored."""
    first = save(client)
    other_tab = site.client()
    other_tab.cookies.update(client.cookies)
    addresses: list[str] = []
    name = "publisher.web.pages.editor.post_or_404"

    def save_meanwhile(desk: Desk, post_id: int) -> Post:
        monkeypatch.setattr(name, post_or_404)
        addresses.append(save(other_tab, "Another"))
        return post_or_404(desk, post_id)

    monkeypatch.setattr(name, save_meanwhile)
    assert shows_saved(client, first)
    assert shows_saved(other_tab, addresses[0])


def test_the_result_of_moved_posts_stays_with_its_undo(client: Client) -> None:
    post = save(client).rpartition("/")[2]
    address = client.send_form("/queue/move", {"posts": post, "to": "reserve"}, allow_redirects=False).headers
    calendar = client.send_form("/calendar/place", {"post": post, "day": ""}, allow_redirects=False).headers
    text = client.get(address["Location"]).text
    assert "is number 1 in the reserve now" in text
    assert ">Undo</button>" in text
    assert "Choose the day" not in text
    assert "Choose the day that the post goes out on." in text_of(client.get(calendar["Location"]))


def test_a_message_of_a_page_that_was_never_loaded_is_dropped(client: Client, clock: ShiftedClock) -> None:
    address = save(client)
    clock.shift_to(clock.now() + timedelta(minutes=11))
    assert not shows_saved(client, address)


def test_a_message_of_the_log_in_is_shown_by_the_first_page(site: Site, client: Client) -> None:
    with site.desk.database.writing() as session:
        session.execute(update(WebSession).values(flash=[{"tone": "note", "text": "7 log-ins were refused."}]))
    for path, headers in (("/", SCRIPT), ("/favicon.ico", PICTURE), (f"/pictures/{NO_HASH}/96.webp", PICTURE)):
        assert "7 log-ins were refused." not in client.get(path, headers=headers).text
    assert "7 log-ins were refused." in text_of(client.get("/queue"))
    assert "7 log-ins were refused." not in text_of(client.get("/queue"))
