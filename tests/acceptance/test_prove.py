"""Tests that the promise is kept under faults, kills and clock jumps, and that the proof notices a broken one."""

from __future__ import annotations

import itertools
import json
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from publisher.cli.main import cli
from publisher.proving.correction_plans import PlannedCorrection
from publisher.proving.habits import HabitChoices
from publisher.proving.plan import (
    FAULT_KINDS,
    MAX_KNOWN_LAG_SECONDS,
    MAX_LATE_SECONDS,
    UNKNOWN_LAG_SECONDS,
    Condition,
    CopyPlan,
    DayPlan,
    PlannedFault,
    ProofTerms,
    draw_plan,
)
from publisher.proving.proof import run_proof
from publisher.proving.report import Findings, Report, Spread
from publisher.sandbox.discovery import sandbox_class
from tests.outlet import PLATFORMS
from tests.waiting import TIMEOUT, wait_until

ROOT = Path(__file__).parents[2]


EACH = len(PLATFORMS)
TAKEOVER_TRIES = 5
TAKEOVER_TIMEOUT = TIMEOUT / 2


def seed_without_copies(days: int, kills: int) -> int:
    """Finds the first seed whose plan puts no copy of the database back: a day that a copy forgot has no deliveries."""
    choices = {name: HabitChoices(**sandbox_class(name).habits.as_json()) for name in PLATFORMS}
    plans = ((seed, draw_plan(ProofTerms(seed=seed, days=days, kills=kills), choices)) for seed in itertools.count(36))
    return next(seed for seed, plan in plans if not any(day.copy for day in plan))


def test_two_days_keep_the_promise(tmp_path: Path) -> None:
    seed = str(seed_without_copies(days=2, kills=8))
    command = ["prove", "--days", "2", "--kills", "8", "--seed", seed, "--json", "--folder", str(tmp_path / "proof")]
    result = subprocess.run([sys.executable, "-m", "publisher", *command], capture_output=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
    report = json.loads(result.stdout)
    findings = report["findings"]
    assert set(report["faults"]) == set(PLATFORMS)
    assert findings["deliveries"] == 2 * 2 * EACH
    assert findings["copies"].get("2+", 0) == 0
    assert (findings["published_twice"], findings["lost"], findings["never_settled"], findings["wrong_states"]) == (
        [],
        [],
        [],
        [],
    )
    assert sum(count for kind, count in report["troubles"].items() if kind.startswith("kill")) >= 6


def test_a_fresh_seed_keeps_the_promise(tmp_path: Path) -> None:
    """The seed of a failure is in its message; it also chooses the database."""
    seed = secrets.randbelow(2**32)
    report = run_proof(ProofTerms(seed=seed, days=1, kills=6, on=[*FAULT_KINDS][seed % len(FAULT_KINDS)]), tmp_path)
    assert report.kept, f"{report.replay}: {report.findings.broken}"


def test_lags_late_commits_and_mistakes_keep_the_promise(tmp_path: Path) -> None:
    """Tries a post that is made late and listed late, one that is listed later than that, and a wrong template."""
    plan = [
        DayPlan(
            faults=tuple((platform, f"late-504:{MAX_LATE_SECONDS:.0f}") for platform in PLATFORMS),
            process_faults=(),
            condition=Condition.KNOWN_LAG,
            lag_seconds=(MAX_KNOWN_LAG_SECONDS, MAX_KNOWN_LAG_SECONDS),
            habits=(("x", (("refuse_duplicates", False),)),),
        ),
        DayPlan(
            faults=tuple((platform, "drop-after") for platform in PLATFORMS),
            process_faults=(),
            condition=Condition.UNKNOWN_LAG,
            lag_seconds=UNKNOWN_LAG_SECONDS,
        ),
        DayPlan(faults=(), process_faults=(), condition=Condition.BROKEN_TEMPLATE),
    ]
    report = run_proof(ProofTerms(seed=3, days=len(plan), channels=1, kills=0), tmp_path, plan=plan)
    assert report.kept, str(report.findings.broken)
    assert (report.findings.deliveries, dict(report.findings.copies)) == (3 * EACH, {"1": 3 * EACH})
    assert report.human_acts["mend a template"] == 1
    assert set(report.conditions) == {day.condition for day in plan}
    assert report.fault_groups == {"late commit": EACH, "connection or platform": EACH}


@pytest.mark.parametrize("on", ["sqlite", "postgresql"])
def test_a_daily_copy_that_comes_back_keeps_the_promise(tmp_path: Path, on: str) -> None:
    """It is restored before the day's pick, then put back by hand, so that no process starts until it is accepted."""
    lost_requests = tuple((platform, "drop-after") for platform in PLATFORMS)
    plan = [
        DayPlan(faults=lost_requests, process_faults=(), copy=CopyPlan(by_hand=False, before_pick=True)),
        DayPlan(faults=lost_requests, process_faults=(), copy=CopyPlan(by_hand=True, before_pick=False)),
    ]
    report = run_proof(ProofTerms(seed=3, days=len(plan), channels=1, kills=0, on=on), tmp_path, plan=plan)
    assert report.kept, str(report.findings.broken)
    assert report.troubles == {"daily copy restored": 1, "copy put back by hand": 1, "refused to start on a copy": 4}
    assert report.findings.deliveries == EACH, "the first day was closed, and that was told"
    # How many of its posts were public by then depends on the machine.
    [shown] = report.findings.closed_days.values()
    assert 0 <= shown <= EACH
    assert {kind: sum(endings.values()) for kind, endings in report.by_copy.items()} == {
        "copy put back by hand, made after the pick": EACH
    }
    assert report.human_acts["see that a post was shown"] == 1


def test_a_correction_under_faults_and_a_kill_keeps_the_promise(tmp_path: Path) -> None:
    """Its answers are lost, and the worker is killed that has just sent it."""
    lost_answers = tuple((platform, "correct/drop-after") for platform in PLATFORMS)
    correction = PlannedCorrection(at=0.0, faults=lost_answers, milestone="correction answered")
    plan = [DayPlan(faults=(), process_faults=(), correction=correction)]
    report = run_proof(ProofTerms(seed=3, days=len(plan), channels=1, kills=0), tmp_path, plan=plan)
    assert report.kept, str(report.findings.broken)
    assert report.human_acts["correct a published post"] == 1
    assert report.troubles["kill at correction answered"] == 1
    # A channel that had not published yet gets the corrected text at once.
    assert set(report.findings.corrections) == {"done"}
    assert report.findings.copies == {"1": EACH}


def test_a_mistake_in_the_configuration_keeps_nothing_else_back(tmp_path: Path) -> None:
    conditions = (Condition.BROKEN_PEOPLE, Condition.REMOVED_CHANNEL)
    plan = [DayPlan(faults=(), process_faults=(), condition=condition, draw=7) for condition in conditions]
    report = run_proof(ProofTerms(seed=3, days=len(plan), channels=1, kills=0), tmp_path, plan=plan)
    assert report.kept, str(report.findings.broken)
    assert (report.findings.states, report.findings.asked) == ({"published": 2 * EACH}, 2)
    assert report.human_acts["mend the directory of people"] == 1
    assert report.human_acts["write a channel into the configuration again"] == 1
    for condition in conditions:
        # On a busy machine an answer may come too late, and the post is looked up, or a connection is tried again.
        endings = report.by_condition[condition]
        assert endings["published after a person was asked"] == 1
        alone = ("published at once", "published after another try", "published after a look-up")
        assert sum(endings[ending] for ending in alone) == EACH - 1


def broken_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str, plan: Sequence[DayPlan], on: str = "sqlite"
) -> Report:
    """Returns the report of these days about a desk that was made worse."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MUTANT", mutant)
    terms = ProofTerms(seed=3, days=len(plan), channels=1, kills=0, on=on)
    return run_proof(terms, tmp_path, plan=plan, module="tests.mutant_process")


def broken_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str, plan: Sequence[DayPlan]) -> Findings:
    """Returns what a proof of these days finds about a desk that was made worse."""
    report = broken_desk(tmp_path, monkeypatch, mutant, plan)
    assert not report.kept, f"nothing was found; what was done: {report.troubles}"
    return report.findings


@pytest.mark.parametrize(
    ("mutant", "day"),
    [
        (
            "intent after the send",
            DayPlan(faults=(), process_faults=(PlannedFault(0.0, "failure point", milestone="answered"),) * 6),
        ),
        (
            "retry after a lost answer",
            DayPlan(faults=tuple((platform, "drop-after") for platform in PLATFORMS), process_faults=()),
        ),
    ],
    ids=["intent", "retry"],
)
def test_a_desk_that_posts_twice_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str, day: DayPlan
) -> None:
    findings = broken_by(tmp_path, monkeypatch, mutant, [day])
    assert findings.published_twice
    assert findings.copies["2+"] == len(findings.published_twice)


def test_a_worker_that_may_act_after_its_lease_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL, where a worker that stands still in mid-transaction does not keep everybody else waiting.

    It is tried several times: another thread of the first worker may keep the file beside the database, where it
    writes a delivery of its own, and then the second worker can't go on either.
    """
    # It is over as soon as the second worker has the delivery, which takes its time on a busy machine.
    monkeypatch.setattr("publisher.proving.takeover.TAKEOVER_TIMEOUT_SECONDS", TAKEOVER_TIMEOUT)
    monkeypatch.setattr("publisher.proving.takeover.IDLE_TIMEOUT_SECONDS", TAKEOVER_TIMEOUT)
    day = DayPlan(faults=(), process_faults=(PlannedFault(0.0, "overtake", milestone="committed"),))
    for number in range(TAKEOVER_TRIES):
        folder = tmp_path / str(number)
        folder.mkdir()
        report = broken_desk(folder, monkeypatch, "without fence", [day], "postgresql")
        if report.findings.changes_after_takeover:
            break
    assert report.findings.changes_after_takeover, f"what was done: {report.troubles}"


def test_a_desk_that_works_with_an_older_database_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.proving.copies.REFUSED_WITHIN_SECONDS", 5.0)
    day = DayPlan(faults=(), process_faults=(), copy=CopyPlan(by_hand=True, before_pick=False))
    findings = broken_by(tmp_path, monkeypatch, "any database", [day])
    assert "worker 1 worked with a copy that was put back by hand" in findings.missing_guards


def test_a_channel_that_publishes_two_at_once_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first day's posts are refused, and tried again beside those of the second day."""
    refused = DayPlan(faults=tuple((platform, "reject") for platform in PLATFORMS), process_faults=())
    slow = DayPlan(faults=tuple((platform, "slow-after:0.5") for platform in PLATFORMS), process_faults=())
    findings = broken_by(tmp_path, monkeypatch, "side by side", [refused, slow])
    assert findings.missing_guards == ["the table delivery has lost uq_delivery_in_flight"]
    assert findings.sent_side_by_side


def test_a_correction_that_is_told_and_not_carried_out_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = DayPlan(faults=(), process_faults=(), correction=PlannedCorrection(at=0.0))
    findings = broken_by(tmp_path, monkeypatch, "corrections that are not sent", [day])
    assert findings.wrong_states
    assert set(findings.broken) == {"wrong states"}


def test_a_broken_promise_is_reported_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = Findings(deliveries=1, days=1, published_twice=["2026-05-04 x1 (delivery 7, published): 2 copies"])
    findings.copies["2+"] = 1

    def broken(terms: ProofTerms, *_: object, **__: object) -> Report:
        return Report(terms, 1.0, findings, {}, {}, {}, Spread.of([]), Spread.of([0.5, 2.0]))

    monkeypatch.setattr("publisher.cli.prove.run_proof", broken)
    result = CliRunner().invoke(cli, ["prove", "--seed", "77", "--days", "1"])
    assert result.exit_code == 1
    assert "✗ published twice 2026-05-04 x1 (delivery 7, published): 2 copies" in result.output
    assert "--seed 77" in result.output
    assert "median 1.25 s, worst 2.0 s of 2" in result.output


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "queue.db").touch()
    result = CliRunner().invoke(cli, ["prove", "--folder", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not empty" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["queue.db"]


def test_a_proof_that_is_stopped_leaves_no_process_behind(tmp_path: Path) -> None:
    folder = tmp_path / "proof"
    # So many days that it is still at work when it is told to stop, and so few that its queue is soon filled.
    command = [sys.executable, "-m", "publisher", "prove", "--days", "8", "--folder", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as proof:
        try:
            wait_until((folder / "config" / "processes.log").exists, "the processes are started")
            below = _children(proof.pid)
            assert below
        finally:
            # Also where the test fails: nobody else would ever end it.
            proof.terminate()
        assert proof.stderr
        assert b"Traceback" not in proof.stderr.read()
    assert proof.returncode == 130
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), "all of them are gone")


def _children(pid: int) -> list[str]:
    """Returns the processes that a process has started."""
    tasks = Path(f"/proc/{pid}/task")
    return [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]
