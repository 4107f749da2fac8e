"""Tests that a desk on PostgreSQL is backed up by its own tools, and restored without posting anything twice."""

from __future__ import annotations

import copy
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.engine import make_url

from publisher.backup import postgres_dump as tools
from publisher.backup import restore as restoring
from publisher.backup.daily_copies import dump_daily, newest_backup_time
from publisher.backup.files import BackupError
from publisher.backup.in_place import accept_present_database, restore_in_place
from publisher.backup.manifest import read_manifest
from publisher.backup.restore import restore
from publisher.backup.whole_backup import BackupReport, make_backup
from publisher.cli.doctor import _describe_backup, _newest_backup
from publisher.cli.main import cli
from publisher.core.clock import FixedClock
from publisher.core.messages import Message
from publisher.core.states import State
from publisher.db.history import UnknownHistory
from publisher.db.models import Post
from publisher.db.session import Database
from publisher.db.upgrade import DatabaseError, prepare_database
from publisher.desk import Desk
from publisher.health.heartbeat import HEARTBEAT_TIMEOUT
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.posts import add_post
from publisher.proving.postgres import ThrowawayPostgres
from publisher.settings import load_settings
from publisher.starter import write_starter
from tests.conftest import OpenOutlet
from tests.outlet import Outlet, draw

VARIABLE = "PUBLISHER__STORAGE__DATABASE"
PLATFORM = "tumblr"


@pytest.fixture(autouse=True)
def own_tools(postgres: ThrowawayPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the programs of the server's own version first on the path."""
    monkeypatch.setenv("PATH", f"{postgres.programs}:{os.environ['PATH']}")


@pytest.fixture
def url(postgres: ThrowawayPostgres, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> str:
    """Creates the database that the desk of a test works on, with a job of the engine waiting in it."""
    new_url = postgres.create_database()
    monkeypatch.setenv(VARIABLE, new_url)
    prepare_database(new_url, backups=tmp_path, now=now)
    with psycopg.connect(make_url(new_url).set(drivername="postgresql").render_as_string()) as connection:
        connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 'drain', '{}')")
    return new_url


@pytest.fixture
def outlet(url: str, open_outlet: OpenOutlet) -> Outlet:
    """Opens an outlet with one channel and one approved post."""
    opened = open_outlet(PLATFORM)
    opened.add_post("A quiet cell")
    return opened


@pytest.fixture
def desk(url: str, tmp_path: Path, clock: FixedClock) -> Iterator[Desk]:
    """Opens a desk as `publisher init` writes it, with one draft and its picture."""
    write_starter(tmp_path / "desk")
    new_desk = Desk(tmp_path / "desk" / "config" / "publisher.toml", clock)
    draw(tmp_path / "cell.png")
    add(new_desk, "A quiet cell", ImageDraft(file=tmp_path / "cell.png", alt_text="A grey disc"))
    (tmp_path / "kept").mkdir()
    yield new_desk
    new_desk.database.close()


def add(desk: Desk, title: str, *images: ImageDraft) -> None:
    add_post(desk.database, desk.store, PostDraft(title=title, images=images), desk.now())


@pytest.fixture
def empty(postgres: ThrowawayPostgres) -> str:
    return postgres.create_database()


@pytest.fixture
def backup(desk: Desk, tmp_path: Path) -> BackupReport:
    return make_backup(desk.settings, tmp_path / "kept", desk.now())


def keep(outlet: Outlet) -> BackupReport:
    return make_backup(outlet.desk.settings, outlet.folder.parent, outlet.clock.now())


@pytest.fixture
def reopen(outlet: Outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Outlet]]:
    """Opens the outlet that was restored into `tmp_path / "restored"` and a database."""
    opened: list[Outlet] = []

    def act(url: str) -> Outlet:
        monkeypatch.setenv(VARIABLE, url)
        back = copy.copy(outlet)
        back.folder = tmp_path / "restored"
        back.config = back.folder / "config" / "publisher.toml"
        back.desk = Desk(back.config, outlet.clock)
        opened.append(back)
        return back

    yield act
    for opened_outlet in opened:
        opened_outlet.close()


def test_what_went_out_after_the_backup_is_found_and_not_posted_twice(
    outlet: Outlet, empty: str, tmp_path: Path, reopen: Callable[[str], Outlet]
) -> None:
    outlet.pick()
    backup = keep(outlet)
    outlet.run_until_idle()
    posted = outlet.deliveries()[PLATFORM].remote_id
    assert posted
    assert len(outlet.copies(PLATFORM)) == 1
    outlet.close()
    shutil.rmtree(outlet.folder)

    report = restore(backup.path, tmp_path / "restored", outlet.clock.now(), empty)

    assert report.looked_up == 1
    restored = reopen(empty)
    assert restored.deliveries()[PLATFORM].state == State.UNCONFIRMED
    restored.run_until_idle()
    row = restored.deliveries()[PLATFORM]
    assert (row.state, row.remote_id) == (State.PUBLISHED, posted)
    assert len(outlet.copies(PLATFORM)) == 1


def test_unsent_posts_go_out_once_without_jobs_of_the_lost_desk(
    outlet: Outlet, empty: str, tmp_path: Path, reopen: Callable[[str], Outlet]
) -> None:
    outlet.pick()
    backup = keep(outlet)

    restore(backup.path, tmp_path / "restored", outlet.clock.now(), empty)

    restored = reopen(empty)
    with restored.desk.database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0
        [post] = session.scalars(select(Post))
        assert restored.desk.store.fetch(post.images[0].media_sha256).is_file()
    restored.run_until_idle()
    assert restored.deliveries()[PLATFORM].state == State.PUBLISHED
    assert len(outlet.copies(PLATFORM)) == 1
    assert restored.add_post("Another cell") > post.id
    assert {path.name for path in (tmp_path / "restored").iterdir()} >= {"config"}
    assert not any(path.name.startswith(".restoring") for path in (tmp_path / "restored").iterdir())


def test_the_dump_is_part_of_the_manifest_and_private(backup: BackupReport) -> None:
    manifest = read_manifest(backup.path)
    assert manifest == backup.manifest
    assert (manifest.database.path, manifest.postgres_schema) == ("publisher.dump", "public")
    assert len(manifest.originals) == 1
    assert stat.S_IMODE((backup.path / "publisher.dump").stat().st_mode) == 0o600


def test_a_backup_is_of_one_moment(desk: Desk, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema_of = tools.schema_of

    def meanwhile(connection: Connection) -> str:
        add(desk, "Written while the backup is made")
        return schema_of(connection)

    with monkeypatch.context() as patched:
        patched.setattr(tools, "schema_of", meanwhile)
        backup = make_backup(desk.settings, tmp_path / "kept", desk.now())
    restore(backup.path, tmp_path / "restored", desk.now(), empty)
    database = Database.open(empty)
    with database.reading() as session:
        assert session.scalars(select(Post.title)).all() == ["A quiet cell"]
    database.close()


def test_no_desk_takes_a_database_before_it_is_reconciled(
    desk: Desk, backup: BackupReport, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        with pytest.raises(DatabaseError, match="belongs to another program"):
            prepare_database(empty, backups=tmp_path, now=desk.now())

    def break_off(*_: object, **__: object) -> None:
        refused()
        raise BackupError(Message("it broke off"))

    monkeypatch.setattr(restoring, "reconcile", break_off)
    with pytest.raises(BackupError, match=r"it broke off; the PostgreSQL database .* was left half restored"):
        restore(backup.path, tmp_path / "restored", desk.now(), empty)

    assert not (tmp_path / "restored").exists()
    refused()


def test_a_database_that_is_not_empty_is_refused_and_kept(desk: Desk, backup: BackupReport, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is not empty; name an empty database"):
        restore(backup.path, tmp_path / "restored", desk.now())
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 1
    assert not (tmp_path / "restored").exists()


def test_a_database_that_does_not_fit_is_refused(
    desk: Desk, backup: BackupReport, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(make_url(empty).set(drivername="postgresql").render_as_string()) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
    with pytest.raises(BackupError, match="has its tables in the schema elsewhere, and the backup's are in public"):
        restore(backup.path, tmp_path / "restored", desk.now(), f"{empty}&options=-csearch_path%3Delsewhere")
    monkeypatch.setenv(VARIABLE, "sqlite:///queue.db")
    with pytest.raises(BackupError, match=r"holds a PostgreSQL database, and .*queue\.db is none"):
        restore(backup.path, tmp_path / "restored", desk.now())


def test_a_backup_of_a_newer_version_is_refused_before_restoring(
    desk: Desk, backup: BackupReport, empty: str, tmp_path: Path
) -> None:
    backup.manifest.model_copy(update={"revision": "9999"}).write(backup.path)
    with pytest.raises(BackupError, match="comes from a newer publisher"):
        restore(backup.path, tmp_path / "restored", desk.now(), empty)
    database = Database.open(empty)
    assert inspect(database.engine).get_table_names() == []
    database.close()


def test_commands_take_the_database_from_the_environment_secretly(
    desk: Desk, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.database.close()
    result = CliRunner().invoke(cli, ["--config", str(desk.config), "backup"], catch_exceptions=False)
    assert "originals: 1" in result.output
    [backup] = (tmp_path / "desk" / "backups").iterdir()
    secret = make_url(empty).set(password="hush").render_as_string(hide_password=False)
    monkeypatch.setenv("NEW_PLACE", secret)

    arguments = ["restore", str(backup), str(tmp_path / "back"), "--database", "env:NEW_PLACE"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)

    assert "the database is the PostgreSQL database" in result.output
    assert "hush" not in result.output


def test_no_password_is_on_the_command_line_of_a_tool(
    desk: Desk, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[list[str], dict[str, str]]] = []
    run = subprocess.run

    def watched(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        ran.append(([str(part) for part in command], options.get("env", {})))
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", watched)
    tools.dump(make_url(url).set(password="hush").render_as_string(hide_password=False), tmp_path / "kept.dump")
    assert not any("hush" in part for command, _ in ran for part in command)
    assert ran[-1][1]["PGPASSWORD"] == "hush"


def test_tools_that_are_older_than_the_server_or_lacking_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="there is no pg_dump on this machine; install the client programs of Post"):
        tools.find_program("pg_dump", 16)
    for version in (9, 15, 17, 18):
        folder = tmp_path / str(version)
        folder.mkdir()
        (folder / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}.3'\n", encoding="utf-8")
        (folder / "pg_dump").chmod(0o700)
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / version) for version in ("9", "18", "17", "15")))
    assert tools.find_program("pg_dump", 16) == tmp_path / "17" / "pg_dump"
    with pytest.raises(
        BackupError, match="pg_dump is of PostgreSQL 18, older than the server's 19; install the client"
    ):
        tools.find_program("pg_dump", 19)


def test_a_daily_dump_is_kept_without_originals_and_restored_in_place(
    outlet: Outlet, empty: str, reopen: Callable[[str], Outlet], monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet.pick()
    dump = dump_daily(outlet.desk.settings, outlet.clock.now())
    assert dump is not None
    assert {path.name for path in dump.iterdir()} == {"config", "manifest.json", "publisher.dump"}
    assert newest_backup_time(outlet.desk.settings.root / "backups") == read_manifest(dump).created_at.replace(
        microsecond=0
    )
    outlet.run_until_idle()
    posted = outlet.deliveries()[PLATFORM].remote_id
    outlet.close()
    monkeypatch.setenv(VARIABLE, empty)

    report = restore_in_place(dump, load_settings(outlet.config), now=outlet.clock.now(), seen_within=HEARTBEAT_TIMEOUT)

    assert (report.looked_up, report.missing, report.kept_aside) == (1, (), None)
    back = reopen(empty)
    back.config = outlet.config
    back.desk = Desk(outlet.config, outlet.clock)
    back.run_until_idle()
    row = back.deliveries()[PLATFORM]
    assert (row.state, row.remote_id) == (State.PUBLISHED, posted)
    assert len(outlet.copies(PLATFORM)) == 1


def test_daily_dumps_are_kept_for_seven_days_and_four_weeks(desk: Desk, clock: FixedClock) -> None:
    for _ in range(12):
        assert dump_daily(desk.settings, clock.now()) is not None
        assert dump_daily(desk.settings, clock.now()) is None
        clock.advance(days=1)
    days = sorted(path.name[11:19] for path in (desk.settings.root / "backups" / "daily").iterdir())
    assert days == [f"202605{day:02}" for day in (9, 10, 11, 12, 13, 14, 15)]


def test_a_daily_dump_names_the_originals_that_the_new_folder_lacks(desk: Desk, empty: str, tmp_path: Path) -> None:
    dump = dump_daily(desk.settings, desk.now())
    assert dump is not None
    assert restore(dump, tmp_path / "restored", desk.now(), empty).missing == ("cell.png",)


def _describe_newest(desk: Desk) -> str:
    return str(_describe_backup(_newest_backup(desk, desk.settings)))


def test_a_missing_pg_dump_is_reported_by_doctor_and_by_the_daily_backup(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _describe_newest(desk) == "there is none yet"
    monkeypatch.setattr(tools, "_candidates", lambda name: iter(()))
    for act in (lambda: _describe_newest(desk), lambda: dump_daily(desk.settings, desk.now())):
        with pytest.raises(BackupError, match="there is no pg_dump on this machine; install the client programs of"):
            act()
    daily = desk.settings.root / "backups" / "daily"
    assert list(daily.iterdir()) == []


def test_a_database_set_back_by_hand_is_refused_until_accepted(
    outlet: Outlet,
    postgres: ThrowawayPostgres,
    url: str,
    reopen: Callable[[str], Outlet],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outlet.pick()
    outlet.close()
    earlier = postgres.create_database(like=url)
    outlet.run_until_idle()
    assert len(outlet.copies(PLATFORM)) == 1
    outlet.close()
    monkeypatch.setenv(VARIABLE, earlier)
    back = Desk(outlet.config, outlet.clock)
    with pytest.raises(UnknownHistory, match="this desk had gone on to"):
        back.prepare()

    report = accept_present_database(back.settings, now=outlet.clock.now(), seen_within=HEARTBEAT_TIMEOUT)

    assert report.looked_up == 1
    accepted = reopen(earlier)
    accepted.desk = back
    accepted.run_until_idle()
    assert accepted.deliveries()[PLATFORM].state == State.PUBLISHED
    assert len(outlet.copies(PLATFORM)) == 1


def test_an_empty_server_is_not_begun_anew(desk: Desk, empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.database.close()
    monkeypatch.setenv(VARIABLE, empty)
    with pytest.raises(UnknownHistory, match="the PostgreSQL database is empty, and this desk had a database until"):
        Desk(desk.config, desk.clock).prepare()
