"""What becomes of a post on Instagram when an id was used, an upload is gone, or something else answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from publisher.core.content import Publication
from publisher.platforms.errors import (
    AlreadyPublic,
    MediaExpired,
    PlatformError,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.instagram.adapter import Adapter
from publisher.platforms.instagram.problem_codes import InstagramRequestProblem
from publisher.platforms.problem_codes import SessionProblem
from publisher.platforms.session_files import SessionFile
from publisher.sandbox.faults import Fault
from publisher.sandbox.wire import Answer, Request
from tests.contract.instagram.posts import picture, post_of, publish, upload
from tests.contract.platforms.instagram import KEY, Driver, Person

CONFLICT = "Server got a conflicting upload id"


# --- an id that was used ---------------------------------------------------------------------


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_used_id_after_an_unknown_outcome_says_the_post_is_public(desk: Driver, status: int, images: int) -> None:
    desk.sandbox.recognises_upload_ids, desk.sandbox.conflict_status = True, status
    adapter = desk.adapter()
    media = upload(adapter, *[picture(desk.folder, grey=grey) for grey in range(images)])
    preparation = adapter.prepare(post_of(images), media, idempotency_key=KEY)
    desk.faults.add("instagram", Fault.parse("504-after"))
    with pytest.raises(Unconfirmed):
        adapter.publish(post_of(images), media, idempotency_key=KEY, preparation=preparation)

    with pytest.raises(AlreadyPublic) as refused:
        adapter.publish(post_of(images), media, idempotency_key=KEY, preparation=preparation)
    assert refused.value.problem.code is InstagramRequestProblem.ALREADY_PUBLIC

    (post,) = desk.ledger.posts()
    found = adapter.find_publication(
        post_of(images), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation
    )
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


@pytest.mark.parametrize("images", [1, 2])
def test_pictures_whose_post_is_public_are_not_published_again(desk: Driver, images: int) -> None:
    # As after a backup was put back: the first request with this key, as far as this desk knows.
    desk.sandbox.recognises_upload_ids = True
    pictures = [picture(desk.folder, grey=grey) for grey in range(images)]
    publish(desk.adapter(), *pictures)
    adapter = desk.adapter()

    media = upload(adapter, *pictures)
    with pytest.raises(AlreadyPublic):
        adapter.publish(post_of(images), media, idempotency_key=KEY)

    assert len(desk.ledger.posts()) == 1


def test_a_picture_that_went_up_before_is_published_once(desk: Driver) -> None:
    adapter, image = desk.adapter(), picture(desk.folder)
    first = upload(adapter, image)
    conflict = Answer.of_json(400, {"message": CONFLICT, "status": "fail"})
    desk.rewrite = lambda request, given: conflict if "rupload" in request.path else given

    second = upload(adapter, image)
    adapter.publish(post_of(), second, idempotency_key=KEY)

    assert second == first
    assert len(desk.ledger.posts()) == 1


# --- uploads ---------------------------------------------------------------------------------


def test_the_sandbox_keeps_nothing_of_an_upload_that_was_cut(desk: Driver) -> None:
    adapter, image = desk.adapter(), picture(desk.folder)
    media = upload(adapter, image)
    (sent,) = desk.requests
    desk.sandbox = desk.make_sandbox()

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


def _uploads(adapter: Adapter, desk: Driver) -> object:
    return upload(adapter, picture(desk.folder))


def _looks(adapter: Adapter, desk: Driver) -> object:
    return adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now())


# --- this machine ----------------------------------------------------------------------------


@pytest.mark.parametrize("content", [None, "this is no certificate"])
def test_a_broken_ca_file_is_no_fault_of_the_account(desk: Driver, content: str | None) -> None:
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


def test_a_machine_that_opens_no_more_files_does_not_lose_the_log_in(desk: Driver) -> None:
    connection = desk.logged_in(session=FullMachine(desk.folder / "session.json"), save=False)

    with pytest.raises(Unavailable, match="no free file descriptors") as ended:
        Adapter.connect(connection)
    assert ended.value.problem.code is SessionProblem.SESSION_UNREADABLE

    assert "remove" not in ended.value.message
    assert "connect" not in ended.value.message
