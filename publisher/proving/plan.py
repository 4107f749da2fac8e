"""What a proof does to the desk, drawn from its seed: the same terms always give the same plan.

The plan is what a seed replays; how the threads of several processes meet is up to the machine.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

Card = TypeVar("Card")

MILESTONES = ("claimed", "prepared", "committed", "answered", "recorded")
FAULTS = (
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
)
"""As the sandbox's control port takes them. One `slow-after` keeps within the publishing timeout."""
FAULTS_AROUND = tuple(f"{step}/{fault}" for step in ("upload", "read") for fault in FAULTS if fault != "refuse")
"""Those of the requests before and after the one that publishes: uploads, look-ups, read-backs."""
TROUBLES = {
    "sqlite": ("stop", "lock", "full", "read-only", "impatient", "skew", "leap", "freeze", "overtake", "skipped day"),
    "postgresql": ("stop", "cut", "crash", "restart", "skew", "leap", "freeze", "overtake", "skipped day"),
}
"""By database. `cut` breaks every connection to it off, `crash` and `restart` end its server and start it again.
`overtake` lets two workers have one delivery at the same time.
"""
FIRST_SECONDS = 1.5
"""Within so many seconds after the day's post is picked, its troubles begin."""
EARLIEST_DAY = date(2026, 1, 1)
LARGEST_SKEW = 45.0
"""The adapters allow for a platform's clock that differs by a minute."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a proof is asked to do."""

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
class Act:
    """One trouble: `at` seconds after the day began."""

    at: float
    kind: str
    """`kill worker`, `kill scheduler`, `trap`, or one of the TROUBLES."""
    milestone: str = ""
    """Where a trap snaps, a worker freezes or is told to stop (`claimed`: in mid-upload), or two workers meet."""
    amount: float = 0.0
    """Seconds that a lock, a fault of the disk or a skew takes, or by which the clocks leap."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    faults: tuple[tuple[str, str], ...]
    """Platform and fault, in the order in which its requests will meet them."""
    acts: tuple[Act, ...]
    """In the order of their times."""
    skips: bool = False
    """The clocks leap over a whole day before this one."""


def first_day(terms: Terms) -> date:
    """The local day on which a proof begins: any of two years, the nights on which the clocks change among them."""
    chance = random.Random(f"{terms.seed} first day")  # noqa: S311 - as below
    return EARLIEST_DAY + timedelta(days=chance.randrange(730))


def draw_plan(terms: Terms, platforms: Sequence[str]) -> list[DayPlan]:
    """A plan for each day. Every fault of every platform and every milestone comes, if there is room."""
    chance = random.Random(terms.seed)  # noqa: S311 - a seed that can be repeated is the point
    pairs = list(itertools.product(platforms, FAULTS))
    per_day = max(len(platforms), terms.channels, -(-len(pairs) // terms.days))
    faults = _deck(chance, pairs)
    around = _deck(chance, list(itertools.product(platforms, FAULTS_AROUND)))
    around_per_day = max(len(platforms), terms.channels // 2)
    kills = _deal(_kills(chance, terms.kills), terms.days)
    troubles = _deck(chance, TROUBLES[terms.on])
    plans = []
    for number in range(terms.days):
        today = [next(troubles), next(troubles)]
        acts = [*kills[number], *(_trouble(chance, kind) for kind in today if kind != "skipped day")]
        plans.append(
            DayPlan(
                faults=(*itertools.islice(faults, per_day), *itertools.islice(around, around_per_day)),
                acts=tuple(sorted(acts, key=lambda act: act.at)),
                skips="skipped day" in today and number > 0,
            )
        )
    return plans


def _deck(chance: random.Random, cards: Sequence[Card]) -> Iterator[Card]:
    """The cards in a random order, shuffled anew whenever all were dealt."""
    while True:
        yield from chance.sample(cards, len(cards))


def _deal(acts: list[Act], days: int) -> list[list[Act]]:
    return [acts[number::days] for number in range(days)]


def _kills(chance: random.Random, count: int) -> list[Act]:
    """Every milestone and a scheduler first, then whatever comes."""
    first = [*chance.sample(MILESTONES, len(MILESTONES)), "scheduler"]
    later = _deck(chance, [*MILESTONES, "worker", "worker", "worker", "scheduler"])
    return [_kill(chance, where) for where in itertools.islice(itertools.chain(first, later), count)]


def _kill(chance: random.Random, where: str) -> Act:
    at = chance.uniform(0, FIRST_SECONDS)
    if where in MILESTONES:
        return Act(at / 3, "trap", milestone=where)
    return Act(at, f"kill {where}")


def _trouble(chance: random.Random, kind: str) -> Act:
    at = chance.uniform(0, FIRST_SECONDS)
    match kind:
        case "freeze":
            return Act(0.0, kind, milestone=chance.choice(MILESTONES))
        case "overtake":
            return Act(0.0, kind, milestone=chance.choice(MILESTONES[:-1]))  # What is recorded, nobody takes over.
        case "skew":
            return Act(at, kind, amount=chance.choice((-1, 1)) * chance.uniform(5, LARGEST_SKEW))
        case "leap":
            return Act(at, kind, amount=chance.uniform(60, 7200))
        case "stop":
            return Act(at / 3, kind, milestone=chance.choice(("", "claimed", "committed")))
        case "cut" | "crash" | "restart":
            return Act(at, kind)
        case _:
            return Act(at, kind, amount=chance.uniform(0.5, 2.0))
