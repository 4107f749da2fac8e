"""Runs a proof, day after day, until every delivery is at rest or a timeout is over."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher.core.clock import monotonic
from publisher.core.extras import Extra, require_extra
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.proving.conditions import REPAIRS, Conditions
from publisher.proving.copies import DailyCopy
from publisher.proving.corrections import CorrectionOfTheDay
from publisher.proving.fault_injection import Clocks, FaultInjector
from publisher.proving.fleet import PROCESS_MODULE, Fleet, ProcessExit
from publisher.proving.habits import HabitChoices
from publisher.proving.human_operator import Operator
from publisher.proving.judge import judge_proof, posts_by_caption, write_history
from publisher.proving.outcomes import collect_outcomes
from publisher.proving.outlet import ProvingOutlet, sandbox_secrets, write_outlet
from publisher.proving.plan import (
    CHANNEL_MISTAKES,
    MAX_LATE_SECONDS,
    Condition,
    DayPlan,
    ProofTerms,
    draw_plan,
    first_day,
)
from publisher.proving.process import shared_clock
from publisher.proving.report import Report, Spread
from publisher.proving.watch import (
    ChangeTimer,
    Recovery,
    is_filled,
    is_picked,
    next_jump,
    open_corrections,
    open_deliveries,
)
from publisher.sandbox_client import SandboxClient, running_sandbox
from publisher.schedule.slots import slot_day, slot_opens
from publisher.settings import Settings

if TYPE_CHECKING:
    from publisher.proving.postgres import ThrowawayPostgres

STUCK_SECONDS = 180.0
"""An open delivery that has not changed for so long is stuck, however busy the machine is. An upload that is never
answered takes 70 seconds, in which every other delivery may wait for the clock, and the clock for the upload."""
DAY_TIMEOUT_SECONDS = 300.0
TIMEOUT_PER_CHANNEL_SECONDS = 30.0
"""So much longer for each channel of a platform: all of them publish at once, on few cores. It ends what repeats
without end, so it may be generous."""
LEDGER_READING_SECONDS = 15.0
"""Between two readings of the platforms' ledger during a day."""
POLL_SECONDS = 0.05
ANSWER_DELAY_SECONDS = 0.03
"""Every answer of a platform takes so long: a publication then lasts long enough for faults to strike it."""
MIN_JUMP = timedelta(seconds=3)
LAST_HOUR = timedelta(hours=1)
"""The clock does not jump into the last hour of a day, or the day might end before its deliveries do."""
STILL_SECONDS = 3.0
"""Longer than any request takes, and than the pause between two look-ups."""
Progress = Callable[[int, int], object]
"""Called with the number of the day that begins, and the number of days."""


def run_proof(
    terms: ProofTerms,
    folder: Path,
    *,
    plan: Sequence[DayPlan] | None = None,
    module: str = PROCESS_MODULE,
    progress: Progress | None = None,
) -> Report:
    """Runs a proof in an empty `folder`, by the `plan` that the terms' seed draws or another one.

    `module` is what runs as the parent of the processes.

    Raises:
        SandboxFailed, FleetFailed: a process of the proof could not do its part.
    """
    with ExitStack() as stack:
        log = stack.enter_context((folder / "sandbox.log").open("ab"))
        sandbox = stack.enter_context(running_sandbox(errors=log))
        server = stack.enter_context(_postgres()) if terms.on == "postgresql" else None
        accounts = sandbox.get("/accounts")
        sandbox.post("/delay", {"seconds": ANSWER_DELAY_SECONDS})
        config = write_outlet(folder, accounts, terms.channels, server.create_database() if server else None)
        clock = shared_clock(config)
        outlet = ProvingOutlet(config, clock)
        # Before any process starts: whoever picks first picks for the first day of the plan.
        clocks = Clocks(clock, sandbox, slot_opens(first_day(terms), outlet.settings))
        with sandbox_secrets(outlet.settings, accounts):
            outlet.set_up()
            outlet.fill_queue(terms.days)
            days = draw_plan(terms, _habit_choices(sandbox)) if plan is None else plan
            try:
                with Fleet(config, workers=terms.workers, schedulers=terms.schedulers, module=module) as fleet:
                    return Proof(terms, outlet, fleet, sandbox, clocks, server).run(days, progress)
            finally:
                outlet.close()


def _postgres() -> ThrowawayPostgres:
    """Makes a server. Only such a proof needs the packages of the extra `postgresql`."""
    require_extra(Extra.POSTGRESQL)
    server: ThrowawayPostgres = import_module("publisher.proving.postgres").ThrowawayPostgres()
    return server


def _habit_choices(sandbox: SandboxClient) -> dict[str, HabitChoices]:
    return {platform: HabitChoices(**habits) for platform, habits in sandbox.get("/habits").items()}


def next_day(last: date, now: datetime, settings: Settings, *, skips: bool) -> tuple[date, list[date]]:
    """Returns the day after the `last` one, and the days that the clock leaps over, or has leapt over by itself.

    Waiting for what is due late may have taken it past midnight. A day that has begun can no longer be skipped: its
    post is picked, or about to be.
    """
    day = last + timedelta(days=1)
    passed = []
    while day < slot_day(now, settings.outlet.zone):
        passed.append(day)
        day += timedelta(days=1)
    if skips and now < slot_opens(day, settings):
        passed.append(day)
        day += timedelta(days=1)
    return day, passed


class Proof:
    """Runs one proof on a prepared outlet and a running sandbox."""

    def __init__(
        self,
        terms: ProofTerms,
        outlet: ProvingOutlet,
        fleet: Fleet,
        sandbox: SandboxClient,
        clocks: Clocks,
        server: ThrowawayPostgres | None = None,
    ) -> None:
        self._terms = terms
        self._outlet = outlet
        self._fleet = fleet
        self._sandbox = sandbox
        self._clocks = clocks
        self._server = server
        self._faults = FaultInjector(fleet, clocks, outlet, terms.seed, server)
        self._operator = Operator(outlet, sandbox, clocks.advance)
        platforms = {channel.platform for channel in outlet.settings.channels.values()}
        self._conditions = Conditions(outlet, sandbox, platforms, self._restart)
        self._copy: DailyCopy | None = None
        self._correction: CorrectionOfTheDay | None = None
        self._tried_again = False
        self._missing_guards: list[str] = []
        self._days: dict[date, str] = {}
        """The condition of each day."""
        self._copies: dict[date, str] = {}
        """What is done with a copy of the database, on each day that has one."""
        self._recovery = Recovery()
        self._change_timer = ChangeTimer()
        self._ends: list[ProcessExit] = []
        self._unfinished: list[str] = []
        self._next_reading = 0.0
        self._condition = Condition.USUAL
        self._pause = threading.Event()
        self._ends_at: datetime | None = None
        self._day_timeout = DAY_TIMEOUT_SECONDS + TIMEOUT_PER_CHANNEL_SECONDS * terms.channels

    def run(self, plan: Sequence[DayPlan], progress: Progress | None = None) -> Report:
        """Runs every day, and judges what came of them."""
        began = monotonic()
        settings = self._outlet.settings
        day = first_day(self._terms) - timedelta(days=1)
        days: list[date] = []
        skipped: list[date] = []
        for number, today in enumerate(plan, start=1):
            if progress:
                progress(number, len(plan))
            day, passed = next_day(day, self._clocks.now(), settings, skips=today.skips)
            skipped += passed
            days.append(day)
            self._conditions.repair()
            self._operator.approve_again()
            self._queue_for_filled_days(passed)
            self._conditions.begin(today)
            self._days[day] = today.condition.value
            if today.copy is not None:
                self._copies[day] = today.copy.kind
            self._copy = self._planned_copy(today)
            if why := self._run_day(day, today, is_last=number == len(plan)):
                self._unfinished.append(f"{day}: not everything came to rest: {why}")
                break
        self._faults.end_all()
        self._ends += self._fleet.stop()
        self._conditions.repair()
        self._ends += self._fleet.stop()
        return self._report(monotonic() - began, days, skipped)

    def _queue_for_filled_days(self, passed: Sequence[date]) -> None:
        """Queues another post for each day that the clock passed by itself and for which one was picked."""
        for day in passed:
            if is_filled(self._outlet.database, day):
                self._outlet.fill_queue(1)

    def _run_day(self, day: date, plan: DayPlan, *, is_last: bool) -> str:
        """Runs one day. Returns why it did not come to rest; empty when it did.

        What is due only after the next day opens is left to that day, if there is one: else the clock would pass
        that day on its way, and how many days a proof has would be up to the machine.
        """
        self._condition = plan.condition
        self._ends_at = None if is_last else slot_opens(day + timedelta(days=1), self._outlet.settings) - LAST_HOUR
        for platform, fault in plan.faults:
            self._sandbox.post("/faults", {"platform": platform, "fault": fault})
        if plan.condition in CHANNEL_MISTAKES:
            self._pick_then_change_a_channel(day, plan)
        self._fleet.start_missing()
        self._correction = CorrectionOfTheDay(self._outlet, self._sandbox, self._faults, plan.correction)
        opens = slot_opens(day, self._outlet.settings)
        if self._clocks.now() < opens:
            self._clocks.jump_to(opens)
        began = monotonic()
        self._change_timer.begin(began)
        faults = deque(plan.process_faults)
        self._tried_again = False
        self._next_reading = began + LEDGER_READING_SECONDS
        while not (why := self._why_hopeless(began)):
            seconds = monotonic() - began
            while faults and faults[0].at <= seconds:
                self._faults.begin(faults.popleft())
            self._pause.wait(POLL_SECONDS)
            # Read first: nothing is open as long as nothing was picked.
            if is_picked(self._outlet.database, day) and self._act_as_people(day, plan, seconds):
                continue
            if self._step() and self._tried_again and not faults and self._is_over(day):
                return ""
        return why

    def _act_as_people(self, day: date, plan: DayPlan, seconds: float) -> bool:
        """Does one thing that people do on a day, when it is time for it; returns False where it is for none."""
        if self._is_time_to_restore(plan, seconds):
            self._restore_copy()
        elif not self._tried_again and not (self._faults.locked or self._faults.stands_still):
            self._operator.try_again(day)
            self._tried_again = True
        else:
            return self._ask_for_correction(day, seconds)
        return True

    def _is_over(self, day: date) -> bool:
        """Does what is left to do on a day that has come to rest; returns True where that is nothing."""
        if self._copy is not None and not self._copy.is_restored:
            self._restore_copy()
            return False
        return not self._ask_for_correction(day, math.inf)

    def _ask_for_correction(self, day: date, seconds: float) -> bool:
        """Asks for the correction of the day's post, when it is time for it. Returns False where that is not done.

        Not before a copy of the database is restored, which would not know of it, and not with a mistake in the
        configuration, which a person mends first.
        """
        copy_is_coming = self._copy is not None and not self._copy.is_restored
        unwell = self._faults.locked or self._faults.stands_still or self._conditions.broken_channel is not None
        if self._correction is None or copy_is_coming or unwell or not self._correction.is_due(seconds):
            return False
        acts = self._correction.ask(day)
        self._operator.acts.update(acts)
        return bool(acts)

    def _pick_then_change_a_channel(self, day: date, plan: DayPlan) -> None:
        """Waits until the day's post is picked, and removes one of its channels before any worker has seen it."""
        self._ends += self._fleet.stop()
        self._fleet.start_missing(only_schedulers=True)
        opens = slot_opens(day, self._outlet.settings)
        if self._clocks.now() < opens:
            self._clocks.jump_to(opens)
        deadline = monotonic() + STUCK_SECONDS
        while not is_picked(self._outlet.database, day) and monotonic() < deadline:
            self._pause.wait(POLL_SECONDS)
        self._ends += self._fleet.stop()
        self._conditions.change_channel(plan)

    def _restart(self, change: Callable[[], None]) -> None:
        """Stops every process, calls `change`, and starts them again."""
        self._ends += self._fleet.stop()
        change()
        self._outlet.close()
        self._fleet.start_missing()

    def _planned_copy(self, plan: DayPlan) -> DailyCopy | None:
        """Returns the day's copy of the database; one that must not know the day's post is made at once."""
        if plan.copy is None:
            return None
        copy = DailyCopy(self._outlet, self._fleet, self._clocks, plan.copy, plan.draw, self._server)
        if plan.copy.before_pick:
            copy.make()
        return copy

    def _is_time_to_restore(self, plan: DayPlan, seconds: float) -> bool:
        """Tells whether the day's copy can be restored now, and makes it when it is time for that."""
        if self._copy is None or plan.copy is None or self._faults.locked or self._faults.is_active:
            return False
        if not self._copy.is_made and seconds >= plan.copy.at:
            self._copy.make()
        return self._copy.is_due

    def _restore_copy(self) -> None:
        """Restores the day's copy, and lets the operator do what is necessary then."""
        if self._copy is None:
            return
        self._copy.make()
        self._ends += self._fleet.stop()
        self._copy.restore()
        self._missing_guards += self._copy.missing_guards
        self._faults.done.update(self._copy.done)
        self._operator.look_after_restore()

    def _why_hopeless(self, began: float) -> str:
        """Returns why waiting for the day is useless; empty while it may still come to rest."""
        now = monotonic()
        if now >= self._next_reading:
            self._next_reading = now + LEDGER_READING_SECONDS
            if any(len(copies) > 1 for copies in posts_by_caption(self._sandbox.ledger()).values()):
                return "a second copy is public, and nothing can undo that"
        unchanged = self._change_timer.unchanged
        if unchanged >= STUCK_SECONDS:
            reason = f"nothing has changed for {unchanged:.0f} seconds"
        elif now >= began + self._day_timeout:
            reason = f"it still goes on after {now - began:.0f} seconds"
        else:
            return ""
        return f"{reason}; the outlet's clock shows {self._clocks.now():%d %B %H:%M:%S}"

    def _step(self) -> bool:
        """Looks once at every process and delivery; True when nothing is left to do."""
        self._faults.end_due()
        ends = self._fleet.ended()
        self._ends += ends
        for end in ends:
            self._recovery.died(end)
        self._fleet.start_missing()
        rows = open_deliveries(self._outlet.database)
        self._recovery.watch(rows, self._fleet.living, monotonic())
        corrections = open_corrections(self._outlet.database)
        still = self._change_timer.look([*rows, *corrections], monotonic()) > STILL_SECONDS
        if self._faults.locked:
            return False
        held_by_mistake = self._held_by_mistake(rows)
        others = [row for row in rows if row not in held_by_mistake]
        if held_by_mistake and not others and not self._faults.is_active:
            self._conditions.repair()
            self._operator.acts[REPAIRS[self._condition]] += 1
        if not self._faults.stands_still:
            self._operator.act(others)  # Else it might wait for a lock whose holder waits for this loop.
        jump = next_jump(self._outlet.database, others, corrections, still=still)
        if jump is not None and self._ends_at is not None and jump.due >= self._ends_at:
            return not self._faults.is_active
        if jump is not None and jump.due > self._clocks.now() + MIN_JUMP:
            self._clocks.jump_to(jump.to)
        return not rows and not corrections and not self._faults.is_active

    def _held_by_mistake(self, rows: Sequence[Delivery]) -> list[Delivery]:
        """Returns the deliveries that are held for a mistake which nobody repairs until all others are at rest."""
        return [row for row in rows if row.state == State.HELD and row.channel_name == self._conditions.broken_channel]

    def _report(self, seconds: float, days: Sequence[date], skipped: Sequence[date]) -> Report:
        self._clocks.advance(timedelta(seconds=MAX_LATE_SECONDS))
        write_history(self._outlet.database, self._outlet.config.with_name("history.jsonl"))
        findings = judge_proof(
            self._outlet.database,
            posts_by_caption(self._sandbox.ledger()),
            channels=[*self._outlet.settings.channels],
            days=days,
            skipped=skipped,
        )
        findings.never_settled += self._unfinished
        findings.missing_guards += self._missing_guards
        findings.processes_ended += [
            f"{end.name} ended with status {end.status}" for end in self._ends if end.status not in (0, -9)
        ]
        ended = collect_outcomes(self._outlet.database, self._sandbox.get("/struck"), self._days, self._copies)
        faults: Mapping[str, Any] = self._sandbox.get("/faults")
        return Report(
            terms=self._terms,
            seconds=round(seconds, 1),
            findings=findings,
            faults={platform: dict(kinds) for platform, kinds in faults.items()},
            troubles=dict(self._faults.done),
            human_acts=dict(self._operator.acts),
            taken_back=Spread.of(self._recovery.taken_back),
            at_rest=Spread.of(self._recovery.at_rest),
            conditions=dict(self._conditions.days),
            by_fault=ended.by_fault,
            by_condition=ended.by_condition,
            by_copy=ended.by_copy,
            unknown_seconds=ended.unknown_seconds,
        )
