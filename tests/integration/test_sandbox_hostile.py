"""Tests that the sandbox answers whatever reaches its ports, and goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from publisher.sandbox_client import SandboxClient, running_sandbox

DEEP = b"[" * 200_000
WISHES = [
    ("/clock", b'{"offset_seconds": 1e300}'),
    ("/clock", b'{"offset_seconds": 1e18}'),
    ("/clock", b'{"offset_seconds": NaN}'),
    ("/clock", b'{"offset_seconds": Infinity}'),
    ("/clock", b'{"platform": "x", "skew_seconds": -1e300}'),
    ("/lag", b'{"platform": "x", "seconds": [1e300, 1e300]}'),
    ("/lag", b'{"platform": "x", "seconds": NaN}'),
    ("/faults", b'{"platform": "x", "fault": "429", "times": 1e400}'),
    ("/faults", b'{"platform": "x", "fault": "late-504:1e400"}'),
    ("/faults", b'{"platform": "x", "fault": "late-504:-5"}'),
    ("/faults", b'{"platform": "x", "fault": "slow-after:nan"}'),
    ("/faults", b'{"platform": []}'),
    ("/desk", b'{"url": "javascript:alert(1)"}'),
    *((path, DEEP) for path in ("/faults", "/delay", "/clock", "/lag", "/evidence", "/habits", "/desk", "/clear")),
    ("/habits", b"\xff\xfe"),
]
REQUESTS = {
    "a negative length": b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    "a length in words": b"POST / HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
    "a length of many digits": b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "an address that can't be split": b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a signed address that can't be read": b"GET /nowhere?a=%zz HTTP/1.1\r\nHost: x\r\nAuthorization: OAuth x\r\n\r\n",
    "a signed form that is no text": (
        b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: OAuth x\r\nContent-Length: 2\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n\xff\xfe"
    ),
    "a form that is no text": (
        b"POST /oauth/authorize HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n\xff\xfe"
    ),
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxClient]:
    log = tmp_path_factory.mktemp("sandbox") / "errors"
    with log.open("wb") as errors, running_sandbox(errors=errors) as client:
        yield client
    assert "Traceback" not in Path(log).read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize(("path", "body"), WISHES, ids=lambda value: str(value[:40]))
def test_a_wish_that_makes_no_sense_is_refused(sandbox: SandboxClient, path: str, body: bytes) -> None:
    answer = requests.post(sandbox.url + path, data=body, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert sandbox.get("/ledger") == []


@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS.keys())
def test_a_request_that_makes_no_sense_gets_an_answer(sandbox: SandboxClient, request_bytes: bytes) -> None:
    bases = [account["settings"].get("base_url") for account in sandbox.get("/accounts").values()]
    for url in filter(None, [sandbox.url, *bases]):
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=30) as connection:
            connection.sendall(request_bytes)
            assert connection.recv(4096).startswith(b"HTTP/1.1 4"), url
    assert sandbox.get("/ledger") == []
