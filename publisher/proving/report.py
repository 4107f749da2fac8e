"""What came of a proof, for people and for programs."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from publisher.proving.plan import FAULT_GROUPS, Terms

GROUP_OF = {fault.partition(":")[0]: group for group, faults in FAULT_GROUPS.items() for fault in faults}


@dataclass(slots=True)
class Findings:
    """The platforms' ledgers against the database. The lists hold one sentence per row; empty is good."""

    deliveries: int = 0
    days: int = 0
    requests: int = 0
    """Publishing requests that were begun, or would have been but for trouble before them."""
    states: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    """How many deliveries have no copy, one, or more: keys `0`, `1`, `2+`."""
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    """Published without a copy; failed, missed or canceled with one."""
    side_by_side: list[str] = field(default_factory=list)
    """Two deliveries of one channel in flight at the same time."""
    overtaken: list[str] = field(default_factory=list)
    """Changes by a worker whose delivery was in other hands by then."""
    unguarded: list[str] = field(default_factory=list)
    """Unique indexes that the database lacks."""
    strangers: list[str] = field(default_factory=list)
    """Posts on a platform that belong to no delivery."""
    untidy: list[str] = field(default_factory=list)
    """Processes that ended by themselves."""
    closed_days: dict[str, int] = field(default_factory=dict)
    """Days that the restore of a copy closed, and told so; and how many posts are public that they may have shown.

    The restored database does not know these posts: it has told that they may be there."""
    asked: int = 0
    """For so many deliveries a person was asked at least once."""
    held_why: Counter[str] = field(default_factory=Counter)

    @property
    def closed(self) -> int:
        """How many days the restore of a copy closed."""
        return len(self.closed_days)

    @property
    def forgotten(self) -> int:
        """How many public posts of such days the restored database does not know."""
        return sum(self.closed_days.values())

    @property
    def share_asked(self) -> float:
        return self.asked / self.deliveries if self.deliveries else 0.0

    @property
    def broken(self) -> dict[str, list[str]]:
        """Every kind of broken promise, with its rows."""
        return {
            "twice": self.twice,
            "lost": self.lost,
            "stuck": self.stuck,
            "untrue": self.untrue,
            "side by side": self.side_by_side,
            "overtaken": self.overtaken,
            "unguarded": self.unguarded,
            "strangers": self.strangers,
            "untidy": self.untidy,
        }


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, in seconds."""

    count: int
    median: float
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        if not seconds:
            return cls(0, 0.0, 0.0)
        return cls(len(seconds), round(statistics.median(seconds), 2), round(max(seconds), 2))


@dataclass(frozen=True, slots=True)
class Report:
    terms: Terms
    seconds: float
    """Of real time, from the first day to the last."""
    findings: Findings
    faults: dict[str, dict[str, int]]
    """How often each fault struck, by platform."""
    troubles: dict[str, int]
    """Kills, freezes, locks and the rest, by kind."""
    person: dict[str, int]
    """What a person had to do."""
    taken_back: Spread
    """From a kill until somebody else had taken back what the killed one held."""
    at_rest: Spread
    """From a kill until it was published, or waited for a person."""
    conditions: dict[str, int] = field(default_factory=dict)
    """How many days had each condition."""
    by_fault: dict[str, Counter[str]] = field(default_factory=dict)
    """By the name of the fault: how the deliveries ended whose requests it struck."""
    by_condition: dict[str, Counter[str]] = field(default_factory=dict)
    """By the day's condition: how all deliveries of such days ended."""
    by_copy: dict[str, Counter[str]] = field(default_factory=dict)
    """By what was done with a copy of the database: how all deliveries that the database knows of such days ended."""
    unknown_seconds: dict[str, Spread] = field(default_factory=dict)
    """By platform: seconds by the outlet's clock from an unknown outcome until it was known, or a person was asked."""

    @property
    def by_fault_group(self) -> dict[str, Counter[str]]:
        """As `by_fault`, for each group of faults. Who was struck by two of a group is counted twice."""
        found: dict[str, Counter[str]] = {}
        for name, endings in self.by_fault.items():
            found.setdefault(GROUP_OF[name.rpartition("/")[2]], Counter()).update(endings)
        return found

    @property
    def fault_groups(self) -> dict[str, int]:
        """How often faults of each group struck, on all platforms and at every step."""
        struck: Counter[str] = Counter()
        for kinds in self.faults.values():
            for name, count in kinds.items():
                struck[GROUP_OF[name.rpartition("/")[2]]] += count
        return dict(struck)

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not any(self.findings.broken.values())

    @property
    def kills(self) -> int:
        return sum(count for kind, count in self.troubles.items() if kind.startswith("kill"))

    @property
    def replay(self) -> str:
        """The command that draws the same plan again."""
        terms = self.terms
        return (
            f"publisher prove --days {terms.days} --channels {terms.channels} --workers {terms.workers} "
            f"--schedulers {terms.schedulers} --kills {terms.kills} --seed {terms.seed} --on {terms.on}"
        )

    def as_json(self) -> dict[str, Any]:
        return {"kept": self.kept, "replay": self.replay, "fault_groups": self.fault_groups, **_plain(self)}


def _plain(value: Any) -> Any:
    """Without dataclasses and Counters: `asdict` would make a Counter of a Counter's items."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value
