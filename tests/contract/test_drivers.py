"""Each platform has a driver, or it is not known whether it keeps the contract."""

from __future__ import annotations

from publisher.platforms.abilities import ListsPublications, SupportsLookup, SupportsReadBack
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.profiles import platform_names
from publisher.platforms.registry import adapter_class
from tests.contract.account import Account
from tests.contract.drivers import find_drivers


def sentence_about(missing: tuple[str, ...]) -> str:
    """Says which platforms have no driver, and what to do; empty where each has one."""
    return "".join(f"The platform {name} has no driver: write tests/contract/platforms/{name}.py. " for name in missing)


def test_every_platform_has_a_driver() -> None:
    assert sentence_about(find_drivers().missing) == ""


def test_a_platform_without_a_driver_is_named() -> None:
    drivers = find_drivers([*platform_names(), "semaphore"])
    assert drivers.missing == ("semaphore",)
    assert sentence_about(drivers.missing) == (
        "The platform semaphore has no driver: write tests/contract/platforms/semaphore.py. "
    )


def test_the_adapter_is_found_and_answers_questions(account: Account) -> None:
    adapter = account.adapter()
    assert isinstance(adapter, adapter_class(account.name))
    assert isinstance(adapter, PlatformAdapter)
    assert isinstance(adapter, SupportsLookup)
    assert isinstance(adapter, SupportsReadBack)
    assert isinstance(adapter, ListsPublications)
