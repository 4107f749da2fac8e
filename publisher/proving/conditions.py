"""Sets the condition of a whole day of a proof: lags, clocks, habits, a mistake in the configuration."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from publisher.posts.targets import people_file
from publisher.proving.outlet import ProvingOutlet, caption_file, caption_template
from publisher.proving.plan import CHANNEL_MISTAKES, Condition, DayPlan
from publisher.sandbox_client import SandboxClient

BROKEN_TEMPLATE = "{{ title "
BROKEN_PEOPLE = "[[people]\n"
MENTION = '{{ mention("Ada Example") }} '
"""Put before a template, it makes the channel need the directory of people."""
REPAIRS = {
    Condition.BROKEN_TEMPLATE: "mend a template",
    Condition.MISSING_TEMPLATE: "mend a template",
    Condition.BROKEN_PEOPLE: "mend the directory of people",
    Condition.REMOVED_CHANNEL: "write a channel into the configuration again",
    Condition.RENAMED_CHANNEL: "write a channel into the configuration again",
}
"""The operator's repair of each mistake, for the report."""
RestartProcesses = Callable[[Callable[[], None]], None]
"""Stops every process, calls a function, and starts them again."""


class Conditions:
    """Sets the condition of each day, and repairs the mistake in the configuration."""

    def __init__(
        self, outlet: ProvingOutlet, sandbox: SandboxClient, platforms: Iterable[str], restart: RestartProcesses
    ) -> None:
        self._outlet = outlet
        self._sandbox = sandbox
        self._platforms = tuple(platforms)
        self._restart = restart
        self._usual_habits: dict[str, dict[str, Any]] = {
            platform: habits["usual"] for platform, habits in sandbox.get("/habits").items()
        }
        self._repair: Callable[[], None] | None = None
        self.broken_channel: str | None = None
        """The channel that can publish nothing just now, because of a mistake in the configuration."""
        self.days: Counter[str] = Counter()
        """How many days had each condition."""

    def begin(self, plan: DayPlan) -> None:
        """Sets the condition that is planned for a day, and ends those of former days."""
        self.repair()
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
        if plan.condition in REPAIRS and plan.condition not in CHANNEL_MISTAKES:
            self._make_mistake(plan)

    def repair(self) -> None:
        """Puts the right configuration back."""
        repair, self._repair, self.broken_channel = self._repair, None, None
        if repair is not None:
            repair()

    def change_channel(self, plan: DayPlan) -> None:
        """Removes or renames a channel, as a person would who then starts every process again. None is running now."""
        config = self._outlet.config
        channel, before = self._drawn_channel(plan), config.read_text(encoding="utf-8")
        table = re.compile(rf"^\[channels\.{channel}\]\n(?:(?!\[).*\n)*", re.MULTILINE)
        if plan.condition is Condition.REMOVED_CHANNEL:
            changed = table.sub("", before)
        else:
            changed = before.replace(f"[channels.{channel}]\n", f"[channels.{channel}-renamed]\n")
        config.write_text(changed, encoding="utf-8")
        self._outlet.close()
        self.broken_channel = channel
        self._repair = lambda: self._restart(lambda: self._write(config, before))

    def _make_mistake(self, plan: DayPlan) -> None:
        channel = self._drawn_channel(plan)
        template, people = caption_file(self._outlet.config.parent.parent, channel), people_file(self._outlet.settings)
        right_people = people.read_text(encoding="utf-8")
        match plan.condition:
            case Condition.MISSING_TEMPLATE:
                template.unlink()
            case Condition.BROKEN_TEMPLATE:
                self._write(template, BROKEN_TEMPLATE)
            case _:
                self._write(template, MENTION + caption_template(channel))
                self._write(people, BROKEN_PEOPLE)

        def repair() -> None:
            self._write(template, caption_template(channel))
            self._write(people, right_people)

        self.broken_channel, self._repair = channel, repair

    def _drawn_channel(self, plan: DayPlan) -> str:
        chance = random.Random(plan.draw)  # noqa: S311 - a seed that can be repeated is the point
        return chance.choice([*self._outlet.settings.channels])

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")
