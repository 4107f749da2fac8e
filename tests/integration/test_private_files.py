"""Tests that nobody else on the machine can read the files and addresses of staff."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from publisher.cli.doctor_secrets import describe_key, describe_private_files
from publisher.cli.main import cli
from publisher.core.clock import FixedClock
from publisher.core.encryption import KEY_VARIABLE, EncryptionError, SecretCipher, new_key
from publisher.core.private_files import find_open_to_others
from publisher.db.operations import ChannelSession
from publisher.db.upgrade import DatabaseError
from publisher.desk import Desk
from publisher.media import FolderStore
from publisher.settings import SettingsError
from publisher.settings.private_paths import private_paths
from publisher.starter import write_starter


@pytest.fixture(autouse=True)
def loose_umask() -> Iterator[None]:
    """Sets a umask that removes no permission, so that only the program's own modes count."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def desk(tmp_path: Path, clock: FixedClock) -> Desk:
    write_starter(tmp_path)
    return Desk(tmp_path / "config" / "publisher.toml", clock)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_database_is_private_from_its_first_byte(desk: Desk) -> None:
    with desk.database.writing() as session:
        session.execute(text("SELECT 1"))
    folder = desk.settings.root
    names = sorted(path.name for path in folder.glob("queue.db*"))
    assert {"queue.db", "queue.db-shm", "queue.db-wal", "queue.db.history"} <= set(names)
    assert {mode_of(folder / name) for name in names} == {0o600}


def test_folders_of_pictures_are_private(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "outlet" / "media")
    sha256 = store.put(b"picture")
    store.save("0" * 64, ".jpeg", b"rendition")
    store.work_folder()
    for path in (store.path(sha256), *store.folder.rglob("*"), store.folder):
        assert mode_of(path) == (0o700 if path.is_dir() else 0o600)


def test_what_others_can_read_is_mended_at_the_start(desk: Desk) -> None:
    root = desk.settings.root
    with closing(sqlite3.connect(root / "queue.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    folders = [root / name for name in ("media", "uploads", "sessions", "backups")]
    for folder in folders:
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)
    assert find_open_to_others(private_paths(desk.settings))
    desk.prepare()
    assert [mode_of(folder) for folder in folders] == [0o700] * 4
    assert mode_of(root / "queue.db") == 0o600
    assert "only this user" in str(describe_private_files(desk.settings))


def test_the_folder_of_the_whole_desk_is_not_closed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER__STORAGE__BACKUPS", ".")
    before = mode_of(desk.settings.root)
    desk.prepare()
    assert mode_of(desk.settings.root) == before


def test_doctor_names_what_it_could_not_mend(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.prepare()
    (desk.settings.root / "media").mkdir(exist_ok=True)
    (desk.settings.root / "media").chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(SettingsError, match=r"others on this machine can read or change .*media"):
        describe_private_files(desk.settings)
    desk.prepare()


def refuse(_path: Path, _mode: int) -> None:
    raise PermissionError


def test_doctor_finds_a_junk_key_and_a_missing_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert "nothing needs it" in str(describe_key(desk))
    monkeypatch.setenv(KEY_VARIABLE, "junk")
    with pytest.raises(EncryptionError, match="is no key"):
        describe_key(desk)
    result = CliRunner().invoke(cli, ["--config", str(desk.config), "doctor", "--json"])
    line = next(line for line in json.loads(result.stdout) if line["what"] == "key")
    assert line["good"] is False
    assert "no key" in line["message"]
    key = new_key()
    with desk.database.writing() as session:
        sealed = SecretCipher(key).encrypt("{}", "session x")
        session.add(ChannelSession(channel_name="x", content=sealed, updated_at=desk.now()))
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    with pytest.raises(EncryptionError, match="does not decrypt the session of x"):
        describe_key(desk)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(EncryptionError, match="is not set, and 1 secret"):
        describe_key(desk)
    monkeypatch.setenv(KEY_VARIABLE, key)
    assert "opens all" in str(describe_key(desk))


def test_a_database_whose_revision_was_rewritten_is_refused(desk: Desk) -> None:
    desk.prepare()
    with closing(sqlite3.connect(desk.settings.root / "queue.db")) as connection:
        connection.execute("ALTER TABLE post DROP COLUMN standfirst")
        connection.commit()
    with pytest.raises(DatabaseError, match=r"its table post lacks standfirst: .* never released"):
        desk.prepare()
