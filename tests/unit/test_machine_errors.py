"""What this machine lacks is told as that, and never as a fault of an account, a post or a host."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3

from publisher.delivery import channels
from publisher.machine_errors import PROBLEMS, machine_problem
from publisher.outside import NotAsked, find_place
from publisher.platforms import tumblr, x_tokens
from publisher.platforms.base import SessionFile
from publisher.platforms.errors import Unavailable
from publisher.platforms.transport import SentRequest, send_once
from publisher.settings import SettingsError, read_secret


def lacking(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def in_libraries(error: OSError) -> requests.RequestException:
    """An error as `requests` hands it on."""
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
    assert machine_problem(error) == ""


def without_descriptors(*_args: object, **_options: object) -> Any:
    raise lacking(errno.EMFILE)


@pytest.mark.parametrize("read", [tumblr._stored_tokens, x_tokens.stored_session])
def test_a_stored_log_in_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Any) -> None:
    connection = SimpleNamespace(session=SessionFile(tmp_path / "session.json"), channel="ours")
    monkeypatch.setattr("publisher.file_reading.read_bytes", without_descriptors)
    with pytest.raises(Unavailable, match=r"no free file descriptors.* the log-in stays as it is"):
        read(connection)


def test_a_secret_in_a_file_is_not_blamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUBLISHER_X_ACCESS_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setattr("publisher.file_reading.read_bytes", without_descriptors)
    with pytest.raises(Unavailable, match="no free file descriptors"):
        channels._secret("PUBLISHER_X_ACCESS_TOKEN")
    with pytest.raises(SettingsError):
        read_secret("PUBLISHER_X_ACCESS_TOKEN")


def test_a_picture_is_not_blamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    media = SimpleNamespace(reference="picture 1", image=SimpleNamespace(path=tmp_path / "picture.png"))
    monkeypatch.setattr(Path, "read_bytes", without_descriptors)
    with pytest.raises(Unavailable, match=r"picture 1 can't be read, because this machine has no free file"):
        tumblr._attachment(media)  # type: ignore[arg-type]


def test_a_platform_is_not_blamed_and_nothing_was_sent() -> None:
    session = requests.Session()
    session.request = lambda *_args, **_options: (_ for _ in ()).throw(in_libraries(lacking(errno.EMFILE)))  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match=r"not reached \(this machine has no free file descriptors"):
        send_once(session, "POST", "https://x.test/", sent=SentRequest("Publishing", publishing=True), read_timeout=5)


def test_a_host_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", without_descriptors)
    with pytest.raises(NotAsked, match="no free file descriptors"):
        find_place("https://example.org/", lambda _address: False)
