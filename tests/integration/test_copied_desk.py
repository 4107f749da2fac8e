"""Tests that a copied desk publishes nothing until a person decides that the desk is there from now on."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from publisher.backup.in_place import accept_present_database
from publisher.core.clock import FixedClock
from publisher.db import desk_place, history
from publisher.db.desk_place import DeskPlace, store_place, stored_place
from publisher.db.history import UnknownHistory, note_intent
from publisher.db.history_file import HistoryFile
from publisher.db.operations import DeskPlaceRow
from publisher.db.session import Database
from publisher.desk import Desk
from publisher.lifecycle import record_event
from publisher.proving.postgres import ThrowawayPostgres
from tests.conftest import WriteDesk
from tests.waiting import TIMEOUT, wait_until

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SEEN_WITHIN = timedelta(minutes=2)
PLACE = DeskPlace("7001", "16384")


@pytest.fixture(params=["a machine with a name", "a machine without one"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gives this machine a name, or none as in a container; returns the file with the name."""
    file = tmp_path / "machine-id"
    file.write_text("one\n" if request.param == "a machine with a name" else "")
    monkeypatch.setattr(desk_place, "MACHINE_ID", file)
    monkeypatch.setattr(desk_place, "CONTAINER_MARKS", ())
    return file


@pytest.fixture
def root(tmp_path: Path, write_desk: WriteDesk, machine: Path) -> Path:
    """Returns the folder of a desk that has worked."""
    config = write_desk(tmp_path / "desk")
    work(config.parent.parent)
    return config.parent.parent


def open_desk(root: Path) -> Desk:
    return Desk(root / "config" / "publisher.toml", FixedClock(NOW))


def work(root: Path) -> None:
    """Opens the desk, begins to publish something, and closes it."""
    desk = open_desk(root)
    with desk.database.writing() as session:
        record_event(session, "an intent", now=NOW)
        note_intent(session, 1)
    desk.database.close()


def accept(root: Path) -> None:
    accept_present_database(open_desk(root).settings, now=LATER, seen_within=SEEN_WITHIN)


def test_a_copied_folder_is_refused_until_told(root: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(root, copied)
    with pytest.raises(UnknownHistory, match=r"publisher restore --accept-this-database, which looks up") as error:
        work(copied)
    assert str(root / "queue.db") in str(error.value)
    work(root)

    accept(copied)
    work(copied)
    work(copied)


def test_the_former_desk_publishes_nothing_once_the_copy_was_accepted(
    tmp_path: Path, write_desk: WriteDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_place, "MACHINE_ID", tmp_path / "machine-id")
    (tmp_path / "machine-id").write_text("one")
    monkeypatch.setattr(desk_place, "CONTAINER_MARKS", ())
    root = write_desk(tmp_path / "desk").parent.parent
    work(root)
    shutil.copytree(root, tmp_path / "copied")
    accept(tmp_path / "copied")
    work(tmp_path / "copied")
    with pytest.raises(UnknownHistory, match="the desk was moved away from"):
        work(root)


def test_a_moved_folder_goes_on_by_itself(root: Path, tmp_path: Path) -> None:
    root.rename(tmp_path / "moved")
    work(tmp_path / "moved")
    (tmp_path / "moved").rename(root)
    work(root)


def test_a_folder_on_another_machine_is_refused_until_told(root: Path, machine: Path, tmp_path: Path) -> None:
    """The copy lies under the same path as the original on the other machine."""
    shutil.copytree(root, tmp_path / "copied")
    root.rename(tmp_path / "elsewhere")
    (tmp_path / "copied").rename(root)
    if machine.read_text():
        machine.write_text("two\n")
    with pytest.raises(UnknownHistory, match="was brought here from elsewhere"):
        work(root)
    accept(root)
    work(root)


def test_a_database_of_an_older_version_settles_where_it_is(root: Path, tmp_path: Path) -> None:
    desk = open_desk(root)
    with desk.database.writing() as session:
        session.query(DeskPlaceRow).delete()
    desk.database.close()
    work(root)
    shutil.copytree(root, tmp_path / "copied")
    with pytest.raises(UnknownHistory):
        work(tmp_path / "copied")


def test_a_copied_postgresql_database_is_refused_until_told(
    tmp_path: Path, write_desk: WriteDesk, postgres: ThrowawayPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, other = (write_desk(tmp_path / name).parent.parent for name in ("desk", "other"))
    url = postgres.create_database()
    monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", url)
    work(root)
    work(other)
    copied = postgres.create_database(like=url)
    monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", copied)
    for folder in (root, other, write_desk(tmp_path / "a third").parent.parent):
        with pytest.raises(UnknownHistory, match="the PostgreSQL database is a copy"):
            work(folder)
    accept(other)
    work(other)
    work(root)
    monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", url)
    work(tmp_path / "a third")


def test_two_processes_starting_at_once_both_store_the_database_place(postgres_database: Database) -> None:
    engine = postgres_database.engine
    with engine.connect() as first, ThreadPoolExecutor(1) as other:
        store_place(first, PLACE)

        def store_again() -> None:
            with engine.begin() as second:
                store_place(second, PLACE)

        later = other.submit(store_again)
        wait_until(lambda: is_waiting_for_a_lock(engine), "the second process waits for the first one")
        first.commit()
        later.result(TIMEOUT)
        assert stored_place(first) == PLACE


@pytest.mark.parametrize("step", ["stored_place", "may_settle"])
def test_a_process_goes_on_where_another_one_settles_while_it_looks(root: Path, tmp_path: Path, step: str) -> None:
    """The processes of a desk start at once, after a person has decided that it is here from now on."""
    copied = tmp_path / "copied"
    shutil.copytree(root, copied)
    accept(copied)
    owner = history if step == "stored_place" else HistoryFile
    read = getattr(owner, step)

    def read_before_another_one_settles(*arguments: object) -> object:
        value = read(*arguments)
        patch.undo()
        work(copied)
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, read_before_another_one_settles)
        work(copied)
    # Otherwise the other process never ran.
    assert getattr(owner, step) is read


def is_waiting_for_a_lock(engine: Engine) -> bool:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with engine.connect() as connection:
        return bool(connection.scalar(waiting))


def test_a_server_that_does_not_name_itself_is_trusted(postgres_database: Database) -> None:
    with postgres_database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE nobody_special")
        connection.exec_driver_sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        connection.exec_driver_sql("SET LOCAL ROLE nobody_special")
        assert desk_place.present_place(connection, None) is None
        connection.exec_driver_sql("RESET ROLE")
        assert connection.scalar(select(1)) == 1
        connection.exec_driver_sql("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
        connection.exec_driver_sql("DROP ROLE nobody_special")


def test_a_copied_memory_card_is_refused_where_the_board_tells_its_number(
    root: Path, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card's copy has the machine's name and the desk's path, and lies in another board."""
    board = tmp_path / "serial-number"
    monkeypatch.setattr(desk_place, "BOARD_NUMBER", board)
    board.write_bytes(b"10000000aaaa\0")
    work(root)  # a desk of a version that did not know the board goes on
    board.write_bytes(b"10000000bbbb\0")
    if not machine.read_text():
        work(root)  # the file's own number is its name
        return
    with pytest.raises(UnknownHistory, match="was brought here from elsewhere"):
        work(root)
    board.write_bytes(b"10000000aaaa\0")
    work(root)
    board.unlink()
    work(root)
