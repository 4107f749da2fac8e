"""Finds channels whose configuration was changed after today's pick, and says what that means for today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from publisher.alerts.conditions import Condition, Snapshot, with_remedy
from publisher.schedule.changed_channels import ChangedChannel, ChannelChange, changed_channels


def changes_since_pick(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields one condition per changed channel, until the day is over."""
    for changed in changed_channels(snapshot.session, snapshot.settings, snapshot.now):
        yield Condition(
            subject=f"changed {changed.day.isoformat()} {changed.channel} {changed.change}"[:80],
            kind="changed",
            title=f"{changed.channel}: {TITLES[changed.change]}",
            message=with_remedy(describe_change(changed, snapshot.local), snapshot.remedies.deliveries()),
        )


TITLES = {
    ChannelChange.HOUR: "its hour was changed after today's pick",
    ChannelChange.ADDED: "it was added after today's pick",
    ChannelChange.REMOVED: "it was removed, and a post waits for it",
}


def describe_change(changed: ChangedChannel, local: Callable[[datetime | None], str]) -> str:
    """Describes what the channel gets today and from tomorrow on."""
    if changed.change is ChannelChange.HOUR:
        clock = local(changed.from_tomorrow).partition(" on ")[0]
        return f"Today's post is still due at {local(changed.today)}. From tomorrow on, posts go out at {clock}"
    if changed.change is ChannelChange.ADDED:
        return "It gets no post today. Its first one is tomorrow's"
    return (
        "Today's post can't go out there any more, and nothing else will. "
        "Write the channel into the configuration again, or cancel the delivery"
    )
