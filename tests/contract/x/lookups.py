"""Losing a post on X, and looking for it."""

from __future__ import annotations

from datetime import datetime

import pytest

from publisher.core.content import Absence, AdaptedPost, Preparation, Publication
from publisher.platforms.errors import (
    Unconfirmed,
)
from publisher.platforms.x.adapter import Adapter
from publisher.sandbox.faults import Fault
from tests.contract.platforms.x import Driver


def prepare(adapter: Adapter, post: AdaptedPost, earlier: Preparation | None = None) -> Preparation:
    return adapter.prepare(post, [], idempotency_key="x-1", earlier=earlier or Preparation())


def lose(desk: Driver, post: AdaptedPost, earlier: Preparation | None = None) -> tuple[Preparation, str]:
    """Publish a post whose answer is lost; returns what was prepared for it and its number."""
    adapter = desk.adapter()
    prepared = prepare(adapter, post, earlier)
    desk.faults.add("x", Fault.parse("drop-after"))
    with pytest.raises(Unconfirmed):
        adapter.publish(post, [], idempotency_key="x-1", preparation=prepared)
    return prepared, desk.sandbox.posts()[-1].id


def found(
    desk: Driver, post: AdaptedPost, prepared: Preparation | None, since: datetime | None = None
) -> Publication | Absence:
    return desk.adapter().find_publication(
        post,
        idempotency_key="x-1",
        since=since or desk.clock.now(),
        preparation=prepared or Preparation(),
    )


def number_found(
    desk: Driver, post: AdaptedPost, prepared: Preparation | None, since: datetime | None = None
) -> str | None:
    end = found(desk, post, prepared, since)
    return end.remote_id if isinstance(end, Publication) else None
