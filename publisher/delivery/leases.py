"""Renews the leases of what a worker has claimed: one thread for all of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import bindparam, update

from publisher.core.clock import Clock, monotonic
from publisher.core.logs import get_logger
from publisher.core.states import LEASED
from publisher.db.base import UtcDateTime
from publisher.db.session import Database
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.due import in_states
from publisher.lifecycle import DELIVERIES

UNTIL = bindparam("until", type_=UtcDateTime())
RENEW = (
    update(DELIVERIES)
    .where(
        DELIVERIES.c.id == bindparam("of_id"),
        DELIVERIES.c.fence == bindparam("of_fence"),
        in_states(DELIVERIES, *LEASED),
        DELIVERIES.c.lease_until < UNTIL,
    )
    .values(lease_until=UNTIL)
)


class RenewedLease:
    """Holds one lease that is renewed until its work is done or has taken too long."""

    def __init__(self, claimed: ClaimedDelivery, lease: timedelta) -> None:
        self.claimed = claimed
        self._ends = monotonic() + lease.total_seconds()

    def allow(self, seconds: float) -> None:
        """Allows renewals for so many seconds from now: the next step is over by then, or never ends."""
        self._ends = monotonic() + seconds

    @property
    def remaining(self) -> timedelta:
        """Returns for how many seconds it may still be renewed; zero or less: it has taken too long."""
        return timedelta(seconds=self._ends - monotonic())


class LeaseRenewer:
    """Renews leases, each when a third of it is over. Its thread lives while there are leases."""

    def __init__(self, database: Database, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._pause = lease.total_seconds() / 3
        self._leases: set[RenewedLease] = set()
        self._lock = threading.Lock()
        self._runs = False

    @contextmanager
    def renewing(self, claimed: ClaimedDelivery) -> Iterator[RenewedLease]:
        """Renews the lease of a delivery that was claimed just now, until the block ends."""
        lease = RenewedLease(claimed, self._lease)
        with self._lock:
            if not self._runs:
                # On a machine that has no thread left this fails, and is tried again for the next delivery.
                threading.Thread(target=self._run, name="leases", daemon=True).start()
            self._runs = True
            self._leases.add(lease)
        try:
            yield lease
        finally:
            with self._lock:
                self._leases.discard(lease)

    def _run(self) -> None:
        """Renews in rounds. A lease that is new when a round begins is renewed early, and none late."""
        pause = threading.Event()
        while True:
            pause.wait(self._pause)
            with self._lock:
                leases = list(self._leases)
                self._runs = bool(self._leases)
                if not self._runs:
                    return
            self.renew(leases)

    def renew(self, leases: Iterable[RenewedLease]) -> None:
        """Renews each lease once, for no longer than it is allowed."""
        for lease in leases:
            self._renew(lease.claimed, min(self._lease, lease.remaining))

    def _renew(self, claimed: ClaimedDelivery, duration: timedelta) -> None:
        """Renews one lease. A `duration` that is over changes nothing."""
        parameters = {"of_id": claimed.id, "of_fence": claimed.fence, "until": self._clock.now() + duration}
        try:
            with self._database.writing() as session:
                session.connection().execute(RENEW, parameters)
        except Exception as error:
            # The lease then runs out, and the fence keeps us from changing anything after it.
            get_logger("delivery").warning("the lease was not renewed", delivery=claimed.id, error=str(error))
