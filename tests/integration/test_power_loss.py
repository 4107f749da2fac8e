"""Tests that the intent is on the disk before a request is sent."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.core.states import State
from publisher.db.models import Attempt, Delivery
from publisher.db.session import Database
from tests.conftest import OpenOutlet
from tests.killed_workers import KilledWorkers
from tests.outlet import Outlet

FULL = 2
"""What SQLite calls `synchronous=FULL`: a commit returns only after its flush."""
FRAME_HEADER, FILE_HEADER = 24, 32


def die_at(killed_workers: KilledWorkers, outlet: Outlet, milestone: str) -> None:
    """Runs a worker until it reaches the milestone and kills itself, with all that it has in memory."""
    killed_workers.start(outlet.config, "tumblr", milestone)
    assert killed_workers.wait() == -signal.SIGKILL


def files_alone(outlet: Outlet, folder: Path) -> Path:
    """Copies the database's files byte by byte, without what processes share in memory."""
    folder.mkdir()
    for name in ("queue.db", "queue.db-wal"):
        (folder / name).write_bytes((outlet.folder / name).read_bytes())
    return folder / "queue.db"


def the_only_delivery(file: Path) -> Delivery:
    database = Database.open(f"sqlite:///{file}")
    try:
        with database.reading() as session:
            return session.scalars(select(Delivery)).one()
    finally:
        database.close()


@pytest.fixture
def interrupted(open_outlet: OpenOutlet, killed_workers: KilledWorkers) -> Outlet:
    """Makes an outlet whose worker died just before it would have sent its one request."""
    outlet = open_outlet("tumblr")
    outlet.add_post()
    outlet.pick()
    die_at(killed_workers, outlet, "committed")
    assert outlet.copies("tumblr") == []
    return outlet


def test_the_intent_is_in_the_files_before_the_request_goes(interrupted: Outlet, tmp_path: Path) -> None:
    file = files_alone(interrupted, tmp_path / "found")

    delivery = the_only_delivery(file)

    assert (delivery.state, delivery.fence, delivery.lease_owner is None) == (State.PUBLISHING, 1, False)
    assert delivery.idempotency_key
    assert delivery.sent_at is not None
    database = Database.open(f"sqlite:///{file}")
    with database.reading() as session:
        assert session.scalars(select(Attempt.outcome)).all() == [None]
    database.close()


def test_a_torn_end_of_the_log_is_passed_over_and_the_intent_stays(interrupted: Outlet, tmp_path: Path) -> None:
    """A power cut may leave half of whatever was being written next."""
    file = files_alone(interrupted, tmp_path / "found")
    wal = file.with_name("queue.db-wal")
    whole = wal.read_bytes()
    page = int.from_bytes(whole[8:12])
    last = whole[-(FRAME_HEADER + page) :]
    wal.write_bytes(whole + last[: page // 2])
    assert (len(whole) - FILE_HEADER) % (FRAME_HEADER + page) == 0

    assert the_only_delivery(file).state == State.PUBLISHING


def test_a_worker_waits_for_the_flush_of_its_commit(interrupted: Outlet) -> None:
    with interrupted.desk.database.writing() as session:
        raw = session.connection().exec_driver_sql
        assert raw("PRAGMA synchronous").scalar_one() == FULL
        assert raw("PRAGMA journal_mode").scalar_one() == "wal"
