"""Names channels as people do; the configuration's keys are for those who write it and for programs."""

from __future__ import annotations

from collections import Counter

from publisher.platforms.profiles import load_profile
from publisher.settings.loading import Settings


def channel_names(settings: Settings) -> dict[str, str]:
    """Returns the name of each channel for people: its platform's, with the account where several are on one."""
    labels = {name: load_profile(channel.platform).label for name, channel in settings.channels.items()}
    counts = Counter(labels.values())
    return {
        name: label if counts[label] == 1 else f"{label} ({settings.channels[name].account})"
        for name, label in labels.items()
    }
