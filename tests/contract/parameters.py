"""Parameters that the drivers give: what a test is run for on each platform."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from tests.contract.account import Account
from tests.contract.drivers import find_drivers

DRIVERS = find_drivers().found


def of_each_platform(
    names: str | Sequence[str], cases_of: Callable[[type[Account]], Iterable[Sequence[Any]]]
) -> pytest.MarkDecorator:
    """Runs a test with the account of each platform, and with each of the cases that its driver has.

    A case is a sequence: the name of the test's case, then a value for each of `names`.
    """
    parameters = [name] if (name := names) and isinstance(names, str) else [*names]
    sets = [
        pytest.param(platform, *values, id=f"{platform}-{case}")
        for platform, driver in sorted(DRIVERS.items())
        for case, *values in cases_of(driver)
    ]
    return pytest.mark.parametrize(("account", *parameters), sets, indirect=["account"])


def of_platforms(condition: Callable[[type[Account]], bool]) -> pytest.MarkDecorator:
    """Runs a test on the platforms of which something is true."""
    names = [name for name, driver in sorted(DRIVERS.items()) if condition(driver)]
    return pytest.mark.parametrize("account", names, indirect=True)
