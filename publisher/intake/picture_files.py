"""Finds the pictures that a source names, in one folder and nowhere else."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from publisher.core.characters import quote_value
from publisher.core.problems import Problem
from publisher.intake.file_names import find_named_file
from publisher.intake.problem_codes import ImportProblem


class PictureFinder(Protocol):
    """Says where the pictures are that a source names."""

    def find(self, name: str) -> Path | tuple[str, ...] | Problem:
        """Returns the file of a picture, the addresses where it can be fetched, or why there is neither."""

    def choose(self, names: Sequence[str]) -> str:
        """Returns the name by which `find` knows a picture that has these names, the best copy first."""


class PictureFolder:
    """Resolves names and addresses of pictures to files below a folder. A link out of the folder is none of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, name: str) -> Path | Problem:
        """Returns the file of a picture, or why there is none."""
        name = name.strip()
        if name.startswith(("http://", "https://")):
            return self._find_address(name)
        path = PurePosixPath(name.replace("\\", "/"))
        if not name or path.is_absolute() or ".." in path.parts or "\0" in name or ":" in path.parts[0]:
            return ImportProblem.PICTURE_OUTSIDE(name=quote_value(name), folder=str(self.folder))
        if (found := self._file(path.as_posix())) is not None:
            return found
        if self._leads_out(path):
            return ImportProblem.PICTURE_OUTSIDE(name=quote_value(name), folder=str(self.folder))
        near = difflib.get_close_matches(path.name, self._names(), n=1)
        if near:
            return ImportProblem.PICTURE_MISSING_NEAR(name=quote_value(name), folder=str(self.folder), near=near[0])
        return ImportProblem.PICTURE_MISSING(name=quote_value(name), folder=str(self.folder))

    def _find_address(self, address: str) -> Path | Problem:
        """Finds the file of an address: the longest end of its path that is a file here."""
        try:
            parts = [part for part in unquote(urlsplit(address).path).split("/") if part not in ("", ".", "..")]
        except ValueError:
            parts = []
        for start in range(len(parts)):
            if (found := self._file("/".join(parts[start:]))) is not None:
                return found
        return ImportProblem.PICTURE_ELSEWHERE(address=address[:300])

    def choose(self, names: Sequence[str]) -> str:
        """Returns the first of the names of a picture that has a file here; else the last one."""
        return next((name for name in names if isinstance(self.find(name), Path)), names[-1])

    def _file(self, name: str) -> Path | None:
        """Returns the file with this name below the folder, and no other one."""
        try:
            path = (self.folder / name).resolve()
            if path.is_relative_to(self.folder.resolve()) and path.is_file():
                return path
            found = find_named_file(self.folder, name)
        except (OSError, ValueError):
            return None
        return found.path.resolve() if found else None

    def _leads_out(self, path: PurePosixPath) -> bool:
        try:
            whole = (self.folder / path).resolve()
        except (OSError, ValueError, RuntimeError):
            return False
        return not whole.is_relative_to(self.folder.resolve())

    def _names(self) -> list[str]:
        try:
            return [entry.name for entry in self.folder.iterdir()][:5_000]
        except OSError:
            # The pictures are told as missing, each by its name.
            return []
