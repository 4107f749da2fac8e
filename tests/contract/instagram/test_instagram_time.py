"""That every exchange with Instagram ends, and that an upload has the time that its size needs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from publisher.core.clock import monotonic
from publisher.platforms.errors import Unavailable
from publisher.platforms.instagram import adapter
from publisher.sandbox.wire import Answer
from tests.contract.instagram.posts import picture, post_of, publish, upload
from tests.contract.platforms.instagram import KEY, Driver


def test_all_pages_of_a_look_up_have_one_deadline(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "LOOK_UP_SECONDS", 1.0)
    instagram = desk.adapter()
    page = {
        "items": [{"pk": 1, "taken_at": int(desk.clock.now().timestamp())}],
        "more_available": True,
        "next_max_id": "1",
        "status": "ok",
    }
    desk.rewrite = lambda _request, _answer: Answer.of_json(200, page).delayed(0.4)

    with pytest.raises(Unavailable):
        instagram.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now())

    assert 1 < len(desk.requests) < adapter.PAGES


class Line:
    """A line to the sandbox's proxy that stops carrying bytes towards it after the first `limit`."""

    def __init__(self, proxy_url: str, limit: int) -> None:
        self._proxy_port = int(proxy_url.rpartition(":")[2])
        self._limit = limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextmanager
    def open(self) -> Iterator[None]:
        thread = threading.Thread(target=self._carry)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self._listener.close()

    def _carry(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.0.1", self._proxy_port)) as proxy:
            back = threading.Thread(target=self._carry_back, args=(proxy, client))
            back.start()
            carried = 0
            while carried < self._limit and (data := client.recv(16_384)):
                proxy.sendall(data)
                carried += len(data)
            self._over.wait()
            proxy.shutdown(socket.SHUT_RDWR)
            back.join()

    @staticmethod
    def _carry_back(proxy: socket.socket, client: socket.socket) -> None:
        while data := proxy.recv(16_384):
            client.sendall(data)


def test_an_upload_of_which_nothing_passes_any_more_ends_early(desk: Driver) -> None:
    image = picture(desk.folder)
    image.path.write_bytes(image.path.read_bytes() + bytes(7_000_000))
    line = Line(desk.server.proxy_url, 100_000)
    # At this speed the picture has 70 seconds.
    adapter = desk.adapter(proxy=line.url, timeout=1.0, uplink_bytes_per_second=100_000.0)
    started = monotonic()

    with line.open(), pytest.raises(Unavailable):
        upload(adapter, image)

    assert monotonic() - started < 40
    # A request that another test gave up may come late.
    assert [request for request in desk.requests if request.path.startswith("/rupload_igphoto/")] == []


@pytest.mark.parametrize(("uplink", "taken"), [(1_000_000_000.0, False), (1_000.0, True)])
def test_an_upload_has_the_time_that_its_size_needs(desk: Driver, uplink: float, taken: bool) -> None:
    adapter, image = (
        desk.adapter(timeout=1.0, uplink_bytes_per_second=uplink),
        picture(desk.folder, width=1080, height=1080),
    )
    assert 5_000 < image.path.stat().st_size < 50_000
    desk.rewrite = lambda _request, answer: answer.delayed(3.0)

    if taken:
        upload(adapter, image)
    else:
        with pytest.raises(Unavailable):
            upload(adapter, image)

    assert len(desk.requests) == 1


def test_a_post_that_is_public_in_time_is_told_so(desk: Driver) -> None:
    adapter = desk.adapter(timeout=10.0)
    desk.sandbox.delay = 0.3

    publish(adapter, picture(desk.folder))

    assert len(desk.ledger.posts()) == 1
