"""Sets what is so for a whole day of a proof: lags, clocks, habits, a mistake in the configuration."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from publisher.posts.targets import people_file
from publisher.proving.outlet import ProvingOutlet, template_file, template_of
from publisher.proving.plan import CHANNEL_MISTAKES, Condition, DayPlan
from publisher.sandbox_client import SandboxClient

BROKEN_TEMPLATE = "{{ title "
BROKEN_PEOPLE = "[[people]\n"
MENTIONING = '{{ mention("Ada Example") }} '
"""Before a template: then the channel can't do without the directory of people."""
MENDED = {
    Condition.BROKEN_TEMPLATE: "mend a template",
    Condition.MISSING_TEMPLATE: "mend a template",
    Condition.BROKEN_PEOPLE: "mend the directory of people",
    Condition.REMOVED_CHANNEL: "write a channel into the configuration again",
    Condition.RENAMED_CHANNEL: "write a channel into the configuration again",
}
"""What a person does about each mistake."""
Restart = Callable[[Callable[[], None]], None]
"""Stops every process, does what it is given, and starts them again."""


class Conditions:
    """Sets the condition of each day, and mends the mistake in the configuration."""

    def __init__(
        self, outlet: ProvingOutlet, sandbox: SandboxClient, platforms: Iterable[str], restart: Restart
    ) -> None:
        self._outlet = outlet
        self._sandbox = sandbox
        self._platforms = tuple(platforms)
        self._restart = restart
        self._usual_habits: dict[str, dict[str, Any]] = {
            platform: habits["usual"] for platform, habits in sandbox.get("/habits").items()
        }
        self._mending: Callable[[], None] | None = None
        self.mistaken: str | None = None
        """The channel that can publish nothing just now, because of a mistake in the configuration."""
        self.days: Counter[str] = Counter()
        """How many days had each condition."""

    def begin(self, plan: DayPlan) -> None:
        """Let the day be as it is planned, and nothing else of former days."""
        self.mend()
        self.days[plan.condition.value] += 1
        skews, habits = dict(plan.skews), dict(plan.habits)
        for platform in self._platforms:
            lag = {"seconds": list(plan.lag_seconds), "seed": plan.draw}
            hides_ids = plan.condition is Condition.HIDDEN_IDS
            self._sandbox.post("/lag", {"platform": platform, "hides_ids": hides_ids, **lag})
            self._sandbox.post("/clock", {"platform": platform, "skew_seconds": skews.get(platform, 0.0)})
            # Without evidence a second request shows as a second copy, so that is how most days are.
            self._sandbox.post("/evidence", {"platform": platform, "on": plan.condition is Condition.UNKNOWN_LAG})
            followed = dict(habits.get(platform, ())) or self._usual_habits[platform]
            self._sandbox.post("/habits", {"platform": platform, **followed})
        if plan.condition in MENDED and plan.condition not in CHANNEL_MISTAKES:
            self._make_mistake(plan)

    def mend(self) -> None:
        """Put the right configuration back."""
        mending, self._mending, self.mistaken = self._mending, None, None
        if mending is not None:
            mending()

    def change_channel(self, plan: DayPlan) -> None:
        """Remove or rename a channel, as a person would who then starts every process again. It is not running now."""
        config = self._outlet.config
        channel, before = self._drawn_channel(plan), config.read_text(encoding="utf-8")
        table = re.compile(rf"^\[channels\.{channel}\]\n(?:(?!\[).*\n)*", re.MULTILINE)
        if plan.condition is Condition.REMOVED_CHANNEL:
            changed = table.sub("", before)
        else:
            changed = before.replace(f"[channels.{channel}]\n", f"[channels.{channel}-renamed]\n")
        config.write_text(changed, encoding="utf-8")
        self._outlet.close()
        self.mistaken = channel
        self._mending = lambda: self._restart(lambda: self._write(config, before))

    def _make_mistake(self, plan: DayPlan) -> None:
        channel = self._drawn_channel(plan)
        template, people = template_file(self._outlet.config.parent.parent, channel), people_file(self._outlet.settings)
        known = people.read_text(encoding="utf-8")
        match plan.condition:
            case Condition.MISSING_TEMPLATE:
                template.unlink()
            case Condition.BROKEN_TEMPLATE:
                self._write(template, BROKEN_TEMPLATE)
            case _:
                self._write(template, MENTIONING + template_of(channel))
                self._write(people, BROKEN_PEOPLE)

        def mend() -> None:
            self._write(template, template_of(channel))
            self._write(people, known)

        self.mistaken, self._mending = channel, mend

    def _drawn_channel(self, plan: DayPlan) -> str:
        chance = random.Random(plan.draw)  # noqa: S311 - a seed that can be repeated is the point
        return chance.choice([*self._outlet.settings.channels])

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")
