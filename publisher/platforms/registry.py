"""Finds the adapter class of a platform by its name, and imports it and its client library on first use."""

from __future__ import annotations

import importlib

from publisher.core.messages import _
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.links import LinkRefused
from publisher.platforms.profiles import platform_names


class UnknownPlatform(LookupError):
    """Says that there is no platform with a name; the clause names those that exist."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.text = _(
            "there is no platform “{name}”; known are {platforms:list}", name=name, platforms=platform_names()
        )

    def __str__(self) -> str:
        return str(self.text)


def adapter_class(platform: str) -> type[PlatformAdapter]:
    """Returns the class `Adapter` of `publisher.platforms.<platform>.adapter`.

    Raises:
        UnknownPlatform: there is no such platform.
    """
    if platform not in platform_names():
        raise UnknownPlatform(platform)
    adapter = importlib.import_module(f"publisher.platforms.{platform}.adapter").Adapter
    if not (isinstance(adapter, type) and issubclass(adapter, PlatformAdapter)):
        raise TypeError(f"publisher.platforms.{platform}.adapter.Adapter is not a PlatformAdapter")
    return adapter


def canonical_id(platform: str, reference: str) -> str:
    """Returns the canonical id of the post that a link or an id names; returns an unreadable reference unchanged."""
    try:
        return adapter_class(platform).post_id_of(reference, "")
    except (UnknownPlatform, LinkRefused):
        return reference
