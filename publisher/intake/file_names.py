"""Finds a file by its name, whichever way the disk stores accents, and whatever its capitals."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NamedFile:
    """Holds a file that was found by its name."""

    path: Path
    name: str
    """Its name below the folder, as the disk has it."""
    is_same: bool
    """It is the name that was asked for; False: its capitals differ."""


def find_named_file(folder: Path, name: str) -> NamedFile | None:
    """Finds the one plain file below a folder that has this name. Of two that differ in capitals it takes neither."""
    path, is_same = folder, True
    for part in Path(name).parts:
        names = _names_in(path)
        alike = [entry for entry in names if _composed(entry) == _composed(part)]
        if not alike:
            is_same = False
            alike = [entry for entry in names if _composed(entry).casefold() == _composed(part).casefold()]
        if len(alike) != 1:
            return None
        path = path / alike[0]
    is_inside = path.resolve().is_relative_to(folder.resolve())
    if not is_inside or not path.is_file():
        return None
    return NamedFile(path, path.relative_to(folder).as_posix(), is_same)


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        # Then no file below it can be named: it is no folder, or nobody may read it.
        return []


def _composed(name: str) -> str:
    """Returns a name with each accent in its letter, as most systems store it."""
    return unicodedata.normalize("NFC", name)
