"""Tests that corrections are carried like deliveries: stored before they are sent, fenced, settled by reading."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from publisher.alerts import store
from publisher.core.clock import FixedClock
from publisher.core.content import AdaptedPost, PublishedPost
from publisher.core.problems import recorded_problem
from publisher.core.states import CorrectionState
from publisher.db.corrections import Correction
from publisher.db.models import Attempt, Delivery, Event
from publisher.db.operations import Alert, AlertKind, Channel
from publisher.db.session import Database
from publisher.delivery import correction_history, corrections, operate
from publisher.delivery.context import DeliveryContext
from publisher.delivery.corrections import CorrectionUnderWay, NewCorrection, claim_correction, recover_lost_corrections
from publisher.delivery.problem_codes import CorrectionTrouble
from publisher.delivery.verify import DIFFERS
from publisher.delivery.worker import Worker
from publisher.lifecycle import Fenced
from publisher.platforms.abilities import CorrectionEnd
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.problem_codes import CorrectionProblem
from publisher.settings import DeliverySettings
from tests.conftest import on_every_database
from tests.fakes import (
    FakeAdapter,
    FakeChannels,
    FakePlatform,
    FakeRenderer,
    adapted_post,
    add_delivery,
    fake_profile,
    pass_time,
    the_delivery,
)
from tests.queue_desk import open_desk

pytestmark = on_every_database
OLD, NEW = "A title", "A title, mended"


class Killed(BaseException):
    """Ends a worker where it stands."""


@dataclass
class Shown:
    """What the platform shows of each post, and what becomes of the next corrections."""

    texts: dict[str, str] = field(default_factory=dict)
    before: list[BaseException] = field(default_factory=list)
    after: list[BaseException] = field(default_factory=list)
    calls: int = 0
    changes: int = 0
    meanwhile: Callable[[], None] | None = None


class CorrectingAdapter(FakeAdapter):
    """Corrects posts as the contract says: it reads first, and changes only what shows one of both texts."""

    shown: Shown

    def correct(self, remote_id: str, *, before: AdaptedPost, after: AdaptedPost) -> CorrectionEnd:
        self.shown.calls += 1
        if self.shown.meanwhile:
            self.shown.meanwhile()
        if self.shown.before:
            raise self.shown.before.pop(0)
        text = self.shown.texts.get(remote_id, before.caption)
        if text == after.caption:
            return CorrectionEnd.SHOWN_ALREADY
        if text != before.caption:
            raise ContentRejected(CorrectionProblem.CHANGED_THERE(platform="Fake"))
        self.shown.texts[remote_id] = after.caption
        self.shown.changes += 1
        if self.shown.after:
            raise self.shown.after.pop(0)
        return CorrectionEnd.SENT

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        shown = super().read_publication(remote_id)
        return shown and shown.model_copy(update={"text": self.shown.texts.get(remote_id, OLD)})


class Bench:
    """A published delivery on a platform that corrects."""

    def __init__(self, database: Database, clock: FixedClock) -> None:
        self.database = database
        self.clock = clock
        self.platform = FakePlatform()
        self.shown = Shown()
        adapter = type("Adapter", (CorrectingAdapter,), {"shown": self.shown})
        self.channels = FakeChannels(self.platform, fake_profile(), adapter)
        self.delivery = add_delivery(database, clock.now())
        self.drain()
        clock.instant += timedelta(minutes=20)
        self.drain()

    def worker(self, owner: str = "me", milestone: Callable[[str, int], object] | None = None) -> Worker:
        context = DeliveryContext(self.database, self.channels, FakeRenderer(), self.clock, DeliverySettings())
        options = {"milestone": milestone} if milestone else {}
        return Worker(context, owner=owner, jitter=random.Random(7), **options)

    def drain(self) -> None:
        self.worker().drain("fake")

    def pass_time(self, **duration: float) -> None:
        def work() -> None:
            recover_lost_corrections(self.database, self.clock.now(), lambda _owner: False)
            self.drain()

        pass_time(self.database, self.clock, work, timedelta(**duration))

    def ask(self, text: str = NEW) -> int:
        with self.database.writing() as session:
            delivery = session.get_one(Delivery, self.delivery)
            new = NewCorrection(after=adapted_post(text), post_version=2, actor="ada@example.org", note="A name")
            return corrections.open_correction(session, delivery, new, self.clock.now()).id

    def row(self, correction: int) -> Correction:
        with self.database.reading() as session:
            return session.get_one(Correction, correction)

    def events(self) -> list[str]:
        names = [corrections.CORRECTION_ASKED, corrections.CORRECTED, corrections.CORRECTION_FAILED]
        names += [corrections.CORRECTION_UNKNOWN, corrections.CORRECTION_REPLACED]
        with self.database.reading() as session:
            query = select(Event.name).where(Event.delivery_id == self.delivery, Event.name.in_(names))
            return list(session.scalars(query.order_by(Event.id)))

    def present(self) -> str:
        with self.database.reading() as session:
            return correction_history.present_text(session, session.get_one(Delivery, self.delivery)).caption

    @property
    def text(self) -> str:
        return self.shown.texts.get(str(the_delivery(self.database, self.delivery).remote_id), OLD)

    def assert_one_post(self) -> None:
        assert (len(self.platform.posts), len(self.platform.publish_calls)) == (1, 1)


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Bench:
    return Bench(database, clock)


def test_a_correction_is_carried_recorded_and_read_back(bench: Bench) -> None:
    correction = bench.ask()
    assert (bench.present(), bench.text) == (OLD, OLD)
    bench.drain()
    row = bench.row(correction)
    assert (row.state, row.tries, row.problem, row.lease_owner) == (CorrectionState.DONE, 1, None, None)
    assert (bench.present(), bench.text) == (NEW, NEW)
    assert bench.events() == [corrections.CORRECTION_ASKED, corrections.CORRECTED]
    bench.pass_time(hours=1)
    delivery = the_delivery(bench.database, bench.delivery)
    assert (delivery.problem, delivery.verify_at) == (None, None)
    assert delivery.adapted["caption"] == OLD, "what was sent stays as it was sent"
    bench.assert_one_post()


def test_a_read_back_compares_with_the_corrected_text(bench: Bench) -> None:
    bench.ask()
    bench.drain()
    bench.shown.texts = {}
    bench.pass_time(hours=6)
    delivery = the_delivery(bench.database, bench.delivery)
    assert "sent was “title, mended”" in str(delivery.problem)
    bench.shown.texts = {str(delivery.remote_id): NEW}
    bench.pass_time(hours=6)
    assert the_delivery(bench.database, bench.delivery).problem is None


def test_a_read_back_while_it_is_not_known_takes_both_texts(bench: Bench) -> None:
    bench.shown.after = [Unconfirmed(recorded_problem("lost"))]
    bench.ask()
    bench.drain()
    with bench.database.writing() as session:
        session.get_one(Delivery, bench.delivery).verify_at = bench.clock.now()
    bench.drain()
    with bench.database.reading() as session:
        assert session.scalar(select(Event.id).where(Event.name == DIFFERS)) is None
    assert bench.text == NEW


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_is_settled_by_reading(bench: Bench, lost: str) -> None:
    errors: list[BaseException] = [Unconfirmed(recorded_problem("lost")), ValueError("odd")]
    setattr(bench.shown, lost, errors)
    correction = bench.ask()
    bench.drain()
    row = bench.row(correction)
    assert (row.state, row.lost_at) == (CorrectionState.UNKNOWN, bench.clock.now())
    assert row.problem is not None
    assert row.problem.code is CorrectionTrouble.CORRECTING_WITHOUT_ANSWER
    assert bench.present() == OLD
    bench.pass_time(hours=1)
    assert bench.row(correction).state == CorrectionState.DONE
    assert (bench.text, bench.present(), bench.shown.changes) == (NEW, NEW, 1)
    bench.assert_one_post()


@pytest.mark.parametrize(
    "refusal",
    [
        ContentRejected(CorrectionProblem.CHANGED_THERE(platform="Fake")),
        UnsupportedContent(CorrectionProblem.NOT_OFFERED()),
    ],
)
def test_a_refused_correction_fails_with_its_reason(bench: Bench, refusal: ContentRejected) -> None:
    bench.shown.before = [refusal]
    correction = bench.ask()
    bench.drain()
    row = bench.row(correction)
    assert (row.state, row.problem) == (CorrectionState.FAILED, refusal.problem)
    assert (bench.text, bench.present()) == (OLD, OLD)
    assert bench.events()[-1] == corrections.CORRECTION_FAILED
    again = bench.ask("Another text")
    bench.drain()
    assert bench.row(again).state == CorrectionState.DONE


def test_people_are_told_of_a_failed_correction_and_of_its_end(bench: Bench, tmp_path: Path) -> None:
    settings = open_desk(bench.database, tmp_path).settings

    def alerts() -> list[tuple[str, str | None]]:
        store.reconcile(bench.database, settings, bench.clock.now())
        with bench.database.reading() as session:
            rows = session.scalars(select(Alert).where(Alert.kind == AlertKind.CORRECTION).order_by(Alert.id))
            return [(str(row.problem), str(row.ending) if row.ending else None) for row in rows]

    bench.shown.before = [ContentRejected(recorded_problem("The caption is too long"))]
    assert alerts() == []
    bench.ask()
    bench.drain()
    [(problem, ending)] = alerts()
    assert problem.startswith("Followers still see the former text. The caption is too long. Correct the post again")
    assert f"publisher log {bench.delivery}" in problem
    assert ending is None
    # Asking again is not the end, and being refused again is told anew.
    bench.shown.before = [ContentRejected(recorded_problem("still too long"))]
    bench.ask("Another text")
    assert [ending for _problem, ending in alerts()] == [None]
    bench.drain()
    assert len(alerts()) == 2
    bench.ask("A third text")
    bench.drain()
    assert alerts()[-1][1] == "Followers see the corrected text now."
    with bench.database.reading() as session:
        assert (
            session.scalars(select(Alert.id).where(Alert.kind == AlertKind.CORRECTION, Alert.closed_at.is_(None))).all()
            == []
        )


def test_an_unreached_platform_is_tried_again_and_given_up_after_a_day(bench: Bench) -> None:
    bench.shown.before = [Unavailable(recorded_problem("away")) for _ in range(1000)]
    correction = bench.ask()
    bench.pass_time(hours=23)
    assert bench.row(correction).state == CorrectionState.WAITING
    bench.pass_time(hours=2)
    row = bench.row(correction)
    assert row.state == CorrectionState.FAILED
    assert row.problem is not None
    assert row.problem.code is CorrectionTrouble.CORRECTING_GIVEN_UP


def test_a_pause_that_the_platform_asks_for_is_kept(bench: Bench) -> None:
    until = bench.clock.now() + timedelta(minutes=30)
    bench.shown.before = [RateLimited(recorded_problem("wait"), retry_at=until)]
    correction = bench.ask()
    bench.drain()
    row = bench.row(correction)
    assert (row.state, row.due_at) == (CorrectionState.WAITING, until)
    bench.drain()
    assert bench.shown.calls == 1
    bench.pass_time(minutes=31)
    assert bench.row(correction).state == CorrectionState.DONE


def test_a_refused_account_pauses_the_channel_and_the_correction_waits(bench: Bench) -> None:
    refusal = CredentialsRefused(recorded_problem("log in again"))
    bench.platform.account_trouble = refusal
    bench.shown.before = [refusal]
    correction = bench.ask()
    bench.drain()
    with bench.database.reading() as session:
        assert session.get_one(Channel, "fake").paused_at is not None
    bench.pass_time(hours=30)
    assert (bench.row(correction).state, bench.shown.calls) == (CorrectionState.WAITING, 1)
    bench.platform.account_trouble = None
    operate.resume(bench.database, "fake", now=bench.clock.now(), actor="ada")
    bench.drain()
    assert bench.row(correction).state == CorrectionState.DONE


def test_a_channel_that_a_person_paused_corrects_nothing(bench: Bench) -> None:
    operate.pause(bench.database, "fake", "no changes now", now=bench.clock.now(), actor="ada")
    bench.ask()
    bench.drain()
    assert bench.shown.calls == 0


def test_a_removed_channel_says_so(bench: Bench) -> None:
    bench.channels.removed = {"fake"}
    correction = bench.ask()
    bench.drain()
    row = bench.row(correction)
    assert row.problem is not None
    assert (row.state, row.problem.code) == (CorrectionState.FAILED, CorrectionTrouble.CORRECTING_WITHOUT_CHANNEL)


# --- workers that die, and workers that are too many ------------------------------------------------------


@pytest.mark.parametrize("milestone", ["correcting", "correction answered", "correction recorded"])
def test_a_killed_worker_leaves_one_post_with_the_new_text_in_the_end(bench: Bench, milestone: str) -> None:
    def die(reached: str, _delivery: int) -> None:
        if reached == milestone:
            raise Killed

    correction = bench.ask()
    with pytest.raises(Killed):
        bench.worker("dead", die).drain("fake")
    if milestone != "correction recorded":
        assert bench.row(correction).state == CorrectionState.SENDING, "the intent was on disk"
        recover_lost_corrections(bench.database, bench.clock.now(), lambda owner: owner == "dead")
        assert bench.row(correction).state == CorrectionState.UNKNOWN
    bench.pass_time(hours=1)
    assert bench.row(correction).state == CorrectionState.DONE
    assert (bench.text, bench.shown.changes) == (NEW, 1)
    bench.assert_one_post()


def test_the_intent_is_on_disk_before_the_platform_is_asked(bench: Bench) -> None:
    correction = bench.ask()
    seen: list[tuple[str, dict[str, object]]] = []
    bench.shown.meanwhile = lambda: seen.append((bench.row(correction).state, bench.row(correction).after))
    bench.drain()
    assert [(state, after["caption"]) for state, after in seen] == [(CorrectionState.SENDING, NEW)]


def test_a_lease_that_ran_out_is_taken_over_and_its_worker_records_nothing(bench: Bench) -> None:
    correction = bench.ask()
    claimed = claim_correction(bench.database, "fake", owner="slow", now=bench.clock.now(), lease=timedelta(seconds=10))
    assert claimed is not None
    assert claim_correction(bench.database, "fake", owner="b", now=bench.clock.now(), lease=timedelta(1)) is None
    bench.clock.instant += timedelta(seconds=11)
    assert recover_lost_corrections(bench.database, bench.clock.now(), lambda _: False) == [bench.delivery]
    bench.drain()
    assert bench.row(correction).state == CorrectionState.DONE
    with bench.database.writing() as session, pytest.raises(Fenced):
        corrections.record_failed(session, claimed, recorded_problem("late"), bench.clock.now())
    assert bench.row(correction).state == CorrectionState.DONE


# --- one after the other ----------------------------------------------------------------------------------


def test_a_correction_that_nobody_began_is_replaced_by_a_newer_one(bench: Bench) -> None:
    first = bench.ask("A typo")
    second = bench.ask()
    bench.drain()
    assert (bench.row(first).state, bench.row(second).state) == (CorrectionState.REPLACED, CorrectionState.DONE)
    assert (bench.text, bench.shown.changes) == (NEW, 1)


def test_a_correction_under_way_keeps_others_away(bench: Bench) -> None:
    bench.shown.before = [Unavailable(recorded_problem("away"))]
    bench.ask()
    bench.drain()
    with pytest.raises(CorrectionUnderWay):
        bench.ask("Another")
    with bench.database.reading() as session:
        row = session.scalars(select(Correction)).one()
    copy = {column.name: getattr(row, column.name) for column in Correction.__table__.columns if column.name != "id"}
    with pytest.raises(IntegrityError), bench.database.writing() as session:
        session.add(Correction(**copy))


def test_a_new_text_waits_until_a_lost_request_can_act_no_more(bench: Bench) -> None:
    bench.shown.after = [Unconfirmed(recorded_problem("lost"))]
    first = bench.ask()
    bench.drain()
    lost_at = bench.clock.now()
    bench.pass_time(minutes=5)
    assert bench.row(first).state == CorrectionState.DONE
    second = bench.ask("A title, mended twice")
    assert bench.row(second).due_at == lost_at + corrections.LATE_REQUESTS
    bench.drain()
    assert bench.shown.changes == 1
    bench.pass_time(minutes=11)
    assert (bench.row(second).state, bench.text) == (CorrectionState.DONE, "A title, mended twice")


def test_a_correction_waits_until_a_lost_request_can_act_no_more(bench: Bench) -> None:
    started = bench.clock.now()
    with bench.database.writing() as session:
        attempt = {"delivery_id": bench.delivery, "kind": "send", "fence": 1, "worker": "w", "started_at": started}
        session.add(Attempt(outcome="publication-unconfirmed", **attempt))
    assert bench.row(bench.ask()).due_at == started + corrections.LATE_REQUESTS


def test_only_a_published_post_is_corrected(bench: Bench) -> None:
    bench.delivery = add_delivery(bench.database, bench.clock.now(), day_offset=1)
    with pytest.raises(ValueError, match="only a published"):
        bench.ask()


def test_a_change_by_a_given_up_correction_is_not_taken_for_somebody_elses(bench: Bench) -> None:
    bench.shown.after = [Unconfirmed(recorded_problem("the answer was lost"))]
    given_up = bench.ask()
    bench.drain()
    assert bench.text == NEW, "the request was carried out, and its answer was lost"
    bench.shown.before = [Unavailable(recorded_problem("away")) for _ in range(1000)]
    bench.platform.on_read = [Unavailable(recorded_problem("away")) for _ in range(1000)]
    bench.pass_time(hours=30)
    assert bench.row(given_up).state == CorrectionState.FAILED
    assert bench.row(given_up).lost_at is not None
    bench.shown.before = []
    again = bench.ask("Another text")
    bench.pass_time(hours=1)
    row = bench.row(again)
    assert (row.state, row.problem, bench.text) == (CorrectionState.DONE, None, "Another text")
    bench.assert_one_post()


def test_a_given_up_correction_is_done_where_followers_have_it(bench: Bench) -> None:
    bench.shown.after = [Unconfirmed(recorded_problem("the answer was lost"))]
    correction = bench.ask()
    bench.drain()
    bench.shown.before = [Unavailable(recorded_problem("away")) for _ in range(1000)]
    bench.pass_time(hours=30)
    row = bench.row(correction)
    assert (row.state, row.problem, bench.present()) == (CorrectionState.DONE, None, NEW)
    with bench.database.reading() as session:
        differing = session.scalars(select(Event).where(Event.delivery_id == bench.delivery, Event.name == DIFFERS))
        assert list(differing) == []
