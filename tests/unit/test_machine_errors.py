"""Tests that errors of this machine are never reported as faults of an account, a post or a host."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from datetime import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3

from publisher.core import file_reading
from publisher.core.machine_errors import PROBLEMS, machine_problem
from publisher.core.messages import _
from publisher.core.public_hosts import AddressRefused, resolve_public_host
from publisher.db.session import Database
from publisher.delivery import channels
from publisher.intake.post_files import read_post_file
from publisher.job_failures import FailureReason, classify_error
from publisher.media import FolderStore
from publisher.platforms.errors import Unavailable
from publisher.platforms.session_files import SessionFile
from publisher.platforms.transport import SentRequest, send_once
from publisher.platforms.tumblr import attachments, credentials
from publisher.platforms.x import tokens
from publisher.posts import pictures
from publisher.posts.errors import MachineError
from publisher.posts.targets import TargetFiles
from publisher.posts.uploads import Uploads
from publisher.settings import Settings, SettingsError, SettingsUnreadable, load_settings, read_secret


def lacking(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def in_libraries(error: OSError) -> requests.RequestException:
    """Wraps an error as `requests` does."""
    refused = urllib3.exceptions.NewConnectionError(SimpleNamespace(host="x"), "no connection")  # type: ignore[arg-type]
    refused.__cause__ = error
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(SimpleNamespace(), "/", refused))  # type: ignore[arg-type]


@pytest.mark.parametrize("number", PROBLEMS)
def test_what_the_machine_lacks_is_found_behind_any_error(number: int) -> None:
    assert machine_problem(lacking(number)) == PROBLEMS[number]
    assert machine_problem(in_libraries(lacking(number))) == PROBLEMS[number]


@pytest.mark.parametrize(
    "error",
    [
        lacking(errno.ECONNREFUSED),
        lacking(errno.ENOENT),
        socket.gaierror(errno.EIO, "as numbered on another system"),
        ssl.SSLError(errno.EIO, "a system call of TLS"),
        ValueError("no JSON"),
    ],
)
def test_other_errors_are_none_of_the_machine(error: BaseException) -> None:
    assert machine_problem(error) is None


def without_descriptors(*_args: object, **_options: object) -> Any:
    raise lacking(errno.EMFILE)


@pytest.mark.parametrize("read_log_in", [credentials.stored_tokens, tokens.stored_session])
def test_a_stored_log_in_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_log_in: Any) -> None:
    connection = SimpleNamespace(session=SessionFile(tmp_path / "session.json"), channel="ours")
    monkeypatch.setattr("publisher.core.file_reading.read_bytes", without_descriptors)
    with pytest.raises(Unavailable, match=r"no free file descriptors.* the log-in stays as it is"):
        read_log_in(connection)


def test_a_secret_in_a_file_is_not_blamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setattr("publisher.core.file_reading.read_bytes", without_descriptors)
    with pytest.raises(Unavailable, match="no free file descriptors"):
        channels._secret("PUBLISHER_X_ACCESS_TOKEN")
    with pytest.raises(SettingsError):
        read_secret("PUBLISHER_X_ACCESS_TOKEN")


def test_a_picture_is_not_blamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    media = SimpleNamespace(reference="picture 1", image=SimpleNamespace(path=tmp_path / "picture.png"))
    monkeypatch.setattr(Path, "read_bytes", without_descriptors)
    with pytest.raises(Unavailable, match=r"picture 1 can't be read, because this machine has no free file"):
        attachments.make_attachment(media)  # type: ignore[arg-type]


def test_a_platform_is_not_blamed_and_nothing_was_sent() -> None:
    session = requests.Session()
    session.request = lambda *_args, **_options: (_ for _ in ()).throw(in_libraries(lacking(errno.EMFILE)))  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match=r"not reached \(this machine has no free file descriptors"):
        send_once(
            session, "POST", "https://x.test/", sent=SentRequest(_("Publishing"), publishing=True), read_timeout=5
        )


def test_a_host_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", without_descriptors)
    with pytest.raises(AddressRefused, match="no free file descriptors"):
        resolve_public_host("https://example.org/", lambda _address: False)


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    """Makes the settings of a desk with one channel, a template and a directory of people."""
    (tmp_path / "fake.j2").write_text("{{ title }}")
    (tmp_path / "people.toml").write_text("")
    channel = {"platform": "tumblr", "account": "ours", "caption": "fake.j2"}
    outlet = {"name": "A picture a day", "time_zone": "Europe/London", "hour": time(9), "lateness": "until 20:00"}
    return Settings.model_validate(
        {"file": tmp_path / "publisher.toml", "outlet": outlet, "channels": {"tumblr": channel}}
    )


def write_again(file: Path) -> None:
    file.write_text(f"{file.read_text()}\n")


@pytest.mark.parametrize("name", ["fake.j2", "people.toml"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EACCES])
def test_what_was_read_before_is_used_while_a_file_cannot_be_read(
    configured: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, name: str
) -> None:
    files = TargetFiles(configured)
    before = files.targets()["tumblr"]
    write_again(tmp_path / name)
    read_bytes = file_reading.read_bytes

    def failing(file: Path, limit: int) -> bytes:
        if file.name == name:
            raise lacking(number)
        return read_bytes(file, limit)

    monkeypatch.setattr("publisher.core.file_reading.read_bytes", failing)
    lasting = number == errno.EACCES
    assert bool(files.targets()["tumblr"].broken) == (lasting and name == "fake.j2")
    assert bool(files.people().unreadable) == (lasting and name == "people.toml")
    if lasting:
        problem = files.targets()["tumblr"].broken or files.people().unreadable
        assert "the user that the desk runs as has no permission for it; give it the permission" in str(problem)
    monkeypatch.undo()
    if lasting:
        (tmp_path / name).chmod(0o640)
    now = files.targets()["tumblr"]
    assert (now.broken, files.people().unreadable) == (None, None)
    assert now.template.strip() == before.template
    assert name != "fake.j2" or now.template != before.template, "the file as it is now"


def test_a_first_reading_that_fails_is_tried_again(configured: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    files = TargetFiles(configured)
    monkeypatch.setattr("publisher.core.file_reading.read_bytes", without_descriptors)
    with pytest.raises(
        SettingsUnreadable, match=r"no free file descriptors .*; its content is not at fault"
    ) as refusal:
        files.targets()
    assert classify_error(refusal.value)[0] is FailureReason.OUTAGE
    monkeypatch.undo()
    assert files.targets()["tumblr"].broken is None


def test_a_configuration_is_not_blamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("publisher.core.file_reading.read_bytes", without_descriptors)
    with pytest.raises(
        SettingsUnreadable, match=r"publisher\.toml can't be read now, because this machine has no free"
    ):
        load_settings(tmp_path / "publisher.toml")


def test_a_post_file_is_not_blamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("publisher.core.file_reading.read_bytes", without_descriptors)
    with pytest.raises(MachineError, match=r"cells\.md can't be read, because this machine has no free"):
        read_post_file(tmp_path / "cells.md")
    monkeypatch.setattr(pictures, "read_bytes", without_descriptors)
    with pytest.raises(MachineError, match="picture can't be read, because this machine has no free"):
        pictures._content(tmp_path / "cells.png", "picture")


def test_the_folder_of_uploads_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Database
) -> None:
    uploads = Uploads(database, FolderStore(tmp_path / "media"), tmp_path / "uploads")
    monkeypatch.setattr(os, "open", without_descriptors)
    with pytest.raises(MachineError, match="can't be used, because this machine has no free"), uploads._opened("a"):
        pytest.fail("it was opened")
