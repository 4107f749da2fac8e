"""Holds the report of a proof, for people and for programs."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from publisher.proving.plan import FAULT_GROUPS, ProofTerms

GROUP_OF = {fault.partition(":")[0]: group for group, faults in FAULT_GROUPS.items() for fault in faults}


@dataclass(slots=True)
class Findings:
    """Holds what was found wrong: the lists have one sentence per row; empty is good."""

    deliveries: int = 0
    days: int = 0
    requests: int = 0
    """Publishing requests that were begun, or failed just before they began."""
    states: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    """How many deliveries have no copy, one, or more: keys `0`, `1`, `2+`."""
    published_twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    never_settled: list[str] = field(default_factory=list)
    wrong_states: list[str] = field(default_factory=list)
    """Published without a copy; failed, missed or canceled with one."""
    sent_side_by_side: list[str] = field(default_factory=list)
    """Two deliveries of one channel in flight at the same time."""
    changes_after_takeover: list[str] = field(default_factory=list)
    """Changes by a worker whose delivery another worker had taken over."""
    missing_guards: list[str] = field(default_factory=list)
    """Unique indexes that the database lacks, and processes that worked on a copy which they had to refuse."""
    unknown_posts: list[str] = field(default_factory=list)
    """Posts on a platform that belong to no delivery."""
    processes_ended: list[str] = field(default_factory=list)
    """Processes that ended by themselves."""
    closed_days: dict[str, int] = field(default_factory=dict)
    """Days that the restore of a copy closed, which was reported, and the number of public posts that they may have
    shown.

    The restored database does not know these posts; it has reported that they may exist."""
    corrections: Counter[str] = field(default_factory=Counter)
    """How many corrections of published posts ended in each state."""
    asked: int = 0
    """For so many deliveries a person was asked at least once."""
    held_reasons: Counter[str] = field(default_factory=Counter)

    @property
    def closed(self) -> int:
        """Returns how many days the restore of a copy closed."""
        return len(self.closed_days)

    @property
    def forgotten(self) -> int:
        """Returns how many public posts of such days the restored database does not know."""
        return sum(self.closed_days.values())

    @property
    def share_asked(self) -> float:
        return self.asked / self.deliveries if self.deliveries else 0.0

    @property
    def broken(self) -> dict[str, list[str]]:
        """Returns each kind of promise that was broken, with its rows."""
        kinds = {
            "published twice": self.published_twice,
            "lost": self.lost,
            "never settled": self.never_settled,
            "wrong states": self.wrong_states,
            "sent side by side": self.sent_side_by_side,
            "changes after a takeover": self.changes_after_takeover,
            "missing guards": self.missing_guards,
            "unknown posts": self.unknown_posts,
            "processes that ended": self.processes_ended,
        }
        return {kind: rows for kind, rows in kinds.items() if rows}


@dataclass(frozen=True, slots=True)
class Spread:
    """Summarizes durations, in seconds."""

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
    """Reports a proof. The names of the fields are the keys of its JSON."""

    terms: ProofTerms
    seconds: float
    """Of real time, from the first day to the last."""
    findings: Findings
    faults: dict[str, dict[str, int]]
    """How often each fault struck, by platform."""
    troubles: dict[str, int]
    """Kills, freezes, locks and the rest, by kind."""
    human_acts: dict[str, int]
    """How often a person had to act, by act."""
    taken_back: Spread
    """From a kill until another process had taken over the deliveries of the killed one."""
    at_rest: Spread
    """From a kill until its delivery was published, or waited for a person."""
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
        """Returns `by_fault` for each group of faults. A delivery that two of a group struck is counted twice."""
        groups: dict[str, Counter[str]] = {}
        for name, endings in self.by_fault.items():
            groups.setdefault(GROUP_OF[name.rpartition("/")[2]], Counter()).update(endings)
        return groups

    @property
    def fault_groups(self) -> dict[str, int]:
        """Returns how often faults of each group struck, on all platforms and at every step."""
        struck: Counter[str] = Counter()
        for kinds in self.faults.values():
            for name, count in kinds.items():
                struck[GROUP_OF[name.rpartition("/")[2]]] += count
        return dict(struck)

    @property
    def kept(self) -> bool:
        """Tells whether the promise was kept."""
        return not self.findings.broken

    @property
    def kills(self) -> int:
        return sum(count for kind, count in self.troubles.items() if kind.startswith("kill"))

    @property
    def replay(self) -> str:
        """Returns the command that draws the same plan again."""
        terms = self.terms
        return (
            f"publisher prove --days {terms.days} --channels {terms.channels} --workers {terms.workers} "
            f"--schedulers {terms.schedulers} --kills {terms.kills} --seed {terms.seed} --on {terms.on}"
        )

    def as_json(self) -> dict[str, Any]:
        return {"kept": self.kept, "replay": self.replay, "fault_groups": self.fault_groups, **_to_plain(self)}


def _to_plain(value: Any) -> Any:
    """Turns dataclasses and Counters into dicts: `asdict` would make a Counter of a Counter's items."""
    if is_dataclass(value):
        return {item.name: _to_plain(getattr(value, item.name)) for item in fields(value)}
    return {key: _to_plain(item) for key, item in value.items()} if isinstance(value, dict) else value
