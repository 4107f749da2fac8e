"""Tests that a daily copy is restored: checked, into an empty folder or in place, and nothing posted twice."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from publisher.backup import in_place
from publisher.backup.daily_copies import copy_daily
from publisher.backup.files import BackupError
from publisher.backup.in_place import accept_present_database, begin_with_empty_queue, restore_in_place
from publisher.backup.restore import RestoreReport, restore_copy
from publisher.backup.whole_backup import make_backup
from publisher.cli.main import cli
from publisher.core.clock import FixedClock
from publisher.core.states import State
from publisher.db.history import UnknownHistory, note_intent
from publisher.db.models import Event, Post
from publisher.delivery.lease_owner import owner_name
from publisher.desk import Desk
from publisher.health.heartbeat import HEARTBEAT_TIMEOUT, record_heartbeat
from publisher.lifecycle import record_event
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.posts import add_post
from tests.conftest import WriteDesk
from tests.outlet import PLATFORMS, Outlet, draw

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=5)


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Desk]:
    """Opens a desk as `publisher init` writes it, with one draft and its picture."""
    new_desk = Desk(write_desk(tmp_path / "desk"), FixedClock(NOW))
    draw(tmp_path / "cell.png")
    image = ImageDraft(file=tmp_path / "cell.png", alt_text="A grey disc")
    add_post(new_desk.database, new_desk.store, PostDraft(title="A cell", images=(image,)), NOW)
    yield new_desk
    new_desk.database.close()


def database_of(desk: Desk) -> Path:
    file = desk.settings.database_file
    assert file is not None
    return file


def daily_copy(desk: Desk) -> Path:
    copy = copy_daily(database_of(desk), desk.settings.root / "backups", desk.now())
    assert copy is not None
    return copy


@pytest.fixture
def daily(desk: Desk) -> Path:
    """Makes a daily copy, after which the desk goes on with a second post and an intent to publish."""
    copy = daily_copy(desk)
    add_post(desk.database, desk.store, PostDraft(title="Written later"), NOW + timedelta(minutes=1))
    with desk.database.writing() as session:
        record_event(session, "an intent", now=NOW + timedelta(minutes=2))
        note_intent(session, 1)
    desk.database.close()
    return copy


def back(desk: Desk, copy: Path, now: datetime = LATER) -> RestoreReport:
    return restore_in_place(copy, desk.settings, now=now, seen_within=HEARTBEAT_TIMEOUT)


def titles(config: Path) -> list[str]:
    opened = Desk(config, FixedClock(LATER))
    with opened.database.reading() as session:
        post_titles = list(session.scalars(select(Post.title).order_by(Post.id)))
    opened.database.close()
    return post_titles


def all_published_once(outlet: Outlet) -> bool:
    return [len(outlet.copies(name)) for name in PLATFORMS] == [1, 1, 1]


@pytest.fixture
def again(outlet: Outlet) -> Iterator[Callable[[], Desk]]:
    """Opens the outlet's desk once more, as another process does."""
    first = outlet.desk

    def act() -> Desk:
        outlet.desk = Desk(outlet.config, outlet.clock)
        return outlet.desk

    yield act
    outlet.close()
    outlet.desk = first


def test_a_daily_copy_restored_in_place_posts_nothing_twice(outlet: Outlet, again: Callable[[], Desk]) -> None:
    outlet.add_post()
    outlet.pick()
    copy = daily_copy(outlet.desk)
    outlet.run_until_idle()
    posts = {name: row.remote_id for name, row in outlet.deliveries().items()}
    assert all_published_once(outlet)
    outlet.close()

    report = back(outlet.desk, copy, outlet.clock.now())

    assert (report.looked_up, report.missing) == (len(PLATFORMS), ())
    assert again().database
    assert {row.state for row in outlet.deliveries().values()} == {State.UNCONFIRMED}
    outlet.run_until_idle()
    assert {name: row.remote_id for name, row in outlet.deliveries().items()} == posts
    assert all_published_once(outlet)


def test_a_database_put_back_by_hand_and_accepted_posts_nothing_twice(
    outlet: Outlet, again: Callable[[], Desk]
) -> None:
    outlet.add_post()
    outlet.pick()
    copy = daily_copy(outlet.desk)
    outlet.run_until_idle()
    outlet.close()
    for end in ("", "-wal", "-shm"):
        Path(f"{database_of(outlet.desk)}{end}").unlink(missing_ok=True)
    shutil.copy(copy, database_of(outlet.desk))
    with pytest.raises(UnknownHistory):
        again().prepare()

    report = accept_present_database(outlet.desk.settings, now=outlet.clock.now(), seen_within=HEARTBEAT_TIMEOUT)

    assert report.looked_up == len(PLATFORMS)
    assert again().database
    outlet.run_until_idle()
    assert {row.state for row in outlet.deliveries().values()} == {State.PUBLISHED}
    assert all_published_once(outlet)


def test_in_place_the_present_database_is_kept_and_the_copy_is_the_desks(desk: Desk, daily: Path) -> None:
    report = back(desk, daily)
    assert titles(desk.config) == ["A cell"]
    assert report.kept_aside is not None
    with closing(sqlite3.connect(report.kept_aside / "queue.db")) as former:
        assert former.execute("SELECT title FROM post ORDER BY id").fetchall() == [("A cell",), ("Written later",)]
    assert (report.made_at, report.config) == (NOW, desk.config)
    assert stat.S_IMODE(database_of(desk).stat().st_mode) == 0o600
    assert not list(desk.settings.root.glob(".restoring-*"))
    assert daily.is_file()


def test_a_whole_backup_in_place_brings_lost_originals_back(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    backup = make_backup(desk.settings, tmp_path / "kept", NOW)
    original = desk.store.fetch(next(desk.store.originals()))
    content = original.read_bytes()
    desk.database.close()
    original.unlink()
    report = back(desk, backup.path)
    assert report.missing == ()
    assert original.read_bytes() == content
    assert titles(desk.config) == ["A cell"]


def test_originals_that_are_missing_are_named(desk: Desk, daily: Path) -> None:
    desk.store.fetch(next(desk.store.originals())).unlink()
    assert back(desk, daily).missing == ("cell.png",)


def test_a_copy_that_is_not_there_is_named_and_nothing_is_made_beside_it(desk: Desk, tmp_path: Path) -> None:
    missing = tmp_path / "no folder" / "copy.db"
    with pytest.raises(BackupError, match=r"copy.db is not there; name a backup"):
        restore_copy(missing, desk.settings, tmp_path / "new", LATER)
    assert not missing.parent.exists()
    assert not (tmp_path / "new").exists()


def test_into_a_new_folder_configuration_and_originals_come_from_the_desk(
    desk: Desk, daily: Path, tmp_path: Path
) -> None:
    report = restore_copy(daily, desk.settings, tmp_path / "new", LATER)
    assert report.config == tmp_path / "new" / "config" / "publisher.toml"
    assert report.missing == ()
    assert titles(report.config) == ["A cell"]
    assert [path.name for path in daily.parent.iterdir()] == [daily.name]
    new = Desk(report.config)
    assert new.store.fetch(next(desk.store.originals())).is_file()


def test_a_copy_without_a_telling_name_knows_until_its_last_entry(desk: Desk, daily: Path, tmp_path: Path) -> None:
    nameless = Path(shutil.copy(daily, tmp_path / "saved.db"))
    assert back(desk, nameless).made_at == NOW
    named = Path(shutil.copy(daily, tmp_path / "queue-20200101T000000Z-0010.db"))
    assert back(desk, named).made_at == NOW


@pytest.mark.parametrize("step", range(12))
def test_an_interrupted_restore_loses_nothing_and_leaves_no_half_desk(
    desk: Desk, daily: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    steps_done = 0

    def counted(act: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: object, **named: object) -> object:
            nonlocal steps_done
            steps_done += 1
            if steps_done > step:
                raise Killed
            return act(*arguments, **named)

        return counting

    with monkeypatch.context() as patched:
        for name in ("link_or_copy", "flush_to_disk", "make_safe"):
            patched.setattr(in_place, name, counted(getattr(in_place, name)))
        patched.setattr(os, "rename", counted(os.rename))
        try:
            back(desk, daily)
        except Killed:
            pass
        else:
            assert step > 8

    with suppress(UnknownHistory):
        assert titles(desk.config) in (["A cell", "Written later"], ["A cell"])
    back(desk, daily)
    assert titles(desk.config) == ["A cell"]
    former_titles = [_titles_in(file) for file in desk.settings.root.glob("queue.db.before-restore-*/queue.db")]
    assert ["A cell", "Written later"] in former_titles


def _titles_in(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM post ORDER BY id")]


def test_changes_that_were_not_yet_in_the_file_are_kept_with_it(desk: Desk, daily: Path, tmp_path: Path) -> None:
    """A desk that was killed leaves its last commits in the write-ahead log."""
    file = database_of(desk)
    with closing(sqlite3.connect(file)) as writing:
        writing.execute("UPDATE post SET title = 'Typed last' WHERE title = 'Written later'")
        writing.commit()
        for end in ("", "-wal"):
            shutil.copy(f"{file}{end}", tmp_path / f"killed{end}")
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"killed{end}", f"{file}{end}")
    report = back(desk, daily)
    assert report.kept_aside is not None
    assert _titles_in(report.kept_aside / "queue.db") == ["A cell", "Typed last"]
    assert titles(desk.config) == ["A cell"]


def test_a_running_desk_is_not_restored_over(desk: Desk, daily: Path) -> None:
    record_heartbeat(desk.database, owner_name(), "scheduler worker", LATER)
    refusal = r"a desk works on .*: scheduler worker on .*; stop it"
    with pytest.raises(BackupError, match=refusal):
        back(desk, daily)
    with pytest.raises(BackupError, match=refusal):
        accept_present_database(desk.settings, now=LATER, seen_within=HEARTBEAT_TIMEOUT)
    assert titles(desk.config) == ["A cell", "Written later"]


def test_a_damaged_database_can_be_replaced(desk: Desk, daily: Path) -> None:
    database_of(desk).write_bytes(b"rot" * 5000)
    report = back(desk, daily)
    assert titles(desk.config) == ["A cell"]
    assert report.kept_aside is not None
    assert (report.kept_aside / "queue.db").read_bytes() == b"rot" * 5000


def test_a_lost_database_comes_back(desk: Desk, daily: Path) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{database_of(desk)}{end}").unlink(missing_ok=True)
    assert back(desk, daily).kept_aside is None
    assert titles(desk.config) == ["A cell"]


def _directory(path: Path, _daily: Path) -> None:
    path.mkdir()


def _pipe(path: Path, _daily: Path) -> None:
    os.mkfifo(path)


def _text(path: Path, _daily: Path) -> None:
    path.write_text("not a database\n" * 100, encoding="utf-8")


def _nothing(path: Path, _daily: Path) -> None:
    path.touch()


def _strange(path: Path, _daily: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def _truncated(path: Path, daily: Path) -> None:
    path.write_bytes(daily.read_bytes()[: daily.stat().st_size // 2])


def _flipped(path: Path, daily: Path) -> None:
    content = bytearray(daily.read_bytes())
    for place in range(4096 * 3, len(content), 4096):
        content[place : place + 64] = b"\xff" * 64
    path.write_bytes(content)


def _altered(path: Path, daily: Path, statement: str) -> None:
    shutil.copy(daily, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def _newer(path: Path, daily: Path) -> None:
    _altered(path, daily, "UPDATE alembic_version SET version_num = '9999'")


def _triggered(path: Path, daily: Path) -> None:
    _altered(path, daily, "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM delivery; END")


def _of_others(path: Path, daily: Path) -> None:
    _altered(path, daily, "UPDATE channel SET name = 'elsewhere-' || name")


def _of_another_past(path: Path, daily: Path) -> None:
    _altered(path, daily, "UPDATE event SET at = '2020-01-01 00:00:00.000000'")


def _future(path: Path, daily: Path) -> None:
    _altered(
        path, daily, "INSERT INTO event (at, name, actor, detail) VALUES ('2027-01-01 00:00:00.000000', 'x', '', '{}')"
    )


def _absent(_path: Path, _daily: Path) -> None:
    """Leaves no file."""


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_absent, "is not there; name a backup"),
        (_directory, "is no backup: it holds no manifest.json"),
        (_pipe, "is no file; name a backup"),
        (_text, "is no SQLite database"),
        (_nothing, "is no SQLite database"),
        (_strange, "is no desk's database"),
        (_truncated, "is damaged"),
        (_flipped, "is damaged"),
        (_newer, "comes from a newer publisher .revision 9999.; install that version"),
        (_triggered, "is no desk's database"),
        (_of_others, "is a copy of another desk: its channels are elsewhere-"),
        (_of_another_past, "is a copy of another desk: its history does not begin as that of"),
        (_future, "set the clock right"),
    ],
)
def test_nonsense_is_refused_in_a_sentence_and_changes_nothing(
    desk: Desk, daily: Path, tmp_path: Path, make: Callable[[Path, Path], None], sentence: str
) -> None:
    nonsense = tmp_path / "nonsense.db"
    make(nonsense, daily)
    before = {path: path.read_bytes() for path in desk.settings.root.rglob("*") if path.is_file()}
    with pytest.raises(BackupError, match=sentence) as refused:
        back(desk, nonsense)
    assert "\n" not in str(refused.value)
    after = {path: path.read_bytes() for path in desk.settings.root.rglob("*") if path.is_file()}
    assert after == before


def test_what_is_too_large_is_refused_unread(
    desk: Desk, daily: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.backup.sqlite_copy.MAX_BYTES", 1 << 20)
    with (tmp_path / "huge.db").open("wb") as huge:
        huge.write(b"SQLite format 3\0")
        huge.truncate(1 << 30)
    with pytest.raises(BackupError, match="no desk's database is"):
        back(desk, tmp_path / "huge.db")


def test_an_accepted_database_is_refused_until_it_is_made_safe(
    desk: Desk, daily: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for end in ("", "-wal", "-shm", ".history"):
        Path(f"{database_of(desk)}{end}").unlink(missing_ok=True)
    shutil.copy(daily, database_of(desk))
    with monkeypatch.context() as patched:
        patched.setattr(in_place, "reconcile", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            accept_present_database(desk.settings, now=LATER, seen_within=HEARTBEAT_TIMEOUT)
    with pytest.raises(UnknownHistory):
        Desk(desk.config, desk.clock).prepare()
    report = accept_present_database(desk.settings, now=LATER, seen_within=HEARTBEAT_TIMEOUT)
    assert report.made_at == NOW
    assert titles(desk.config) == ["A cell"]
    opened = Desk(desk.config, desk.clock)
    with opened.database.reading() as session:
        assert "database restored" in session.scalars(select(Event.name)).all()
    opened.database.close()


def test_beginning_with_an_empty_queue_has_to_be_said(desk: Desk) -> None:
    desk.database.close()
    with pytest.raises(BackupError, match="is there; move it away first"):
        begin_with_empty_queue(desk.settings, now=LATER)
    database_of(desk).unlink()
    with pytest.raises(BackupError, match="is not there, or empty; bring a backup back"):
        accept_present_database(desk.settings, now=LATER, seen_within=HEARTBEAT_TIMEOUT)
    begin_with_empty_queue(desk.settings, now=LATER)
    assert titles(desk.config) == []


def run(desk: Desk, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--config", str(desk.config), *map(str, arguments)])


def test_the_commands_report_what_they_did(desk: Desk, daily: Path, tmp_path: Path) -> None:
    result = run(desk, "restore", daily)
    assert result.exit_code == 0, result.output
    assert f"is in {database_of(desk)}; configuration and originals are the desk's own." in result.output
    assert "The former database is kept in" in result.output
    assert f"Then: publisher --config {desk.config} doctor" in result.output
    result = run(desk, "restore", daily, tmp_path / "new")
    assert f"its configuration is {tmp_path / 'new' / 'config' / 'publisher.toml'}" in result.output
    assert "Make sure that the lost desk runs nowhere" in result.output
    result = run(desk, "restore", "--accept-this-database")
    assert f"The desk goes on with {database_of(desk)}" in result.output
    database_of(desk).unlink()
    result = run(desk, "restore", "--begin-empty")
    assert "was made with an empty queue." in result.output
    assert titles(desk.config) == []


@pytest.mark.parametrize(
    "arguments", [(), ("--accept-this-database", "--begin-empty"), ("backup.db", "--accept-this-database")]
)
def test_half_a_command_is_a_usage_error(desk: Desk, arguments: tuple[str, ...]) -> None:
    result = run(desk, "restore", *arguments)
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_a_daily_copy_without_a_configuration_says_what_to_do(daily: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli, ["--config", str(tmp_path / "none.toml"), "restore", str(daily), str(tmp_path / "n")]
    )
    assert isinstance(result.exception, BackupError)
    assert "publisher init" in str(result.exception)
    assert not (tmp_path / "n").exists()
