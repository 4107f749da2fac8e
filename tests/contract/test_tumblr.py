"""The Tumblr adapter with the real pytumblr, over real connections, against the Tumblr sandbox."""

from __future__ import annotations

import io
import json
import re
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from publisher.clock import Clock, FixedClock, SystemClock
from publisher.content import Absence, AdaptedPost, Publication, Rendition, Span, TextBlock
from publisher.platforms.base import (
    Connection,
    KeySeed,
    Quota,
    SessionFile,
    SupportsLookup,
    SupportsReadBack,
    UploadedMedia,
)
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.registry import adapter_class
from publisher.platforms.tumblr import Adapter
from publisher.platforms.tumblr_answers import daily_quotas, daily_reset, next_request_at
from publisher.platforms.tumblr_npf import rows
from publisher.profiles import load_profile
from publisher.sandbox.faults import AFTER, KINDS, Fault, FaultBox
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import Ledger, LedgerPost
from publisher.sandbox.tumblr import BLOG, TumblrSandbox
from publisher.sandbox.wire import Answer, Request

KEY = "a-cell-divides-0123456789ab"
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
POST = AdaptedPost(
    channel="tumblr",
    platform="tumblr",
    language="en",
    title="A cell divides",
    caption="A cell divides\n\nTwo of them 🔬 now.\n\n• one\n• two",
    blocks=(
        TextBlock(kind="heading", text="A cell divides"),
        TextBlock(
            text="Two of them 🔬 now.",
            spans=(Span(start=0, end=3, kind="bold"), Span(start=14, end=17, kind="link", url="https://example.org/")),
        ),
        TextBlock(kind="heading", text="Where"),
        TextBlock(kind="bullet", text="one"),
        TextBlock(kind="number", text="two"),
        TextBlock(kind="quote", text="three"),
    ),
    tags=("cell biology", "mitosis"),
    link="https://example.org/cells",
)


class Server:
    """One server for all tests here; each test puts its own desk behind it."""

    def __init__(self) -> None:
        self.desk: Desk | None = None
        self.http = HttpServer(self._answer, refuse=self._refuse)

    def _answer(self, request: Request) -> Answer:
        assert self.desk is not None
        return self.desk.answer(request)

    def _refuse(self) -> bool:
        return self.desk is not None and self.desk.faults.take("tumblr", refusing=True) is not None


class Desk:
    """A sandbox on loopback, and adapters that reach it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.ledger, self.faults = Ledger(), FaultBox()
        self.sandbox = TumblrSandbox(self.ledger, self.faults)
        self.requests: list[Request] = []
        self.instead: Callable[[Request], Answer | None] = lambda _request: None
        self.folder = folder
        self.session = SessionFile(folder / "sessions" / "tumblr.json")
        self.url = url

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.instead(request) or self.sandbox.answer(request)

    def connection(
        self,
        *,
        account: str = BLOG,
        secrets: dict[str, str] | None = None,
        clock: Clock | None = None,
        timeout: float = 10.0,
        base_url: str | None = None,
    ) -> Connection:
        profile = load_profile("tumblr")
        habits = profile.publishing.model_copy(update={"timeout_seconds": timeout})
        return Connection(
            channel="our-tumblr",
            account=account,
            profile=profile.model_copy(update={"publishing": habits}),
            secrets=self.sandbox.credentials() if secrets is None else secrets,
            session=self.session,
            clock=clock or SystemClock(),
            base_url=base_url or self.url,
        )

    def adapter(self, **choices: Any) -> Adapter:
        return Adapter.connect(self.connection(**choices))

    def picture(self, number: int = 0, *, kind: str = "jpeg", size: tuple[int, int] = (60, 40)) -> Rendition:
        """A picture file; each number has a colour of its own."""
        path = self.folder / f"{number}.{kind}"
        Image.new("RGB", size, (number * 20 % 256, 80, 120)).save(path, kind)
        return Rendition.model_validate(
            {
                "path": path, "sha256": f"{number:064x}", "format": kind, "width": size[0], "height": size[1],
                "bytes": path.stat().st_size,
            }
        )  # fmt: skip

    def upload(self, adapter: Adapter, count: int) -> list[UploadedMedia]:
        return [
            adapter.upload_media(
                self.picture(number), f"Cell {number}", idempotency_key=KEY, position=number, total=count
            )
            for number in range(count)
        ]

    def publish(self, adapter: Adapter, count: int = 1, post: AdaptedPost = POST, key: str = KEY) -> str:
        return adapter.publish(post, self.upload(adapter, count), idempotency_key=key).remote_id

    def posted(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

    def copies(self) -> list[LedgerPost]:
        return self.sandbox.posts()

    def add(self, slug: str, at: datetime, *, text: str = "Another", tags: tuple[str, ...] = ()) -> LedgerPost:
        """A post that somebody made in some other way."""
        identifier = str(7 * 10**17 + self.ledger.next_id())
        detail = {"slug": slug, "source_url": "", "content": [{"type": "text", "text": text}], "layout": []}
        post = LedgerPost(
            platform="tumblr", account=BLOG, id=identifier, at=at, caption=text, tags=tags, images=(),
            url=f"https://{BLOG}.tumblr.com/post/{identifier}/{slug}", idempotency_key=slug, detail=detail,
        )  # fmt: skip
        self.ledger.add(post)
        return post


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    made.http.start()
    yield made
    made.http.stop()


@pytest.fixture
def desk(tmp_path: Path, server: Server) -> Iterator[Desk]:
    server.desk = Desk(tmp_path, server.http.url)
    yield server.desk
    server.desk = None


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=5)


# --- connecting ------------------------------------------------------------------------------


def test_the_registry_finds_it_with_all_it_promises(desk: Desk) -> None:
    assert adapter_class("tumblr") is Adapter
    assert isinstance(desk.adapter(), SupportsLookup)
    assert isinstance(desk.adapter(), SupportsReadBack)


def test_verify_credentials_tells_whose_they_are(desk: Desk) -> None:
    account = desk.adapter(account=f"{BLOG}.tumblr.com").verify_credentials()
    assert (account.name, account.url) == (BLOG, f"https://{BLOG}.tumblr.com/")


def test_keys_of_another_blog_are_refused(desk: Desk) -> None:
    with pytest.raises(CredentialsRefused, match=f"belong to {BLOG}, and its account is 'another'"):
        desk.adapter(account="another").verify_credentials()


@pytest.mark.parametrize("name", ["consumer_secret", "oauth_token_secret", "consumer_key", "oauth_token"])
def test_a_wrong_key_is_refused_and_never_shown(desk: Desk, name: str) -> None:
    adapter = desk.adapter(secrets=desk.sandbox.credentials() | {name: "wrongButLongEnough"})
    with pytest.raises(CredentialsRefused) as caught:
        adapter.verify_credentials()
    assert caught.value.status == 401
    assert "wrongButLongEnough" not in f"{caught.value} {caught.value.answer}"
    with pytest.raises(CredentialsRefused):
        desk.publish(adapter)
    assert desk.copies() == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("consumer_key", "set PUBLISHER_OUR_TUMBLR_CONSUMER_KEY."),
        ("consumer_secret", "set PUBLISHER_OUR_TUMBLR_CONSUMER_SECRET."),
        ("oauth_token", "set PUBLISHER_OUR_TUMBLR_OAUTH_TOKEN or run publisher connect our-tumblr."),
        ("oauth_token_secret", "set PUBLISHER_OUR_TUMBLR_OAUTH_TOKEN_SECRET or run publisher connect our-tumblr."),
    ],
)
def test_a_missing_key_is_named(desk: Desk, name: str, message: str) -> None:
    secrets = {key: value for key, value in desk.sandbox.credentials().items() if key != name}
    with pytest.raises(CredentialsRefused, match=re.escape(message)):
        desk.adapter(secrets=secrets)


def test_the_proxy_of_the_channel_is_used(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    connection = replace(desk.connection(), proxy=f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=r"ProxyError"):
        Adapter.connect(connection).verify_credentials()
    assert desk.requests == []


def test_a_broken_session_file_is_told(desk: Desk) -> None:
    desk.session.path.parent.mkdir()
    desk.session.path.write_text("{half")
    consumer = {name: value for name, value in desk.sandbox.credentials().items() if name.startswith("consumer")}
    with pytest.raises(CredentialsRefused, match="can't be read; run publisher connect our-tumblr"):
        desk.adapter(secrets=consumer)


# --- logging in ------------------------------------------------------------------------------


class Person:
    """Opens the address it is told, presses a button, and enters what it finds."""

    def __init__(self, *, answer: str = "allow", enter: str = "{verifier}") -> None:
        self.answer = answer
        self.enter = enter
        self.token = ""

    def tell(self, text: str) -> None:
        address = next(word for word in text.split() if "://" in word)
        self.token = address.partition("oauth_token=")[2]
        assert "Allow" in requests.get(address, timeout=20).text
        page = requests.post(address, {"oauth_token": self.token, "answer": self.answer}, timeout=20).text
        found = re.search(r"<code>(\w+)</code>", page)
        self.enter = self.enter.format(verifier=found[1] if found else "none", token=self.token)

    def ask(self, question: str, *, secret: bool = False) -> str:
        return self.enter


CALLBACK = "https://desk.example/back?oauth_token={token}&oauth_verifier={verifier}#_=_"


@pytest.mark.parametrize("enter", ["{verifier}", " {verifier}#_=_\n", CALLBACK])
def test_logging_in_by_hand_stores_tokens_that_work(desk: Desk, enter: str) -> None:
    consumer = {name: value for name, value in desk.sandbox.credentials().items() if name.startswith("consumer")}
    account = Adapter.authorize(desk.connection(secrets=consumer), Person(enter=enter))
    assert account.name == BLOG
    assert stat.S_IMODE(desk.session.path.stat().st_mode) == 0o600
    assert set(desk.session.load()) == {"oauth_token", "oauth_token_secret"}
    desk.publish(desk.adapter(secrets=consumer))
    assert len(desk.copies()) == 1


@pytest.mark.parametrize(
    "person",
    [
        Person(answer="deny"),
        Person(enter="made up"),
        Person(enter="https://desk.example/back?denied=1"),
        Person(enter="https://desk.example/back?oauth_token=other&oauth_verifier={verifier}"),
    ],
    ids=["denied", "wrong verifier", "no verifier", "another log-in"],
)
def test_a_log_in_that_fails_stores_nothing(desk: Desk, person: Person) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        Adapter.authorize(desk.connection(), person)
    assert person.token not in f"{caught.value} {caught.value.answer}"
    assert not desk.session.path.exists()


def test_a_browser_is_led_back_to_exactly_the_callback(desk: Desk) -> None:
    connection = desk.connection()
    callback = "http://127.0.0.1:9/desk/back?kept=1"
    step = Adapter.begin_login(connection, callback)
    assert step.questions == ()
    form = {"oauth_token": step.kept["oauth_token"], "answer": "allow"}
    led = requests.post(step.url, form, timeout=20, allow_redirects=False).headers["Location"]
    assert led.startswith(f"{callback}&oauth_token=")
    answer = dict(parse_qsl(urlsplit(led).query))
    for wrong in ({}, {"denied": answer["oauth_token"]}, {**answer, "oauth_token": "other"}):
        with pytest.raises(CredentialsRefused):
            Adapter.finish_login(connection, step.kept, wrong)
    assert not desk.session.path.exists()
    assert Adapter.finish_login(connection, step.kept, answer).name == BLOG
    with pytest.raises(CredentialsRefused):
        Adapter.finish_login(connection, step.kept, answer)


@pytest.mark.parametrize("callback", ["http://elsewhere.example/back", "javascript:alert(1)", "https://a.example/#b"])
def test_a_callback_that_could_leak_is_refused(desk: Desk, callback: str) -> None:
    with pytest.raises(CredentialsRefused):
        Adapter.begin_login(desk.connection(), callback)


def test_tokens_that_would_come_first_are_named(desk: Desk) -> None:
    told = Adapter.begin_login(desk.connection(), "").told
    assert "PUBLISHER_OUR_TUMBLR_OAUTH_TOKEN and PUBLISHER_OUR_TUMBLR_OAUTH_TOKEN_SECRET hold comes before" in told
    assert desk.sandbox.credentials()["oauth_token"] not in told


def test_a_log_in_to_another_blog_stores_nothing(desk: Desk) -> None:
    with pytest.raises(CredentialsRefused, match="belong to"):
        Adapter.authorize(desk.connection(account="another"), Person())
    assert not desk.session.path.exists()


def test_a_log_in_with_a_wrong_consumer_secret_is_refused(desk: Desk) -> None:
    secrets = desk.sandbox.credentials() | {"consumer_secret": "wrong"}
    with pytest.raises(CredentialsRefused, match="check the consumer key"):
        Adapter.authorize(desk.connection(secrets=secrets), Person())


def test_an_answer_to_the_log_in_that_makes_no_sense_is_no_refusal(desk: Desk) -> None:
    desk.instead = lambda _request: Answer.of_text(200, "<html>Welcome to the hotel</html>")
    with pytest.raises(Unavailable):
        Adapter.authorize(desk.connection(), Person())


# --- publishing ------------------------------------------------------------------------------


def test_one_picture_with_everything_that_belongs_to_it(desk: Desk) -> None:
    adapter = desk.adapter()
    publication = adapter.publish(POST, desk.upload(adapter, 1), idempotency_key=KEY)
    (copy,) = desk.copies()
    assert publication.state == "published"
    assert publication.remote_id == copy.id
    assert publication.url == f"https://{BLOG}.tumblr.com/post/{copy.id}"
    assert copy.idempotency_key == KEY
    assert copy.tags == ("cell biology", "mitosis")
    assert copy.detail["source_url"] == "https://example.org/cells"
    (image,) = copy.images
    assert (image.alt_text, image.mime_type, image.width, image.height) == ("Cell 0", "image/jpeg", 60, 40)
    assert image.content == desk.picture(0).path.read_bytes()
    assert copy.detail["layout"] == []


def test_the_text_keeps_its_form(desk: Desk) -> None:
    desk.publish(desk.adapter())
    image, *texts = desk.copies()[0].detail["content"]
    assert image["type"] == "image"
    assert texts == [
        {"type": "text", "text": "A cell divides", "subtype": "heading1"},
        {
            "type": "text",
            "text": "Two of them 🔬 now.",
            "formatting": [
                {"start": 0, "end": 3, "type": "bold"},
                {"start": 14, "end": 17, "type": "link", "url": "https://example.org/"},
            ],
        },
        {"type": "text", "text": "Where", "subtype": "heading2"},
        {"type": "text", "text": "one", "subtype": "unordered-list-item"},
        {"type": "text", "text": "two", "subtype": "ordered-list-item"},
        {"type": "text", "text": "three", "subtype": "indented"},
    ]


def test_three_pictures_share_a_row_in_their_order(desk: Desk) -> None:
    desk.publish(desk.adapter(), 3)
    (copy,) = desk.copies()
    assert [image.alt_text for image in copy.images] == ["Cell 0", "Cell 1", "Cell 2"]
    assert len({image.sha256 for image in copy.images}) == 3
    display = copy.detail["layout"][0]["display"]
    assert display[0] == {"blocks": [0, 1, 2]}
    assert display[1:] == [{"blocks": [number]} for number in range(3, 9)]


@given(st.integers(1, 30), st.integers(0, 20))
def test_rows_name_every_block_once_and_are_even(images: int, texts: int) -> None:
    laid_out = [row["blocks"] for row in rows(images, texts)]
    assert list(chain.from_iterable(laid_out)) == list(range(images + texts))
    pictures = laid_out[: len(laid_out) - texts]
    assert max(map(len, pictures)) <= 3
    assert max(map(len, pictures)) - min(map(len, pictures)) <= 1
    assert all(len(row) == 1 for row in laid_out[len(pictures) :])


def test_a_caption_without_blocks_is_cut_at_blank_lines(desk: Desk) -> None:
    desk.publish(desk.adapter(), post=POST.model_copy(update={"blocks": (), "caption": "One.\n\nTwo,\nstill two."}))
    assert desk.copies()[0].caption == "One.\n\nTwo,\nstill two."


def test_a_post_without_pictures_is_plain_json(desk: Desk) -> None:
    desk.publish(desk.adapter(), 0)
    assert desk.posted()[0].mime_type == "application/json"
    assert desk.copies()[0].images == ()


def test_the_request_holds_json_first_and_nothing_in_its_address(desk: Desk) -> None:
    desk.publish(desk.adapter(), 2)
    (request,) = desk.posted()
    assert request.query == {}
    assert [(part.name, part.file_name, part.mime_type) for part in request.parts()] == [
        ("json", None, "application/json"),
        ("image0", "image0.jpeg", "image/jpeg"),
        ("image1", "image1.jpeg", "image/jpeg"),
    ]
    assert request.headers["user-agent"].startswith("publisher")


@pytest.mark.parametrize("kind", ["png", "gif"])
def test_other_formats_go_out_as_they_are(desk: Desk, kind: str) -> None:
    adapter = desk.adapter()
    media = adapter.upload_media(desk.picture(kind=kind), "Alt", idempotency_key=KEY, position=0, total=1)
    adapter.publish(POST, [media], idempotency_key=KEY)
    assert desk.copies()[0].images[0].mime_type == f"image/{kind}"


def test_uploading_sends_nothing_and_can_be_repeated(desk: Desk) -> None:
    adapter = desk.adapter()
    assert desk.upload(adapter, 2) == desk.upload(adapter, 2)
    assert desk.requests == []


def test_a_picture_that_tumblr_does_not_take_is_told_before_anything_is_sent(desk: Desk) -> None:
    adapter = desk.adapter()
    webp, large, gone = desk.picture(kind="webp"), desk.picture(1), desk.picture(2)
    large.path.write_bytes(b"x" * 10_000_001)
    gone.path.unlink()
    expected: list[tuple[Rendition, type[PlatformError], str]] = [
        (webp, UnsupportedContent, "no webp"),
        (large, UnsupportedContent, "10000001 bytes"),
        (gone, Unavailable, "made again"),
    ]
    for picture, kind, message in expected:
        with pytest.raises(kind, match=message):
            adapter.upload_media(picture, "Alt", idempotency_key=KEY, position=0, total=1)
    assert desk.requests == []


def test_what_cannot_be_carried_is_told_before_anything_is_sent(desk: Desk) -> None:
    adapter = desk.adapter()
    with pytest.raises(UnsupportedContent, match="write the tag “one, two” without one"):
        desk.publish(adapter, post=POST.model_copy(update={"tags": ("fine", "one, two")}))
    media = desk.upload(adapter, 5)
    for each in media:
        each.image.path.write_bytes(b"x" * 9_000_000)
    with pytest.raises(UnsupportedContent, match="45000000 bytes together"):
        adapter.publish(POST, media, idempotency_key=KEY)
    media[0].image.path.unlink()
    with pytest.raises(Unavailable, match="nothing was sent"):
        adapter.publish(POST, media, idempotency_key=KEY)
    assert desk.requests == []


@given(st.text(max_size=300), st.text("0123456789abcdef", min_size=12, max_size=12))
def test_a_key_is_a_short_slug_that_holds_the_whole_token(title: str, token: str) -> None:
    key = Adapter.idempotency_key(KeySeed(token=token, title=title, created_at=NOW))
    assert re.fullmatch(r"(?:[a-z0-9]+-)*[0-9a-f]{12}", key)
    assert key.endswith(token)
    assert len(key) <= 60


def test_a_key_reads_like_its_title() -> None:
    seed = KeySeed(token="0123456789ab", title="La cèl·lula: Größe & “ordre”", created_at=NOW)
    assert Adapter.idempotency_key(seed) == "la-cel-lula-grosse-ordre-0123456789ab"
    long = KeySeed(token="0123456789ab", title="Mitochondria " * 5, created_at=NOW)
    assert Adapter.idempotency_key(long) == "mitochondria-mitochondria-mitochondria-0123456789ab"
    assert Adapter.idempotency_key(replace(seed, title="細胞")) == "0123456789ab"


# --- trouble ---------------------------------------------------------------------------------

ENDS: dict[str, tuple[type[PlatformError], int]] = {
    "drop-before": (Unconfirmed, 0),
    "drop-after": (Unconfirmed, 1),
    "500-before": (Unconfirmed, 0),
    "500-after": (Unconfirmed, 1),
    "504-after": (Unconfirmed, 1),
    "truncate-after": (Unconfirmed, 1),
    "garbage-after": (Unconfirmed, 1),
    "slow-after": (Unconfirmed, 1),
    "429": (RateLimited, 0),
    "unauthorized": (CredentialsRefused, 0),
    "reject": (ContentRejected, 0),
}


def test_every_fault_is_tried() -> None:
    assert {*ENDS, "refuse"} == set(KINDS)


def test_a_connection_that_is_reset_at_once_publishes_nothing(desk: Desk) -> None:
    """The reset comes while connecting or just after it; only in the first case it is sure that nothing was sent."""
    desk.faults.add("tumblr", Fault("refuse"))
    with pytest.raises((Unavailable, Unconfirmed)):
        desk.publish(desk.adapter())
    assert desk.requests == []


@pytest.mark.parametrize("kind", ENDS)
def test_each_fault_ends_as_it_should(desk: Desk, kind: str) -> None:
    expected, copies = ENDS[kind]
    slow = kind == "slow-after"
    desk.faults.add("tumblr", Fault(kind, 2.5 if slow else 0.0))
    adapter = desk.adapter(timeout=1.0 if slow else 10.0)
    with pytest.raises(PlatformError) as caught:
        desk.publish(adapter)
    assert type(caught.value) is expected
    assert len(desk.copies()) == copies
    assert len(desk.posted()) == 1, "it was sent again"
    found = adapter.find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication) == (kind in AFTER)


def answered(status: int, body: str, **headers: str) -> Answer:
    return Answer(
        status=status, body=body.encode(), headers={name.replace("_", "-"): headers[name] for name in headers}
    )


def error(status: int, code: int = 0, detail: str = "why") -> Answer:
    return Answer.of_json(status, {"meta": {"status": status}, "errors": [{"code": code, "detail": detail}]})


CREATED = '{"meta": {"status": 201}, "response": %s}'
ANSWERS: list[tuple[Answer, type[PlatformError]]] = [
    (answered(201, CREATED % "{}"), Unconfirmed),
    (answered(201, CREATED % '{"id": null}'), Unconfirmed),
    (answered(201, CREATED % '{"id": "none"}'), Unconfirmed),
    (answered(201, CREATED % '"123"'), Unconfirmed),
    (answered(201, CREATED % "[]"), Unconfirmed),
    (answered(201, '{"response": {"id": "1"}}'), Unconfirmed),
    (answered(200, '{"meta": {"status": 500}, "response": {"id": "1"}}'), Unconfirmed),
    (answered(200, '{"meta": "fine", "response": {"id": "1"}}'), Unconfirmed),
    (answered(200, "[]"), Unconfirmed),
    (answered(200, ""), Unconfirmed),
    (answered(204, ""), Unconfirmed),
    (answered(200, '{"meta": {"status": 201}, "respon'), Unconfirmed),
    (answered(300, ""), Unconfirmed),
    (answered(303, "", Location="/v2/user/info"), Unconfirmed),
    (answered(304, ""), Unconfirmed),
    (error(408), Unconfirmed),
    (error(425), Unconfirmed),
    (error(500, 8006), Unconfirmed),
    (error(502), Unconfirmed),
    (answered(503, "<html>busy</html>"), Unconfirmed),
    (error(504), Unconfirmed),
    (answered(520, "<html>unknown</html>"), Unconfirmed),
    (error(503), Unavailable),
    (answered(302, "", Location="/v2/user/info"), Unavailable),
    (answered(307, "", Location="/v2/blog/x/posts"), Unavailable),
    (answered(403, "<html>blocked</html>"), Unavailable),
    (answered(404, "<html>nothing</html>"), Unavailable),
    (error(401, 1016), CredentialsRefused),
    (answered(401, "<html>no</html>"), CredentialsRefused),
    (error(404), CredentialsRefused),
    (error(400, 8001), ContentRejected),
    (error(400, 8005), ContentRejected),
    (error(403), ContentRejected),
    (answered(413, "<html>too large</html>"), ContentRejected),
    (error(429), RateLimited),
    (answered(429, '{"response": {"error": "Rate Limit Exceeded"}}'), RateLimited),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
def test_each_answer_means_one_thing(desk: Desk, answer: Answer, expected: type[PlatformError]) -> None:
    desk.instead = lambda request: answer if request.method == "POST" else None
    with pytest.raises(expected) as caught:
        desk.publish(desk.adapter())
    assert len(desk.requests) == 1, "it was sent again, or a redirect was followed"
    assert caught.value.message[0].isupper()
    if type(caught.value) is not Unconfirmed or answer.status != 201:
        assert caught.value.status == answer.status


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"meta": {"status": 400}, "errors": [{"title": "no array", "code": 8001}]}', "no array (400, code 8001)"),
        ('{"meta": {}, "response": {"errors": ["Oh no.", {"code": 8001}]}}', "Oh no. (400); a smaller picture"),
        ('{"meta": {}, "response": {"errors": [{"code": 8001, "message": "Former"}]}}', "Former (400, code 8001)"),
        ('{"meta": {}, "errors": {"odd": 1}}', "(400); a smaller picture often helps"),
        ('{"meta": {}, "errors": [7, {"code": "8001"}]}', "(400); a smaller picture often helps"),
        ("<html>", "(400); a smaller picture often helps"),
    ],
)
def test_tumblr_is_quoted_in_each_of_its_shapes(desk: Desk, body: str, words: str) -> None:
    desk.instead = lambda _request: answered(400, body)
    with pytest.raises(ContentRejected, match=re.escape(words)):
        desk.publish(desk.adapter())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 65),
        ({"X-Ratelimit-Perhour-Remaining": "3", "X-Ratelimit-Perhour-Reset": "900"}, 65),
        ({"X-Ratelimit-Perhour-Remaining": "0", "X-Ratelimit-Perhour-Reset": "900"}, 900),
        (
            {
                "X-Ratelimit-Perhour-Remaining": "0", "X-Ratelimit-Perhour-Reset": "900",
                "X-Ratelimit-Perday-Remaining": "0", "X-Ratelimit-Perday-Reset": "40000",
            },
            40000,
        ),
        ({"X-Ratelimit-Perday-Remaining": "0", "X-Ratelimit-Perday-Reset": "1777888800"}, 86400),
        ({"X-Ratelimit-Perday-Remaining": "0", "X-Ratelimit-Perday-Reset": "soon"}, 65),
        ({"X-Ratelimit-Perday-Remaining": "0"}, 65),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "7", "X-Ratelimit-Perhour-Remaining": "0", "X-Ratelimit-Perhour-Reset": "30"}, 30),
    ],
)  # fmt: skip
def test_a_rate_limit_ends_so_many_seconds_from_now(desk: Desk, headers: dict[str, str], seconds: int) -> None:
    assert next_request_at(headers, NOW) == NOW + timedelta(seconds=seconds)
    desk.instead = lambda _request: replace(error(429), headers=headers)
    with pytest.raises(RateLimited) as caught:
        desk.publish(desk.adapter(clock=FixedClock(NOW)))
    assert caught.value.retry_at == NOW + timedelta(seconds=seconds)


def test_a_used_up_day_ends_when_tumblr_says(desk: Desk) -> None:
    desk.sandbox.posts_per_day = 1
    adapter = desk.adapter()
    desk.publish(adapter)
    with pytest.raises(RateLimited, match=r"code 8023") as caught:
        desk.publish(adapter, key="another-0123456789ab")
    today = desk.copies()[0].at
    assert caught.value.retry_at == today.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert len(desk.copies()) == 1


def test_a_used_up_day_without_an_end_is_tried_an_hour_later(desk: Desk) -> None:
    desk.instead = lambda request: error(403, 8004) if request.method == "POST" else answered(502, "<html>")
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


def listening(desk: Desk) -> tuple[Adapter, dict[str, Quota]]:
    """An adapter, and the newest of each quota that it was told."""
    seen: dict[str, Quota] = {}
    connection = desk.connection(clock=FixedClock(desk.ledger.now()))
    told = replace(connection, quotas=lambda quotas: seen.update({quota.name: quota for quota in quotas}))
    return Adapter.connect(told), seen


def test_what_is_left_of_the_requests_is_told_with_every_answer(desk: Desk) -> None:
    desk.sandbox.hour.limit = 3
    adapter, seen = listening(desk)
    adapter.verify_credentials()
    desk.publish(adapter)
    left = {name: (quota.kind, quota.maximum, quota.remaining) for name, quota in seen.items()}
    assert left == {"requests, an hour": ("requests", 3, 1), "requests, a day": ("requests", 5000, 4998)}
    adapter.verify_credentials()
    with pytest.raises(RateLimited) as caught:
        desk.publish(adapter, key="another-0123456789ab")
    hour = seen["requests, an hour"]
    assert (hour.remaining, hour.resets_at) == (0, caught.value.retry_at)


def test_what_is_left_of_the_day_is_told_when_it_is_asked_for(desk: Desk) -> None:
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


def test_limits_that_tumblr_no_longer_tells_are_no_trouble_of_the_account(desk: Desk) -> None:
    desk.instead = lambda _request: error(404)
    with pytest.raises(Unavailable):
        desk.adapter().read_quotas()


def test_limits_of_an_unknown_shape_are_passed_over(desk: Desk) -> None:
    desk.instead = lambda request: (
        error(403, 8023)
        if request.method == "POST"
        else Answer.of_json(200, {"meta": {"status": 200}, "response": {"user": {"posts": {"remaining": "0"}, "x": 1}}})
    )
    with pytest.raises(RateLimited) as caught:
        desk.publish(desk.adapter(clock=FixedClock(NOW)))
    assert caught.value.retry_at == NOW + timedelta(hours=1)


def test_sending_to_a_line_that_is_too_slow_has_an_end(desk: Desk) -> None:
    """Each piece passes in time, and yet the whole would take minutes."""
    done = threading.Event()

    def sip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(0.2)
            while not done.wait(0.02):
                try:
                    connection.recv(4096)
                except OSError:
                    return

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        reader = threading.Thread(target=sip, args=(listener,))
        reader.start()
        adapter = desk.adapter(timeout=0.6, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        media = desk.upload(adapter, 1)
        media[0].image.path.write_bytes(b"x" * 9_900_000)
        began = time.monotonic()
        with pytest.raises(Unconfirmed):
            adapter.publish(POST, media, idempotency_key=KEY)
        took = time.monotonic() - began
        done.set()
        reader.join()
    assert 0.4 < took < 3


# --- looking up ------------------------------------------------------------------------------


def test_a_post_is_found_by_its_slug(desk: Desk) -> None:
    adapter = desk.adapter()
    identifier = desk.publish(adapter)
    other = POST.model_copy(update={"blocks": (), "caption": "Quite another text", "tags": ()})
    found = adapter.find_publication(other, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert (found.remote_id, found.url) == (identifier, f"https://{BLOG}.tumblr.com/post/{identifier}/{KEY}")


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    adapter = desk.adapter()
    assert adapter.find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED
    other = POST.model_copy(update={"blocks": (TextBlock(text="Another day"),)})
    desk.publish(adapter, post=other, key="another-day-aaaaaaaaaaaa")
    assert adapter.find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED


def test_a_slug_that_only_stands_in_the_address_is_enough(desk: Desk) -> None:
    post = desk.add(KEY, datetime.now(UTC))
    post.detail["slug"] = ""
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


def test_a_post_whose_slug_was_changed_is_found_by_text_and_tags(desk: Desk) -> None:
    post = desk.add("a-cell", datetime.now(UTC), text=" A cell divides ", tags=("Mitosis", "cell biology"))
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


@pytest.mark.parametrize(
    ("slug", "text", "tags", "age"),
    [
        ("a-cell", "A cell divides", ("mitosis",), 0),
        ("a-cell", "Another cell", ("mitosis", "cell biology"), 0),
        ("a-cell", "A cell divides", ("mitosis", "cell biology"), 10),
        ("a-cell-divides-ffffffffffff", "A cell divides", ("mitosis", "cell biology"), 0),
    ],
    ids=["other tags", "other text", "too old", "the key of another delivery"],
)
def test_a_post_that_only_resembles_ours_is_not_taken_for_it(
    desk: Desk, slug: str, text: str, tags: tuple[str, ...], age: int
) -> None:
    desk.add(slug, datetime.now(UTC) - timedelta(minutes=age), text=text, tags=tags)
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED


def test_posts_of_an_odd_shape_are_passed_over(desk: Desk) -> None:
    now = int(time.time())
    contents: tuple[Any, ...] = (None, [7], [{}])
    odd = [{"id": number, "timestamp": now, "content": content} for number, content in enumerate(contents, 1)]
    desk.instead = lambda _request: Answer.of_json(200, {"meta": {"status": 200}, "response": {"posts": odd}})
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED


def test_the_slug_counts_more_than_a_newer_post_of_the_same_text(desk: Desk) -> None:
    adapter = desk.adapter()
    ours = desk.publish(adapter)
    desk.add("by-hand", datetime.now(UTC), text="A cell divides", tags=POST.tags)
    found = adapter.find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == ours


@pytest.mark.parametrize("newer", [19, 20, 21, 65])
def test_it_is_found_behind_many_newer_posts(desk: Desk, newer: int) -> None:
    """Also where a page ends among posts of the same second."""
    start = datetime.now(UTC) - timedelta(minutes=4)
    ours = desk.add(KEY, start)
    for number in range(newer):
        desk.add(f"newer-{number}", start + timedelta(seconds=number // 3))
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


@pytest.mark.parametrize("newer", [19, 20, 21, 65])
def test_it_is_found_behind_many_posts_of_one_second(desk: Desk, newer: int) -> None:
    """A page that shows only what was seen is not the end of the blog: taken for it, the post would go out twice."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=4)
    ours = desk.add(KEY, start)
    for number in range(newer):
        desk.add(f"newer-{number}", start + timedelta(milliseconds=number))
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


@pytest.mark.parametrize("others", [5, 20, 45])
def test_a_search_ends_on_a_blog_that_shows_a_pinned_post_on_every_page(desk: Desk, others: int) -> None:
    start = datetime.now(UTC) - timedelta(minutes=4)
    for _ in range(others):
        desk.add("other", start)
    pinned = {"id": 1, "slug": "pinned", "timestamp": int(start.timestamp()), "content": [], "tags": []}

    def with_pinned(request: Request) -> Answer:
        body = json.loads(desk.sandbox.answer(request).body)
        body["response"]["posts"].insert(0, pinned)
        return Answer.of_json(200, body)

    desk.instead = with_pinned
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=start) is Absence.NOT_LISTED


def test_looking_ends_at_posts_that_are_older_than_the_request(desk: Desk) -> None:
    since = datetime.now(UTC)
    for number in range(100):
        desk.add(f"older-{number}", since - timedelta(hours=2) + timedelta(seconds=number))
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=since) is Absence.NOT_LISTED
    assert len(desk.requests) == 1


def test_a_pinned_old_post_does_not_end_the_search(desk: Desk) -> None:
    start = datetime.now(UTC) - timedelta(minutes=4)
    ours = desk.add(KEY, start)
    for number in range(30):
        desk.add(f"newer-{number}", start + timedelta(seconds=1 + number))
    pinned = {"id": 1, "slug": "pinned", "timestamp": 1, "content": [], "tags": []}

    def with_pinned(request: Request) -> Answer:
        body = json.loads(desk.sandbox.answer(request).body)
        body["response"]["posts"].insert(0, pinned)
        return Answer.of_json(200, body)

    desk.instead = with_pinned
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


def test_a_blog_with_too_many_new_posts_is_not_called_empty(desk: Desk) -> None:
    start = datetime.now(UTC) - timedelta(hours=1)
    for number in range(420):
        desk.add(f"newer-{number}", start + timedelta(seconds=number))
    with pytest.raises(Unavailable, match="more new posts than can be looked through"):
        desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)


LISTING = '{"meta": {"status": 200}, "response": %s}'


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered(200, LISTING % "[]"), Unavailable),
        (answered(200, LISTING % '{"posts": null}'), Unavailable),
        (answered(200, LISTING % '{"posts": ["odd"]}'), Unavailable),
        (answered(200, LISTING % '{"posts": [{"id": 1}]}'), Unavailable),
        (answered(200, LISTING % '{"posts": [{"timestamp": 1}]}'), Unavailable),
        (answered(200, "<html>"), Unavailable),
        (error(400), Unavailable),
        (error(500), Unavailable),
        (error(503), Unavailable),
        (answered(302, "", Location="/"), Unavailable),
        (Answer(status=200, cut_at=0), Unavailable),
        (error(401), CredentialsRefused),
        (error(404), CredentialsRefused),
        (error(429), RateLimited),
    ],
)
def test_a_question_without_an_answer_is_never_taken_for_absence(
    desk: Desk, answer: Answer, expected: type[PlatformError]
) -> None:
    desk.instead = lambda _request: answer
    with pytest.raises(PlatformError) as caught:
        desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(caught.value, expected)


# --- reading back ----------------------------------------------------------------------------


def test_a_post_is_read_back_as_followers_see_it(desk: Desk) -> None:
    adapter = desk.adapter()
    identifier = desk.publish(adapter, 2)
    shown = adapter.read_publication(identifier)
    assert shown is not None
    assert (shown.remote_id, shown.image_count, shown.alt_texts) == (identifier, 2, ("Cell 0", "Cell 1"))
    assert shown.url == f"https://{BLOG}.tumblr.com/post/{identifier}/{KEY}"
    assert shown.published_at is not None
    assert abs(shown.published_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_missing_alt_text_is_seen(desk: Desk) -> None:
    adapter = desk.adapter()
    media = adapter.upload_media(desk.picture(), "", idempotency_key=KEY, position=0, total=1)
    identifier = adapter.publish(POST, [media], idempotency_key=KEY).remote_id
    shown = adapter.read_publication(identifier)
    assert shown is not None
    assert shown.alt_texts == ("",)


def test_a_post_that_is_gone_is_told(desk: Desk) -> None:
    assert desk.adapter().read_publication("700000000000000099") is None


def test_a_time_that_cannot_be_is_left_out(desk: Desk) -> None:
    shown = {"id": "1", "content": [], "timestamp": 10**20}
    desk.instead = lambda _request: Answer.of_json(200, {"meta": {"status": 200}, "response": shown})
    found = desk.adapter().read_publication("1")
    assert found is not None
    assert (found.published_at, found.url) == (None, f"https://{BLOG}.tumblr.com/post/1")


@pytest.mark.parametrize("answer", [answered(404, "<html>"), error(500), answered(200, LISTING % '{"posts": []}')])
def test_a_reading_that_fails_is_not_taken_for_gone(desk: Desk, answer: Answer) -> None:
    desk.instead = lambda _request: answer
    with pytest.raises(Unavailable):
        desk.adapter().read_publication("700000000000000001")


# --- the sandbox itself ----------------------------------------------------------------------


def test_the_sandbox_takes_a_signed_request_once(desk: Desk) -> None:
    desk.publish(desk.adapter())
    replayed = desk.sandbox.answer(desk.posted()[0])
    assert replayed.status == 401
    assert len(desk.copies()) == 1


def test_the_sandbox_refuses_a_request_changed_on_its_way(desk: Desk) -> None:
    desk.instead = lambda request: desk.sandbox.answer(replace(request, url=request.url.replace("/posts", "/Posts")))
    with pytest.raises(CredentialsRefused):
        desk.publish(desk.adapter())


def test_the_sandbox_refuses_an_old_signature(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oauthlib.oauth1.rfc5849.generate_timestamp", lambda: str(int(time.time()) - 3600))
    with pytest.raises(CredentialsRefused):
        desk.adapter().verify_credentials()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"blocks": (TextBlock(text="x" * 4097),)}, 8001),
        ({"tags": tuple(f"tag {number}" for number in range(31))}, 8001),
        ({"tags": ("x" * 141,)}, 8001),
        ({"blocks": (TextBlock(text="x"),) * 1001}, 8001),
        ({"blocks": (TextBlock(text="x", spans=(Span(start=0, end=2, kind="bold"),)),)}, 8001),
        ({"blocks": (TextBlock(text="x", spans=(Span(start=0, end=1, kind="link", url="x"),)),) * 101}, 8001),
    ],
    ids=["long block", "many tags", "long tag", "many blocks", "formatting outside", "many links"],
)
def test_the_sandbox_enforces_documented_limits(desk: Desk, change: dict[str, Any], code: int) -> None:
    with pytest.raises(ContentRejected, match=f"400, code {code}"):
        desk.publish(desk.adapter(), post=POST.model_copy(update=change))
    assert desk.copies() == []


def test_the_sandbox_takes_thirty_pictures_and_no_more(desk: Desk) -> None:
    adapter = desk.adapter()
    desk.publish(adapter, 30)
    with pytest.raises(ContentRejected, match="too many image blocks"):
        desk.publish(adapter, 31)
    assert len(desk.copies()) == 1


def test_the_sandbox_looks_into_the_picture(desk: Desk) -> None:
    adapter = desk.adapter()
    media = desk.upload(adapter, 1)
    for content in (b"not a picture", as_png()):
        media[0].image.path.write_bytes(content)
        with pytest.raises(ContentRejected, match="code 8005"):
            adapter.publish(POST, media, idempotency_key=KEY)
    media[0].image.path.write_bytes(desk.picture().path.read_bytes())
    with pytest.raises(ContentRejected, match="alt_text is too long"):
        adapter.publish(POST, [replace(media[0], alt_text="x" * 4097)], idempotency_key=KEY)
    assert desk.copies() == []


def test_the_sandbox_tells_its_limits_in_headers(desk: Desk) -> None:
    desk.sandbox.hour.limit = 2
    adapter = desk.adapter()
    adapter.verify_credentials()
    adapter.verify_credentials()
    with pytest.raises(RateLimited) as caught:
        adapter.verify_credentials()
    assert timedelta(minutes=59) < caught.value.retry_at - datetime.now(UTC) <= timedelta(hours=1)
    desk.ledger.shift(timedelta(hours=2))
    adapter.verify_credentials()


def test_the_sandbox_counts_pictures_by_day(desk: Desk) -> None:
    desk.sandbox.images_per_day = 3
    adapter = desk.adapter()
    desk.publish(adapter, 2)
    with pytest.raises(RateLimited, match="code 8004"):
        desk.publish(adapter, 2, key="second-0123456789ab")
    desk.ledger.shift(timedelta(days=1))
    desk.publish(adapter, 2, key="second-0123456789ab")
    assert len(desk.copies()) == 2


def test_the_sandbox_knows_one_blog(desk: Desk) -> None:
    with pytest.raises(CredentialsRefused, match="no such blog"):
        desk.publish(desk.adapter(account="another"))


def as_png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "png")
    return file.getvalue()
