"""Draws the plan of a proof from its seed: the same terms always give the same plan.

A seed replays the plan; how the threads of several processes meet depends on the machine.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar

from publisher.proving.correction_plans import PlannedCorrection, draw_corrections
from publisher.proving.habits import HabitChoices, Habits, draw_habits

Card = TypeVar("Card")

MILESTONES = ("claimed", "prepared", "committed", "answered", "recorded")
_GATEWAY_STATUSES = (403, 404, 405, 409, 413, 421, 502, 504)
_PAUSES = ("ten-years", "year-2099", "garbage", "negative")
FAULT_GROUPS: Mapping[str, tuple[str, ...]] = {
    "connection or platform": (
        "refuse",
        "drop-before",
        "drop-after",
        "500-before",
        "500-after",
        "504-after",
        "truncate-after",
        "garbage-after",
        "slow-after:0.5",
        "slow-after:2",
        "429",
        "unauthorized",
        "reject",
    ),
    "gateway, not done": tuple(f"gateway-{status}" for status in _GATEWAY_STATUSES),
    "gateway, done": tuple(f"gateway-{status}-after" for status in _GATEWAY_STATUSES),
    "redirect": ("redirect-301", "redirect-302", "redirect-307"),
    "absurd pause": tuple(f"{status}-{pause}" for status in (429, 503) for pause in _PAUSES),
    "dripping answer": ("drip-head:0.05", "drip-body:0.05"),
    "late commit": ("late-504:100", "late-drop:300", "late-silence:600"),
}
FAULTS = tuple(itertools.chain.from_iterable(FAULT_GROUPS.values()))
"""As the sandbox's control port takes them. One `slow-after` keeps within the publishing timeout."""
SIDE_STEP_FAULTS = tuple(f"{step}/{fault}" for step in ("upload", "read") for fault in FAULTS if fault != "refuse")
"""Those of the requests before and after the one that publishes: uploads, look-ups, read-backs."""
CORRECTION_FAULTS = tuple(fault for fault in FAULTS if fault != "refuse")
_SHARED_KINDS = ("skew", "leap", "freeze", "overtake", "skipped day", "restored copy", "copy by hand")
FAULT_KINDS = {
    "sqlite": ("stop", "lock", "full", "read-only", "impatient", *_SHARED_KINDS),
    "postgresql": ("stop", "cut", "crash", "restart", *_SHARED_KINDS),
}
"""By database. `cut` breaks every connection to it off, `crash` and `restart` end its server and start it again.
`overtake` lets two workers have one delivery at the same time.
"""
COPY_KINDS = ("restored copy", "copy by hand")
"""A daily copy is restored, by the program or by hand."""
WHOLE_DAY_KINDS = ("skipped day", *COPY_KINDS)
"""Faults that a whole day is planned for."""
MAX_FAULTS_PER_PLATFORM = 4
"""On one day, however short the proof: each delivery has to succeed some time."""
MAX_LATE_SECONDS = 600.0
"""Of the faults above. The product waits for this and for the longest known lag, one after the other."""
MAX_KNOWN_LAG_SECONDS = 840.0
"""The longest lag of a listing that was observed."""
UNKNOWN_LAG_SECONDS = (1700.0, 4000.0)
"""Beyond what the product waits for. It is drawn only where the platform's own refusals are evidence."""
MAX_PLATFORM_SKEW_SECONDS = 3600.0
"""More than the adapters allow for: nothing may be decided from times then."""
FAULT_WINDOW_SECONDS = 1.5
"""Within so many seconds after the day's post is picked, its faults begin."""
MIN_FIRST_DAY = date(2026, 1, 1)
MAX_SKEW_SECONDS = 45.0
"""The adapters allow for a platform's clock that differs by a minute."""


@dataclass(frozen=True, slots=True)
class ProofTerms:
    """Sets the size of a proof."""

    seed: int
    days: int = 30
    channels: int = 2
    """Channels on each platform."""
    workers: int = 2
    schedulers: int = 2
    kills: int = 60
    on: str = "sqlite"
    """The database: `sqlite` or `postgresql`."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """Plans one fault, `at` seconds after the day began."""

    at: float
    kind: str
    """`kill worker`, `kill scheduler`, `failure point`, or one of the TROUBLES."""
    milestone: str = ""
    """Where a worker is killed, frozen or told to stop (`claimed`: in mid-upload), or two workers have one delivery."""
    amount: float = 0.0
    """Seconds that a lock, a fault of the disk or a skew takes, or by which the clocks leap."""


class Condition(StrEnum):
    """Names the conditions that last a whole day."""

    USUAL = "usual"
    KNOWN_LAG = "listing lag"
    HIDDEN_IDS = "listing lag, ids hidden"
    UNKNOWN_LAG = "listing lag beyond tolerance, with evidence"
    PLATFORM_SKEW = "clock of a platform wrong"
    BROKEN_TEMPLATE = "broken template on one channel"
    MISSING_TEMPLATE = "missing template on one channel"
    BROKEN_PEOPLE = "broken directory of people, needed by one channel"
    REMOVED_CHANNEL = "channel removed after the pick"
    RENAMED_CHANNEL = "channel renamed after the pick"


CHANNEL_MISTAKES = (Condition.REMOVED_CHANNEL, Condition.RENAMED_CHANNEL)


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """Plans the restore of a copy of the database that is made on the same day."""

    by_hand: bool
    """Not by the program: then no process may work until a person has accepted it."""
    before_pick: bool
    """The copy does not know the day's post."""
    at: float = 0.0
    """Seconds after the day began, when it is made. Before the pick it is made before the day begins."""

    @property
    def kind(self) -> str:
        """Returns the name under which a report counts the deliveries of such days."""
        how = "copy put back by hand" if self.by_hand else "daily copy restored"
        return f"{how}, made {'before' if self.before_pick else 'after'} the pick"


@dataclass(frozen=True, slots=True)
class DayPlan:
    """Plans one day of a proof."""

    faults: tuple[tuple[str, str], ...]
    """Platform and fault, in the order in which its requests will meet them."""
    process_faults: tuple[PlannedFault, ...]
    """Faults of processes, clocks and the database, in the order of their times."""
    skips: bool = False
    """The clocks leap over a whole day before this one."""
    condition: Condition = Condition.USUAL
    lag_seconds: tuple[float, float] = (0.0, 0.0)
    """Between which each post's listing lag is drawn, on every platform."""
    skews: tuple[tuple[str, float], ...] = ()
    """By how many seconds the clocks of platforms are ahead of the true time."""
    habits: tuple[tuple[str, Habits], ...] = ()
    """By platform, which of its doubtful ways it follows; a platform that is not named has its usual ones."""
    copy: CopyPlan | None = None
    correction: PlannedCorrection | None = None
    draw: int = 0
    """A seed for what else is drawn on this day: the channel with a mistake, the lag of each post."""


def first_day(terms: ProofTerms) -> date:
    """Draws the local day on which a proof begins, from two years with the nights on which the clocks change."""
    chance = random.Random(f"{terms.seed} first day")  # noqa: S311 - as below
    return MIN_FIRST_DAY + timedelta(days=chance.randrange(730))


def draw_plan(terms: ProofTerms, choices: Mapping[str, HabitChoices]) -> list[DayPlan]:
    """Draws a plan for each day. Every fault of every platform and every milestone comes, if there is room.

    `choices`: of every platform.
    """
    platforms = sorted(choices)
    chance = random.Random(terms.seed)  # noqa: S311 - a seed that can be repeated is the point
    pairs = list(itertools.product(platforms, FAULTS))
    max_per_day = MAX_FAULTS_PER_PLATFORM * len(platforms)
    per_day = max(len(platforms), terms.channels, min(max_per_day, -(-len(pairs) // terms.days)))
    faults = _shuffle_forever(chance, pairs)
    around = _shuffle_forever(chance, list(itertools.product(platforms, SIDE_STEP_FAULTS)))
    around_per_day = max(len(platforms), terms.channels // 2)
    kills = _split_over_days(_draw_kills(chance, terms.kills), terms.days)
    kinds = _shuffle_forever(chance, FAULT_KINDS[terms.on])
    conditions = _shuffle_forever(chance, [*Condition])
    plans = []
    for number in range(terms.days):
        today = [next(kinds), next(kinds)]
        process_faults = [*kills[number], *(_draw_fault(chance, kind) for kind in today if kind not in WHOLE_DAY_KINDS)]
        condition = next(conditions)
        plans.append(
            DayPlan(
                condition=condition,
                lag_seconds=_draw_lag(chance, condition),
                skews=_draw_skews(chance, condition, platforms),
                draw=chance.randrange(2**32),
                faults=(*itertools.islice(faults, per_day), *itertools.islice(around, around_per_day)),
                habits=tuple((name, _draw_habits(chance, choices[name], condition)) for name in platforms),
                copy=next((_draw_copy(chance, kind) for kind in today if kind in COPY_KINDS), None),
                process_faults=tuple(sorted(process_faults, key=lambda fault: fault.at)),
                skips="skipped day" in today and number > 0,
            )
        )
    corrections = draw_corrections(terms.seed, terms.days, platforms, CORRECTION_FAULTS, FAULT_WINDOW_SECONDS)
    return [replace(day, correction=correction) for day, correction in zip(plans, corrections, strict=True)]


def _draw_habits(chance: random.Random, choices: HabitChoices, condition: Condition) -> Habits:
    return draw_habits(chance, choices, shows_evidence=condition is Condition.UNKNOWN_LAG)


def _draw_copy(chance: random.Random, kind: str) -> CopyPlan:
    before_pick = chance.random() < 0.5
    return CopyPlan(by_hand=kind == "copy by hand", before_pick=before_pick, at=chance.uniform(0, FAULT_WINDOW_SECONDS))


def _draw_lag(chance: random.Random, condition: Condition) -> tuple[float, float]:
    match condition:
        case Condition.KNOWN_LAG | Condition.HIDDEN_IDS:
            return 0.0, chance.uniform(60, MAX_KNOWN_LAG_SECONDS)
        case Condition.UNKNOWN_LAG:
            return UNKNOWN_LAG_SECONDS
        case _:
            return 0.0, 0.0


def _draw_skews(chance: random.Random, condition: Condition, platforms: Sequence[str]) -> tuple[tuple[str, float], ...]:
    if condition is not Condition.PLATFORM_SKEW:
        return ()
    return tuple((name, chance.uniform(-MAX_PLATFORM_SKEW_SECONDS, MAX_PLATFORM_SKEW_SECONDS)) for name in platforms)


def _shuffle_forever(chance: random.Random, cards: Sequence[Card]) -> Iterator[Card]:
    """Yields the cards in a random order, shuffled again whenever all were dealt."""
    while True:
        yield from chance.sample(cards, len(cards))


def _split_over_days(faults: list[PlannedFault], days: int) -> list[list[PlannedFault]]:
    return [faults[number::days] for number in range(days)]


def _draw_kills(chance: random.Random, count: int) -> list[PlannedFault]:
    """Draws a kill at every milestone and one of a scheduler first, then any."""
    first = [*chance.sample(MILESTONES, len(MILESTONES)), "scheduler"]
    later = _shuffle_forever(chance, [*MILESTONES, "worker", "worker", "worker", "scheduler"])
    return [_draw_kill(chance, where) for where in itertools.islice(itertools.chain(first, later), count)]


def _draw_kill(chance: random.Random, where: str) -> PlannedFault:
    at = chance.uniform(0, FAULT_WINDOW_SECONDS)
    if where in MILESTONES:
        return PlannedFault(at / 3, "failure point", milestone=where)
    return PlannedFault(at, f"kill {where}")


def _draw_fault(chance: random.Random, kind: str) -> PlannedFault:
    at = chance.uniform(0, FAULT_WINDOW_SECONDS)
    match kind:
        case "freeze":
            return PlannedFault(0.0, kind, milestone=chance.choice(MILESTONES))
        case "overtake":
            return PlannedFault(
                0.0, kind, milestone=chance.choice(MILESTONES[:-1])
            )  # What is recorded, nobody takes over.
        case "skew":
            return PlannedFault(at, kind, amount=chance.choice((-1, 1)) * chance.uniform(5, MAX_SKEW_SECONDS))
        case "leap":
            return PlannedFault(at, kind, amount=chance.uniform(60, 7200))
        case "stop":
            return PlannedFault(at / 3, kind, milestone=chance.choice(("", "claimed", "committed")))
        case "cut" | "crash" | "restart":
            return PlannedFault(at, kind)
        case _:
            return PlannedFault(at, kind, amount=chance.uniform(0.5, 2.0))
