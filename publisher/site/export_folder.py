"""Writes the files of an export, and knows which files of the folder it has made.

Each file is written whole or not at all, and only where its content differs from what is there. A manifest lists what
the last export made. Whatever a running one makes besides is added to a journal first, file by file, so that the next
one knows the files of an export that was killed, and claims none that is not there. No other file is ever changed or
removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import Message, _

MANIFEST = ".publisher-site.json"
JOURNAL = ".publisher-site.journal"
UNFINISHED, LOCK = ".publisher-site.part", ".publisher-site.lock"


class SiteExportError(UserError):
    """The site can't be written; the message is one sentence."""

    code = "site-not-exported"
    kind = ErrorKind.MACHINE


class ExportFolder:
    """Writes the files of an export into a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: set[str] = set()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keeps other exports out.

        Raises:
            SiteExportError: another export writes here, or the folder can't be used.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with FileLock(self._root / LOCK, blocking=False):
                self._made = self._read_manifest() | self._read_journal()
                yield
        except Timeout:
            raise SiteExportError(_("another export writes to {folder}; wait for it", folder=self._root)) from None
        except OSError as error:
            why = error.strerror or str(error)
            raise SiteExportError(_("{folder} can't be written: {why}", folder=self._root, why=why)) from error

    def require_free(self, names: Iterable[str]) -> None:
        """Raises SiteExportError where a file that no export made has a name that this one needs."""
        folders: set[Path] = set()
        for name in sorted(set(names) - self._made):
            path = self._root / name
            if os.path.lexists(path):
                raise _in_the_way(path)
            folders |= {self._root / parent for parent in PurePosixPath(name).parents}
        for folder in sorted(folders):
            if (
                os.path.lexists(folder)
                and not folder.is_dir()
                and str(folder.relative_to(self._root)) not in self._made
            ):
                raise _in_the_way(folder)

    def save(self, name: str, content: bytes) -> bool:
        """Writes a file; False: it is there already."""
        path = self._root / name
        if not path.is_symlink() and path.is_file() and path.read_bytes() == content:
            return False
        self.write_whole(name, content)
        return True

    def has(self, name: str) -> bool:
        """Decides whether a file is there that the export made, and that is not empty."""
        path = self._root / name
        return name in self._made and path.is_file() and path.stat().st_size > 0

    def write_whole(self, name: str, content: bytes) -> None:
        """Writes a file that every reader finds whole: the old one, or the new one."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # The one unfinished file has always the same name: what a killed export leaves, the next one writes over.
        unfinished = self._root / UNFINISHED
        unfinished.write_bytes(content)
        if name != MANIFEST and name not in self._made:
            with (self._root / JOURNAL).open("a", encoding="utf-8") as journal:
                journal.write(json.dumps(name) + "\n")
            self._made.add(name)
        unfinished.replace(path)

    def finish(self, names: Iterable[str]) -> int:
        """Removes what earlier exports made and this one does not, and returns how many files these were."""
        wanted = set(names)
        removed = 0
        for name in sorted(self._made - wanted):
            path = self._root / name
            # These two raise nothing, whatever a name is.
            if os.path.isfile(path) or os.path.islink(path):
                path.unlink()
                removed += 1
            _remove_empty_folders(path.parent, self._root)
        self.write_whole(MANIFEST, json.dumps(sorted(self._made & wanted), indent=0).encode())
        (self._root / JOURNAL).unlink(missing_ok=True)
        return removed

    def _read_manifest(self) -> set[str]:
        path = self._root / MANIFEST
        try:
            names = json.loads(path.read_bytes())
        except FileNotFoundError:
            return set()
        except ValueError:
            raise SiteExportError(_unreadable(path)) from None
        if not isinstance(names, list) or not all(isinstance(name, str) and _is_inside(name) for name in names):
            raise SiteExportError(_unreadable(path))
        return set(names)

    def _read_journal(self) -> set[str]:
        """Returns what an unfinished export has made. Of a line that was not written to its end there is no file."""
        path = self._root / JOURNAL
        try:
            lines = path.read_text(encoding="utf-8").split("\n")[:-1]
            names = [json.loads(line) for line in lines]
        except FileNotFoundError:
            return set()
        except ValueError:
            raise SiteExportError(_unreadable(path)) from None
        if not all(isinstance(name, str) and _is_inside(name) for name in names):
            raise SiteExportError(_unreadable(path))
        return set(names)


def _in_the_way(path: Path) -> SiteExportError:
    return SiteExportError(_("{file} is in the way: no export made it; move it, or choose another folder", file=path))


def _unreadable(path: Path) -> Message:
    return _("{file} does not list the files of an export; empty the folder, or choose another", file=path)


def _is_inside(name: str) -> bool:
    """Decides whether a name of the manifest stays in the folder."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root and os.path.isdir(folder) and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
