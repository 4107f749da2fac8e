"""The product with one of its guards taken out, to see that somebody notices."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import structlog
from sqlalchemy import text

from publisher import lifecycle
from publisher.db.session import Database
from publisher.delivery import claim, outcomes, records
from publisher.delivery.claim import Held
from publisher.delivery.worker import Worker
from publisher.platforms.base import UploadedMedia
from publisher.platforms.errors import Unconfirmed


def without_fence() -> None:
    """A worker that lost its delivery may still change it."""
    _rewrite(lifecycle, "move", "Delivery.fence == fence, ", "")


def retry_after_a_lost_answer() -> None:
    """An answer that was lost counts as a request that was not sent."""
    vars(outcomes)["LOST"] = Unconfirmed
    _rewrite(outcomes, "after_send", "isinstance(error, Unavailable)", "isinstance(error, Unavailable | LOST)")


def intent_after_the_send() -> None:
    """The database learns of a request only when it was answered."""

    def publish(self: Worker, held: Held, log: structlog.stdlib.BoundLogger) -> None:
        media: list[UploadedMedia] = []
        adapter, key = self._prepare(held, media)
        self._milestone("prepared", held.id)
        preparation = adapter.prepare(held.adapted, media, idempotency_key=key, earlier=held.preparation)
        intent = self._intent(held, key, media, preparation)
        publication, lost = None, None
        try:
            publication = adapter.publish(held.adapted, media, idempotency_key=intent.key, preparation=preparation)
        except Exception as error:
            lost = error
        self._milestone("answered", held.id)
        attempt = records.commit_intent(
            self._database, held, intent, now=self._clock.now(), lease=self._lease, owner=self._owner
        )
        self._milestone("committed", held.id)
        if publication is not None:
            self._succeed(held, attempt, publication, log)
        elif lost is not None:
            self._end(held, attempt, lost, log)
        self._milestone("recorded", held.id)

    Worker._publish = publish  # type: ignore[method-assign]


def without_index(database: Database) -> None:
    """The database allows any number of deliveries in flight on a channel."""
    with database.writing() as session:
        session.execute(text("DROP INDEX IF EXISTS uq_delivery_in_flight"))


def without_busy_check() -> None:
    """A worker doesn't ask whether the channel is busy."""
    _rewrite(claim, "_waits_or_is_busy", "return session.scalar(busy) is not None", "return False")


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is made worse inside the block."""
    try:
        yield
    finally:
        while _CHANGED:
            setattr(*_CHANGED.pop())


_CHANGED: list[tuple[ModuleType, str, object]] = []


def _rewrite(module: ModuleType, name: str, old: str, new: str) -> None:
    """Replace a function, wherever it was imported to, by itself with other words in it."""
    original: Callable[..., Any] = getattr(module, name)
    source = textwrap.dedent(inspect.getsource(original))
    assert source.count(old) == 1, f"{name} has changed; the mutant must follow"
    exec(compile(source.replace(old, new), f"<mutant of {name}>", "exec"), vars(module))
    mutant = getattr(module, name)
    _CHANGED.append((module, name, original))
    for loaded in [loaded for loaded in list(sys.modules.values()) if getattr(loaded, name, None) is original]:
        setattr(loaded, name, mutant)
        _CHANGED.append((loaded, name, original))
