"""Tests that one warm process serves several pictures, and that none of them harms another."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from publisher.adapt.images import child_process, warm_processes
from publisher.adapt.images.child_process import child_environment
from publisher.adapt.images.inspection import ImageRefused, inspect_image
from publisher.adapt.images.process.limits import ADDRESS_SPACE
from publisher.adapt.images.warm_processes import WarmProcess, WarmProcesses
from tests import image_samples as samples
from tests.idle_crowd import allow_many_files
from tests.waiting import wait_until


class Recorded(WarmProcesses):
    """Remembers the pid of every process that it has started."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[int] = []

    def _start(self, environment: dict[str, str]) -> WarmProcess:
        process = super()._start(environment)
        self.started.append(process.pid)
        return process


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    recorded = Recorded()
    # However busy the machine is, none ends by itself between two pictures.
    monkeypatch.setattr(warm_processes, "IDLE_SECONDS", 3600.0)
    monkeypatch.setattr(child_process, "warm_processes", recorded)
    yield recorded
    recorded.close()


@pytest.fixture
def fair(tmp_path: Path) -> Path:
    return samples.save(samples.tissue(300, 200), tmp_path / "fair.png")


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Makes a file whose opening never ends: a pipe that nobody writes to."""
    path = tmp_path / "endless.png"
    os.mkfifo(path)
    return path


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def many_open_files() -> Iterator[None]:
    """Takes every descriptor that `select` could wait for."""
    allow_many_files()
    taken = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while taken[-1] < 1024:
            taken.append(os.dup(taken[0]))
        yield
    finally:
        for number in taken:
            os.close(number)


def test_a_desk_with_many_open_connections_can_read_pictures(processes: Recorded, fair: Path) -> None:
    with many_open_files():
        assert inspect_image(fair).width == 300
        assert inspect_image(fair).width == 300
    assert len(processes.started) == 1


def test_a_request_that_is_broken_off_leaves_no_process(
    processes: Recorded, fair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> bytes | None:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(WarmProcess, "_read_line", interrupt)
        with pytest.raises(KeyboardInterrupt):
            inspect_image(fair)
    assert not Path(f"/proc/{processes.started[0]}").exists()
    assert inspect_image(fair).width == 300


def test_one_process_serves_several_pictures(processes: Recorded, fair: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    samples.cut(fair, broken, 0.5)
    assert inspect_image(fair).width == 300
    with pytest.raises(ImageRefused, match="damaged"):
        inspect_image(broken)
    assert inspect_image(fair).width == 300
    assert len(processes.started) == 1


def test_a_picture_that_kills_its_process_harms_no_other(processes: Recorded, fair: Path, endless: Path) -> None:
    refusals: list[ImageRefused] = []

    def inspect_endless() -> None:
        with pytest.raises(ImageRefused) as refusal:
            inspect_image(endless)
        refusals.append(refusal.value)

    thread = threading.Thread(target=inspect_endless)
    thread.start()
    wait_until(lambda: bool(processes.started and children_of(processes.started[0])), "a child")
    (child,) = children_of(processes.started[0])
    limits = Path(f"/proc/{child}/limits")
    wait_until(lambda: str(ADDRESS_SPACE) in limits.read_text(), "its limits")
    assert str(ADDRESS_SPACE) not in Path(f"/proc/{processes.started[0]}/limits").read_text()
    # Another picture at the same time has a process of its own.
    assert inspect_image(fair).width == 300
    os.kill(child, signal.SIGKILL)
    thread.join()
    assert "too much time or memory" in str(refusals[0])
    assert inspect_image(fair).width == 300
    assert len(processes.started) == 2


def test_a_picture_without_end_is_ended_with_its_process(
    processes: Recorded, fair: Path, endless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect_image(fair)
    with monkeypatch.context() as hurried:
        hurried.setattr(child_process, "TIMEOUT_SECONDS", 1.0)
        with pytest.raises(ImageRefused, match="too long"):
            inspect_image(endless)
    assert not Path(f"/proc/{processes.started[0]}").exists()
    assert inspect_image(fair).width == 300
    assert len(processes.started) == 2


def test_a_process_that_went_while_it_was_idle_is_replaced(processes: Recorded, fair: Path) -> None:
    inspect_image(fair)
    os.kill(processes.started[0], signal.SIGKILL)
    assert inspect_image(fair).width == 300
    assert len(processes.started) == 2


def test_a_process_that_ends_by_itself_leaves_nothing_behind() -> None:
    process = WarmProcess(child_environment(), idle_seconds=0.0)
    wait_until(lambda: not Path(f"/proc/{process.pid}").exists(), "its end, with nobody who asks for it")
    process.close()


def test_a_process_with_another_environment_is_not_used(
    processes: Recorded, fair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect_image(fair)
    monkeypatch.setenv("LANG", "ca_ES.UTF-8")
    inspect_image(fair)
    assert len(processes.started) == 2
    assert not Path(f"/proc/{processes.started[0]}").exists()
