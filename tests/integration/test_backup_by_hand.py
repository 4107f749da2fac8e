"""Tests that a desk refuses a database that was put back by hand, lost or exchanged."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.backup.daily_copies import copy_daily
from publisher.core.clock import FixedClock
from publisher.db.errors import DatabaseError
from publisher.db.history import UnknownHistory, newest_event, note_intent
from publisher.db.history_file import RECORD_BYTES, HistoryFile, HistoryNotWritten, KnownEvent
from publisher.desk import Desk
from publisher.lifecycle import record_event
from publisher.starter import write_starter
from tests.conftest import WriteDesk
from tests.outlet import PLATFORMS, Outlet
from tests.waiting import TIMEOUT

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Desk]:
    """Opens a desk once, as `publisher init` writes it."""
    new_desk = Desk(write_desk(tmp_path / "desk"), FixedClock(NOW))
    assert new_desk.database
    yield new_desk
    new_desk.database.close()


def reopened(desk: Desk) -> Desk:
    """Opens the desk as another process does; the caller closes it."""
    desk.database.close()
    return Desk(desk.config, desk.clock)


def happen(desk: Desk, name: str, *, intent: bool = True, minutes: int = 0) -> None:
    """Something is written to the history, an intent to publish by default."""
    with desk.database.writing() as session:
        record_event(session, name, now=desk.now() + timedelta(minutes=minutes))
        if intent:
            note_intent(session, 1)


def database_of(desk: Desk) -> Path:
    file = desk.settings.database_file
    assert file is not None
    return file


def put_back(copy: Path, file: Path) -> None:
    """Puts a database back as a person does by hand who knows SQLite."""
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(copy, file)


def daily_copy(desk: Desk) -> Path:
    copy = copy_daily(database_of(desk), desk.settings.root / "backups", desk.now())
    assert copy is not None
    return copy


def test_a_daily_copy_put_back_by_hand_publishes_nothing_again(outlet: Outlet) -> None:
    outlet.add_post()
    outlet.pick()
    copy = daily_copy(outlet.desk)
    outlet.run_until_idle()
    assert [len(outlet.copies(name)) for name in PLATFORMS] == [1, 1, 1]

    outlet.close()
    put_back(copy, database_of(outlet.desk))
    back = Desk(outlet.config, outlet.clock)
    with pytest.raises(UnknownHistory, match="what it published since would go out again") as refused:
        assert back.database
    # Nor does a process that ran all the while, and now opens what lies there, whatever it first notices.
    with pytest.raises(UnknownHistory, match=r"was removed or exchanged|but another one"):
        outlet.run_until_idle()

    assert "publisher restore FILE" in str(refused.value)
    assert "publisher restore --accept-this-database" in str(refused.value)
    assert [len(outlet.copies(name)) for name in PLATFORMS] == [1, 1, 1]


def test_every_intent_is_known_before_the_transaction_returns(desk: Desk) -> None:
    assert desk.history.record.read() == KnownEvent(0, NOW)
    happen(desk, "an edit", intent=False)
    assert desk.history.record.read() == KnownEvent(0, NOW)
    happen(desk, "an intent")
    assert desk.history.record.read() == KnownEvent(2, NOW)
    assert stat.S_IMODE(desk.history.record.path.stat().st_mode) == 0o600


def test_a_copy_from_just_before_the_last_intent_is_refused(desk: Desk, tmp_path: Path) -> None:
    happen(desk, "an intent")
    with closing(sqlite3.connect(database_of(desk))) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        source.backup(copy)
    happen(desk, "the last intent", minutes=5)
    again = reopened(desk)
    put_back(tmp_path / "copy.db", database_of(desk))
    with pytest.raises(
        UnknownHistory, match="ends at 2026-05-04 09:00:00 UTC, and this desk had gone on to 2026-05-04 09:05"
    ):
        again.prepare()


def test_the_newest_database_is_accepted_in_a_moved_folder(desk: Desk, tmp_path: Path) -> None:
    happen(desk, "an intent")
    desk.database.close()
    shutil.move(desk.settings.root, tmp_path / "moved")
    moved = Desk(tmp_path / "moved" / "config" / "publisher.toml", desk.clock)
    assert moved.database
    moved.database.close()


def test_a_history_that_went_another_way_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.database.close()
    shutil.copytree(desk.settings.root, tmp_path / "other")
    other = Desk(tmp_path / "other" / "config" / "publisher.toml", FixedClock(NOW + timedelta(hours=1)))
    # A person decided to work with the copy.
    other.history.record.replace(KnownEvent(0, NOW))
    for name in ("one", "two"):
        happen(other, name)
    other.database.close()
    happen(desk, "an intent")
    again = reopened(desk)
    put_back(database_of(other), database_of(desk))
    with pytest.raises(UnknownHistory, match="but another one"):
        again.prepare()


@pytest.mark.parametrize("harm", ["missing", "empty"])
def test_a_lost_database_is_not_begun_anew(desk: Desk, harm: str) -> None:
    again = reopened(desk)
    file = database_of(desk)
    file.unlink()
    if harm == "empty":
        file.touch()
    with pytest.raises(UnknownHistory, match="not there, or empty, and this desk had a database until") as error:
        again.prepare()
    assert "publisher restore FILE" in str(error.value)
    assert "publisher restore --begin-empty" in str(error.value)
    assert file.exists() == (harm == "empty")


def test_a_kept_copy_in_a_new_folder_is_refused(desk: Desk, tmp_path: Path) -> None:
    copy = daily_copy(desk)
    write_starter(tmp_path / "new")
    shutil.copy(copy, tmp_path / "new" / "queue.db")
    new = Desk(tmp_path / "new" / "config" / "publisher.toml", desk.clock)
    for _ in range(2):
        with pytest.raises(UnknownHistory, match="is a kept copy"):
            new.prepare()


def test_a_database_without_the_file_that_was_beside_it_is_refused(desk: Desk) -> None:
    again = reopened(desk)
    desk.history.record.path.unlink()
    with pytest.raises(UnknownHistory, match=r"queue\.db\.history is not beside .* put that file back"):
        again.prepare()


def test_a_desk_of_an_earlier_version_starts_without_a_warning(desk: Desk) -> None:
    happen(desk, "long ago", intent=False)
    again = reopened(desk)
    desk.history.record.path.unlink()
    with closing(sqlite3.connect(database_of(desk))) as connection:
        connection.execute("PRAGMA application_id = 0")
    assert again.database
    assert again.history.record.read() == KnownEvent(1, NOW)
    again.database.close()


@pytest.mark.parametrize("harm", ["removed", "exchanged"])
def test_a_database_that_is_lost_while_the_desk_runs_takes_no_intent(desk: Desk, tmp_path: Path, harm: str) -> None:
    happen(desk, "an intent")
    assert desk.database_is_there()
    file = database_of(desk)
    shutil.copy(file, tmp_path / "copy.db")
    file.unlink()
    if harm == "exchanged":
        os.rename(tmp_path / "copy.db", file)
    assert not desk.database_is_there()
    with pytest.raises(UnknownHistory, match="was removed or exchanged while the desk ran"):
        happen(desk, "an intent")
    assert desk.history.record.read() == KnownEvent(1, NOW)


def test_what_can_not_be_written_down_is_not_sent(desk: Desk) -> None:
    record = desk.history.record.path
    record.unlink()
    record.mkdir()
    with pytest.raises(DatabaseError, match="can't be used"):
        happen(desk, "an intent")


def test_nobody_waits_for_ever_for_a_process_that_was_halted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is halted while it writes the file keeps its lock."""
    happen(desk, "an intent")
    with desk.history.record.path.open("rb") as halted:
        fcntl.flock(halted, fcntl.LOCK_EX)
        with monkeypatch.context() as patch:
            patch.setattr("publisher.db.history_file.LOCK_TIMEOUT_SECONDS", 0.1)
            with pytest.raises(HistoryNotWritten, match=r"is held by a process of this desk .*; end that process"):
                happen(desk, "an intent")
        with ThreadPoolExecutor(1) as other:
            later = other.submit(happen, desk, "a later intent")
            fcntl.flock(halted, fcntl.LOCK_UN)
            later.result(TIMEOUT)
    with desk.database.engine.connect() as connection:
        assert desk.history.record.read() == newest_event(connection)


def test_a_write_that_was_cut_short_leaves_what_was_known_before(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history")
    file.raise_to(KnownEvent(1, NOW))
    file.raise_to(KnownEvent(2, NOW))
    whole = file.path.read_bytes()
    first, second = (whole[start : start + RECORD_BYTES] for start in (0, RECORD_BYTES))
    newer = 0 if b'"event":2' in first else 1
    spoilt = [first, second]
    spoilt[newer] = spoilt[newer][:40].ljust(RECORD_BYTES, b"\0")
    file.path.write_bytes(b"".join(spoilt))
    assert file.read() == KnownEvent(1, NOW)
    file.raise_to(KnownEvent(3, NOW))
    assert file.read() == KnownEvent(3, NOW)


def test_a_spoilt_file_is_reported_and_replaced_only_on_request(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history")
    file.path.write_text("nonsense\n" * 200, encoding="utf-8")
    for use in (file.read, lambda: file.raise_to(KnownEvent(9, NOW))):
        with pytest.raises(DatabaseError, match="is damaged: bring a backup back with publisher restore FILE"):
            use()
    file.replace(KnownEvent(4, NOW))
    assert file.read() == KnownEvent(4, NOW)


def test_an_older_event_replaces_a_newer_one_only_on_request(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history")
    assert file.read() is None
    file.raise_to(KnownEvent(7, NOW))
    file.raise_to(KnownEvent(6, NOW))
    assert file.read() == KnownEvent(7, NOW)
    file.replace(KnownEvent(6, NOW))
    assert file.read() == KnownEvent(6, NOW)
    assert file.path.stat().st_size == 2 * RECORD_BYTES
