"""Takes one guard at a time out of the product, to see that a test notices."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import structlog
from sqlalchemy import bindparam, text, update

from publisher import lifecycle
from publisher.core.clock import monotonic
from publisher.core.content import Publication
from publisher.db.driver_statements import DriverStatement
from publisher.db.session import Database
from publisher.delivery import claim, corrector, outcomes
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.leases import RenewedLease
from publisher.delivery.prepare import NotSent
from publisher.delivery.records import ClaimNext
from publisher.delivery.worker import CommittedIntent, Worker
from publisher.platforms.errors import Unconfirmed


def without_fence() -> None:
    """Lets a worker that lost its delivery still change it."""
    whatever = lifecycle.DELIVERIES.c.fence >= bindparam("of_fence") * 0
    theirs = update(lifecycle.DELIVERIES).where(lifecycle.DELIVERIES.c.id == bindparam("of_id"), whatever)
    for name in ("CHANGE", "CHANGE_IN_STATE", "CHANGE_IN_STATES"):
        former = getattr(lifecycle, name)
        _CHANGED.append((lifecycle, name, former))
    states = lifecycle.DELIVERIES.c.state
    vars(lifecycle)["CHANGE"] = DriverStatement(theirs)
    vars(lifecycle)["CHANGE_IN_STATE"] = DriverStatement(theirs.where(states == bindparam("of_state")))
    vars(lifecycle)["CHANGE_IN_STATES"] = theirs.where(states.in_(bindparam("of_states", expanding=True)))


def retry_after_a_lost_answer() -> None:
    """Counts a lost answer as a request that was not sent."""
    vars(outcomes)["LOST"] = Unconfirmed
    _rewrite(outcomes, "after_send", "isinstance(error, Unavailable)", "isinstance(error, Unavailable | LOST)")


def intent_after_the_send() -> None:
    """Records a request only when it was answered."""

    def publish(
        self: Worker,
        claimed: ClaimedDelivery,
        lease: RenewedLease,
        log: structlog.stdlib.BoundLogger,
        follow: ClaimNext,
    ) -> ClaimedDelivery | None:
        following = None
        prepared = self._preparer.prepare(claimed, lease)
        if isinstance(prepared, NotSent):
            self._record_not_sent(claimed, prepared, lease, log)
            return following
        self._milestone("prepared", claimed.id)
        answer = self._send(claimed, prepared, CommittedIntent(0, latest_start=monotonic() + 60))
        self._milestone("answered", claimed.id)
        committed = self._commit(claimed, prepared, lease)
        assert isinstance(committed, CommittedIntent)
        self._milestone("committed", claimed.id)
        if isinstance(answer, Publication):
            following = self._record_success(claimed, committed, answer, follow, log)
        else:
            self._record_failure(claimed, prepared, committed, answer, lease, log)
        self._milestone("recorded", claimed.id)
        return following

    Worker._publish = publish  # type: ignore[method-assign]


def corrections_that_are_not_sent() -> None:
    """Records corrections without asking the platform."""
    _rewrite(corrector, "_correct", "adapter.correct(claimed.remote_id, before=before, after=claimed.after)", "pass")


def without_index(database: Database) -> None:
    """Removes the index, so that any number of deliveries are in flight on a channel."""
    with database.writing() as session:
        session.execute(text("DROP INDEX IF EXISTS uq_delivery_in_flight"))


def without_busy_check() -> None:
    """Stops workers from checking whether the channel is busy."""
    _rewrite(claim, "_next_post", ' or row["busy"]', "")


@contextmanager
def undone() -> Iterator[None]:
    """Undoes the mutants of the block when it ends."""
    try:
        yield
    finally:
        while _CHANGED:
            setattr(*_CHANGED.pop())


_CHANGED: list[tuple[ModuleType, str, object]] = []


def _rewrite(module: ModuleType, name: str, old: str, new: str) -> None:
    """Replaces text in the source of a function, wherever it was imported to."""
    original: Callable[..., Any] = getattr(module, name)
    source = textwrap.dedent(inspect.getsource(original))
    assert source.count(old) == 1, f"{name} has changed; the mutant must follow"
    exec(compile(source.replace(old, new), f"<mutant of {name}>", "exec"), vars(module))
    mutant = getattr(module, name)
    _CHANGED.append((module, name, original))
    for loaded in [loaded for loaded in list(sys.modules.values()) if getattr(loaded, name, None) is original]:
        setattr(loaded, name, mutant)
        _CHANGED.append((loaded, name, original))
