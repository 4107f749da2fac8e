"""Tests that password tries of strangers delay no page and no known browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from publisher.staff import logins
from publisher.staff.passwords import is_correct_password
from publisher.web import load_limit
from tests.conftest import WriteDesk
from tests.desk_site import PASSWORD, Client, Site, open_starter_site
from tests.waiting import TIMEOUT, wait_until

WRONG_PASSWORD = "not the word at all"


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path)) as new_site:
        yield new_site


class SlowComparison:
    """Blocks the comparison of a wrong password until it is allowed, and counts comparisons."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.comparisons = 0
        self._lock = threading.Lock()
        monkeypatch.setattr(logins, "is_correct_password", self)

    def __call__(self, password: str, stored_hash: str | None) -> bool:
        if password == WRONG_PASSWORD:
            with self._lock:
                self.comparisons += 1
            assert self.go_on.wait(TIMEOUT)
        return is_correct_password(password, stored_hash)


def log_in(client: Client, email: str, password: str) -> requests.Response:
    form = {"email": email, "password": password}
    return client.post("/login", data=form, timeout=TIMEOUT, allow_redirects=False)


def test_pages_and_known_browsers_go_on_while_strangers_try_passwords(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor, known_browser = site.client("editor"), site.client()
    assert log_in(known_browser, "editor@example.org", PASSWORD).status_code == 303
    del known_browser.cookies["publisher_session"]
    comparison = SlowComparison(monkeypatch)
    number = load_limit.MAX_WORKERS + 6
    with ThreadPoolExecutor(number) as many:
        try:
            tries = [
                many.submit(log_in, site.client(), f"a{attempt}@example.org", WRONG_PASSWORD)
                for attempt in range(number)
            ]
            wait_until(lambda: sum(attempt.done() for attempt in tries) == number - 8, "the surplus is refused")
            assert comparison.comparisons == 1
            for path in ("/", "/queue", "/login"):
                assert editor.get(path, timeout=TIMEOUT).status_code == 200
            assert log_in(known_browser, "editor@example.org", PASSWORD).status_code == 303
            refused = next(attempt.result() for attempt in tries if attempt.done())
        finally:
            comparison.go_on.set()
        statuses = sorted(attempt.result().status_code for attempt in tries)
    assert statuses == [401] * 8 + [503] * (number - 8)
    assert refused.headers["retry-after"] == "5"
    assert "@example.org" in refused.text
    assert "Nothing" in refused.text


def test_a_refused_confirmation_keeps_what_was_typed(site: Site) -> None:
    client = site.client("admin")
    work: Any = site.server._app.state.slow_work
    person = site.person("admin")
    for _ in range(8):
        work.log_ins._capacity.acquire(person)
    form = {"name": "Kept Name", "email": "kept@example.org", "confirm_password": PASSWORD}
    answer = client.send_form("/people", form, timeout=TIMEOUT)
    assert "kept@example.org" in answer.text
    assert "Confirm that it is you" in answer.text
