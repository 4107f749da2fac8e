"""Lists the files and folders of a desk that nobody else on the machine may read."""

from __future__ import annotations

from pathlib import Path

from publisher.settings.env_file import NAME as ENV_FILE
from publisher.settings.loading import Settings

UPLOADS, MEDIA_COPIES, FETCHED = "uploads", "media-cache", "fetched"
"""Folders beside `config/`: unfinished uploads, local copies of what a bucket stores, pages that an import fetched."""
DATABASE_SESSIONS = "database"


def private_paths(settings: Settings) -> list[Path]:
    """Lists the secrets, the database and the files beside it under its name, and the folders of what staff handed in.

    Some may be missing. Files in the folders needn't be listed: nobody else can enter the folders.
    """
    storage = settings.storage
    folders = [settings.path(name) for name in (UPLOADS, MEDIA_COPIES, FETCHED, storage.backups)]
    if storage.bucket is None:
        folders.append(settings.path(storage.media))
    if storage.sessions != DATABASE_SESSIONS:
        folders.append(settings.path(storage.sessions))
    root = settings.root.resolve()
    # A folder that holds the whole desk, or is above it, may belong to others.
    folders = [folder for folder in folders if not root.is_relative_to(folder.resolve())]
    file = settings.database_file
    database = file or settings.path("postgresql")
    secrets = settings.file.parent / ENV_FILE
    return [secrets, *sorted(database.parent.glob(f"{_escape_glob(database.name)}*")), *folders]


def _escape_glob(name: str) -> str:
    """Escapes the wildcards in a file name."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
