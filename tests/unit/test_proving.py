"""Tests that a proof plans its days, judges deliveries, kills at failure points and moves clocks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from publisher.core.clock import FixedClock
from publisher.core.messages import Message
from publisher.core.states import CorrectionState, State
from publisher.db.corrections import Correction
from publisher.db.models import Attempt, Delivery, Pick, Post
from publisher.db.session import Database
from publisher.delivery.problem_codes import DeliveryProblem, UnknownOutcomeProblem, blocked
from publisher.lifecycle import record_delivery_event, record_event
from publisher.platforms.profiles import load_profile
from publisher.platforms.transport import deadline_for
from publisher.proving.correction_plans import CORRECTION_MILESTONES
from publisher.proving.failure_points import FailurePoints
from publisher.proving.fault_injection import Clocks
from publisher.proving.fleet import ProcessExit
from publisher.proving.habits import HabitChoices
from publisher.proving.judge import judge_proof, posts_by_caption, write_history
from publisher.proving.outcomes import collect_outcomes
from publisher.proving.outlet import write_outlet
from publisher.proving.plan import (
    CORRECTION_FAULTS,
    FAULT_KINDS,
    FAULTS,
    MAX_KNOWN_LAG_SECONDS,
    MAX_LATE_SECONDS,
    MILESTONES,
    SIDE_STEP_FAULTS,
    UNKNOWN_LAG_SECONDS,
    WHOLE_DAY_KINDS,
    Condition,
    ProofTerms,
    draw_plan,
    first_day,
)
from publisher.proving.proof import STUCK_SECONDS, next_day
from publisher.proving.report import Findings, Spread
from publisher.proving.shared_clock import SharedClock
from publisher.proving.watch import ChangeTimer, Recovery, next_jump, open_corrections
from publisher.sandbox.discovery import sandbox_class, sandbox_names
from publisher.sandbox.faults import ALL_KINDS, STEPS, Fault
from publisher.sandbox_client import SandboxClient
from publisher.schedule.restore_gap import SHOWN_ON
from publisher.settings import DeliverySettings, load_settings
from tests import mutants
from tests.fakes import adapted_post, add_delivery
from tests.waiting import wait_until

PLATFORMS = dict.fromkeys(("one", "two", "three"), HabitChoices())
REHEARSED = {"tumblr": "slug_limit", "x": "hides_time_windows", "instagram": "echoes_upload_id"}
"""A way of each platform that is drawn."""
TERMS = ProofTerms(seed=7, days=10, kills=20)


def test_a_seed_draws_the_same_plan_again_and_another_seed_another_one() -> None:
    assert draw_plan(TERMS, PLATFORMS) == draw_plan(TERMS, PLATFORMS)
    assert draw_plan(TERMS, PLATFORMS) != draw_plan(ProofTerms(seed=8, days=10, kills=20), PLATFORMS)


def test_every_fault_of_the_sandbox_is_planned_for_every_platform() -> None:
    assert {Fault.parse(fault).kind for fault in FAULTS} == set(ALL_KINDS)
    around = {Fault.parse(fault) for fault in SIDE_STEP_FAULTS}
    assert {(fault.step, fault.kind) for fault in around} == {
        (step, kind) for step in STEPS if step not in ("publish", "correct") for kind in ALL_KINDS if kind != "refuse"
    }
    planned = {pair for day in draw_plan(replace(TERMS, days=100), PLATFORMS) for pair in day.faults}
    assert planned == {(platform, fault) for platform in PLATFORMS for fault in (*FAULTS, *SIDE_STEP_FAULTS)}


def test_a_seed_draws_the_day_on_which_a_proof_begins() -> None:
    """The day on which it is run plays no part: the same seed has the same days, whenever and wherever."""
    days = {seed: first_day(replace(TERMS, seed=seed)) for seed in range(5000)}
    assert days[7] == first_day(replace(TERMS, days=30))
    assert (min(days.values()), max(days.values())) == (date(2026, 1, 1), date(2027, 12, 31))
    assert {date(2026, 3, 29), date(2027, 10, 31)} <= set(days.values())


def test_the_clocks_of_a_proof_begin_at_the_given_time(tmp_path: Path) -> None:
    """Both clocks are set before any process reads them: the first pick is for that day."""
    sandbox = FakeSandbox()
    first = datetime(2027, 3, 28, tzinfo=UTC)
    clocks = Clocks(SharedClock(tmp_path / "clock"), sandbox, first)
    assert timedelta(0) <= clocks.now() - first < timedelta(minutes=5)
    assert abs(datetime.now(UTC) + sandbox.offset - clocks.now()) < timedelta(minutes=5)


@pytest.mark.parametrize("on", [*FAULT_KINDS])
def test_every_milestone_and_every_kind_of_fault_is_planned(on: str) -> None:
    plan = draw_plan(replace(TERMS, on=on), PLATFORMS)
    acts = [act for day in plan for act in day.process_faults]
    kills = [act for act in acts if act.kind == "failure point" or act.kind.startswith("kill")]
    assert len(kills) == 20
    assert {act.milestone for act in kills if act.kind == "failure point"} == set(MILESTONES)
    assert {act.kind for act in acts} >= {"kill scheduler", "kill worker", *FAULT_KINDS[on]} - set(WHOLE_DAY_KINDS)
    assert any(day.skips for day in plan)
    copies = {day.copy.by_hand for day in plan if day.copy is not None}
    assert copies == {False, True}


def test_corrections_are_drawn_with_every_fault_and_every_milestone() -> None:
    plan = draw_plan(replace(TERMS, days=400), PLATFORMS)
    corrections = [day.correction for day in plan if day.correction is not None]
    assert plan[0].correction is not None, "the shortest proof has one"
    assert 100 < len(corrections) < 300
    assert {correction.milestone for correction in corrections} == {"", *CORRECTION_MILESTONES}
    assert {fault for correction in corrections for fault in correction.faults} == {
        (platform, f"correct/{fault}") for platform in PLATFORMS for fault in CORRECTION_FAULTS
    }


class FakeSandbox(SandboxClient):
    """Records what its clock is set to."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def post(self, path: str, wish: Mapping[str, Any]) -> Any:
        assert path == "/clock"
        self.offset = timedelta(seconds=wish["offset_seconds"])


def test_every_condition_of_a_day_is_planned() -> None:
    plan = draw_plan(TERMS, PLATFORMS)
    assert {day.condition for day in plan} == set(Condition)
    for day in plan:
        assert (day.lag_seconds[1] > 0) == ("lag" in day.condition)
        assert (len(day.skews) == len(PLATFORMS)) == (day.condition is Condition.PLATFORM_SKEW)
        assert (day.lag_seconds[0] > MAX_KNOWN_LAG_SECONDS) == (day.condition is Condition.UNKNOWN_LAG)


@pytest.mark.parametrize("platform", sandbox_names())
def test_the_product_waits_for_a_late_request_and_a_late_listing_together(platform: str) -> None:
    lag = load_profile(platform).publishing.listing_lag_seconds
    assert MAX_LATE_SECONDS + MAX_KNOWN_LAG_SECONDS < lag < UNKNOWN_LAG_SECONDS[0]


def test_habits_of_every_platform_hide_no_evidence_that_a_day_needs() -> None:
    choices = {name: HabitChoices(**sandbox_class(name).habits.as_json()) for name in sandbox_names()}
    plan = draw_plan(replace(TERMS, days=60), choices)
    habits_by_day = [dict(day.habits) for day in plan]
    for platform, name in REHEARSED.items():
        assert len({dict(habits[platform])[name] for habits in habits_by_day}) > 1
    needy = [dict(day.habits) for day in plan if day.condition is Condition.UNKNOWN_LAG]
    assert needy
    for habits in needy:
        assert dict(habits["x"])["refuse_duplicates"]
        assert dict(habits["tumblr"])["drafts_keep_id"]
        assert dict(habits["instagram"])["echoes_upload_id"]


def found_by(
    database: Database, clock: FixedClock, posts: Sequence[Mapping[str, Any]], channels: Sequence[str] = ("fake",)
) -> Findings:
    day = clock.now().date()
    return judge_proof(
        database, posts_by_caption(dict(post) for post in posts), channels=channels, days=[day], skipped=[]
    )


def post(number: int = 1, caption: str = "A title") -> dict[str, Any]:
    return {"platform": "fake", "caption": caption, "id": f"id-{number}", "url": f"https://fake.example/{number}"}


def end(database: Database, state: State, **values: object) -> None:
    with database.writing() as session:
        session.execute(update(Delivery).values(state=state, **values))


def test_one_copy_of_what_is_published_is_as_it_should_be(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    end(database, State.PUBLISHED, remote_id="id-1")
    findings = found_by(database, clock, [post()])
    assert not any(findings.broken.values())
    assert (findings.deliveries, dict(findings.copies), dict(findings.states)) == (1, {"1": 1}, {"published": 1})


@pytest.mark.parametrize(
    ("state", "remote_id", "posts", "broken"),
    [
        (State.PUBLISHED, "id-1", [post(1), post(2)], "published twice"),
        (State.PUBLISHED, "id-1", [], "wrong states"),
        (State.PUBLISHED, "id-9", [post()], "wrong states"),
        (State.FAILED, None, [post()], "wrong states"),
        (State.MISSED, None, [post()], "wrong states"),
        (State.CANCELED, None, [post()], "wrong states"),
        (State.PENDING, None, [], "never settled"),
        (State.HELD, None, [post(1, "Another text")], "unknown posts"),
    ],
)
def test_each_broken_promise_is_found(
    database: Database, clock: FixedClock, state: State, remote_id: str | None, posts: list[Any], broken: str
) -> None:
    add_delivery(database, clock.now())
    end(database, state, remote_id=remote_id)
    findings = found_by(database, clock, posts)
    assert [kind for kind, rows in findings.broken.items() if rows] == [broken]


def test_a_slot_without_a_pick_and_a_channel_without_a_delivery_are_lost(database: Database, clock: FixedClock) -> None:
    assert len(found_by(database, clock, []).lost) == 2
    add_delivery(database, clock.now())
    end(database, State.HELD)
    assert found_by(database, clock, []).lost == []
    assert len(found_by(database, clock, [], channels=("fake", "other")).lost) == 1


def test_what_a_restore_closed_and_reported_is_not_lost_or_unknown(database: Database, clock: FixedClock) -> None:
    """One copy of its post is allowed; a second one is findings."""
    day = clock.now().date()
    with database.writing() as session:
        now = clock.now()
        row = Post(state="draft", position=1.0, title="Cell 4", created_at=now, updated_at=now, images=[])
        session.add_all([row, Pick(slot=day, reason="missed", picked_at=now)])
        session.flush()
        record_event(session, "restored", now=clock.now(), detail={"slot": day.isoformat()})
        record_event(session, "restored", now=clock.now(), post_id=row.id, detail={SHOWN_ON: day.isoformat()})
    publication = post(1, "Cell 4, as fake shows it.")
    findings = found_by(database, clock, [publication])
    assert not any(findings.broken.values())
    assert (findings.closed, findings.forgotten) == (1, 1)
    assert found_by(database, clock, [post(1, "Cell 40, as fake shows it.")]).unknown_posts
    assert found_by(database, clock, [publication, post(2, "Cell 4, as fake shows it.")]).published_twice


def test_how_struck_deliveries_ended_and_how_long_nobody_knew_is_counted(database: Database, clock: FixedClock) -> None:
    now, seconds = clock.now(), timedelta(seconds=1)
    looked_up = add_delivery(database, now, title="Cell 1", day_offset=1, channel="fake1")
    refused = add_delivery(database, now, title="Cell 2", day_offset=2, channel="fake2")
    end(database, State.PUBLISHED, remote_id="id-1")
    steps = [(looked_up, "unconfirmed", 0), (looked_up, "unconfirmed", 5), (looked_up, "published", 30)]
    with database.writing() as session:
        for number, state, after in steps:
            record_delivery_event(session, number, f"delivery {state}", now=now + after * seconds)
        for fence in (1, 2):
            attempt = Attempt(delivery_id=refused, kind="send", fence=fence, worker="one", started_at=now)
            session.add(attempt)
    texts = {"drop-after": "Cell 1, as fake1 shows it.", "429": "{Cell 2, as fake2 shows it. More", "refuse": ""}
    struck = [{"platform": "fake", "fault": fault, "text": text} for fault, text in texts.items()]
    days = {(now + timedelta(days=number)).date(): "usual" for number in (1, 2)}
    findings = collect_outcomes(database, struck, days)
    assert findings.by_fault == {
        "drop-after": {"published after a look-up": 1},
        "429": {"published after another try": 1},
    }
    assert findings.by_condition == {"usual": {"published after a look-up": 1, "published after another try": 1}}
    assert findings.unknown_seconds == {"fake": Spread(1, 30.0, 30.0)}


def test_two_in_flight_on_a_channel_are_found_in_the_history(database: Database, clock: FixedClock) -> None:
    numbers = [add_delivery(database, clock.now(), day_offset=day) for day in range(2)]
    end(database, State.HELD)
    with database.writing() as session:
        for number, state in zip([*numbers, *numbers], ["preparing", "preparing", "held", "held"], strict=True):
            record_delivery_event(session, number, f"delivery {state}", now=clock.now())
    (sentence,) = found_by(database, clock, []).sent_side_by_side
    assert f"deliveries {numbers}" in sentence


def test_a_change_by_an_overtaken_worker_is_found_in_the_history(database: Database, clock: FixedClock) -> None:
    number = add_delivery(database, clock.now())
    end(database, State.HELD)
    changes = [("one", 1, "preparing"), ("one", 1, "publishing"), ("two", 3, "preparing"), ("one", 1, "pending")]
    with database.writing() as session:
        for actor, fence, state in changes:
            detail = {"fence": fence}
            record_delivery_event(session, number, f"delivery {state}", now=clock.now(), actor=actor, detail=detail)
    assert found_by(database, clock, []).changes_after_takeover == [
        f"fake (delivery {number}): delivery pending by one with fence 1 after 3"
    ]


def test_a_guard_that_the_database_lacks_is_reported(database: Database, clock: FixedClock) -> None:
    assert found_by(database, clock, []).missing_guards == []
    mutants.without_index(database)
    assert found_by(database, clock, []).missing_guards == ["the table delivery has lost uq_delivery_in_flight"]


ALT_TEXT = adapted_post("A title").images[0].alt_text


def corrected(caption: str, *, alt_text: str = ALT_TEXT, number: int = 1) -> dict[str, Any]:
    """Returns a public post that was published as `post` makes it, and was changed since."""
    return {**post(number), "caption": caption, "images": [{"alt_text": alt_text}], "edits": [{"caption": "A title"}]}


def add_correction(database: Database, now: datetime, state: CorrectionState, **values: Any) -> None:
    is_over = state in (CorrectionState.DONE, CorrectionState.FAILED)
    with database.writing() as session:
        delivery = session.scalars(select(Delivery)).one()
        adapted = {**delivery.adapted, "platform": "fake"}
        values = {"lost_at": None, "due_at": now, "ended_at": now if is_over else None} | values
        values["problem"] = DeliveryProblem.MACHINE_TOO_SLOW() if state is CorrectionState.FAILED else None
        session.add(
            Correction(
                delivery_id=delivery.id, channel_name="fake", post_version=1, actor="ada", created_at=now, state=state,
                before=adapted, after={**adapted, "caption": "A better title"}, **values,
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "caption", "broken"),
    [
        (CorrectionState.DONE, "A better title", set()),
        (CorrectionState.DONE, "A title", {"wrong states"}),
        (CorrectionState.FAILED, "A title", set()),
        (CorrectionState.FAILED, "A better title", {"wrong states"}),
        (CorrectionState.WAITING, "A title", {"never settled"}),
        (CorrectionState.UNKNOWN, "A better title", {"never settled"}),
    ],
)
def test_a_correction_that_is_told_wrongly_or_is_not_over_is_found(
    database: Database, clock: FixedClock, state: CorrectionState, caption: str, broken: set[str]
) -> None:
    add_delivery(database, clock.now())
    end(database, State.PUBLISHED, remote_id="id-1")
    add_correction(database, clock.now(), state)
    findings = found_by(database, clock, [corrected(caption)])
    assert set(findings.broken) == broken
    assert findings.corrections == {state.value: 1}


def test_a_failed_correction_without_an_answer_may_be_public(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    end(database, State.PUBLISHED, remote_id="id-1")
    add_correction(database, clock.now(), CorrectionState.FAILED, lost_at=clock.now())
    for caption in ("A title", "A better title"):
        assert found_by(database, clock, [corrected(caption)]).broken == {}
    assert set(found_by(database, clock, [corrected("Something else")]).broken) == {"wrong states"}


def test_alt_texts_that_a_correction_did_not_ask_for_are_found(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    end(database, State.PUBLISHED, remote_id="id-1")
    add_correction(database, clock.now(), CorrectionState.DONE)
    shown = corrected("A better title", alt_text="Of another picture")
    assert set(found_by(database, clock, [shown]).broken) == {"wrong states"}


def test_a_correction_that_makes_a_second_post_is_found(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    end(database, State.PUBLISHED, remote_id="id-1")
    add_correction(database, clock.now(), CorrectionState.DONE)
    second = {**post(2, "A better title"), "images": [], "edits": []}
    findings = found_by(database, clock, [corrected("A better title"), second])
    assert set(findings.broken) == {"published twice"}


def test_the_clock_waits_for_a_correction_that_is_being_sent(database: Database, clock: FixedClock) -> None:
    now = clock.now()
    add_delivery(database, now)
    end(database, State.PUBLISHED, remote_id="id-1")
    add_correction(database, now, CorrectionState.WAITING, due_at=now + timedelta(hours=1))
    jump = next_jump(database, [], open_corrections(database), still=False)
    assert jump is not None
    assert jump.due == now + timedelta(hours=1)
    with database.writing() as session:
        lease = {"lease_owner": "one", "lease_until": now + timedelta(hours=2)}
        session.execute(update(Correction).values(state=CorrectionState.SENDING, **lease))
    assert next_jump(database, [], open_corrections(database), still=True) is None


def test_the_reasons_why_people_were_asked_are_counted_without_channels(database: Database, clock: FixedClock) -> None:
    for day, channel in enumerate(("first", "second")):
        number = add_delivery(database, clock.now(), channel=channel, day_offset=day)
        with database.writing() as session:
            problem = UnknownOutcomeProblem.CANNOT_BE_LOOKED_UP(channel=channel).with_remedy(None, delivery=number)
            detail = {"problem": problem.to_json()}
            record_delivery_event(session, number, "delivery held", now=clock.now(), detail=detail)
    findings = found_by(database, clock, [])
    assert findings.held_reasons == {"delivery.cannot-be-looked-up": 2}
    assert findings.asked == 2


def test_a_reason_is_counted_without_the_file_that_it_is_about(database: Database, clock: FixedClock) -> None:
    number = add_delivery(database, clock.now(), channel="x1")
    with database.writing() as session:
        problem = blocked([Message("/tmp/proof/config/captions/x1.j2: there is no such file. Mend it, then retry.")])
        assert problem is not None
        detail = {"problem": problem.to_json()}
        record_delivery_event(session, number, "delivery held", now=clock.now(), detail=detail)
    assert found_by(database, clock, [], channels=("x1",)).held_reasons == {"delivery.blocked": 1}


def test_a_recovery_is_measured_from_the_kill_and_not_from_one_long_ago() -> None:
    def row(owner: str, state: State) -> Delivery:
        return Delivery(id=7, lease_owner=owner and f"machine:{owner}:100:boot", state=state)

    recovery = Recovery()
    recovery.died(ProcessExit("worker 1", 41, -9, at=10.0))
    recovery.watch([row("41", State.PUBLISHING)], {42}, now=10.5)
    recovery.watch([row("", State.UNCONFIRMED)], {42}, now=12.0)
    recovery.watch([], {42}, now=15.0)
    assert (recovery.taken_back, recovery.at_rest) == ([2.0], [5.0])

    # The number has come round: this one lives.
    recovery.watch([row("41", State.PREPARING)], {41}, now=5000.0)
    recovery.watch([], {41}, now=5001.0)
    assert (recovery.taken_back, recovery.at_rest) == ([2.0], [5.0])


def test_an_upload_that_is_never_answered_does_not_count_as_standing_still() -> None:
    """Nothing else changes meanwhile: all others wait for the clock, and the clock for the upload."""
    bytes_per_second = DeliverySettings().slowest_uplink_kbit * 1000 / 8
    assert 2 * deadline_for(10_000, bytes_per_second) < STUCK_SECONDS


def test_a_failure_point_strikes_once_and_only_its_delivery(tmp_path: Path) -> None:
    """SIGCONT does nothing to a running process."""
    points = FailurePoints(tmp_path)
    anybody, somebody = (points.add("claimed", number, signal.SIGCONT, of) for number, of in ((1, None), (2, 5)))
    points.reach("prepared", 5)
    assert points.waiting() == [anybody, somebody]
    points.reach("claimed", 4)
    assert points.waiting() == [somebody]
    points.reach("claimed", 4)
    assert (points.reached_by(anybody), points.reached_by(somebody)) == ((os.getpid(), 4), None)
    points.reach("claimed", 5)
    assert (points.waiting(), points.reached_by(somebody)) == ([], (os.getpid(), 5))


STANDING_STILL = """
import os, sys, threading
from pathlib import Path
from publisher.proving.correction_plans import CORRECTION_MILESTONES
from publisher.proving.failure_points import FailurePoints
# On one core, and without rushing: another thread that takes the signal comes to it only when the walker rests.
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
def walk():
    FailurePoints(Path(sys.argv[1])).reach("committed", 7)
    Path(sys.argv[2]).touch()
walker = threading.Thread(target=walk)
walker.start()
walker.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="tells the kernel how to schedule, which only Linux lets it")
def test_a_worker_that_reaches_a_freeze_stops_at_once(tmp_path: Path) -> None:
    """Other threads of its process could take the signal, and must not."""
    points, passed = FailurePoints(tmp_path / "points"), tmp_path / "passed"
    points.add("committed", 1, signal.SIGSTOP)
    with subprocess.Popen([sys.executable, "-c", STANDING_STILL, str(tmp_path / "points"), str(passed)]) as walker:
        os.waitid(os.P_PID, walker.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        walker.kill()
    assert not passed.exists()


STANDING_STILL_LATE = """
import signal, sys
from pathlib import Path
from publisher.platforms.profiles import load_profile
from publisher.proving import failure_points
signal_self = failure_points._signal_self
def signal_late(number):
    signal.sigwait({signal.SIGCONT})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCONT})
    signal_self(number)
failure_points._signal_self = signal_late
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})
failure_points.FailurePoints(Path(sys.argv[1])).reach("committed", 7)
"""


def test_a_worker_that_stops_only_after_it_was_resumed_goes_on(tmp_path: Path) -> None:
    """It has reached the failure point, and the signal to go on comes before the one that stops it."""
    points = FailurePoints(tmp_path)
    name = points.add("committed", 1, signal.SIGSTOP)
    with subprocess.Popen([sys.executable, "-c", STANDING_STILL_LATE, str(tmp_path)]) as walker:
        wait_until(lambda: points.reached_by(name) is not None, "the failure point is reached")
        points.resume(name)
        assert walker.wait() == 0


def test_removing_a_failure_point_returns_the_process_that_reached_it(tmp_path: Path) -> None:
    points = FailurePoints(tmp_path)
    name = points.add("claimed", 1, signal.SIGCONT)
    assert points.remove(name) is None
    points.reach("claimed", 4)
    assert points.reached_by(name) is None
    name = points.add("claimed", 2, signal.SIGCONT)
    points.reach("claimed", 4)
    assert points.remove(name) == os.getpid()


@pytest.mark.parametrize(
    ("now", "skips", "day", "passed"),
    [
        ("2026-05-03T20:00", False, 4, []),
        ("2026-05-03T20:00", True, 5, [4]),
        ("2026-05-04T02:00", False, 4, []),
        ("2026-05-04T02:00", True, 4, []),  # Its post is picked already.
        ("2026-05-05T02:00", False, 5, [4]),
        ("2026-05-05T02:00", True, 5, [4]),
    ],
)
def test_a_day_that_has_begun_is_not_skipped(
    tmp_path: Path, now: str, skips: bool, day: int, passed: list[int]
) -> None:
    settings = load_settings(write_outlet(tmp_path, {"x": {"account": "one", "settings": {}}}, channels=1))
    instant = datetime.fromisoformat(now).replace(tzinfo=settings.outlet.zone)
    day_after, days_passed = next_day(date(2026, 5, 3), instant, settings, skips=skips)
    assert (day_after, days_passed) == (date(2026, 5, day), [date(2026, 5, number) for number in passed])


def test_the_history_outlives_the_database(database: Database, clock: FixedClock, tmp_path: Path) -> None:
    number = add_delivery(database, clock.now())
    with database.writing() as session:
        record_delivery_event(session, number, "delivery published", now=clock.now(), actor="a", detail={"fence": 3})
    write_history(database, tmp_path / "history.jsonl")
    *_, last = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert (last["event"], last["delivery"], last["actor"], last["fence"]) == ("delivery published", number, "a", 3)


def test_a_wait_of_the_proof_itself_is_no_standstill_of_the_desk() -> None:
    """Processes that finish an upload of a minute keep the proof from looking; a restore changes all after that."""
    timer, row = ChangeTimer(), Delivery(id=1, fence=1, state="pending")
    timer.begin(0.0)
    assert [timer.look([row], now) for now in (0.1, 0.6, 60.6, 60.7)] == pytest.approx([0.0, 0.5, 1.5, 1.6])
    row.fence = 2
    assert [timer.look([row], now) for now in (120.0, 120.5)] == pytest.approx([0.0, 0.5])
    timer.begin(200.0)
    assert timer.unchanged == 0
    assert timer.look([row], 200.2) == pytest.approx(0.2)


def test_a_desk_that_stands_still_is_found_by_many_looks() -> None:
    timer, row = ChangeTimer(), Delivery(id=1, fence=1, state="unconfirmed")
    timer.begin(0.0)
    for look in range(1, int(STUCK_SECONDS / 0.05) + 100):
        timer.look([row], look * 0.05)
    assert timer.unchanged > STUCK_SECONDS
