"""Serves the desk's pages for a test, with people of every role and a client like a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import select, update

from publisher.core.clock import Clock
from publisher.core.http_connections import ConnectionLimits
from publisher.db.staff import Person, WebSession
from publisher.desk import Desk
from publisher.staff import accounts, logins
from publisher.staff.roles import Role
from publisher.staff.tokens import hash_of
from publisher.starter import write_starter
from publisher.web.guard import COOKIE
from publisher.web.server import WebServer
from tests.outlet import Outlet
from tests.waiting import wait_until

HOST = "127.0.0.1"
PASSWORD = "quiet cells rest at dawn"


class Client(requests.Session):
    """Behaves like a browser without scripts: keeps cookies, names its origin, asks for pages, sends the form's key."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["Accept"] = "text/html,*/*;q=0.8"
        self.base = base
        self.csrf = ""
        self.form_keys: Callable[[str], str] | None = None
        """Gives the key that the forms of a session's pages hold, by the session's cookie."""

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        headers = {"Origin": self.base, "Sec-Fetch-Site": "same-origin", **(options.pop("headers", None) or {})}
        return super().request(method, self.base + url if url.startswith("/") else url, headers=headers, **options)

    def send_form(self, url: str, data: dict[str, Any] | None = None, **options: Any) -> requests.Response:
        """Sends a form with the session's key, as from a page that was opened just now."""
        if self.form_keys is not None and COOKIE in self.cookies:
            self.csrf = self.form_keys(self.cookies[COOKIE])
        return self.post(url, data={"csrf": self.csrf, **(data or {})}, **options)

    def get_picture(self, url: str) -> requests.Response:
        """Gets a picture, and asks again while a placeholder stands for it."""
        answers = [self.get(url)]

        def is_made() -> bool:
            if answers[-1].headers["content-type"] == "image/svg+xml":
                answers.append(self.get(url))
                return False
            return True

        wait_until(is_made, f"the picture {url}")
        return answers[-1]


class Site:
    """Holds a running desk, its people and its address."""

    def __init__(self, desk: Desk, server: WebServer) -> None:
        self.desk = desk
        self.server = server
        self.url = server.url
        self.outlet: Outlet
        """Set where the desk is an outlet on the sandbox."""

    def person(self, *roles: str, email: str = "") -> int:
        """Returns the id of somebody with these roles or this address, who is added at first."""
        address = email or f"{'-'.join(roles)}@example.org"
        with self.desk.database.reading() as session:
            person_id = session.scalar(select(Person.id).where(Person.email == address))
        return person_id or accounts.add_person(
            self.desk.database,
            accounts.NewPerson(address, address.partition("@")[0].title(), roles),
            password=PASSWORD,
            now=self.desk.now(),
            actor="test",
        )

    def client(self, *roles: str, email: str = "") -> Client:
        """Returns a browser with a log-in of somebody with these roles; without roles, nobody is logged in."""
        browser = Client(self.url)
        browser.form_keys = self.form_key
        if roles:
            token = self.session_token(*roles, email=email)
            browser.cookies.set(COOKIE, token, domain=HOST)
            browser.csrf = self.form_key(token)
        return browser

    def form_key(self, token: str) -> str:
        """Returns the key of a session's forms, by its cookie; empty where the session is over."""
        with self.desk.database.reading() as session:
            row = session.get(WebSession, hash_of(token))
        return row.csrf if row else ""

    def session_token(self, *roles: str, email: str = "") -> str:
        """Opens a session of somebody with these roles, and returns its cookie."""
        person = self.person(*roles, email=email)
        token = logins.open_session(
            self.desk.database, person, address="127.0.0.1", browser="test", now=self.desk.now()
        ).token
        # The session is confirmed, so that most tests of account changes need no confirmation.
        confirmed = update(WebSession).where(WebSession.token_hash == hash_of(token))
        with self.desk.database.writing() as session:
            session.execute(confirmed.values(confirmed_at=self.desk.now()))
        return token


@contextmanager
def open_site(desk: Desk) -> Iterator[Site]:
    """Serves the pages of a desk at a free port of this machine."""
    server = WebServer(desk, host=HOST, port=0)
    server.start()
    try:
        yield Site(desk, server)
    finally:
        server.stop()


@contextmanager
def open_starter_site(config: Path, clock: Clock | None = None) -> Iterator[Site]:
    """Serves the pages of a new desk with the starter's channels, which reach no platform."""
    desk = Desk(config, clock)
    with open_site(desk) as site:
        yield site
    desk.database.close()


def everyone() -> list[str]:
    return [role.value for role in Role]


def text_of(page: requests.Response) -> str:
    """Returns the visible text of a page in one line."""
    without_tags = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", page.text, flags=re.DOTALL)
    return " ".join(without_tags.split())


@contextmanager
def serve_starter_site(folder: Path, limits: ConnectionLimits) -> Iterator[Site]:
    """Serves a new desk in an empty folder, with these limits of connections."""
    write_starter(folder)
    desk = Desk(folder / "config" / "publisher.toml")
    server = WebServer(desk, host="127.0.0.1", port=0, limits=limits)
    server.start()
    try:
        yield Site(desk, server)
    finally:
        server.stop()
        desk.database.close()
