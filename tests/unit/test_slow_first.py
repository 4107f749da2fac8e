"""Tests that slow tests begin first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.slow_first import SLOW_TESTS, order

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", SLOW_TESTS)
def test_each_slow_test_exists(name: str) -> None:
    file, _, function = name.partition("::")
    assert f"def {function}(" in (TESTS / file).read_text(encoding="utf-8")


@dataclass(frozen=True, eq=False)
class CollectedTest:
    """Stands in for what pytest collects."""

    nodeid: str


def items(*names: str) -> list[Any]:
    return [CollectedTest(f"tests/{name}") for name in names]


def test_each_worker_begins_with_slow_tests_and_no_test_is_lost() -> None:
    """The parts are those that `--dist worksteal` makes of ten tests for three workers: 3, 3 and 4."""
    quick = [f"unit/test_quick.py::test_{number}" for number in range(6)]
    collected = items(
        *quick[:3], f"{SLOW_TESTS[3]}[a]", SLOW_TESTS[1], SLOW_TESTS[0], f"{SLOW_TESTS[3]}[b]", *quick[3:]
    )
    ordered = [item.nodeid.removeprefix("tests/") for item in order(collected, 3)]
    assert [ordered[0], ordered[3], ordered[6]] == [SLOW_TESTS[0], SLOW_TESTS[1], f"{SLOW_TESTS[3]}[a]"]
    assert ordered[1] == f"{SLOW_TESTS[3]}[b]"
    assert [name for name in ordered if name in quick] == quick
    assert sorted(ordered) == sorted(item.nodeid.removeprefix("tests/") for item in collected)


@pytest.mark.parametrize("workers", range(1, 9))
def test_few_tests_are_all_run_by_any_number_of_workers(workers: int) -> None:
    collected = items(*SLOW_TESTS[:5], "unit/test_quick.py::test_1")
    ordered = order(collected, workers)
    assert len(ordered) == len(collected)
    assert {*ordered} == {*collected}
