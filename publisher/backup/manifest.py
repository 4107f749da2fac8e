"""Lists what a backup holds, by name, size and hash, and checks that it still does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from publisher.backup.files import BackupError, as_backup_errors
from publisher.core.disk_files import file_sha256
from publisher.core.file_reading import MANIFEST_BYTES, read_bytes
from publisher.core.messages import _
from publisher.media import write_atomically

MANIFEST = "manifest.json"


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in path:
        raise ValueError("a path must stay inside the backup")
    return path


InsidePath = Annotated[str, AfterValidator(_inside)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BackedUpFile(_Part):
    """Holds one file of a backup, by its path below the backup's folder."""

    path: InsidePath
    sha256: Hash
    bytes: int = Field(ge=0)

    @classmethod
    def of(cls, root: Path, file: Path) -> BackedUpFile:
        return cls(path=file.relative_to(root).as_posix(), sha256=file_sha256(file), bytes=file.stat().st_size)


class Manifest(_Part):
    """Holds the table of contents of a backup."""

    format: Literal[1] = 1
    version: str
    """Of the program that wrote it."""
    revision: str
    """Of the database."""
    created_at: AwareDatetime
    """Just before the database was copied: whatever happened later may be missing from it."""
    config_file: InsidePath
    """The main configuration file; one of `config`."""
    database: BackedUpFile
    postgres_schema: str | None = None
    """Of a PostgreSQL database: in which its tables lie. None: the database is a SQLite file."""
    originals: tuple[BackedUpFile, ...]
    originals_left_out: bool = False
    """A daily backup: the originals stay in the desk's own store."""
    config: tuple[BackedUpFile, ...]

    def files(self) -> Iterator[BackedUpFile]:
        yield self.database
        yield from self.originals
        yield from self.config

    def write(self, backup: Path) -> None:
        # Earlier versions refuse what they don't know: a whole backup holds nothing that is new to them.
        unknown = set() if self.originals_left_out else {"originals_left_out"}
        write_atomically(backup / MANIFEST, self.model_dump_json(indent=2, exclude=unknown).encode())


def read_manifest(backup: Path) -> Manifest:
    """Reads the table of contents of the backup in a folder.

    Raises:
        BackupError: there is none, or it can't be read.
    """
    file = backup / MANIFEST
    if not file.is_file():
        raise BackupError(
            _(
                "{backup} is no backup: it holds no {manifest}; name a folder that publisher backup wrote",
                backup=backup,
                manifest=MANIFEST,
            )
        )
    with as_backup_errors(_("{file} can't be read", file=file)):
        text = read_bytes(file, MANIFEST_BYTES)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        problem = f"{place}: {first['msg']}" if place else first["msg"]
        raise BackupError(_("{file} is damaged ({problem}); use another backup", file=file, problem=problem)) from None
    if manifest.config_file not in {config_file.path for config_file in manifest.config}:
        raise BackupError(
            _(
                "{file} is damaged (it lacks {config_file}); use another backup",
                file=file,
                config_file=manifest.config_file,
            )
        )
    return manifest


def check_files(backup: Path, manifest: Manifest) -> None:
    """Reads every file of the backup. Raises BackupError, naming the first that is missing or changed."""
    for backed_up in manifest.files():
        file = backup / backed_up.path
        if not file.is_file():
            raise BackupError(_("the backup is damaged: {file} is missing; use another backup", file=file))
        with as_backup_errors(_("{file} can't be read", file=file)):
            same = file.stat().st_size == backed_up.bytes and file_sha256(file) == backed_up.sha256
        if not same:
            raise BackupError(
                _(
                    "the backup is damaged: {file} is not what the manifest says; use another backup, or put "
                    "the true file in its place",
                    file=file,
                )
            )
