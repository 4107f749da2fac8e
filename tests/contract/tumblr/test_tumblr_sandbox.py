"""What the Tumblr sandbox itself does."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from publisher.core.content import Span, TextBlock
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.sandbox.faults import Fault
from tests.contract.platforms.tumblr import POST, Driver


def test_the_sandbox_takes_a_signed_request_once(desk: Driver) -> None:
    desk.publish(desk.adapter())
    replayed = desk.sandbox.answer(desk.posted()[0])
    assert replayed.status == 401
    assert len(desk.copies()) == 1


def test_the_sandbox_refuses_a_request_changed_on_its_way(desk: Driver) -> None:
    desk.in_front = lambda request: desk.sandbox.answer(replace(request, url=request.url.replace("/posts", "/Posts")))
    with pytest.raises(CredentialsRefused):
        desk.publish(desk.adapter())


def test_the_sandbox_refuses_an_old_signature(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_the_sandbox_enforces_documented_limits(desk: Driver, change: dict[str, Any], code: int) -> None:
    with pytest.raises(ContentRejected, match=f"400, code {code}"):
        desk.publish(desk.adapter(), post=POST.model_copy(update=change))
    assert desk.copies() == []


def test_the_sandbox_takes_thirty_pictures_and_no_more(desk: Driver) -> None:
    adapter = desk.adapter()
    desk.publish(adapter, 30)
    with pytest.raises(ContentRejected, match="too many image blocks"):
        desk.publish(adapter, 31)
    assert len(desk.copies()) == 1


def test_the_sandbox_looks_into_the_picture(desk: Driver) -> None:
    adapter = desk.adapter()
    media = desk.upload(adapter, 1)
    for content in (b"not a picture", as_png()):
        media[0].image.path.write_bytes(content)
        with pytest.raises(ContentRejected, match="code 8005"):
            desk.send(adapter, media)
    media[0].image.path.write_bytes(desk.picture().path.read_bytes())
    with pytest.raises(ContentRejected, match="alt_text is too long"):
        desk.send(adapter, [replace(media[0], alt_text="x" * 4097)])
    assert desk.copies() == []


def test_the_sandbox_tells_its_limits_in_headers(desk: Driver) -> None:
    desk.sandbox.hour.limit = 2
    adapter = desk.adapter()
    adapter.verify_credentials()
    adapter.verify_credentials()
    with pytest.raises(RateLimited) as caught:
        adapter.verify_credentials()
    assert timedelta(minutes=59) < caught.value.retry_at - datetime.now(UTC) <= timedelta(hours=1)
    desk.ledger.shift(timedelta(hours=2))
    adapter.verify_credentials()


def test_the_sandbox_counts_pictures_by_day(desk: Driver) -> None:
    desk.sandbox.images_per_day = 3
    adapter = desk.adapter()
    desk.publish(adapter, 2)
    with pytest.raises(RateLimited, match="code 8004"):
        desk.publish(adapter, 2, key="second-0123456789ab")
    desk.ledger.shift(timedelta(days=1))
    desk.publish(adapter, 2, key="second-0123456789ab")
    assert len(desk.copies()) == 2


def test_the_sandbox_knows_one_blog(desk: Driver) -> None:
    with pytest.raises(CredentialsRefused, match="no such blog"):
        desk.publish(desk.adapter(account="another"))


def test_a_cleared_sandbox_has_no_drafts_and_no_habits(desk: Driver) -> None:
    desk.sandbox.blog.habits.slug_limit = 8
    desk.prepare(desk.adapter())
    desk.sandbox.reset()
    assert desk.drafts() == []
    assert desk.sandbox.blog.habits.slug_limit is None


@pytest.mark.parametrize("step", ["upload", "publish"])
@pytest.mark.parametrize("same_id", [False, True], ids=["new id", "same id"])
def test_the_sandbox_carries_a_request_out_late(desk: Driver, step: str, same_id: bool) -> None:
    """100 s after a 504: a draft that nobody needs any more, or the post, which is then not published again."""
    desk.sandbox.blog.habits.drafts_keep_id = same_id
    desk.faults.add("tumblr", Fault("late-504", 100.0, step))
    with pytest.raises((Unavailable, Unconfirmed)):
        desk.publish(desk.adapter())
    assert (desk.copies(), desk.sandbox.late_requests) == ([], 1)
    desk.pass_time(timedelta(seconds=101))
    desk.sandbox.catch_up()
    assert (len(desk.copies()), len(desk.drafts())) == ((0, 1) if step == "upload" else (1, 0))
    if step == "upload":
        desk.publish(desk.adapter())
    assert (len(desk.copies()), desk.drafts()) == (1, [])


def as_png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "png")
    return file.getvalue()
