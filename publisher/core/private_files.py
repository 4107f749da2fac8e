"""Makes files and folders that only their owner can use, and corrects the permissions of others."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(folder: Path) -> None:
    """Makes a folder, and those above it that are not there, for its owner alone. One that is there stays as it is."""
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def make_private_file(file: Path) -> None:
    """Makes an empty file for its owner alone, unless it is there."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


def remove_others_access(paths: Iterable[Path]) -> list[Path]:
    """Removes the permissions of others from these files and folders, and returns those that were changed.

    What is not there, or belongs to somebody else, is left: `open_to_others` lists it.
    """
    return [path for path in find_open_to_others(paths) if _remove_others_access(path)]


def find_open_to_others(paths: Iterable[Path]) -> list[Path]:
    """Returns those of the files and folders that others than their owner can use."""
    return [path for path in paths if (mode := _mode(path)) is not None and mode & _OTHERS]


def _mode(path: Path) -> int | None:
    """Returns the permissions of a file or folder; None where there is none, and for devices such as /dev/null."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else None


def _remove_others_access(path: Path) -> bool:
    try:
        path.chmod(path.stat().st_mode & ~_OTHERS & 0o7777)
    except OSError:
        return False  # It belongs to somebody else, or its disk knows no permissions.
    return path not in find_open_to_others([path])
