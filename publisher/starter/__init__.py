"""The files that a new desk starts with: the configuration, captions, people, and where secrets go."""

from __future__ import annotations

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
    """The text of each file, by its path below the desk's folder: what every desk has, and a part of each platform."""
    config = Path("config")
    platforms = platform_names()
    tables = [starter_text(platform, "starter.toml") or CHANNEL.format(platform) for platform in platforms]
    secrets = [text for platform in platforms if (text := starter_text(platform, "env.example"))]
    handles = ", ".join(f'{platform} = "ada_example"' for platform in platforms)
    # The keys that a channel may have besides stand in the first table, as comments.
    tables[0] = _text("publisher.toml") + tables[0] + _text("channel_keys.toml")
    files = {
        config / "publisher.toml": "\n".join(tables),
        config / "people.toml": _text("people.toml").replace("HANDLES", handles),
        config / ".env.example": "\n".join([_text("env.example"), *secrets]),
    }
    return files | {
        config / "captions" / f"{platform}.j2": starter_text(platform, "caption.j2") for platform in platforms
    }


def _text(name: str) -> str:
    return (resources.files(__name__) / name).read_text(encoding="utf-8")


def write_starter(folder: Path) -> list[Path]:
    """Write the files that are not there yet into `folder`, and return these.

    A file that is there is kept as it is, even when it comes into being at the same moment; it
    is one of `starter_files` that the answer lacks.
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
