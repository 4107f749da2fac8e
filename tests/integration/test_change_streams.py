"""Tests that pages which listen to changes are limited in number and time, and shut nobody out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from publisher.core.http_connections import ConnectionLimits
from publisher.db.staff import WebSession
from publisher.lifecycle import record_event
from publisher.staff import accounts, logins
from publisher.staff.tokens import hash_of
from publisher.web import change_streams
from publisher.web.guard import COOKIE
from tests.desk_site import Client, Site, serve_starter_site
from tests.waiting import TIMEOUT, wait_until

PATH = "/deliveries/changes"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_starter_site(tmp_path, ConnectionLimits()) as new_site:
        yield new_site


class Listener:
    """Listens to changes as a page does, and reads the lines one after the other."""

    def __init__(self, client: Client) -> None:
        self.answer = client.get(PATH, stream=True, timeout=TIMEOUT)
        assert self.answer.status_code == 200
        self._lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(self._lines) == "retry: 5000"

    def close(self) -> None:
        self.answer.close()

    def until_it_ends(self) -> list[str]:
        return list(self._lines)

    def until_a_change(self) -> None:
        assert any(line == "event: change" for line in self._lines)


@pytest.fixture
def listen() -> Iterator[Callable[[Client], Listener]]:
    with ExitStack() as stack:

        def begin(client: Client) -> Listener:
            listener = Listener(client)
            # Bound to the listener: without its lines, which nobody reads any more, the connection would be closed.
            stack.callback(listener.close)
            return listener

        yield begin


def streams_of(site: Site) -> change_streams.ChangeStreams:
    streams: change_streams.ChangeStreams = site.server._app.state.change_streams
    return streams


def test_a_page_receives_a_change(site: Site, listen: Callable[[Client], Listener]) -> None:
    listeners = [listen(site.client("editor")), listen(site.client("operator"))]
    with site.desk.database.writing() as session:
        record_event(session, "something", now=site.desk.now())
    for listener in listeners:
        listener.until_a_change()


def test_a_person_listens_with_few_pages_and_the_oldest_makes_room(
    site: Site, listen: Callable[[Client], Listener]
) -> None:
    client = site.client("contributor")
    listeners = [listen(client) for _ in range(change_streams.MAX_PER_PERSON + 2)]
    for oldest in listeners[:2]:
        assert f"retry: {change_streams.DISPLACED_RETRY_MS}" in oldest.until_it_ends()
    assert len(streams_of(site)) == change_streams.MAX_PER_PERSON
    with site.desk.database.writing() as session:
        record_event(session, "something", now=site.desk.now())
    listeners[-1].until_a_change()


def test_all_together_are_bounded(
    site: Site, listen: Callable[[Client], Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_streams, "MAX_STREAMS", 2)
    first, *_ = [listen(site.client("editor", email=f"e{number}@example.org")) for number in range(3)]
    first.until_it_ends()
    assert len(streams_of(site)) == 2


def log_out(site: Site, client: Client) -> None:
    assert client.send_form("/logout", allow_redirects=False).status_code == 303


def close_session(site: Site, client: Client) -> None:
    logins.close_session(site.desk.database, hash_of(client.cookies[COOKIE]))


def deactivate(site: Site, _client: Client) -> None:
    desk = site.desk
    accounts.set_active(desk.database, site.person("editor"), False, now=desk.now(), actor="test")


def change_roles(site: Site, _client: Client) -> None:
    desk = site.desk
    accounts.set_roles(desk.database, site.person("editor"), ["contributor"], now=desk.now(), actor="test")


def change_password(site: Site, _client: Client) -> None:
    logins.change_own_password(
        site.desk.database, site.person("editor"), "another quiet night of rain", keep_session="", keep_browser="",
        now=site.desk.now(),
    )  # fmt: skip


def let_it_expire(site: Site, client: Client) -> None:
    with site.desk.database.writing() as session:
        row = session.get_one(WebSession, hash_of(client.cookies[COOKIE]))
        row.seen_at -= logins.IDLE_LIMIT * 2


@pytest.mark.parametrize(
    "act",
    [log_out, close_session, deactivate, change_roles, change_password, let_it_expire],
    ids=lambda act: act.__name__,
)
def test_a_stream_ends_with_what_it_was_opened_with(
    site: Site, listen: Callable[[Client], Listener], act: Callable[[Site, Client], None]
) -> None:
    site.person("admin")
    client, other = site.client("editor"), site.client("operator")
    listener, stays = listen(client), listen(other)
    act(site, client)
    assert "retry: 60000" not in listener.until_it_ends()
    assert len(streams_of(site)) == 1
    with site.desk.database.writing() as session:
        record_event(session, "something", now=site.desk.now())
    stays.until_a_change()


def test_a_stream_ends_after_its_time(
    site: Site, listen: Callable[[Client], Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_streams, "MAX_SECONDS", 0.0)
    listen(site.client("editor")).until_it_ends()


def test_listening_does_not_keep_a_session_alive(site: Site, listen: Callable[[Client], Listener]) -> None:
    client = site.client("editor")
    listener = listen(client)
    with site.desk.database.writing() as session:
        row = session.get_one(WebSession, hash_of(client.cookies[COOKIE]))
        row.seen_at = before = row.seen_at - logins.SEEN_AT_PRECISION * 3
        record_event(session, "something", now=site.desk.now())
    listener.until_a_change()
    with site.desk.database.reading() as session:
        assert session.get_one(WebSession, hash_of(client.cookies[COOKIE])).seen_at == before


def test_the_task_ends_when_nobody_listens(site: Site, listen: Callable[[Client], Listener]) -> None:
    listen(site.client("editor")).close()
    streams = streams_of(site)
    wait_until(lambda: len(streams) == 0, "the stream is forgotten")
    wait_until(lambda: streams._poll_task is not None and streams._poll_task.done(), "the task ends")


def test_streams_give_way_to_people_who_ask_for_pages(tmp_path: Path, listen: Callable[[Client], Listener]) -> None:
    with serve_starter_site(tmp_path, ConnectionLimits(total=8)) as site:
        for number in range(12):
            listen(site.client("contributor", email=f"c{number % 4}@example.org"))
        assert site.server.connections == 8
        for _ in range(3):
            assert requests.get(f"{site.url}/login", timeout=TIMEOUT).status_code == 200
        assert site.server.connections <= 8


def test_a_server_that_stops_ends_its_streams(tmp_path: Path) -> None:
    with serve_starter_site(tmp_path, ConnectionLimits()) as site:
        listener = Listener(site.client("editor"))
        site.server._app.state.stopping.set()
        listener.until_it_ends()
