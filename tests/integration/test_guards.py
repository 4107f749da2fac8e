"""Tests that each guard against a second copy is needed, by taking it out."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from publisher.core.clock import FixedClock
from publisher.core.problems import recorded_problem
from publisher.db.session import Database
from publisher.delivery import intents, records
from publisher.delivery.claim import ClaimedDelivery, claim, claim_look_up
from publisher.delivery.confirm import Confirmer
from publisher.delivery.context import DeliveryContext
from publisher.delivery.due import recover_lost
from publisher.delivery.outcomes import Pace, after_send
from publisher.delivery.worker import Worker
from publisher.lifecycle import Fenced
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.errors import Unavailable
from publisher.settings import DeliverySettings
from tests import mutants
from tests.conftest import on_every_database
from tests.fakes import FakeChannels, FakePlatform, FakeRenderer, add_delivery, fake_profile

LEASE = timedelta(seconds=30)
SETTINGS = DeliverySettings(lease_seconds=30, look_up_after=(10, 60))


class Bench:
    def __init__(self, database: Database, clock: FixedClock) -> None:
        self.database = database
        self.clock = clock
        self.platform = FakePlatform()
        self.channels = FakeChannels(self.platform, fake_profile())
        self.pace = Pace(20, (10, 60), jitter=random.Random(7))

    def claim(self, owner: str) -> ClaimedDelivery | None:
        return claim(self.database, "fake", owner=owner, now=self.clock.now(), lease=LEASE)

    def drain(self) -> None:
        Worker(
            DeliveryContext(self.database, self.channels, FakeRenderer(), self.clock, SETTINGS), owner="later"
        ).drain("fake")

    def look_up(self) -> None:
        claimed = claim_look_up(self.database, "fake", self.clock.now())
        assert claimed is not None
        Confirmer(self.database, self.channels, self.clock, self.pace, SETTINGS, owner="looker").look_up(claimed)

    def find_absent(self) -> None:
        """Lets the lease run out and two look-ups find nothing, so that it goes out again."""
        self.clock.advance(minutes=5)
        recover_lost(self.database, self.clock.now(), timedelta(seconds=10), lambda owner: False)
        for _ in range(2):
            self.clock.advance(minutes=5)
            self.look_up()


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Iterator[Bench]:
    with mutants.undone():
        yield Bench(database, clock)


def late_answer_while_another_publishes(bench: Bench) -> None:
    """Has a worker, whose delivery was given to another one, learn late that its own request failed."""
    add_delivery(bench.database, bench.clock.now())
    frozen = bench.claim("frozen")
    assert frozen is not None
    intent = intents.Intent(key="key", preparation=NOTHING_PREPARED, cost=0, gap=timedelta(0))
    attempt = intents.commit_intent(bench.database, frozen, intent, now=bench.clock.now(), lease=LEASE, owner="frozen")
    bench.find_absent()

    def wake_up() -> None:
        bench.platform.while_publishing = None
        error = Unavailable(recorded_problem("nothing was sent"))
        outcome = after_send(error, tries=1, now=bench.clock.now(), pace=bench.pace)
        try:
            failed = records.FailedTry(outcome=outcome, error=error, ended_at=bench.clock.now(), worker="frozen")
            records.record_failure(bench.database, frozen, attempt, failed)
        except Fenced:
            return
        bench.clock.advance(minutes=1)
        bench.drain()

    bench.platform.while_publishing = wake_up
    bench.drain()


@on_every_database
def test_the_fence_keeps_a_late_worker_from_a_second_copy(bench: Bench) -> None:
    late_answer_while_another_publishes(bench)
    assert len(bench.platform.posts) == 1


def test_without_the_fence_there_would_be_a_second_copy(bench: Bench) -> None:
    mutants.without_fence()
    late_answer_while_another_publishes(bench)
    assert len(bench.platform.posts) == 2


@on_every_database
@pytest.mark.parametrize(
    ("broken", "in_flight"),
    [((), 1), (("index",), 1), (("check",), 1), (("index", "check"), 2)],
    ids=["whole", "no index", "no check", "neither"],
)
def test_two_guards_keep_a_channel_to_one_delivery_at_a_time(
    bench: Bench, broken: tuple[str, ...], in_flight: int
) -> None:
    guards: dict[str, Callable[[], None]] = {
        "index": lambda: mutants.without_index(bench.database),
        "check": mutants.without_busy_check,
    }
    for guard in broken:
        guards[guard]()
    for day in range(2):
        add_delivery(bench.database, bench.clock.now(), day_offset=day)
    claims = [bench.claim("one"), bench.claim("two")]
    assert len([claimed for claimed in claims if claimed]) == in_flight


@on_every_database
@pytest.mark.parametrize("broken", [False, True], ids=["whole", "no check"])
def test_of_many_that_claim_at_once_one_gets_it(bench: Bench, broken: bool) -> None:
    if broken:
        mutants.without_busy_check()
    for day in range(3):
        add_delivery(bench.database, bench.clock.now(), day_offset=day)
    count = 6
    barrier = threading.Barrier(count)

    def claim_with_the_others(number: int) -> ClaimedDelivery | None:
        barrier.wait()
        return bench.claim(f"worker {number}")

    with ThreadPoolExecutor(count) as pool:
        claims = list(pool.map(claim_with_the_others, range(count)))
    assert len([claimed for claimed in claims if claimed]) == 1
