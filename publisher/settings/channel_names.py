"""Names channels as people do; the configuration's keys are for those who write it and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from publisher.platforms.profiles import load_profile
from publisher.settings.loading import Settings


@dataclass(frozen=True, slots=True)
class ChannelLabel:
    """Holds the parts of a channel's name for people."""

    platform: str
    """The key of its platform."""
    platform_label: str
    account: str
    """Empty where the platform has one channel only, which needs no account to be told apart."""

    def __str__(self) -> str:
        return f"{self.platform_label} ({self.account})" if self.account else self.platform_label


def channel_labels(settings: Settings) -> dict[str, ChannelLabel]:
    """Returns the parts of each channel's name."""
    platforms = {name: load_profile(channel.platform).label for name, channel in settings.channels.items()}
    counts = Counter(platforms.values())
    return {
        name: ChannelLabel(channel.platform, platforms[name], channel.account if counts[platforms[name]] > 1 else "")
        for name, channel in settings.channels.items()
    }


def channel_names(settings: Settings) -> dict[str, str]:
    """Returns the name of each channel for people: its platform's, with the account where several are on one."""
    return {name: str(label) for name, label in channel_labels(settings).items()}
