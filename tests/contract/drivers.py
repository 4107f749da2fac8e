"""Finds the driver of each platform."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from publisher.platforms.profiles import platform_names
from tests.contract.account import Account


@dataclass(frozen=True, slots=True)
class Drivers:
    """The driver of each platform that has one, and the platforms that have none."""

    found: Mapping[str, type[Account]]
    missing: tuple[str, ...]


def find_drivers(names: Sequence[str] | None = None) -> Drivers:
    """Finds the class `Driver` of each platform in `tests.contract.platforms`."""
    found: dict[str, type[Account]] = {}
    missing = []
    for name in platform_names() if names is None else names:
        module = f"tests.contract.platforms.{name}"
        if importlib.util.find_spec(module) is None:
            missing.append(name)
        else:
            found[name] = importlib.import_module(module).Driver
    return Drivers(found, tuple(missing))
