"""What the sandbox's Instagram and its server do."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from publisher.core.clock import monotonic
from publisher.platforms.errors import (
    ContentRejected,
    Unavailable,
)
from publisher.sandbox.http2 import TlsServer
from publisher.sandbox.instagram.login import totp_code
from publisher.sandbox.instagram.service import HOSTS
from publisher.sandbox.wire import Answer, Request
from tests.contract.instagram.posts import picture, post_of, publish, upload
from tests.contract.platforms.instagram import CAPTION, KEY, Driver
from tests.waiting import TIMEOUT

# --- the sandbox's own rules ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "caption", "reason"),
    [
        ([(1080, 1440)], CAPTION, "aspect ratio"),
        ([(1440, 700)], CAPTION, "aspect ratio"),
        ([(1080, 1080), (1080, 1350)], CAPTION, "same aspect ratio"),
        ([(1080, 1080)], "x" * 2201, "2,200"),
        ([(1080, 1080)], "🔬" * 1101, "2,200"),
        ([(1080, 1080)], "#a #b #c #d #e #f", "5 hashtags"),
    ],
)
def test_the_sandbox_refuses_what_the_platform_does_not_take(
    desk: Driver, sizes: list[tuple[int, int]], caption: str, reason: str
) -> None:
    pictures = [picture(desk.folder, width=width, height=height) for width, height in sizes]

    with pytest.raises(ContentRejected, match=reason):
        publish(desk.adapter(), *pictures, caption=caption)

    assert desk.ledger.posts() == []


@pytest.mark.parametrize("size", [(1080, 1350), (1440, 754), (1440, 1800), (1, 1)])
def test_the_sandbox_takes_the_platforms_own_shapes(desk: Driver, size: tuple[int, int]) -> None:
    publish(desk.adapter(), picture(desk.folder, width=size[0], height=size[1]), caption="🔬" * 1100)

    assert len(desk.ledger.posts()) == 1


def test_the_sandbox_looks_at_the_bytes_of_a_picture(desk: Driver) -> None:
    png = picture(desk.folder, image_format="png").model_copy(update={"format": "jpeg"})
    with pytest.raises(ContentRejected, match="right format"):
        publish(desk.adapter(), png)

    heavy = picture(desk.folder)
    heavy.path.write_bytes(heavy.path.read_bytes() + bytes(8_000_000))
    with pytest.raises(ContentRejected, match="larger than 8 MB"):
        upload(desk.adapter(), heavy)


def test_the_sandbox_does_not_recognise_a_key_that_it_has_seen(desk: Driver) -> None:
    adapter = desk.adapter()
    media = upload(adapter, picture(desk.folder))

    for _ in range(2):
        adapter.publish(post_of(), media, idempotency_key=KEY)

    assert len(desk.ledger.posts()) == 2


def test_a_code_is_what_an_authenticator_shows() -> None:
    # The test vectors of RFC 6238, cut to six digits; the key is its "12345678901234567890".
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

    codes = [totp_code(seed, unix_time) for unix_time in (59, 1111111109, 1111111111, 1234567890, 20000000000)]

    assert codes == ["287082", "081804", "050471", "005924", "353130"]


# --- the server -------------------------------------------------------------------------------


def tunnel(server: TlsServer, head: bytes) -> bytes:
    port = int(server.proxy_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        connection.sendall(head)
        return connection.recv(1000)


@pytest.mark.parametrize(
    "head",
    [b"CONNECT example.org:443 HTTP/1.1\r\n\r\n", b"GET http://i.instagram.com/ HTTP/1.1\r\n\r\n", b"\r\n\r\n"],
)
def test_the_proxy_leads_to_instagram_only(desk: Driver, head: bytes) -> None:
    assert tunnel(desk.server, head).startswith(b"HTTP/1.1 403 ")


def test_a_client_that_goes_away_half_way_harms_nobody(desk: Driver) -> None:
    port = int(desk.server.proxy_url.rpartition(":")[2])
    for head in (b"CONN", b"CONNECT i.instagram.com:443 HTTP/1.1\r\n\r\n"):
        socket.create_connection(("127.0.0.1", port)).close()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head)

    assert desk.adapter().verify_credentials().name == "picture.of.the.day"


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_the_server_speaks_both_versions_over_tls_1_3(desk: Driver, protocol: str) -> None:
    context = ssl.create_default_context(cafile=str(desk.server.ca_file))
    context.set_alpn_protocols([protocol])
    port = int(desk.server.proxy_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as plain:
        plain.sendall(b"CONNECT b.i.instagram.com:443 HTTP/1.1\r\n\r\n")
        assert plain.recv(1000).startswith(b"HTTP/1.1 200 ")
        with context.wrap_socket(plain, server_hostname="b.i.instagram.com") as secure:
            assert (secure.version(), secure.selected_alpn_protocol()) == ("TLSv1.3", protocol)


def test_the_server_stops_at_once_while_an_answer_is_held_back(desk: Driver, tmp_path: Path) -> None:
    asked = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer.of_json(200, {"status": "ok"}).delayed(10 * TIMEOUT)

    server = TlsServer(answer, hosts=HOSTS, ca_file=tmp_path / "ca.pem", refuse=lambda: False)
    server.start()
    with pytest.raises(Unavailable):
        desk.adapter(proxy=server.proxy_url, ca_file=server.ca_file, timeout=0.5).verify_credentials()
    started = monotonic()

    server.stop()

    assert len(asked) == 1
    assert monotonic() - started < TIMEOUT
    with pytest.raises(OSError, match="refused"):
        tunnel(server, b"")


def test_a_port_that_is_taken_is_told_when_the_server_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        TlsServer(
            lambda _request: Answer.of_json(200, {}),
            hosts=HOSTS,
            ca_file=tmp_path / "ca.pem",
            refuse=lambda: False,
            proxy_port=taken.getsockname()[1],
        )
