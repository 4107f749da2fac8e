"""Tests that what is fetched comes from public machines alone, and stays within its limits."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from publisher.intake.problem_codes import FetchProblem
from publisher.intake.web_fetching import MAX_FAILURES, FetchRules, SiteStopped, WebFetcher
from publisher.intake.web_request import PAGE, PICTURE, FetchRefused
from tests.hostile_web import LocalWeb, answer, endless, open_web

KINDS = {PAGE: replace(PAGE, max_bytes=10_000, seconds=60.0)}
RULES = FetchRules(interval=0.0, tries=1, kinds=KINDS)
SLOW = FetchRules(interval=0.0, tries=1, kinds={PAGE: replace(PAGE, seconds=0.3)})


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWeb]:
    with open_web(monkeypatch) as opened:
        yield opened


def refusal(url: str, rules: FetchRules = RULES) -> FetchRefused:
    with pytest.raises(FetchRefused) as refused:
        WebFetcher(rules).fetch_bytes(url, PAGE)
    text = str(refused.value)
    assert text.endswith((".", "?"))
    assert "Error" not in text
    return refused.value


def test_a_page_is_fetched_and_the_program_says_who_it_is(web: LocalWeb) -> None:
    web.put("old.test/a?b=1", "<p>Hello</p>")
    fetcher = WebFetcher(replace(RULES, contact="https://daily.example"))
    got, content = fetcher.fetch_bytes("http://old.test/a?b=1", PAGE)
    assert (got.url, got.status, content) == ("http://old.test/a?b=1", 200, b"<p>Hello</p>")
    assert web.headers[0]["user-agent"].startswith("publisher/")
    assert "+https://daily.example" in web.headers[0]["user-agent"]


def test_redirects_are_followed(web: LocalWeb) -> None:
    web.redirect("old.test/a", "//new.test/b", 301)
    web.redirect("new.test/b", "c")
    web.put("new.test/c", "there")
    assert WebFetcher(RULES).fetch_bytes("http://old.test/a", PAGE)[0].url == "http://new.test/c"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/secret", "http://localhost:{port}/secret", "http://[::1]:{port}/secret",
        "http://169.254.169.254/latest/meta-data/", "http://0x7f000001:{port}/secret", "http://2130706433/secret",
        "http://inside.test:{port}/secret", "http://[::ffff:127.0.0.1]:{port}/secret",
    ],
)  # fmt: skip
def test_a_redirect_to_a_private_machine_is_refused(web: LocalWeb, target: str) -> None:
    web.resolved["inside.test"] = ["10.0.0.7"]
    web.redirect("old.test/a", target.format(port=web.port))
    assert refusal("http://old.test/a").problem.code in (FetchProblem.NOT_PUBLIC, FetchProblem.HOST_REFUSED)
    assert web.requests == ["old.test/a"]


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "gopher://old.test/", "data:text/html,a", "http://[", "ftp://x"]
)
def test_a_redirect_to_no_web_address_is_refused(web: LocalWeb, target: str) -> None:
    web.redirect("old.test/a", target)
    assert refusal("http://old.test/a").problem.code is FetchProblem.NO_WEB_ADDRESS


def test_a_password_is_not_sent_and_not_shown(web: LocalWeb) -> None:
    refused = refusal("http://ana:geheim@old.test/a")
    assert refused.problem.code is FetchProblem.PASSWORD_IN_ADDRESS
    assert "geheim" not in str(refused)


def test_a_name_that_changes_its_address_is_asked_where_it_was_checked(web: LocalWeb) -> None:
    # Asked for the page, for robots.txt, and from then on it is inside.
    web.resolved["old.test"] = ["93.184.216.34", "93.184.216.34", "127.0.0.1"]
    web.put("old.test/a", "mine")
    fetcher = WebFetcher(RULES)
    assert fetcher.fetch_bytes("http://old.test/a", PAGE)[1] == b"mine"
    with pytest.raises(FetchRefused) as refused:
        fetcher.fetch_bytes("http://old.test/a", PAGE)
    assert refused.value.problem.code is FetchProblem.NOT_PUBLIC
    assert web.requests == ["old.test/a"]


def test_a_name_with_one_private_address_is_refused(web: LocalWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.1.1.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: infos)
    assert refusal("http://old.test/a").problem.code is FetchProblem.NOT_PUBLIC


def test_a_private_source_is_asked_where_its_setting_says_so(web: LocalWeb) -> None:
    url = f"http://127.0.0.1:{web.port}/a"
    web.put("127.0.0.1/a", "inside")
    assert "private_network = true" in str(refusal(url))
    private = replace(RULES, private=True)
    assert WebFetcher(private).fetch_bytes(url, PAGE)[1] == b"inside"
    metadata = refusal("http://169.254.169.254/latest", private)
    assert metadata.problem.code is FetchProblem.NOT_PRIVATE_EITHER


def test_a_circle_of_redirects_ends(web: LocalWeb) -> None:
    web.redirect("old.test/a", "/a")
    assert refusal("http://old.test/a").problem.code is FetchProblem.REDIRECTS
    assert len(web.requests) == 6


def test_a_body_without_end_is_refused(web: LocalWeb) -> None:
    web.answers["old.test/a"] = endless(lambda: b"x" * 1000, content_type="text/html")
    assert refusal("http://old.test/a").problem.code is FetchProblem.TOO_LARGE


def test_a_declared_size_is_refused_before_it_comes(web: LocalWeb) -> None:
    web.answers["old.test/a"] = answer(200, b"", content_type="text/html", content_length="90000000")
    assert refusal("http://old.test/a").problem.code is FetchProblem.TOO_LARGE


@pytest.mark.parametrize("pause", [0.01, 30.0])
def test_a_body_that_drips_is_refused(web: LocalWeb, pause: float) -> None:
    done = threading.Event()

    def drip() -> bytes:
        done.wait(pause)
        return b"x"

    web.answers["old.test/a"] = endless(drip, content_type="text/html")
    assert refusal("http://old.test/a", SLOW).problem.code is FetchProblem.TOO_SLOW
    done.set()


def test_a_bomb_is_refused(web: LocalWeb) -> None:
    bomb = gzip.compress(b"\0" * 30_000_000)
    web.put("old.test/a", bomb, content_encoding="gzip")
    assert len(bomb) < 100_000
    assert refusal("http://old.test/a", FetchRules(interval=0.0)).problem.code is FetchProblem.TOO_LARGE


def test_a_packed_page_is_read(web: LocalWeb) -> None:
    web.put("old.test/a", gzip.compress(b"a" * 9_000), content_encoding="gzip")
    assert WebFetcher(RULES).fetch_bytes("http://old.test/a", PAGE)[1] == b"a" * 9_000


@pytest.mark.parametrize(
    ("packing", "body", "code"),
    [
        ("br", b"abc", FetchProblem.PACKED), ("gzip, gzip", b"abc", FetchProblem.PACKED),
        ("gzip", b"abc", FetchProblem.PACKED), ("gzip", gzip.compress(b"a" * 99)[:-12], FetchProblem.NO_ANSWER),
    ],
    ids=["unknown packing", "packed twice", "not packed", "cut off"],
)  # fmt: skip
def test_what_cannot_be_unpacked_is_refused(web: LocalWeb, packing: str, body: bytes, code: FetchProblem) -> None:
    web.put("old.test/a", body, content_encoding=packing)
    assert refusal("http://old.test/a").problem.code is code


def test_a_body_that_is_cut_off_is_refused(web: LocalWeb) -> None:
    web.answers["old.test/a"] = answer(200, b"half", content_type="text/html", content_length="900", connection="close")
    assert refusal("http://old.test/a").problem.code is FetchProblem.NO_ANSWER


@pytest.mark.parametrize("media_type", ["application/pdf", "video/mp4", "image/png"])
def test_another_kind_of_file_is_refused(web: LocalWeb, media_type: str) -> None:
    web.put("old.test/a", b"x", media_type)
    refused = refusal("http://old.test/a")
    assert refused.problem.code is FetchProblem.WRONG_TYPE
    assert media_type in str(refused)


@pytest.mark.parametrize(
    ("status", "code", "lasts"),
    [
        (404, FetchProblem.NOT_THERE, True), (403, FetchProblem.STATUS, True), (500, FetchProblem.STATUS, False),
        (429, FetchProblem.LATER, False), (206, FetchProblem.STATUS, True),
    ],
)  # fmt: skip
def test_a_status_is_told(web: LocalWeb, status: int, code: FetchProblem, lasts: bool) -> None:
    web.answers["old.test/a"] = answer(status, retry_after="120")
    refused = refusal("http://old.test/a")
    assert (refused.problem.code, refused.is_lasting) == (code, lasts)
    assert refused.retry_after == ("120" if status == 429 else "")


def test_robots_are_asked_once_and_honoured(web: LocalWeb) -> None:
    web.put("old.test/robots.txt", "User-agent: *\nDisallow: /private*x\n", "text/plain")
    web.put("old.test/a", "yes")
    fetcher = WebFetcher(RULES)
    assert fetcher.fetch_bytes("http://old.test/a", PAGE)[1] == b"yes"
    web.answers["old.test/robots.txt"] = answer(500)
    with pytest.raises(FetchRefused) as refused:
        fetcher.fetch_bytes("http://old.test/private/1/x", PAGE)
    assert refused.value.problem.code is FetchProblem.ROBOTS
    assert web.requests == ["old.test/a"]


def test_robots_are_honoured_after_a_redirect(web: LocalWeb) -> None:
    web.put("new.test/robots.txt", "User-agent: publisher\nDisallow: /\n", "text/plain")
    web.redirect("old.test/a", "http://new.test/a")
    assert refusal("http://old.test/a").problem.code is FetchProblem.ROBOTS


def test_without_robots_that_can_be_read_nothing_is_asked(web: LocalWeb) -> None:
    web.answers["old.test/robots.txt"] = answer(503)
    assert refusal("http://old.test/a").problem.code is FetchProblem.NO_ROBOTS
    assert web.requests == []


def test_robots_that_lead_to_a_private_machine_are_not_read(web: LocalWeb) -> None:
    web.redirect("old.test/robots.txt", f"http://127.0.0.1:{web.port}/secret")
    assert refusal("http://old.test/a").problem.code is FetchProblem.NO_ROBOTS
    assert web.requests == []


def test_a_site_is_left_alone_between_two_requests(web: LocalWeb) -> None:
    web.put("old.test/robots.txt", "User-agent: *\nCrawl-delay: 7\n", "text/plain")
    web.put("old.test/a", "a")
    waits: list[float] = []
    fetcher = WebFetcher(FetchRules(interval=2.0), waits.append)
    fetcher.fetch_bytes("http://old.test/a", PAGE)
    fetcher.fetch_bytes("http://old.test/a", PAGE)
    # Before the first page by the import's own interval, since robots.txt was being read.
    assert len(waits) == 2
    assert waits[0] <= 2.0 < waits[1] <= 7.0


def test_a_picture_is_written_to_its_file(web: LocalWeb) -> None:
    web.put("old.test/a.png", b"png", "image/png")
    assert WebFetcher(RULES).fetch_bytes("http://old.test/a.png", PICTURE)[1] == b"png"


@pytest.mark.parametrize(
    "url", ["http://[bad/a", "http://old.test/\0a", "http://old\0.test/", "http://old.test/\udcff", "http://a\\b.test/"]
)  # fmt: skip
def test_what_is_no_address_is_refused(web: LocalWeb, url: str) -> None:
    assert refusal(url).problem.code is FetchProblem.NO_WEB_ADDRESS
    assert web.requests == []


def test_an_answer_that_nothing_changed_needs_a_condition(web: LocalWeb) -> None:
    web.answers["old.test/a"] = answer(304)
    assert refusal("http://old.test/a").problem.code is FetchProblem.STATUS
    condition = {"If-None-Match": '"one"'}
    assert WebFetcher(RULES).fetch_bytes("http://old.test/a", PAGE, condition)[0].status == 304


def test_what_comes_behind_a_packed_page_is_not_read(web: LocalWeb) -> None:
    packed = gzip.compress(b"page")
    web.put("old.test/a", packed + bytes(1_000), content_encoding="gzip")
    assert WebFetcher(RULES).fetch_bytes("http://old.test/a", PAGE)[1] == b"page"


def test_packed_bytes_are_counted_too(web: LocalWeb) -> None:
    # Each of these blocks is empty, and the packed page never ends.
    blocks = iter([b"\x1f\x8b\x08\0\0\0\0\0\0\x03"])
    empty = b"\0\0\0\xff\xff" * 1_000
    web.answers["old.test/a"] = endless(lambda: next(blocks, empty), content_type="text/html", content_encoding="gzip")
    assert refusal("http://old.test/a").problem.code is FetchProblem.TOO_LARGE


@pytest.mark.parametrize(
    "path", ["archive/../private/x", "archive/%2E%2e/private/x", "./private/x", "a/b/../../private/x"]
)
def test_dots_in_a_path_do_not_pass_robots(web: LocalWeb, path: str) -> None:
    web.put("old.test/robots.txt", "User-agent: *\nDisallow: /private\n", "text/plain")
    assert refusal(f"http://old.test/{path}").problem.code is FetchProblem.ROBOTS
    assert web.requests == []


def test_a_name_server_that_is_down_stops_an_import(web: LocalWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    web.put("old.test/a", "a")

    def fail(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert not refusal("http://old.test/a").is_lasting
    assert_stops(WebFetcher(RULES))


def test_robots_that_fail_stop_an_import_and_are_not_asked_each_time(web: LocalWeb) -> None:
    asked: list[str] = []
    failing = answer(503, retry_after="7")

    def fail(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        failing(handler)

    web.answers["old.test/robots.txt"] = fail
    waits: list[float] = []
    assert_stops(WebFetcher(replace(RULES, tries=3), waits.append))
    assert (asked, waits) == (["/robots.txt"] * 3, [7.0, 7.0])
    assert web.requests == []


def assert_stops(fetcher: WebFetcher) -> None:
    for _failure in range(MAX_FAILURES - 1):
        with pytest.raises(FetchRefused):
            fetcher.fetch_bytes("http://old.test/a", PAGE)
    with pytest.raises(SiteStopped):
        fetcher.fetch_bytes("http://old.test/a", PAGE)
