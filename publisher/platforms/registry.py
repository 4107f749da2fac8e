"""Finds the adapter class of a platform by its name, and imports it and its client library on first use."""

from __future__ import annotations

import importlib

from publisher.platforms.base import PlatformAdapter
from publisher.platforms.links import LinkRefused
from publisher.platforms.profiles import platform_names


def adapter_class(platform: str) -> type[PlatformAdapter]:
    """Returns the class `Adapter` of `publisher.platforms.<platform>.adapter`.

    Raises:
        LookupError: there is no such platform; the message lists those that exist.
    """
    if platform not in platform_names():
        raise LookupError(f"there is no platform {platform!r}; known are {', '.join(platform_names())}")
    adapter = importlib.import_module(f"publisher.platforms.{platform}.adapter").Adapter
    if not (isinstance(adapter, type) and issubclass(adapter, PlatformAdapter)):
        raise TypeError(f"publisher.platforms.{platform}.adapter.Adapter is not a PlatformAdapter")
    return adapter


def canonical_id(platform: str, reference: str) -> str:
    """Returns the canonical id of the post that a link or an id names; returns an unreadable reference unchanged."""
    try:
        return adapter_class(platform).post_id_of(reference, "")
    except (LookupError, LinkRefused):
        return reference
