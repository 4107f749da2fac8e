"""Tells which version of the program runs, and on what: the first thing that anybody asks who helps."""

from __future__ import annotations

import json
import platform
import sqlite3
import subprocess
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import publisher

PROJECT = "publisher"
GIT_TIMEOUT_SECONDS = 5.0


def describe_version() -> dict[str, str | None]:
    """Returns the versions of the program and of what it stands on; None for what can't be told."""
    return {
        "version": publisher.__version__,
        "commit": find_commit(Path(publisher.__file__).parent.parent),
        "python": platform.python_version(),
        "libvips": find_libvips(),
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
    }


def find_commit(folder: Path) -> str | None:
    """Returns the commit of a source tree, or the one that pip installed from; None for a released wheel."""
    if (folder / ".git").exists():
        return _commit_of_tree(folder)
    try:
        return _installed_commit(distribution(PROJECT))
    except PackageNotFoundError:
        return None


def find_libvips() -> str | None:
    """Returns the version of libvips; None where it can't be loaded."""
    try:
        import pyvips  # noqa: PLC0415 - it loads libvips, which can fail
    except (ImportError, OSError):
        return None
    return ".".join(str(pyvips.version(part)) for part in range(3))


def _commit_of_tree(folder: Path) -> str | None:
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours
            command, capture_output=True, check=True, text=True, timeout=GIT_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _installed_commit(installed: Distribution) -> str | None:
    """Reads what pip stored of where it installed from, as PEP 610 describes."""
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    commit = origin.get("vcs_info", {}).get("commit_id")
    return commit if isinstance(commit, str) else None
