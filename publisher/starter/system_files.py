"""Writes what systemd needs to run the desk on a server."""

from __future__ import annotations

from pathlib import Path

from publisher.starter import read_part

FOLDER = Path("/var/lib/publisher")
"""The home of the desk: `config/`, the database, the pictures and the backups."""
CREDENTIALS = Path("/etc/publisher/credentials")
"""The folder with a file for each secret."""
_UNITS = Path("etc/systemd/system")
PLACES = {
    "publisher.service": _UNITS / "publisher.service",
    "publisher@.service": _UNITS / "publisher@.service",
    "publisher-backup.service": _UNITS / "publisher-backup.service",
    "publisher-backup.timer": _UNITS / "publisher-backup.timer",
    "sysusers.conf": Path("etc/sysusers.d/publisher.conf"),
    "tmpfiles.conf": Path("etc/tmpfiles.d/publisher.conf"),
}
"""Where each file belongs, below the root of the file system."""


def system_files(program: Path) -> dict[Path, str]:
    """Returns the text of each file, by its path below the root. `program`: the installed command `publisher`."""
    return {path: _fill(name, program) for name, path in PLACES.items()}


def _fill(name: str, program: Path) -> str:
    # The first one has the others in it.
    values = {
        "HARDENING": read_part("system/hardening.conf").rstrip(),
        "PROGRAM": _quote(program),
        "FOLDER": str(FOLDER),
        "CREDENTIALS": str(CREDENTIALS),
    }
    text = read_part(f"system/{name}")
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def _quote(program: Path) -> str:
    """Writes a path as systemd reads it."""
    path = str(program).replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{path}"' if " " in path or path != str(program) else path
