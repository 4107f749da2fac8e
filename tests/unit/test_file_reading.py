"""Tests that no file that somebody names fills the memory or makes the program wait."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.adapt.text.mentions import PeopleDirectory, PeopleDirectoryError
from publisher.core import file_reading
from publisher.core.file_reading import UnfitFile, check_plain_file, read_bytes, read_text
from publisher.intake.post_files import read_post_file
from publisher.platforms.exchange import CaFileUnreadable, shared_context
from publisher.platforms.session_files import SessionFile
from publisher.posts.errors import PostError
from publisher.settings import SettingsError, load_settings, read_secret


@pytest.fixture(params=["endless", "pipe", "folder", "large"])
def odd_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Makes a file that must not be read: an endless device, a pipe that nobody writes to, a folder, a huge file."""
    match request.param:
        case "endless":
            return Path("/dev/zero")
        case "pipe":
            os.mkfifo(tmp_path / "pipe")
            return tmp_path / "pipe"
        case "large":
            with (tmp_path / "large").open("wb") as file:
                file.truncate(1 << 40)
            return tmp_path / "large"
    return tmp_path


def of_secret(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_FILE", str(file))
    read_secret("A_SECRET")


READERS: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "configuration": (load_settings, SettingsError),
    "people": (PeopleDirectory.load, PeopleDirectoryError),
    "post": (read_post_file, PostError),
    "session": (lambda file: SessionFile(file).load(), UnfitFile),
    "certificates": (shared_context, CaFileUnreadable),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_plain_file_is_refused_in_a_sentence(reader: str, odd_file: Path) -> None:
    read_file, error = READERS[reader]
    with pytest.raises(error, match=r"it is no plain file|it is larger than \d+ [KM]iB"):
        read_file(odd_file)


def test_a_secret_is_no_endless_file(odd_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"A_SECRET_FILE names, .* (it is no plain file|it is larger than 64 KiB)"):
        of_secret(odd_file, monkeypatch)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a\r\nb")
    assert read_bytes(file, 4) == b"a\r\nb"
    assert read_text(file, 4) == "a\nb"
    check_plain_file(file, 4)
    for refusing in (read_bytes, check_plain_file):
        with pytest.raises(UnfitFile, match="larger than"):
            refusing(file, 3)


def test_a_link_to_a_plain_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("secret", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_text(tmp_path / "link", file_reading.SECRET_BYTES) == "secret"
    shared_context(None)
