"""Which files and folders of a desk nobody else on the machine may read."""

from __future__ import annotations

from pathlib import Path

from publisher.settings.loading import Settings

UPLOADS, MEDIA_COPIES = "uploads", "media-cache"
"""Beside `config/`: where unfinished uploads lie, and the local copies of what lies in a bucket."""
DATABASE_SESSIONS = "database"


def private_paths(settings: Settings) -> list[Path]:
    """Returns the database with all that lies beside it under its name, and the folders of what staff handed in.

    They may not be there. Files in the folders needn't be named: nobody else gets into the folders.
    """
    storage = settings.storage
    folders = [settings.path(UPLOADS), settings.path(MEDIA_COPIES), settings.path(storage.backups)]
    if storage.bucket is None:
        folders.append(settings.path(storage.media))
    if storage.sessions != DATABASE_SESSIONS:
        folders.append(settings.path(storage.sessions))
    root = settings.root.resolve()
    # A folder that holds the whole desk, or lies above it, is not ours to close.
    folders = [folder for folder in folders if not root.is_relative_to(folder.resolve())]
    file = settings.database_file
    beside = file or settings.path("postgresql")
    return [*sorted(beside.parent.glob(f"{_plain(beside.name)}*")), *folders]


def _plain(name: str) -> str:
    """A name in which no letter stands for others when files are looked for."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
