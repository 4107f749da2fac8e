"""Tests that workers killed with SIGKILL, and processes side by side, publish one copy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from publisher.db.operations import Process
from publisher.sandbox.faults import Fault
from tests.conftest import OpenOutlet
from tests.killed_workers import KilledWorkers
from tests.outlet import PLATFORMS, Outlet
from tests.waiting import TIMEOUT, wait_until

ROOT = Path(__file__).parents[2]


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT, stderr=subprocess.PIPE)


def is_published(killed_workers: KilledWorkers, outlet: Outlet, channel: str) -> bool:
    """Work once more, and look."""
    killed_workers.start(outlet.config, channel)
    return killed_workers.wait() == 0 and outlet.deliveries()[channel].state == "published"


def is_settled(outlet: Outlet) -> bool:
    return all(row.state == "published" for row in outlet.deliveries().values())


def processes_seen(outlet: Outlet) -> int:
    with outlet.desk.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Process)) or 0


@pytest.mark.parametrize("milestone", ["claimed", "prepared", "committed", "answered", "recorded"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_copy_after_a_kill_at(
    open_outlet: OpenOutlet, killed_workers: KilledWorkers, platform: str, milestone: str
) -> None:
    outlet = open_outlet(platform)
    outlet.add_post()
    outlet.pick()
    killed_workers.start(outlet.config, platform, milestone)
    assert killed_workers.wait() == -signal.SIGKILL
    assert len(outlet.copies(platform)) == (1 if milestone in ("answered", "recorded") else 0)
    wait_until(
        lambda: is_published(killed_workers, outlet, platform), f"{platform} is published after a kill at {milestone}"
    )
    (copy,) = outlet.copies(platform)
    assert outlet.deliveries()[platform].remote_id == copy.id


@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_copy_after_a_kill_while_the_platform_answers(
    open_outlet: OpenOutlet, killed_workers: KilledWorkers, platform: str
) -> None:
    outlet = open_outlet(platform)
    outlet.sandbox_servers.faults.add(platform, Fault("slow-after", 5.0))
    outlet.add_post()
    outlet.pick()
    worker = killed_workers.start(outlet.config, platform)
    wait_until(lambda: bool(outlet.copies(platform)), f"{platform} has the post")
    os.kill(worker, signal.SIGKILL)
    assert killed_workers.wait() == -signal.SIGKILL
    wait_until(lambda: is_published(killed_workers, outlet, platform), f"{platform} is published")
    assert len(outlet.copies(platform)) == 1


def test_two_processes_on_one_file_publish_one_copy_each(outlet: Outlet) -> None:
    outlet.add_post()
    processes = [start("publisher", "--config", str(outlet.config), "run", "--publish-today") for _ in range(2)]
    try:
        wait_until(lambda: bool(outlet.deliveries()) and is_settled(outlet), "all channels are published")
        wait_until(lambda: processes_seen(outlet) == 2, "the slower one has started, and can be told to stop")
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        outputs = [process.communicate(timeout=TIMEOUT)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [len(outlet.copies(name)) for name in PLATFORMS] == [1, 1, 1]
    assert not any("locked" in lines for lines in outputs)


def test_a_stop_in_mid_publication_finishes_the_delivery(outlet: Outlet) -> None:
    for platform in PLATFORMS:
        outlet.sandbox_servers.faults.add(platform, Fault("slow-after", 1.5))
    outlet.add_post()
    process = start("publisher", "--config", str(outlet.config), "run", "--publish-today")
    wait_until(lambda: len(outlet.sandbox_servers.ledger.posts()) == len(PLATFORMS), "every platform has the post")
    process.send_signal(signal.SIGTERM)
    _, output = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, output.decode()
    assert is_settled(outlet)
    assert [len(outlet.copies(name)) for name in PLATFORMS] == [1, 1, 1]
