"""Tests that the site reads each address once, leads nobody elsewhere, and lets no flood of addresses cost more."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from publisher.core.rate_limits import Buckets
from publisher.site.answers import Answer
from publisher.site.packed_answers import PackedAnswer
from publisher.site.page_request import PageRequest
from publisher.site.pages import SitePages
from tests.conftest import WriteDesk
from tests.public_site import TODAY, PublicSite, Visitor, open_public_site
from tests.waiting import TIMEOUT


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[PublicSite]:
    opened = open_public_site(write_desk(tmp_path / "desk"))
    yield opened
    opened.desk.database.close()


@pytest.fixture
def visitor(site: PublicSite) -> Iterator[Visitor]:
    with site.visit() as client:
        yield client


def raw_answer(visitor: Visitor, target: bytes) -> tuple[int, dict[bytes, bytes]]:
    """Asks for a target as it is written, which a library of HTTP would put right."""
    server = urlsplit(visitor.base)
    with socket.create_connection((server.hostname, server.port), timeout=TIMEOUT) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head = received.partition(b"\r\n\r\n")[0].split(b"\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head[1:])
    return int(head[0].split()[1]), headers


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects the paths of the pages that are rendered."""
    paths: list[str] = []
    original = SitePages.answer

    def answer(pages: SitePages, request: PageRequest) -> Answer:
        paths.append(request.path)
        return original(pages, request)

    monkeypatch.setattr(SitePages, "answer", answer)
    return paths


@pytest.mark.parametrize(
    ("target", "location"),
    [
        (b"/%5Cevil.example/", b"/%5cevil.example"),
        (b"//evil.example/", b"/evil.example"),
        (b"//evil.example", b"/evil.example"),
        (b"/%2F%5Cevil.example/", b"/%5cevil.example"),
        (b"/%09/evil.example/", b"/%09/evil.example"),
        (b"/%0d%0aX-Evil:%20yes%0d%0a/", b"/%0d%0ax-evil%3a%20yes%0d%0a"),
        (b"/%C3%A9/", b"/%c3%a9"),
        (b"/%E2%82%AC/", b"/%e2%82%ac"),
        (b"/%ff/", b"/%ef%bf%bd"),
        (b"/archive%3Fx=1/", b"/archive%3fx%3d1"),
        (b'/archive/?y=%41&z="<\\', b"/archive?y=%41&z=%22%3c%5c"),
    ],
)
def test_a_redirect_stays_on_this_host(site: PublicSite, visitor: Visitor, target: bytes, location: bytes) -> None:
    site.publish("Heron")
    status, headers = raw_answer(visitor, target)

    assert (status, headers.get(b"location")) == (301, location)
    assert b"x-evil" not in headers


def test_a_path_is_decoded_once(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron")

    assert visitor.get("/%73earch?q=heron").status_code == 200
    for path in ("/%2573earch?q=heron", "/tags/cell%252Dbiology", "/ca/%2573earch?q=heron"):
        assert raw_answer(visitor, path.encode())[0] == 404


def test_no_form_of_a_searchs_address_passes_the_throttle(
    site: PublicSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish("Heron")
    monkeypatch.setattr(Buckets, "take", lambda *_arguments: SimpleNamespace(granted=False))
    forms = ("/search?q=a", "/%73earch?q=a", "/search?x=1&q=a", "/ca/search?q=%61", "/search?q=&q=a", "//search/?q=a")
    answers = [raw_answer(visitor, form.encode())[0] for form in forms]

    assert answers == [429, 429, 429, 429, 429, 301]


def test_an_old_address_is_compared_as_it_was_written(site: PublicSite, visitor: Visitor) -> None:
    site.import_post("Heron", date(2022, 2, 12), link="https://old.example/a%2541?name=x%20y")
    site.import_post("Wren", date(2022, 2, 13), link="https://old.example/caf%C3%A9%3F.html")

    assert raw_answer(visitor, b"/a%2541?name=x%20y")[1][b"location"] == b"/archive/2022/2/12"
    assert raw_answer(visitor, b"/caf%C3%A9%3F.html")[1][b"location"] == b"/archive/2022/2/13"
    assert raw_answer(visitor, b"/aA?name=x%20y")[0] == 404


def test_the_old_address_of_a_withdrawn_post_is_gone(site: PublicSite, visitor: Visitor) -> None:
    post = site.import_post("Heron", date(2022, 2, 12), link="https://old.example/heron.html")
    assert visitor.get("/heron.html").status_code == 301

    site.change(post, state="withdrawn")

    gone = visitor.get("/heron.html")
    assert gone.status_code == 410
    assert "This post was withdrawn" in gone.text
    assert visitor.get("/heron.html?utm_source=letter").status_code == 410


def test_unknown_addresses_push_out_no_page(site: PublicSite, visitor: Visitor, rendered: list[str]) -> None:
    site.publish("Heron")
    visitor.get("/")
    for number in range(300):
        visitor.get(f"/none-{number}")
    visitor.get("/")

    assert rendered.count("/") == 1


def test_what_is_added_to_an_address_renders_no_page_again(
    site: PublicSite, visitor: Visitor, rendered: list[str]
) -> None:
    site.publish("Heron")
    for number in range(5):
        assert visitor.get(f"/?fbclid={number}").status_code == 200

    assert rendered == ["/"]


def test_a_page_is_compressed_once(site: PublicSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = []
    original = PackedAnswer.of

    def of(answer: Answer) -> PackedAnswer:
        packed.append(answer)
        return original(answer)

    monkeypatch.setattr(PackedAnswer, "of", of)
    site.publish("Heron")
    for _number in range(5):
        assert visitor.get("/").headers["content-encoding"] == "gzip"

    assert len(packed) == 1


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip", "gzip"), ("br, GZIP;q=0.5", "gzip"), ("gzip; q=0", None), ("gzip;q=0.0, *", None), ("identity", None)],
)
def test_only_who_takes_it_gets_a_compressed_page(
    site: PublicSite, visitor: Visitor, accepted: str, encoding: str | None
) -> None:
    site.publish("Heron")
    page = visitor.get("/", headers={"accept-encoding": accepted})

    assert page.headers.get("content-encoding") == encoding
    assert page.headers["vary"] == "accept-encoding"


def test_only_a_files_own_version_is_kept_for_long(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Heron", TODAY - timedelta(days=1))
    address = visitor.get("/").text.partition('stylesheet" href="')[2].partition('"')[0]

    assert "immutable" in visitor.get(address).headers["cache-control"]
    for other in ("/site.css?v=0123456789ab", "/site.css?v=", "/feed.xml?v=1", "/?v=1"):
        assert visitor.get(other).headers["cache-control"] == "public, max-age=60"
