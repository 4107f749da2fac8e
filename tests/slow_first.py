"""Orders tests by their length, longest first, so that no worker begins a proof when the others are done."""

from __future__ import annotations

import os

import pytest

# By seconds on a quiet machine, the longest first; a name stands for all its parameters.
SLOW_TESTS = (
    "acceptance/test_prove.py::test_two_days_keep_the_promise",
    "integration/test_crowded.py::test_many_idle_connections_stop_neither_posts_nor_alerts_nor_pages",
    "acceptance/test_prove.py::test_a_fresh_seed_keeps_the_promise",
    "acceptance/test_prove.py::test_lags_late_commits_and_mistakes_keep_the_promise",
    "acceptance/test_prove.py::test_a_mistake_in_the_configuration_keeps_nothing_else_back",
    "browser/test_accessibility.py::test_no_page_breaks_a_rule",
    "acceptance/test_prove.py::test_a_daily_copy_that_comes_back_keeps_the_promise",
    "acceptance/test_cli.py::test_the_whole_main_job",
    "acceptance/test_prove.py::test_a_desk_that_posts_twice_is_detected",
    "acceptance/test_prove.py::test_a_worker_that_may_act_after_its_lease_is_detected",
    "browser/test_accessibility.py::test_every_keyboard_focus_is_visible_and_large_text_fits",
    "integration/test_engine.py::test_every_role_outlives_its_database",
    "acceptance/test_prove.py::test_a_desk_that_works_with_an_older_database_is_detected",
    "acceptance/test_prove.py::test_a_proof_that_is_stopped_leaves_no_process_behind",
    "acceptance/test_prove.py::test_a_channel_that_publishes_two_at_once_is_detected",
    "integration/test_engine.py::test_a_worker_killed_while_publishing_is_replaced_with_one_copy",
    "integration/test_rendition_files.py::test_a_large_picture_of_sixteen_bits_takes_little_memory",
    "integration/test_killed.py::test_one_copy_after_a_kill_at",
)


def order(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Deals the slow tests to the heads of as many equal parts as there are workers, and keeps the others in order.

    `--dist worksteal` gives each worker one part, and lets whoever is done take from the tail of another's.
    """
    rank = {f"tests/{name}": number for number, name in enumerate(SLOW_TESTS)}
    slow = [item for item in items if _name(item) in rank]
    slow.sort(key=lambda item: rank[_name(item)])
    others = [item for item in items if _name(item) not in rank]
    ordered, remaining = [], len(items)
    for worker in range(workers):
        size = remaining // (workers - worker)
        remaining -= size
        head = slow[worker::workers][:size]
        others_needed = size - len(head)
        ordered += [*head, *others[:others_needed]]
        del others[:others_needed]
    # A part that is smaller than its share of slow tests leaves some: a run of a few tests.
    rest = {*slow, *others} - {*ordered}
    return [*ordered, *(item for item in items if item in rest)]


def workers() -> int:
    """Counts the processes that share this run."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _name(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
