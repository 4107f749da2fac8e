"""Writes the files that a new desk starts with: configuration, captions, people, and an example for secrets."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from publisher.platforms.profiles import platform_names, starter_caption


def starter_files() -> dict[Path, str]:
    """Returns the text of each file, by its path below the desk's folder."""
    source = resources.files(__name__)
    config = Path("config")
    files = {
        config / "publisher.toml": source / "publisher.toml",
        config / "people.toml": source / "people.toml",
        config / ".env.example": source / "env.example",
    }
    captions = {config / "captions" / f"{platform}.j2": starter_caption(platform) for platform in platform_names()}
    return {path: entry.read_text(encoding="utf-8") for path, entry in files.items()} | captions


def write_starter(folder: Path) -> list[Path]:
    """Writes the missing files into `folder`, and returns their paths.

    An existing file stays as it is, even when another process creates it at the same moment; it is not returned.
    """
    return [folder / path for path, text in starter_files().items() if _write_new(folder / path, text)]


def _write_new(path: Path, text: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True
