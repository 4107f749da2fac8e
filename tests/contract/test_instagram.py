"""The Instagram adapter with the real instagrapi, over TLS 1.3 and HTTP/2, against the Instagram sandbox."""

from __future__ import annotations

import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.clock import monotonic
from publisher.core.content import Publication
from publisher.platforms.base import KeySeed, SupportsLookup, SupportsReadBack, UploadedMedia
from publisher.platforms.errors import (
    ActionsRefused,
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.instagram.adapter import Adapter
from publisher.platforms.profiles import load_profile
from publisher.platforms.registry import adapter_class
from publisher.sandbox.faults import AFTER, KINDS, Fault
from publisher.sandbox.http2 import TlsServer
from publisher.sandbox.instagram.login import totp_code
from publisher.sandbox.instagram.service import HOSTS
from publisher.sandbox.wire import Answer, Request
from tests.instagram_desk import (
    CAPTION,
    CONFIGURE,
    KEY,
    Desk,
    Person,
    instead,
    picture,
    post_of,
    publish,
    upload,
)
from tests.patience import PATIENCE

# --- publishing ------------------------------------------------------------------------------


def test_the_registry_finds_the_adapter_and_what_it_can_do(desk: Desk) -> None:
    adapter = desk.adapter()

    assert adapter_class("instagram") is Adapter
    assert isinstance(adapter, SupportsLookup)
    assert isinstance(adapter, SupportsReadBack)


def test_one_picture_arrives_as_it_was_made(desk: Desk) -> None:
    adapter, image = desk.adapter(), picture(desk.folder, width=1080, height=1350)
    media = upload(adapter, image)

    publication = adapter.publish(post_of(), media, idempotency_key=KEY)

    (post,) = desk.ledger.posts("instagram")
    (shown,) = post.images
    assert (publication.remote_id, publication.url) == (post.id, post.url)
    assert post.url.startswith("https://www.instagram.com/p/")
    assert (post.caption, post.idempotency_key) == (CAPTION, KEY)
    assert shown.content == image.path.read_bytes()
    assert shown.alt_text == "Picture 1"


def test_a_carousel_keeps_order_and_alt_texts(desk: Desk) -> None:
    pictures = [picture(desk.folder, grey=grey) for grey in (10, 120, 230)]
    adapter = desk.adapter()

    number = publish(adapter, *pictures)

    (post,) = desk.ledger.posts("instagram")
    assert (post.id, post.idempotency_key) == (number, KEY)
    assert [image.sha256 for image in post.images] == [one.sha256 for one in pictures]
    assert [image.alt_text for image in post.images] == ["Picture 1", "Picture 2", "Picture 3"]
    shown = adapter.read_publication(number)
    assert shown is not None
    assert shown.alt_texts == ("Picture 1", "Picture 2", "Picture 3")
    (body,) = desk.bodies()
    assert body["client_sidecar_id"] == body["upload_id"] == KEY


def test_uploading_again_changes_nothing_that_followers_see(desk: Desk) -> None:
    adapter, image = desk.adapter(), picture(desk.folder)

    first, second = upload(adapter, image), upload(adapter, image)

    assert first == second
    assert desk.ledger.posts() == []


def test_a_picture_without_alt_text_sends_none(desk: Desk) -> None:
    adapter = desk.adapter()
    image = picture(desk.folder)
    media = adapter.upload_media(image, "", idempotency_key=KEY, position=0, total=1)

    number = adapter.publish(post_of(), [media], idempotency_key=KEY).remote_id

    assert "custom_accessibility_caption" not in desk.bodies()[0]
    shown = adapter.read_publication(number)
    assert shown is not None
    assert shown.alt_texts == ("",)


OUTCOMES: dict[str, tuple[type[PlatformError], int]] = {
    "refuse": (Unavailable, 0),
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


def fault_of(kind: str) -> Fault:
    return Fault.parse("slow-after:30" if kind == "slow-after" else kind)


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_told_as_what_it_is_and_sent_once(desk: Desk, kind: str, images: int) -> None:
    expected, copies = OUTCOMES[kind]
    adapter = desk.adapter(timeout=1.0 if kind == "slow-after" else 20.0)
    media = upload(adapter, *[picture(desk.folder, grey=grey) for grey in range(images)])
    # More of them than one, so that a request sent again would meet the fault again.
    desk.faults.add("instagram", fault_of(kind), 3)
    since = desk.clock.now()

    with pytest.raises(PlatformError) as ended:
        adapter.publish(post_of(images), media, idempotency_key=KEY)

    assert type(ended.value) is expected
    assert len(desk.ledger.posts()) == copies
    assert len(desk.publishing_requests()) == (0 if kind == "refuse" else 1)
    desk.faults.clear()
    found = adapter.find_publication(post_of(images), idempotency_key=KEY, since=since)
    assert isinstance(found, Publication) == bool(copies)
    assert bool(copies) == (kind in AFTER)


def test_a_lost_answer_after_one_fault_is_not_sent_again_on_its_own(desk: Desk) -> None:
    # A fault that strikes once lets a hidden second try succeed: only the copies show it.
    adapter = desk.adapter()
    media = upload(adapter, picture(desk.folder))
    desk.faults.add("instagram", Fault.parse("drop-after"))

    with pytest.raises(Unconfirmed):
        adapter.publish(post_of(), media, idempotency_key=KEY)

    assert len(desk.ledger.posts()) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer.of_json(200, {}), Unconfirmed),
        (Answer.of_json(200, []), Unconfirmed),
        (Answer.of_json(200, {"status": "ok", "media": {"code": "abc"}}), Unconfirmed),
        (Answer.of_json(200, {"status": "fail", "message": "Something went wrong"}), Unconfirmed),
        (Answer.of_json(202, {"status": "fail", "message": "Transcode not finished yet."}), MediaExpired),
        (Answer.of_json(408, {"status": "fail", "message": "timeout"}), Unconfirmed),
        (Answer(status=307, headers={"Location": f"https://i.instagram.com{CONFIGURE[0]}"}), Unconfirmed),
        (Answer(status=302, headers={"Location": "https://www.instagram.com/accounts/login/"}), Unconfirmed),
        (Answer.of_json(200, {"message": "media_needs_reupload", "error_title": "bad", "status": "ok"}), MediaExpired),
        (Answer.of_json(400, {"status": "fail", "message": "feedback_required"}), ActionsRefused),
        (Answer.of_json(400, {"status": "fail", "message": "checkpoint_required"}), CredentialsRefused),
        (Answer.of_json(400, {"status": "fail", "message": None}), Unconfirmed),
        (Answer.of_json(400, {"status": "fail", "message": "Sorry, something went wrong."}), Unconfirmed),
        (Answer.of_json(400, {"status": "fail", "message": "counter get error"}), Unconfirmed),
        (Answer.of_json(400, {"status": "fail", "error_type": "needs_upgrade"}), CredentialsRefused),
        (Answer.of_json(404, {"status": "fail", "message": "no such endpoint"}), CredentialsRefused),
        (Answer.of_json(429, {"status": "fail"}), RateLimited),
        (Answer.of_json(422, {"status": "fail", "message": "no"}), ContentRejected),
    ],
)
def test_an_answer_is_believed_only_as_far_as_it_can_be_read(
    desk: Desk, answer: Answer, expected: type[PlatformError]
) -> None:
    adapter = desk.adapter()
    media = upload(adapter, picture(desk.folder))
    desk.rewrite = instead(answer)

    with pytest.raises(PlatformError) as ended:
        adapter.publish(post_of(), media, idempotency_key=KEY)

    assert type(ended.value) is expected
    assert len(desk.publishing_requests()) == 1


def test_being_asked_to_wait_says_until_when(desk: Desk) -> None:
    adapter = desk.adapter()
    media = upload(adapter, picture(desk.folder))
    waits = {
        "": timedelta(hours=1),
        "120": timedelta(minutes=2),
        "315360000": timedelta(days=2),
        "Fri, 01 Jan 2099 00:00:00 GMT": timedelta(days=2),
    }

    for header, wait in waits.items():
        desk.rewrite = instead(Answer.of_json(429, {"status": "fail"}, {"Retry-After": header}))
        before = desk.clock.now()
        with pytest.raises(RateLimited) as ended:
            adapter.publish(post_of(), media, idempotency_key=KEY)
        assert wait <= ended.value.retry_at - before < wait + timedelta(minutes=1)
        assert ended.value.status == 429


def test_a_platform_that_is_out_of_reach_leaves_nothing_unknown(desk: Desk) -> None:
    media = upload(desk.adapter(), picture(desk.folder))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stalled = f"http://127.0.0.1:{silent.getsockname()[1]}"
        adapter = desk.adapter(proxy=stalled, timeout=0.6)
        with pytest.raises(Unavailable):
            adapter.publish(post_of(), media, idempotency_key=KEY)
    # By now nobody listens there.
    with pytest.raises(Unavailable):
        adapter.publish(post_of(), media, idempotency_key=KEY)
    # A certificate that nobody vouches for.
    with pytest.raises(Unavailable):
        desk.adapter(ca_file=None).publish(post_of(), media, idempotency_key=KEY)

    assert desk.publishing_requests() == []


def test_the_environment_decides_neither_proxy_nor_certificates(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere.pem")

    assert Adapter.authorize(desk.connection(), Person()).name == "picture.of.the.day"


@pytest.mark.parametrize("count", [0, 11])
def test_a_number_of_pictures_that_can_t_be_carried_is_not_sent(desk: Desk, count: int) -> None:
    adapter = desk.adapter()
    media = [UploadedMedia(image=picture(desk.folder), alt_text="", reference="1")] * count

    with pytest.raises(UnsupportedContent, match="1 to 10 pictures"):
        adapter.publish(post_of(count), media, idempotency_key=KEY)

    assert desk.requests == []


def test_only_jpeg_is_uploaded(desk: Desk) -> None:
    with pytest.raises(UnsupportedContent, match="png"):
        upload(desk.adapter(), picture(desk.folder, image_format="png"))

    assert desk.requests == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer.of_json(403, {"message": "login_required", "status": "fail"}), CredentialsRefused),
        (Answer.of_json(400, {"message": "challenge_required", "status": "fail"}), CredentialsRefused),
        (Answer.of_json(429, {"message": "Please wait a few minutes before you try again."}), RateLimited),
        (Answer.of_json(413, {"debug_info": {"message": "too large"}}), ContentRejected),
        (Answer.of_text(503, "<html>"), Unavailable),
        (Answer.of_text(302, ""), Unavailable),
        (Answer.of_json(200, {}).cut(0), Unavailable),
        (Answer.of_json(200, {}), Unavailable),
        (Answer.of_text(200, "<html>Log in to the guest network</html>", "text/html"), Unavailable),
        (
            Answer.of_json(400, {"debug_info": {"type": "PartialRequestError", "message": "Partial request"}}),
            Unavailable,
        ),
        (Answer.of_json(500, {"status": "fail", "message": "Transcode not finished yet."}), MediaExpired),
    ],
)
def test_trouble_while_uploading_is_never_unknown(desk: Desk, answer: Answer, expected: type[PlatformError]) -> None:
    adapter = desk.adapter()
    desk.rewrite = lambda _request, _given: answer

    with pytest.raises(PlatformError) as ended:
        upload(adapter, picture(desk.folder))

    assert type(ended.value) is expected
    assert len(desk.requests) == 1


def test_an_earlier_answer_does_not_explain_a_later_error(desk: Desk) -> None:
    adapter, image = desk.adapter(), picture(desk.folder)
    desk.rewrite = lambda _request, _given: Answer.of_json(413, {"debug_info": {"message": "too large"}})
    with pytest.raises(ContentRejected):
        upload(adapter, image)

    with pytest.raises(Unavailable):
        upload(adapter, image.model_copy(update={"path": desk.folder / "gone.jpeg"}))


# --- keys ------------------------------------------------------------------------------------

INSTANT = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
TOKENS = st.text("0123456789abcdef", min_size=12, max_size=12)


def key_of(token: str, created_at: datetime = INSTANT) -> str:
    return Adapter.idempotency_key(KeySeed(token=token, title="A cell", created_at=created_at))


@given(token=TOKENS, seconds=st.integers(0, 10**9))
def test_a_key_is_a_time_in_milliseconds_near_the_true_one(token: str, seconds: int) -> None:
    created_at = INSTANT + timedelta(seconds=seconds)
    key = key_of(token, created_at)

    assert len(key) == 13
    assert key == key_of(token, created_at)
    assert abs(int(key) / 1000 - created_at.timestamp()) < 1000


@given(first=TOKENS, second=TOKENS)
def test_the_uploads_of_two_posts_never_share_an_id(first: str, second: str) -> None:
    keys = {int(key_of(first)), int(key_of(second))}

    assert len(keys) == 1 or abs(int.__sub__(*keys)) > load_profile("instagram").images.maximum


# --- reading back ----------------------------------------------------------------------------


def test_a_post_is_read_back(desk: Desk) -> None:
    adapter, before = desk.adapter(), desk.clock.now()
    number = publish(adapter, picture(desk.folder))

    shown = adapter.read_publication(number)

    assert shown is not None
    assert (shown.remote_id, shown.url) == (number, desk.ledger.posts()[0].url)
    assert (shown.image_count, shown.alt_texts) == (1, ("Picture 1",))
    assert shown.published_at is not None
    assert abs(shown.published_at - before) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        Answer.of_json(400, {"message": "Media not found or unavailable", "status": "fail"}),
        Answer.of_json(400, {"message": "Sorry, this photo has been deleted.", "status": "fail"}),
    ],
)
def test_a_post_that_is_gone_reads_as_none(desk: Desk, answer: Answer | None) -> None:
    adapter = desk.adapter()
    desk.rewrite = lambda _request, given: answer or given

    assert adapter.read_publication("3500000000000000999") is None


def test_an_alt_text_that_the_platform_does_not_tell_is_not_called_missing(desk: Desk) -> None:
    adapter = desk.adapter()
    number = publish(adapter, picture(desk.folder))

    def silent(_request: Request, answer: Answer) -> Answer:
        page = json.loads(answer.body)
        del page["items"][0]["accessibility_caption"]
        return Answer.of_json(200, page)

    desk.rewrite = silent

    shown = adapter.read_publication(number)
    assert shown is not None
    assert shown.alt_texts == (None,)


# --- the sandbox's own rules -----------------------------------------------------------------


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
    desk: Desk, sizes: list[tuple[int, int]], caption: str, reason: str
) -> None:
    pictures = [picture(desk.folder, width=width, height=height) for width, height in sizes]

    with pytest.raises(ContentRejected, match=reason):
        publish(desk.adapter(), *pictures, caption=caption)

    assert desk.ledger.posts() == []


@pytest.mark.parametrize("size", [(1080, 1350), (1440, 754), (1440, 1800), (1, 1)])
def test_the_sandbox_takes_the_platforms_own_shapes(desk: Desk, size: tuple[int, int]) -> None:
    publish(desk.adapter(), picture(desk.folder, width=size[0], height=size[1]), caption="🔬" * 1100)

    assert len(desk.ledger.posts()) == 1


def test_the_sandbox_looks_at_the_bytes_of_a_picture(desk: Desk) -> None:
    png = picture(desk.folder, image_format="png").model_copy(update={"format": "jpeg"})
    with pytest.raises(ContentRejected, match="right format"):
        publish(desk.adapter(), png)

    heavy = picture(desk.folder)
    heavy.path.write_bytes(heavy.path.read_bytes() + bytes(8_000_000))
    with pytest.raises(ContentRejected, match="larger than 8 MB"):
        upload(desk.adapter(), heavy)


def test_the_sandbox_does_not_recognise_a_key_that_it_has_seen(desk: Desk) -> None:
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


# --- the server ------------------------------------------------------------------------------


def tunnel(server: TlsServer, head: bytes) -> bytes:
    port = int(server.proxy_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(head)
        return connection.recv(1000)


@pytest.mark.parametrize(
    "head",
    [b"CONNECT example.org:443 HTTP/1.1\r\n\r\n", b"GET http://i.instagram.com/ HTTP/1.1\r\n\r\n", b"\r\n\r\n"],
)
def test_the_proxy_leads_to_instagram_only(desk: Desk, head: bytes) -> None:
    assert tunnel(desk.server, head).startswith(b"HTTP/1.1 403 ")


def test_a_client_that_goes_away_half_way_harms_nobody(desk: Desk) -> None:
    port = int(desk.server.proxy_url.rpartition(":")[2])
    for head in (b"CONN", b"CONNECT i.instagram.com:443 HTTP/1.1\r\n\r\n"):
        socket.create_connection(("127.0.0.1", port)).close()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head)

    assert desk.adapter().verify_credentials().name == "picture.of.the.day"


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_the_server_speaks_both_versions_over_tls_1_3(desk: Desk, protocol: str) -> None:
    context = ssl.create_default_context(cafile=str(desk.server.ca_file))
    context.set_alpn_protocols([protocol])
    port = int(desk.server.proxy_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        plain.sendall(b"CONNECT b.i.instagram.com:443 HTTP/1.1\r\n\r\n")
        assert plain.recv(1000).startswith(b"HTTP/1.1 200 ")
        with context.wrap_socket(plain, server_hostname="b.i.instagram.com") as secure:
            assert (secure.version(), secure.selected_alpn_protocol()) == ("TLSv1.3", protocol)


def test_the_server_stops_at_once_while_an_answer_is_held_back(desk: Desk, tmp_path: Path) -> None:
    asked = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer.of_json(200, {"status": "ok"}).delayed(60)

    server = TlsServer(answer, hosts=HOSTS, ca_file=tmp_path / "ca.pem", refuse=lambda: False)
    server.start()
    with pytest.raises(Unavailable):
        desk.adapter(proxy=server.proxy_url, ca_file=server.ca_file, timeout=0.5).verify_credentials()
    started = monotonic()

    server.stop()

    assert len(asked) == 1
    assert monotonic() - started < 5
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
