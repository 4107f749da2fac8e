"""Tests that a desk is copied from one database to another with everything, and without a second post."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from click.testing import CliRunner, Result
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import OperationalError

from publisher.backup.database_copy import CopyReport, copy_database
from publisher.backup.database_urls import database_label, read_url
from publisher.backup.files import BackupError
from publisher.backup.fingerprint import Fingerprint
from publisher.backup.locking import locked_desk
from publisher.cli.main import cli
from publisher.core.states import State
from publisher.db import revisions
from publisher.db.models import Delivery, Event, Post
from publisher.db.operations import Process
from publisher.db.session import Database, create_database_engine
from publisher.db.sqlite_backup import back_up
from publisher.db.staff import Person
from publisher.db.upgrade import DatabaseError, prepare_database
from publisher.db.webhooks import WebhookMessage
from publisher.desk import Desk
from publisher.proving.postgres import ThrowawayPostgres
from tests.conftest import OpenOutlet
from tests.full_desk import NOW, ODD, add_event, add_pick, empty_tables, fill

SEEN_WITHIN = timedelta(minutes=2)
Opened = Callable[[str], Database]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens databases, and closes them at the end."""
    databases: list[Database] = []

    def act(url: str) -> Database:
        databases.append(Database.open(url))
        return databases[-1]

    yield act
    for database in databases:
        database.close()


@pytest.fixture
def source(tmp_path: Path, sqlite_template: Path, opened: Opened) -> str:
    """Creates a desk in a SQLite file, with rows in every table."""
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'queue.db')}"
    fill(opened(url))
    return url


@pytest.fixture
def server(postgres: ThrowawayPostgres) -> str:
    """Creates an empty database on PostgreSQL."""
    return postgres.create_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Returns the URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'target.db'}"
    return str(request.getfixturevalue("server"))


def copy(source: str, target: str) -> CopyReport:
    return copy_database(source, target, now=NOW, seen_within=SEEN_WITHIN)


def titles(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(Post.title).order_by(Post.id)))


def event_names(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(Event.name).order_by(Event.id)))


def test_a_round_trip_loses_and_changes_nothing(source: str, server: str, tmp_path: Path, opened: Opened) -> None:
    assert empty_tables(opened(source)) == []
    back = f"sqlite:///{tmp_path / 'back.db'}"

    there, home = copy(source, server), copy(server, back)

    assert (there.same, home.same, there.replaced) == (True, True, False)
    assert [table.target for table in home.tables] == [table.source for table in there.tables]
    assert sum(table.source.rows for table in there.tables) > len(there.tables)
    with opened(server).reading() as session:
        post = session.scalars(select(Post).where(Post.reserve)).one()
        assert (post.title, post.position, post.embargo_until, post.fixed_date) == (ODD, 1e-9, NOW, NOW.date())
        assert post.links == [{"url": "https://x.example", "deep": {"list": [1, 2.5, None, True, "é"]}}]
        assert session.scalars(select(Person.active)).one() is False
        assert session.scalars(select(WebhookMessage.body)).one() == bytes(range(256))


def test_what_is_new_after_a_copy_gets_a_fresh_number(source: str, target: str, opened: Opened) -> None:
    copy(source, target)
    before = opened(target)
    with before.reading() as session:
        last = session.scalar(select(func.max(Post.id)))
    number = add_pick(before, 5)
    assert number == add_pick(opened(source), 5)
    add_event(before, "new")
    with before.writing() as session:
        post = Post(position=1.0, title="New", created_at=NOW, updated_at=NOW, images=[])
        session.add(post)
        session.flush()
        assert last is not None
        assert post.id == last + 1


def test_a_second_copy_replaces_the_first(source: str, target: str, opened: Opened) -> None:
    copy(source, target)
    old = opened(source)
    add_event(old, "happened since")
    with old.writing() as session:
        session.execute(update(Post).where(Post.id == 1).values(title="Changed since"))

    report = copy(source, target)

    assert (report.same, report.replaced) == (True, True)
    assert titles(opened(target)) == titles(old)
    assert event_names(opened(target))[-1] == "happened since"


def test_a_target_with_newer_work_is_refused_and_kept(source: str, target: str, opened: Opened) -> None:
    copy(source, target)
    new = opened(target)
    add_event(new, "worked on there")
    add_event(opened(source), "worked on here")
    with pytest.raises(BackupError, match="a desk with a history of its own"):
        copy(source, target)
    assert event_names(new)[-1] == "worked on there"


def test_another_desk_is_refused_and_kept(source: str, target: str, tmp_path: Path, opened: Opened) -> None:
    prepare_database(target, backups=tmp_path, now=NOW)
    other = opened(target)
    with other.writing() as session:
        session.add(Post(position=1.0, title="Another desk's", created_at=NOW - SEEN_WITHIN, updated_at=NOW, images=[]))
    with pytest.raises(BackupError, match="its table post has what the source does not"):
        copy(source, target)
    assert titles(other) == ["Another desk's"]


def test_another_program_is_refused(source: str, tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    before = file.read_bytes()
    with pytest.raises(DatabaseError, match="belongs to another program"):
        copy(source, f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_what_is_no_desk_or_only_a_kept_copy_of_one_is_refused(source: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'target.db'}"
    with pytest.raises(BackupError, match="holds no desk"):
        copy(f"sqlite:///{tmp_path / 'nothing.db'}", target)
    backup = back_up(tmp_path / "queue.db", tmp_path / "kept", revision="0001", now=NOW)
    with pytest.raises(BackupError, match="is a kept copy, and what went out after it was made would go out again"):
        copy(f"sqlite:///{backup}", target)
    assert not (tmp_path / "nothing.db").exists()
    assert not (tmp_path / "target.db").exists()


def test_a_database_that_is_named_twice_is_refused(source: str, server: str, tmp_path: Path) -> None:
    (tmp_path / "alias.db").symlink_to(tmp_path / "queue.db")
    with pytest.raises(BackupError, match="is named twice"):
        copy(source, f"sqlite:///{tmp_path / 'alias.db'}")
    copy(source, server)
    with pytest.raises(BackupError, match="is named twice"):
        copy(server, f"{server}&application_name=again")


@pytest.mark.parametrize("busy", ["source", "target"])
def test_a_running_desk_is_refused(source: str, target: str, opened: Opened, busy: str) -> None:
    copy(source, target)
    owner = Process(owner="elsewhere:1:2:3", role="scheduler worker", started_at=NOW, seen_at=NOW)
    there = opened(source if busy == "source" else target)
    with there.writing() as session:
        session.add(owner)
    with pytest.raises(BackupError, match=r"a desk works on .*: scheduler worker on elsewhere; stop it, wait 2 min"):
        copy(source, target)
    with there.writing() as session:
        session.execute(update(Process).values(seen_at=NOW - SEEN_WITHIN))
    assert copy(source, target).same


def test_what_is_just_being_sent_is_refused(source: str, target: str, opened: Opened) -> None:
    old = opened(source)
    values = {"state": "publishing", "lease_owner": "gone", "lease_until": NOW, "idempotency_key": "sent"}
    with old.writing() as session:
        session.execute(update(Delivery).where(Delivery.state == State.PENDING).values(**values))
    with pytest.raises(BackupError, match=r"deliveries that were just being sent \(2 to fake\): start its desk once"):
        copy(source, target)
    assert titles(opened(target)) == []


@pytest.mark.parametrize("lasting", ["sqlite", "postgresql"])
def test_nobody_writes_while_a_database_is_held_still(
    source: str, server: str, tmp_path: Path, opened: Opened, lasting: str
) -> None:
    copy(source, server)
    url = source if lasting == "sqlite" else server
    engine = create_database_engine(url)
    short_timeout = "PRAGMA busy_timeout=50" if lasting == "sqlite" else "SET lock_timeout=50"
    statement = text("UPDATE delivery SET state = 'canceled' WHERE state = 'pending'")
    with locked_desk(url), engine.execution_options(reading=True).connect() as connection:
        connection.execute(text(short_timeout))
        with pytest.raises(OperationalError, match=r"locked|lock timeout"):
            connection.execute(statement)
    with engine.begin() as connection:
        assert connection.execute(statement).rowcount == 1
    engine.dispose()


def test_a_difference_is_found_and_leaves_the_target_as_it_was(source: str, tmp_path: Path, opened: Opened) -> None:
    file = tmp_path / "target.db"
    prepare_database(f"sqlite:///{file}", backups=tmp_path, now=NOW)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "CREATE TRIGGER spoil AFTER INSERT ON post BEGIN UPDATE post SET title = 'spoilt' WHERE id = new.id; END"
        )
    result = run("db", "copy", source, f"sqlite:///{file}", "--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["equal"] is False
    assert [table["table"] for table in report["tables"] if not table["equal"]] == ["post"]
    assert titles(opened(f"sqlite:///{file}")) == []


def test_what_the_target_cannot_hold_is_reported_and_nothing_is_copied(
    source: str, server: str, opened: Opened
) -> None:
    with opened(source).writing() as session:
        session.execute(update(Event).where(Event.id == 1).values(name="long " * 20))
    with pytest.raises(BackupError, match="the table event can't be copied: value too long for type character vary"):
        copy(source, server)
    assert titles(opened(server)) == []


def test_an_older_source_is_upgraded_first(tmp_path: Path, server: str, opened: Opened) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    engine = create_database_engine(url)
    config = Config()
    config.set_main_option("script_location", str(revisions.MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()

    report = copy(url, server)

    assert report.same
    assert (report.upgrade.before, report.upgrade.upgraded) == ("0001", True)
    assert report.upgrade.backup is not None
    assert report.upgrade.backup.parent == tmp_path / "backups"


MEASURED = """
import re, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from publisher.backup.database_copy import copy_database
def most_memory():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
arguments = {"now": datetime.now(UTC), "seen_within": timedelta(minutes=2)}
copy_database(sys.argv[1], sys.argv[3], **arguments)
before = most_memory()
assert copy_database(sys.argv[2], sys.argv[3], **arguments).same
print(most_memory() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory is read from /proc")
def test_the_memory_stays_flat_for_many_rows(source: str, server: str, tmp_path: Path, opened: Opened) -> None:
    rows, size = 15_000, 3_300
    small = f"sqlite:///{tmp_path / 'small.db'}"
    copy(source, small)
    with opened(source).writing() as session:
        detail = {"text": "x" * size}
        session.execute(insert(Event), [{"at": NOW, "name": "many", "detail": detail}] * rows)
    command = [sys.executable, "-c", MEASURED, small, source, server]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(result.stdout) < rows * size / 4, f"grew by {int(result.stdout) / 1e6:.0f} MB"


def test_a_fingerprint_sees_every_change_and_no_order() -> None:
    def of(*rows: tuple[object, ...]) -> str:
        fingerprint = Fingerprint()
        fingerprint.add(rows)
        return fingerprint.content.hash

    assert of((1, "a"), (2, "b")) == of((2, "b"), (1, "a"))
    others = [of((1, "a"), (2, "c")), of((1, "b"), (2, "a")), of((1, "a"), (2, None)), of((1, "a"))]
    assert len({of((1, "a"), (2, "b")), *others}) == 5
    assert of((1,), (1,)) != of()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def test_the_command_says_what_was_copied_and_to_stop_the_old_desk(source: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'target.db'}"
    result = run("db", "copy", source, target)
    assert result.exit_code == 0
    assert "webhook_message" in result.output
    assert f"and equal.\nThe old desk must not run again on {tmp_path / 'queue.db'}" in result.output
    assert "replaced the earlier copy" in run("db", "copy", source, target).output


def test_no_password_is_needed_on_the_command_line_or_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = "postgresql+psycopg://ada:hush@host/desk"
    with pytest.raises(BackupError, match="can be read by everybody") as error:
        read_url(url)
    assert "hush" not in str(error.value)
    with pytest.raises(BackupError, match="can be read by everybody"):
        read_url("postgresql+psycopg:///desk?password=hush")
    monkeypatch.setenv("NEW_PLACE", url)
    assert read_url("env:NEW_PLACE") == url
    assert str(database_label(url)) == "the PostgreSQL database desk on host"
    monkeypatch.delenv("NEW_PLACE")
    with pytest.raises(BackupError, match="NEW_PLACE is not set"):
        read_url("env:NEW_PLACE")
    (tmp_path / "url").write_text(url, encoding="utf-8")
    monkeypatch.setenv("NEW_PLACE_FILE", str(tmp_path / "url"))
    assert read_url("env:NEW_PLACE") == url
    for wrong in ("hush", "mysql://ada@host/desk", "sqlite://"):
        with pytest.raises(BackupError, match="must be a URL such as"):
            read_url(wrong)


def test_a_moved_desk_publishes_what_waited_once(
    open_outlet: OpenOutlet, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = open_outlet("tumblr")
    outlet.add_post()
    outlet.pick()
    outlet.close()
    result = run("--config", str(outlet.config), "db", "copy", "desk", server)
    assert result.exit_code == 0

    monkeypatch.setenv("PUBLISHER__STORAGE__DATABASE", server)
    outlet.desk = Desk(outlet.config, outlet.clock)
    outlet.run_until_idle()
    outlet.close()

    assert outlet.deliveries()["tumblr"].state == State.PUBLISHED
    assert len(outlet.copies("tumblr")) == 1
    with pytest.raises(BackupError, match="the desk was moved away from"):
        run("db", "copy", f"sqlite:///{outlet.folder / 'queue.db'}", "env:PUBLISHER__STORAGE__DATABASE")
