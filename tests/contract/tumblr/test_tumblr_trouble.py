"""Bad ends of requests to Tumblr, each told apart."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from publisher.core.clock import FixedClock
from publisher.platforms.base import Quota, UploadedMedia
from publisher.platforms.errors import (
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.tumblr.adapter import Adapter
from publisher.platforms.tumblr.answers import daily_quotas, daily_reset
from publisher.sandbox.wire import Answer, Request
from tests.contract.platforms.tumblr import KEY, NOW, POST, Driver
from tests.contract.platforms.tumblr_answers import answered, error


def ends_with(desk: Driver, answer: Answer, *, drafts: bool = True, at: str = "PUT") -> PlatformError:
    """The end of a delivery whose requests of a method get an answer from elsewhere."""
    desk.in_front = lambda request: answer if request.method == at else None
    with pytest.raises(PlatformError) as caught:
        desk.publish(desk.adapter(drafts=drafts))
    assert len([request for request in desk.requests if request.method == at]) == 1, "it was sent again"
    assert caught.value.message[0].isupper()
    assert desk.copies() == []
    return caught.value


def ends_with_again(desk: Driver, answer: Answer, *, drafts: bool = True, at: str) -> PlatformError:
    desk.requests.clear()
    desk.sandbox.blog.hidden_posts.clear()
    return ends_with(desk, answer, drafts=drafts, at=at)


def test_a_blog_that_is_gone_and_a_draft_that_is_gone_are_told_apart(desk: Driver) -> None:
    assert type(ends_with(desk, error(404))) is Unconfirmed
    for drafts in (True, False):
        assert isinstance(ends_with_again(desk, error(404), drafts=drafts, at="POST"), CredentialsRefused)


def test_a_used_up_day_ends_when_tumblr_says(desk: Driver) -> None:
    desk.sandbox.posts_per_day = 1
    adapter = desk.adapter()
    desk.publish(adapter)
    with pytest.raises(RateLimited, match=r"code 8023") as caught:
        desk.publish(adapter, key="another-0123456789ab")
    today = desk.copies()[0].at
    assert caught.value.retry_at == today.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert len(desk.copies()) == 1


def full_day(desk: Driver, code: int, limits: Answer) -> None:
    """Tumblr takes no more posts today, and answers the question for the limits so."""

    def answer(request: Request) -> Answer | None:
        if request.path.endswith("/limits"):
            return limits
        return error(403, code) if request.method == "POST" else None

    desk.in_front = answer


def test_a_used_up_day_without_an_end_is_tried_an_hour_later(desk: Driver) -> None:
    full_day(desk, 8004, answered(502, "<html>"))
    with pytest.raises(RateLimited) as caught:
        desk.publish(desk.adapter(clock=FixedClock(NOW)))
    assert caught.value.retry_at == NOW + timedelta(hours=1)


def test_only_limits_that_are_used_up_and_sensible_count() -> None:
    at = int(NOW.timestamp())

    def limits(**found: tuple[int, int]) -> list[Quota]:
        user = {name: {"limit": 250, "remaining": left, "reset_at": reset} for name, (left, reset) in found.items()}
        return daily_quotas({"user": user}, NOW)

    assert daily_reset(limits(posts=(0, at + 500), photos=(0, at + 900))) == NOW + timedelta(seconds=900)
    assert daily_reset(limits(posts=(0, at + 500), photos=(3, at + 900))) == NOW + timedelta(seconds=500)
    assert limits(posts=(0, at - 10), photos=(0, 10**18), videos=(0, at + 500)) == []
    assert limits(posts=(0, 0), photos=(251, at + 500)) == []


@pytest.mark.parametrize("answer", [None, [], {}, {"user": []}, {"user": {"posts": 7, "photos": {"limit": 1}}}])
def test_limits_that_can_not_be_read_are_none(answer: object) -> None:
    assert daily_quotas(answer, NOW) == []


def listening(desk: Driver) -> tuple[Adapter, dict[str, Quota]]:
    """An adapter, and the newest of each quota that it was told."""
    seen: dict[str, Quota] = {}
    connection = desk.connection(clock=FixedClock(desk.ledger.now()))
    told = replace(connection, quotas=lambda quotas: seen.update({quota.name: quota for quota in quotas}))
    return Adapter.connect(told), seen


def test_what_is_left_of_the_requests_is_told_with_every_answer(desk: Driver) -> None:
    desk.sandbox.hour.limit = 8
    adapter, seen = listening(desk)
    adapter.verify_credentials()
    desk.publish(adapter)
    left = {name: (quota.kind, quota.maximum, quota.remaining) for name, quota in seen.items()}
    assert left == {"requests, an hour": ("requests", 8, 1), "requests, a day": ("requests", 5000, 4993)}
    adapter.verify_credentials()
    with pytest.raises(RateLimited) as caught:
        desk.publish(adapter, key="another-0123456789ab")
    hour = seen["requests, an hour"]
    assert (hour.remaining, hour.resets_at) == (0, caught.value.retry_at)


def test_what_is_left_of_the_day_is_told_when_it_is_asked_for(desk: Driver) -> None:
    adapter, seen = listening(desk)
    desk.publish(adapter, 2)
    adapter.read_quotas()
    today = desk.copies()[0].at
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    day = {name: quota for name, quota in seen.items() if not name.startswith("requests")}
    assert {name: (quota.kind, quota.remaining, quota.resets_at) for name, quota in day.items()} == {
        "posts, a day": ("posts", 249, midnight),
        "pictures, a day": ("media", 248, midnight),
    }


def test_limits_that_tumblr_no_longer_tells_are_no_trouble_of_the_account(desk: Driver) -> None:
    desk.in_front = lambda _request: error(404)
    with pytest.raises(Unavailable):
        desk.adapter().read_quotas()


def test_limits_of_an_unknown_shape_are_passed_over(desk: Driver) -> None:
    told = {"user": {"posts": {"remaining": "0"}, "x": 1}}
    full_day(desk, 8023, Answer.of_json(200, {"meta": {"status": 200}, "response": told}))
    with pytest.raises(RateLimited) as caught:
        desk.publish(desk.adapter(clock=FixedClock(NOW)))
    assert caught.value.retry_at == NOW + timedelta(hours=1)


class SlowLine:
    """A line that takes a request in sips, and carries an answer back once all of it has come."""

    def __init__(self, pause: float) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self._pause = pause
        self._done = threading.Event()
        self._reader = threading.Thread(target=self._sip)

    def __enter__(self) -> SlowLine:
        self._reader.start()
        return self

    def __exit__(self, *_ended: object) -> None:
        self._done.set()
        self._reader.join()
        self.listener.close()

    def _sip(self) -> None:
        connection, _ = self.listener.accept()
        came = b""
        with connection:
            connection.settimeout(0.2)
            while not self._done.wait(self._pause):
                try:
                    came += connection.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    return
                if came.endswith(b"--\r\n"):
                    body = b'{"meta": {"status": 201}, "response": {"id": "1", "state": "published"}}'
                    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                    return


def large(desk: Driver, adapter: Adapter, size: int) -> list[UploadedMedia]:
    media = desk.upload(adapter, 1)
    media[0].image.path.write_bytes(b"x" * size)
    return media


def test_sending_to_a_line_that_is_too_slow_has_an_end(desk: Driver) -> None:
    """Each piece passes in time, and yet the whole would take minutes."""
    with SlowLine(0.05) as line:
        adapter = desk.adapter(timeout=0.6, base_url=line.url, drafts=False, uplink_bytes_per_second=99e6)
        with pytest.raises(Unconfirmed):
            adapter.publish(POST, large(desk, adapter, 9_900_000), idempotency_key=KEY)


def test_a_large_body_has_the_time_that_the_slowest_line_takes(desk: Driver) -> None:
    """It is longer on its way than a small request may take."""
    with SlowLine(0.002) as line:
        adapter = desk.adapter(timeout=0.2, base_url=line.url, drafts=False, uplink_bytes_per_second=10_000.0)
        began = time.monotonic()
        publication = adapter.publish(POST, large(desk, adapter, 600_000), idempotency_key=KEY)
        took = time.monotonic() - began
    assert publication.remote_id == "1"
    assert took > 0.2, "it proves nothing: the line was too quick"
