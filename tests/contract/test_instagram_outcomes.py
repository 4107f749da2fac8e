"""What becomes of a post on Instagram when an id was used, an upload is gone, or something else answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from publisher.core.content import Publication
from publisher.platforms.errors import (
    AlreadyPublic,
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.instagram.adapter import Adapter
from publisher.platforms.session_files import SessionFile
from publisher.sandbox.faults import AFTER, ALL_KINDS, DRIP_KINDS, LATE_COMMIT_KINDS, Fault
from publisher.sandbox.wire import Answer, Request
from tests.instagram_desk import KEY, Desk, Person, instead, picture, post_of, publish, upload

CONFLICT = "Server got a conflicting upload id"
GATEWAY = [
    Answer.of_text(400, "<html>Bad Request</html>", "text/html"),
    Answer.of_text(401, "", "text/html"),
    Answer.of_text(403, "<html>Forbidden</html>", "text/html"),
    Answer.of_json(403, {"message": "Forbidden"}),
    Answer.of_text(404, "Not Found"),
    Answer.of_text(404, "<html>404</html>", "text/html"),
    Answer.of_text(405, "<html>", "text/html"),
    Answer.of_text(407, "<html>", "text/html"),
    Answer.of_json(409, {"error": "conflict"}),
    Answer.of_text(413, "<html>Request Entity Too Large</html>", "text/html"),
    Answer.of_text(421, "Misdirected Request"),
    Answer(status=302, headers={"Location": "https://login.example/"}),
    Answer.of_text(502, "<html>Bad Gateway</html>", "text/html"),
    Answer.of_json(503, {"status": 503}),
    Answer.of_text(200, "<html>Log in to the guest network</html>", "text/html"),
]


def by_status(answer: Answer) -> str:
    return f"{answer.status}-{answer.body[:12].decode()}"


# --- an id that was used ---------------------------------------------------------------------


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_used_id_after_an_unknown_outcome_is_evidence_that_the_post_is_public(
    desk: Desk, status: int, images: int
) -> None:
    desk.sandbox.recognises_upload_ids, desk.sandbox.conflict_status = True, status
    adapter = desk.adapter()
    media = upload(adapter, *[picture(desk.folder, grey=grey) for grey in range(images)])
    preparation = adapter.prepare(post_of(images), media, idempotency_key=KEY)
    desk.faults.add("instagram", Fault.parse("504-after"))
    with pytest.raises(Unconfirmed):
        adapter.publish(post_of(images), media, idempotency_key=KEY, preparation=preparation)

    with pytest.raises(AlreadyPublic, match="is there already"):
        adapter.publish(post_of(images), media, idempotency_key=KEY, preparation=preparation)

    (post,) = desk.ledger.posts()
    found = adapter.find_publication(
        post_of(images), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation
    )
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


@pytest.mark.parametrize("images", [1, 2])
def test_pictures_whose_post_is_public_count_as_uploaded_and_are_not_published_again(desk: Desk, images: int) -> None:
    # As after a backup was put back: the first request with this key, as far as this desk knows.
    desk.sandbox.recognises_upload_ids = True
    pictures = [picture(desk.folder, grey=grey) for grey in range(images)]
    publish(desk.adapter(), *pictures)
    adapter = desk.adapter()

    media = upload(adapter, *pictures)
    with pytest.raises(AlreadyPublic):
        adapter.publish(post_of(images), media, idempotency_key=KEY)

    assert len(desk.ledger.posts()) == 1


def test_a_picture_that_went_up_before_is_published_once(desk: Desk) -> None:
    adapter, image = desk.adapter(), picture(desk.folder)
    first = upload(adapter, image)
    conflict = Answer.of_json(400, {"message": CONFLICT, "status": "fail"})
    desk.rewrite = lambda request, given: conflict if "rupload" in request.path else given

    second = upload(adapter, image)
    adapter.publish(post_of(), second, idempotency_key=KEY)

    assert second == first
    assert len(desk.ledger.posts()) == 1


def test_these_words_of_something_else_are_no_evidence(desk: Desk) -> None:
    adapter = desk.adapter()
    media = upload(adapter, picture(desk.folder))
    desk.rewrite = instead(Answer.of_text(400, CONFLICT))

    with pytest.raises(Unconfirmed) as ended:
        adapter.publish(post_of(), media, idempotency_key=KEY)

    assert type(ended.value) is Unconfirmed


# --- uploads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("images", [1, 2])
def test_pictures_that_instagram_forgot_go_up_again(desk: Desk, images: int) -> None:
    adapter = desk.adapter()
    pictures = [picture(desk.folder, grey=grey) for grey in range(images)]
    media = upload(adapter, *pictures)
    desk.ledger.shift(desk.sandbox.uploads.lifetime)

    with pytest.raises(MediaExpired):
        adapter.publish(post_of(images), media, idempotency_key=KEY)
    assert desk.ledger.posts() == []

    publish(adapter, *pictures)
    assert len(desk.ledger.posts()) == 1


def test_the_sandbox_keeps_nothing_of_an_upload_that_was_cut(desk: Desk) -> None:
    adapter, image = desk.adapter(), picture(desk.folder)
    media = upload(adapter, image)
    (sent,) = desk.requests
    desk.reset()

    answer = desk.sandbox.answer(
        Request(
            method=sent.method,
            url=sent.url,
            host=sent.host,
            path=sent.path,
            query=sent.query,
            headers=sent.headers,
            body=sent.body[: len(sent.body) // 2],
        )
    )

    assert answer.status == 400
    with pytest.raises(MediaExpired):
        adapter.publish(post_of(), media, idempotency_key=KEY)
    assert desk.ledger.posts() == []


# --- every trouble at every step -------------------------------------------------------------

Step = Callable[[Adapter, Desk], object]


def _uploads(adapter: Adapter, desk: Desk) -> object:
    return upload(adapter, picture(desk.folder))


def _prepares(adapter: Adapter, _desk: Desk) -> object:
    return adapter.prepare(post_of(), [], idempotency_key=KEY)


def _looks(adapter: Adapter, desk: Desk) -> object:
    return adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now())


def _reads_back(adapter: Adapter, _desk: Desk) -> object:
    return adapter.read_publication("3500000000000000001")


def _asks_who_we_are(adapter: Adapter, _desk: Desk) -> object:
    return adapter.verify_credentials()


STEPS = {"upload": _uploads, "prepare": _prepares, "look-up": _looks, "read-back": _reads_back, "who": _asks_who_we_are}


@pytest.mark.parametrize("answer", GATEWAY, ids=by_status)
@pytest.mark.parametrize("step", STEPS)
def test_something_in_front_of_instagram_says_nothing_about_post_or_account(
    desk: Desk, step: str, answer: Answer
) -> None:
    adapter = desk.adapter()
    desk.rewrite = lambda _request, _given: answer

    with pytest.raises(PlatformError) as ended:
        STEPS[step](adapter, desk)

    assert type(ended.value) is Unavailable
    assert len(desk.requests) == 1


@pytest.mark.parametrize("answer", GATEWAY, ids=by_status)
def test_something_in_front_of_instagram_leaves_a_publishing_request_unknown(desk: Desk, answer: Answer) -> None:
    adapter = desk.adapter()
    media = upload(adapter, picture(desk.folder))
    desk.rewrite = instead(answer)

    with pytest.raises(PlatformError) as ended:
        adapter.publish(post_of(), media, idempotency_key=KEY)

    assert type(ended.value) is Unconfirmed
    assert len(desk.publishing_requests()) == 1


@pytest.mark.parametrize("status", [403, 404, 502])
def test_something_in_front_of_instagram_is_no_wrong_password(desk: Desk, status: int) -> None:
    Adapter.authorize(desk.connection(), Person())
    steps = [request.path for request in desk.requests]
    assert len(steps) > 8

    ended = []
    for place in range(len(steps)):
        desk.requests.clear()

        def spoils(_request: Request, given: Answer, place: int = place) -> Answer:
            return Answer.of_text(status, "<html>", "text/html") if len(desk.requests) == place + 1 else given

        desk.rewrite = spoils
        with contextlib.suppress(Unavailable):
            Adapter.authorize(desk.connection(), Person())
            continue
        ended.append(steps[place])
    # The library goes on without some of the answers.
    assert len(ended) > 4
    assert "/api/v1/accounts/current_user/" in ended


def fault_of(kind: str, step: str = "") -> Fault:
    """A fault at a step, so slow that nobody waits for its end, and so late that it strikes in no test."""
    seconds = {"slow-after": ":30", **dict.fromkeys(DRIP_KINDS, ":0.5"), **dict.fromkeys(LATE_COMMIT_KINDS, ":100")}
    return Fault.parse(f"{step if kind != 'refuse' else ''}{kind}{seconds.get(kind, '')}")


def ends_of(kind: str, *, publishing: bool, rejecting: bool) -> type[PlatformError]:
    """What a fault of the sandbox has to be told as."""
    if kind.startswith("429"):
        return RateLimited
    if kind == "unauthorized":
        return CredentialsRefused
    if kind == "reject" and rejecting:
        return ContentRejected
    return Unconfirmed if publishing and kind != "refuse" else Unavailable


def is_slow(kind: str) -> bool:
    return kind in ("slow-after", "late-silence", *DRIP_KINDS)


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("step", STEPS)
def test_every_fault_of_a_step_that_publishes_nothing_is_told_as_what_it_is(desk: Desk, step: str, kind: str) -> None:
    desk.ledger.shift(-desk.sandbox.uploads.lifetime)
    number = publish(desk.adapter(), picture(desk.folder), key="1777885200512")
    desk.ledger.shift(timedelta(0))
    adapter = desk.adapter(timeout=1.0 if is_slow(kind) else 20.0)
    desk.faults.add("instagram", fault_of(kind, "upload/" if step == "upload" else "read/"), 3)

    with pytest.raises(PlatformError) as ended:
        adapter.read_publication(number) if step == "read-back" else STEPS[step](adapter, desk)

    assert type(ended.value) is ends_of(kind, publishing=False, rejecting=step == "upload")
    assert len(desk.ledger.posts()) == 1


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_fault_of_the_publishing_request_leaves_one_post_at_most(desk: Desk, kind: str) -> None:
    adapter = desk.adapter(timeout=1.0 if is_slow(kind) else 20.0)
    media = upload(adapter, picture(desk.folder))
    preparation = adapter.prepare(post_of(), media, idempotency_key=KEY)
    desk.faults.add("instagram", fault_of(kind), 3)

    with pytest.raises(PlatformError) as ended:
        adapter.publish(post_of(), media, idempotency_key=KEY, preparation=preparation)

    assert type(ended.value) is ends_of(kind, publishing=True, rejecting=True)
    if isinstance(ended.value, RateLimited):
        assert timedelta(0) < ended.value.retry_at - desk.clock.now() <= timedelta(days=2)
    desk.faults.clear()
    desk.ledger.shift(timedelta(seconds=200))
    found = adapter.find_publication(
        post_of(), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation
    )  # fmt: skip
    copies = 1 if kind in (*AFTER, *LATE_COMMIT_KINDS) else 0
    assert len(desk.ledger.posts()) == copies
    assert isinstance(found, Publication) == bool(copies)


# --- this machine ----------------------------------------------------------------------------


@pytest.mark.parametrize("content", [None, "this is no certificate"])
def test_a_broken_ca_file_is_no_fault_of_the_account(desk: Desk, content: str | None) -> None:
    broken = desk.folder / "broken.pem"
    if content is not None:
        broken.write_text(content, encoding="utf-8")
    media = upload(desk.adapter(), picture(desk.folder))
    adapter = desk.adapter(ca_file=broken)
    connection = desk.connection(ca_file=broken)

    steps: list[Callable[[], object]] = [
        lambda: adapter.publish(post_of(), media, idempotency_key=KEY),
        lambda: _looks(adapter, desk),
        lambda: _uploads(adapter, desk),
        lambda: Adapter.authorize(connection, Person()),
    ]
    for step in steps:
        with pytest.raises(PlatformError) as ended:
            step()
        assert type(ended.value) is Unavailable

    assert desk.publishing_requests() == []
    broken.unlink(missing_ok=True)


class FullMachine(SessionFile):
    """A session on a machine that can open no more files."""

    def load(self) -> dict[str, object]:
        raise OSError(24, "Too many open files")


def test_a_machine_that_opens_no_more_files_does_not_lose_the_log_in(desk: Desk) -> None:
    connection = desk.logged_in(session=FullMachine(desk.folder / "session.json"), save=False)

    with pytest.raises(Unavailable, match="Too many open files") as ended:
        Adapter.connect(connection)

    assert "remove" not in ended.value.message
    assert "connect" not in ended.value.message
