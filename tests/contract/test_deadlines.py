"""Each exchange ends, leads where the channel says, and is left alone by the environment of the process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading

import pytest

from publisher.platforms.errors import PlatformError, Unavailable
from publisher.sandbox.wire import Answer, DrippingPart
from tests.contract.account import Account
from tests.waiting import TIMEOUT


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


def test_a_platform_that_is_out_of_reach_was_asked_for_nothing(account: Account) -> None:
    media = account.upload(account.adapter())
    preparation = account.prepare(account.adapter(), media)
    account.requests.clear()
    nowhere = f"http://127.0.0.1:{closed_port()}"
    for changes in ({"proxy": nowhere}, {"base_url": nowhere, "proxy": None}):
        if "base_url" in changes and not account.connection().base_url:
            continue
        adapter = account.adapter(**changes)
        with pytest.raises(Unavailable):
            adapter.publish(account.post(), media, idempotency_key=account.KEY, preparation=preparation)
        for ask in (adapter.verify_credentials, lambda adapter=adapter: account.find(adapter)):
            with pytest.raises(Unavailable):
                ask()
    assert account.requests == []
    assert account.copies() == []


def test_a_proxys_password_is_in_no_message(account: Account) -> None:
    adapter = account.adapter(proxy=f"http://desk:very-secret@127.0.0.1:{closed_port()}")
    with pytest.raises(Unavailable) as ended:
        adapter.verify_credentials()
    error: BaseException | None = ended.value
    while error is not None:
        assert "very-secret" not in str(error)
        error = error.__cause__ or error.__context__


def test_the_environment_decides_neither_proxy_nor_certificates(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere.pem")
    account.publish()
    assert len(account.copies()) == 1


@pytest.mark.parametrize("part", DrippingPart)
def test_an_answer_that_drips_ends_whatever_was_asked(account: Account, part: DrippingPart) -> None:
    """The answer comes in place of the platform's, so that no length of an answer hides it."""
    adapter = account.adapter()
    number = account.publish(adapter)
    dripping = Answer(status=200, body=bytes(300)).dripping(part, 0.2)
    account.in_front = lambda _request: dripping
    for ask in account.questions().values():
        with account.waiting_shortly(), pytest.raises(Unavailable):
            ask(adapter, number)


def test_a_signal_is_taken_while_an_answer_drips(account: Account) -> None:
    adapter = account.adapter()
    asked, taken = threading.Event(), threading.Event()

    def drip(_request: object) -> Answer:
        asked.set()
        return Answer(status=200, body=bytes(300)).dripping(DrippingPart.BODY, 0.2)

    account.in_front = drip

    def ask() -> None:
        with account.waiting_shortly(3.0), contextlib.suppress(PlatformError):
            adapter.verify_credentials()

    asking = threading.Thread(target=ask)
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: taken.set())
    try:
        asking.start()
        assert asked.wait(TIMEOUT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert taken.wait(TIMEOUT)
        assert asking.is_alive()
    finally:
        signal.signal(signal.SIGTERM, before)
        asking.join()
