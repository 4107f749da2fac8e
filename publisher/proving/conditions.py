"""Sets what is so for a whole day of a proof: lagging listings, wrong clocks, a mistake in one template."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from publisher.proving.outlet import ProvingOutlet, template_file, template_of
from publisher.proving.plan import TEMPLATE_MISTAKES, Condition, DayPlan
from publisher.sandbox_client import SandboxClient

BROKEN = "{{ title "
"""A template that can't be read."""


class Conditions:
    """Sets the condition of each day, and mends the template of the day's channel."""

    def __init__(self, outlet: ProvingOutlet, sandbox: SandboxClient, platforms: Iterable[str]) -> None:
        self._outlet = outlet
        self._sandbox = sandbox
        self._platforms = tuple(platforms)
        self.mistaken: str | None = None
        """The channel whose template is wrong just now."""
        self.days: Counter[str] = Counter()
        """How many days had each condition."""

    def begin(self, plan: DayPlan) -> None:
        """Let the day be as it is planned, and nothing else of former days."""
        self.mend()
        self.days[plan.condition.value] += 1
        skews = dict(plan.skews)
        for platform in self._platforms:
            lag = {"seconds": list(plan.lag_seconds), "seed": plan.draw}
            hides_ids = plan.condition is Condition.HIDDEN_IDS
            self._sandbox.post("/lag", {"platform": platform, "hides_ids": hides_ids, **lag})
            self._sandbox.post("/clock", {"platform": platform, "skew_seconds": skews.get(platform, 0.0)})
            # Without evidence a second request shows as a second copy, so that is how most days are.
            self._sandbox.post("/evidence", {"platform": platform, "on": plan.condition is Condition.UNKNOWN_LAG})
        if plan.condition in TEMPLATE_MISTAKES:
            self._make_mistake(plan)

    def mend(self) -> None:
        """Put the right template back."""
        if self.mistaken is not None:
            self._file(self.mistaken).write_text(template_of(self.mistaken), encoding="utf-8")
            self.mistaken = None

    def _make_mistake(self, plan: DayPlan) -> None:
        chance = random.Random(plan.draw)  # noqa: S311 - a seed that can be repeated is the point
        self.mistaken = chance.choice([*self._outlet.settings.channels])
        if plan.condition is Condition.MISSING_TEMPLATE:
            self._file(self.mistaken).unlink()
        else:
            self._file(self.mistaken).write_text(BROKEN, encoding="utf-8")

    def _file(self, channel: str) -> Path:
        return template_file(self._outlet.config.parent.parent, channel)
