"""Tests that the invariants hold after every step of workers, look-ups, people and the clock, in any order.

The steps are those of the product, taken one at a time, so that any number of workers can stand
between any two of them.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from publisher.core.clock import FixedClock
from publisher.core.content import Absence, AdaptedPost, Preparation, Publication
from publisher.core.problems import recorded_problem
from publisher.core.states import BY_HAND, FINAL, LEASED, WAITING, State
from publisher.db.base import Base
from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery import intents, operate, records
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.delivery.claim import ClaimedDelivery, claim, claim_look_up
from publisher.delivery.confirm import Confirmer
from publisher.delivery.due import miss_expired, recover_lost
from publisher.delivery.outcomes import Pace, after_send, before_send
from publisher.lifecycle import Fenced
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.errors import (
    AlreadyPublic,
    ContentRejected,
    CredentialsRefused,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.settings import DeliverySettings
from tests.fakes import FakeAdapter, FakeChannels, FakePlatform, add_delivery, fake_profile

CHANNELS = ("north", "south")
TIMEOUT = 5.0
SETTLE = timedelta(seconds=10)
LEASE = timedelta(seconds=30)
LAG = timedelta(seconds=900)
CARRIED_OUT_AFTER = timedelta(seconds=600)
LISTED_AFTER = timedelta(seconds=290)
"""The latest post is carried out so long after its request, and listed so long after that: just within the lag."""
START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
DELIVERY = DeliverySettings(look_up_after=(10, 60, 300))
PROFILE = fake_profile(timeout=TIMEOUT, settle=SETTLE.total_seconds(), lag=LAG.total_seconds())

refusals = st.sampled_from(
    [
        Unavailable(recorded_problem("down")),
        ContentRejected(recorded_problem("no")),
        CredentialsRefused(recorded_problem("who?")),
    ]
)
ends = st.sampled_from(
    ["lost after", "lost after", "late", "late", "lost before", "published", "unavailable", "refused", "rate limited"]
)
platforms = st.sampled_from(["plain", "plain", "drafts", "refuses copies"])
pauses = st.sampled_from([12, 31, 61, 61, 400, 400, 400, 4000]).map(lambda seconds: timedelta(seconds=seconds))
numbers = st.integers(0, 10)


class SlowToShow(FakeAdapter):
    """Lists a post minutes after it became public; a draft, which is read by its id, is up to date at once."""

    clock: FixedClock
    accepted: dict[str, datetime]
    drafts: ClassVar[bool] = False

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        accepted_at = self.accepted.get(idempotency_key)
        if self.drafts and (accepted_at is None or self.clock.now() < accepted_at):
            return Absence.UNPUBLISHED
        if accepted_at is None or self.clock.now() < accepted_at + (timedelta(0) if self.drafts else LISTED_AFTER):
            return Absence.NOT_LISTED
        return self._publication(idempotency_key)


@dataclass(eq=False)
class WorkerTry:
    """Holds one worker's try at a delivery, and how far it has come."""

    claimed: ClaimedDelivery
    owner: str
    key: str = ""
    attempt: int = 0
    committed: datetime | None = None
    answer: Publication | Exception | None = None


class DeskMachine(RuleBasedStateMachine):
    def __init__(self, database: Database | None = None) -> None:
        """`database`: one that is emptied first; None: one in memory."""
        super().__init__()
        self.database = database or Database.open("sqlite://")
        Base.metadata.create_all(self.database.engine)
        with self.database.writing() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(delete(table))
        self.clock = FixedClock(START)
        self.platform = FakePlatform()
        self.accepted: dict[str, datetime] = {}
        self.adapter: type[SlowToShow] = type(
            "Adapter", (SlowToShow,), {"clock": self.clock, "accepted": self.accepted}
        )
        self.channels = FakeChannels(self.platform, PROFILE, self.adapter)
        self.kind = "plain"
        self.asks = False
        self.pace = Pace(20, (10, 60, 300), random.Random(7))
        self.confirmer = Confirmer(self.database, self.channels, self.clock, self.pace, DELIVERY, owner="looker")
        self.tries: list[WorkerTry] = []
        self.dead: set[str] = set()
        self.workers = 0
        self.days = 0
        self.copies: Counter[str] = Counter()
        self.looked: Counter[str] = Counter()
        self.adopted: set[str] = set()
        for channel in CHANNELS:
            self.open(channel)

    def teardown(self) -> None:
        try:
            self._come_to_rest()
        finally:
            self.database.close()

    # --- what happens ------------------------------------------------------------------------

    @initialize(kind=platforms, asks=st.booleans())
    def set_up(self, kind: str, asks: bool) -> None:
        """Chooses what the platform does with a repeated request, and who decides about an absent post."""
        self.kind, self.asks = kind, asks
        self.adapter.drafts = kind == "drafts"
        wishes = DELIVERY.model_copy(update={"after_unknown": "ask" if asks else "wait"})
        self.confirmer = Confirmer(self.database, self.channels, self.clock, self.pace, wishes, owner="looker")

    @precondition(lambda self: self.days < 6)
    @rule(channel=st.sampled_from(CHANNELS))
    def open(self, channel: str) -> None:
        add_delivery(self.database, self.clock.now(), channel=channel, day_offset=self._next_day())

    @precondition(lambda self: self.days)
    @rule(new=st.booleans(), number=numbers, end=ends, steps=st.sampled_from([4, 4, 3, 2, 1]))
    def work(self, new: bool, number: int, end: str, steps: int) -> None:
        """Has a worker take what is due, or go on with its try, for some steps."""
        if new or not self.tries:
            working = [self._take(channel) for channel in CHANNELS]
            steps -= 1
        else:
            working = [self.tries[number % len(self.tries)]]
        for worker_try in [worker_try for worker_try in working if worker_try]:
            for _ in range(steps):
                if worker_try in self.tries:
                    self._go_on(worker_try, end)

    @precondition(lambda self: any(worker_try.committed is None for worker_try in self.tries))
    @rule(number=numbers, error=refusals)
    def fail_to_prepare(self, number: int, error: Exception) -> None:
        preparing = [worker_try for worker_try in self.tries if worker_try.committed is None]
        worker_try = preparing[number % len(preparing)]
        now = self.clock.now()
        outcome = before_send(error, tries=1, now=now, pace=self.pace)
        with _Guarded(self, worker_try):
            failed = records.FailedTry(outcome=outcome, error=error, ended_at=now, worker=worker_try.owner)
            records.record_not_sent(self.database, worker_try.claimed, failed)
        self._forget(worker_try)

    @precondition(lambda self: self.days)
    @rule(pause=pauses, noticed=st.sampled_from([True, True, True, False]), end=st.none() | ends)
    def time_passes(self, pause: timedelta, noticed: bool, end: str | None = None) -> None:
        """Time passes; perhaps somebody notices, and a worker does all that it finds."""
        self.clock.instant += pause
        if noticed:
            recover_lost(self.database, self.clock.now(), timedelta(seconds=10), lambda owner: owner in self.dead)
            miss_expired(self.database, self.clock.now())
        for channel in CHANNELS if noticed else ():
            if claimed := claim_look_up(self.database, channel, self.clock.now()):
                self.confirmer.look_up(claimed)
        if end:
            self.work(new=True, number=0, end=end, steps=4)

    @precondition(lambda self: self.tries)
    @rule(number=numbers)
    def kill(self, number: int) -> None:
        worker_try = self.tries[number % len(self.tries)]
        self.dead.add(worker_try.owner)
        self._forget(worker_try)

    @precondition(lambda self: any(row.state in (*BY_HAND, State.UNCONFIRMED) for row in self._rows()))
    @rule(number=numbers, act=st.sampled_from(["retry", "retry", "look and retry", "adopt", "cancel"]))
    def person_acts(self, number: int, act: str) -> None:
        rows = [row for row in self._rows() if row.state in (*BY_HAND, State.UNCONFIRMED)]
        row = rows[number % len(rows)]
        now = self.clock.now()
        operate.resume(self.database, row.channel_name, now=now, actor="me")
        try:
            match act:
                case "adopt":
                    post = AdoptionRequest(row.id, f"https://fake.example/by-hand/{row.id}", unread=True)
                    adopt(self.database, self.channels, post, now=now, actor="me")
                    self.adopted.add(row.token)
                case "cancel":
                    operate.cancel(self.database, row.id, now=now, actor="me")
                case _:
                    looked = act == "look and retry"
                    operate.retry(self.database, row.id, now=now, actor="me", i_have_looked=looked)
                    self.looked[row.token] += looked
        except ActRefused:
            assert recorded_facts(self._row(row.id)) == recorded_facts(row)

    # --- the steps of a worker ---------------------------------------------------------------

    def _go_on(self, worker_try: WorkerTry, end: str) -> None:
        if worker_try.committed is None:
            self._commit(worker_try)
        elif worker_try.answer is None:
            self._send(worker_try, end)
        else:
            self._record(worker_try, worker_try.answer)

    def _take(self, channel: str) -> WorkerTry | None:
        self.workers += 1
        owner = f"worker {self.workers}"
        claimed = claim(self.database, channel, owner=owner, now=self.clock.now(), lease=LEASE)
        if claimed is None:
            return None
        worker_try = WorkerTry(claimed, owner, key=claimed.idempotency_key or f"key-{claimed.seed.token}")
        self.tries.append(worker_try)
        return worker_try

    def _commit(self, worker_try: WorkerTry) -> None:
        now = self.clock.now()
        intent = intents.Intent(key=worker_try.key, preparation=NOTHING_PREPARED, cost=0, gap=timedelta(0))
        with _Guarded(self, worker_try):
            worker_try.attempt = intents.commit_intent(
                self.database, worker_try.claimed, intent, now=now, lease=LEASE, owner=worker_try.owner
            )
            worker_try.committed = now

    def _send(self, worker_try: WorkerTry, end: str) -> None:
        assert worker_try.committed is not None
        if self.clock.now() - worker_try.committed > LEASE - timedelta(seconds=TIMEOUT):
            worker_try.answer = Unavailable(recorded_problem("too late to begin"))
            return
        row = self._row(worker_try.claimed.id)
        if row.fence == worker_try.claimed.fence:
            assert (row.state, row.idempotency_key) == ("publishing", worker_try.key), "the intent is on disk"
            assert row.sent_at is not None
        if self.kind == "refuses copies" and self.accepted.get(worker_try.key, self.clock.now()) < self.clock.now():
            worker_try.answer = AlreadyPublic(recorded_problem("duplicate content"))
            return
        if end in ("published", "lost after", "late"):
            at = self.clock.now() + (CARRIED_OUT_AFTER if end == "late" else timedelta(0))
            self.copies[worker_try.claimed.seed.token] += self.kind != "drafts" or worker_try.key not in self.accepted
            self.accepted[worker_try.key] = min(at, self.accepted.get(worker_try.key, at))
        answers: dict[str, Publication | Exception] = {
            "published": Publication(remote_id=f"id-{worker_try.key}", url=f"https://fake.example/{worker_try.key}"),
            "unavailable": Unavailable(recorded_problem("down")),
            "refused": ContentRejected(recorded_problem("no")),
            "rate limited": RateLimited(recorded_problem("wait"), retry_at=self.clock.now() + timedelta(minutes=5)),
        }
        worker_try.answer = answers.get(end, Unconfirmed(recorded_problem("the answer was lost")))

    def _record(self, worker_try: WorkerTry, answer: Publication | Exception) -> None:
        now = self.clock.now()
        if isinstance(answer, Publication):
            records.record_success(
                self.database,
                worker_try.claimed,
                worker_try.attempt,
                records.SuccessfulTry(publication=answer, habits=PROFILE.publishing, ended_at=now),
            )
            assert self._row(worker_try.claimed.id).state == "published", "a late success is the truth nevertheless"
        else:
            outcome = after_send(answer, tries=1, now=now, pace=self.pace)
            with _Guarded(self, worker_try):
                failed = records.FailedTry(outcome=outcome, error=answer, ended_at=now, worker=worker_try.owner)
                records.record_failure(self.database, worker_try.claimed, worker_try.attempt, failed)
        self._forget(worker_try)

    # --- what may never break ----------------------------------------------------------------

    @invariant()
    def no_second_copy(self) -> None:
        for token, copies in self.copies.items():
            assert copies <= 1 + self.looked[token], "a second copy that nobody asked for"

    @invariant()
    def only_a_person_lets_out_what_the_desk_was_told_to_ask_about(self) -> None:
        for row in self._rows():
            # What was adopted while a request was unknown counts it as lost, so that a second copy is looked for.
            settled = self.looked[row.token] or (row.token in self.adopted and row.state == State.PUBLISHED)
            assert not (self.asks and self.kind != "drafts" and row.lost_requests and not settled)
            assert not (row.reported_public and row.state == State.PENDING and not self.looked[row.token])

    @invariant()
    def every_row_is_as_it_may_be(self) -> None:
        rows = self._rows()
        assert len(rows) == self.days, "no delivery is lost"
        for row in rows:
            state = State(row.state)
            leased = state in LEASED
            assert leased or state in FINAL or state in BY_HAND or state in WAITING
            assert (row.lease_until is not None, row.lease_owner is not None) == (leased, leased)
        flying = Counter(row.channel_name for row in rows if row.state in LEASED)
        assert all(count == 1 for count in flying.values()), "one in flight per channel"

    def _come_to_rest(self) -> None:
        """Ends every worker and advances the clock until each delivery is in a state that a person can see."""
        self.dead.update(worker_try.owner for worker_try in self.tries)
        self.tries.clear()
        self._wait()
        paused = self._paused()
        assert {row.channel_name for row in self._moving()} <= paused, "only a paused channel leaves anything open"
        for channel in paused:
            operate.resume(self.database, channel, now=self.clock.now(), actor="me")
        self._wait()
        assert [(row.id, row.state) for row in self._moving()] == []
        for row in self._rows():
            if row.state == State.PUBLISHED and row.remote_url and "by-hand" not in row.remote_url:
                assert self.copies[row.token] >= 1

    def _wait(self) -> None:
        """Advances a few days, with a look-up for every delivery in each state that asks for one."""
        for _ in range(30):
            self.time_passes(timedelta(hours=2), noticed=True)
            if not self._moving():
                return

    def _moving(self) -> list[Delivery]:
        return [row for row in self._rows() if row.state not in FINAL and row.state not in BY_HAND]

    def _paused(self) -> set[str]:
        with self.database.reading() as session:
            return set(session.scalars(select(Channel.name).where(Channel.paused_at.is_not(None))))

    # --- helpers -----------------------------------------------------------------------------

    def _next_day(self) -> int:
        self.days += 1
        return 1000 * self.days

    def _forget(self, worker_try: WorkerTry) -> None:
        self.tries = [other for other in self.tries if other is not worker_try]

    def _rows(self) -> list[Delivery]:
        with self.database.reading() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    def _row(self, number: int) -> Delivery:
        with self.database.reading() as session:
            return session.get_one(Delivery, number)


class _Guarded:
    """Checks that what a worker writes with a lost lease is refused and changes nothing."""

    def __init__(self, machine: DeskMachine, worker_try: WorkerTry) -> None:
        self._machine = machine
        self._try = worker_try
        self._before = recorded_facts(machine._row(worker_try.claimed.id))

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        if self._before["fence"] == self._try.claimed.fence:
            assert error is None, "whoever holds it may write"
            return False
        assert isinstance(error, Fenced), "whoever lost it may not"
        assert recorded_facts(self._machine._row(self._try.claimed.id)) == self._before
        self._machine._forget(self._try)
        return True


def recorded_facts(row: Delivery) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in Delivery.__table__.columns}


SETTINGS = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestDesk = DeskMachine.TestCase
TestDesk.settings = SETTINGS


def test_the_invariants_hold_on_postgresql_too(postgres_database: Database) -> None:
    class Machine(DeskMachine):
        def __init__(self) -> None:
            super().__init__(postgres_database)

    run_state_machine_as_test(Machine, settings=settings(SETTINGS, max_examples=6))
