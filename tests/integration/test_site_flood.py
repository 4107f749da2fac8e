"""Tests that a flood of searches on the site is refused, and keeps no post of the day from going out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from publisher.cli.service import Service
from tests.conftest import OpenOutlet
from tests.outlet import Outlet
from tests.waiting import TIMEOUT, wait_until

VISITORS = 8


class Flood:
    """Searches without a pause, from several connections, until it is stopped."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[int] = Counter()

    def search(self, visitor: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            number = 0
            while not self._stopped.is_set():
                number += 1
                address = f"{self._url}/search?q=cell+{visitor}+{number}"
                status = session.get(address, timeout=TIMEOUT).status_code
                with self._lock:
                    self.answers[status] += 1

    def stop(self) -> None:
        self._stopped.set()


@contextmanager
def flood_of_searches(url: str) -> Iterator[Flood]:
    flood = Flood(url)
    with ThreadPoolExecutor(VISITORS) as visitors:
        searching = [visitors.submit(flood.search, number) for number in range(VISITORS)]
        try:
            yield flood
        finally:
            flood.stop()
        for visitor in searching:
            visitor.result()


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    opened = open_outlet("tumblr")
    with opened.config.open("a", encoding="utf-8") as config:
        config.write("\n[site]\nenabled = true\nport = 0\n")
    opened.desk.__dict__.pop("settings", None)
    return opened


def test_a_day_is_published_during_a_flood_of_searches(outlet: Outlet) -> None:
    service = Service(outlet.desk, ("scheduler", "worker", "site"))
    service.start()
    try:
        assert service.site_url is not None
        with flood_of_searches(service.site_url) as flood:
            wait_until(lambda: flood.answers[429] > 0, "searches are refused")
            outlet.add_post("Heron")
            wait_until(
                lambda: [row.state for row in outlet.deliveries().values()] == ["published"], "the day's post is out"
            )
            refused = flood.answers[429]
            wait_until(lambda: flood.answers[429] > refused, "the flood still goes on")
            page = requests.get(service.site_url, timeout=TIMEOUT)
    finally:
        service.stop()

    assert len(outlet.copies("tumblr")) == 1
    assert page.status_code == 200
    assert "Heron" in page.text
    assert set(flood.answers) <= {200, 429, 503}
