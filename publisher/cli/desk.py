"""Whose desk a command works at, and who gives the command."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import click

from publisher.desk import Desk


def actor() -> str:
    """Who gives the command, for the history: the user that the system knows, whatever the environment says."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def desk_of(ctx: click.Context) -> Desk:
    """The desk of the configuration file that the command line names."""
    config = ctx.find_root().obj
    return Desk(config if isinstance(config, Path) else Path("config/publisher.toml"))
