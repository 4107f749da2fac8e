"""Writes the files that a new desk starts with: configuration, captions, people, and an example for secrets."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from publisher.platforms.profiles import platform_names, starter_text

CHANNEL = """\
[channels.{0}]
platform = "{0}"
account = "picture-of-the-day"
caption = "captions/{0}.j2"
"""


def starter_files() -> dict[Path, str]:
    """Returns the text of each file, by its path below the desk's folder. Each platform adds its part."""
    config = Path("config")
    platforms = platform_names()
    tables = [starter_text(platform, "starter.toml") or CHANNEL.format(platform) for platform in platforms]
    secrets = [text for platform in platforms if (text := starter_text(platform, "env.example"))]
    handles = ", ".join(f'{platform} = "ada_example"' for platform in platforms)
    # The optional keys of a channel follow in the first table, as comments.
    tables[0] = read_part("publisher.toml") + tables[0] + read_part("channel_keys.toml")
    files = {
        config / "publisher.toml": "\n".join(tables),
        config / "people.toml": read_part("people.toml").replace("HANDLES", handles),
        config / ".env.example": "\n".join([read_part("env.example"), *secrets]),
    }
    return files | {
        config / "captions" / f"{platform}.j2": starter_text(platform, "caption.j2") for platform in platforms
    }


def read_part(name: str) -> str:
    """Returns the text of a file of this package, from which those of a desk are made."""
    return (resources.files(__name__) / name).read_text(encoding="utf-8")


def write_starter(folder: Path) -> list[Path]:
    """Writes the missing files of a new desk into `folder`, and returns their paths."""
    return write_missing(folder, starter_files())


def write_missing(folder: Path, files: Mapping[Path, str]) -> list[Path]:
    """Writes those files, named by their paths below `folder`, that are not there, and returns their paths.

    An existing file stays as it is, even when another process creates it at the same moment; it is not returned.
    """
    return [folder / path for path, text in files.items() if _write_new(folder / path, text)]


def _write_new(path: Path, text: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True
