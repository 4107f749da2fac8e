"""Finds channels whose configuration was changed after today's pick, and says what that means for today."""

from __future__ import annotations

from collections.abc import Iterator

from publisher.alerts.conditions import Condition, Snapshot
from publisher.alerts.problem_codes import AlertHeadline, AlertProblem
from publisher.core.problems import Problem
from publisher.db.operations import AlertKind
from publisher.schedule.changed_channels import ChangedChannel, ChannelChange, changed_channels

HEADLINES = {
    ChannelChange.HOUR: AlertHeadline.HOUR_CHANGED,
    ChannelChange.ADDED: AlertHeadline.CHANNEL_ADDED,
    ChannelChange.REMOVED: AlertHeadline.CHANNEL_REMOVED,
}


def changes_since_pick(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields one condition per changed channel, until the day is over."""
    for changed in changed_channels(snapshot.session, snapshot.settings, snapshot.now):
        yield Condition(
            AlertKind.CHANGED,
            HEADLINES[changed.change](channel=changed.channel),
            describe_change(changed),
            channel=changed.channel,
            day=changed.day,
            occurrence=changed.change,
        )


def describe_change(changed: ChangedChannel) -> Problem:
    """Describes what the channel gets today and from tomorrow on."""
    if changed.change is ChannelChange.HOUR:
        return AlertProblem.HOUR_FROM_TOMORROW(today=changed.today, from_tomorrow=changed.from_tomorrow)
    if changed.change is ChannelChange.ADDED:
        return AlertProblem.FIRST_POST_TOMORROW()
    return AlertProblem.CHANNEL_GONE()
