"""Finds the desk that a command works on, and the person who gives the command."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import click

from publisher.desk import Desk


def actor() -> str:
    """Returns the system's user for the history, whatever the environment says."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def desk_of(ctx: click.Context) -> Desk:
    """Opens the desk of the configuration file that the command line names."""
    config = ctx.find_root().obj
    return Desk(config if isinstance(config, Path) else Path("config/publisher.toml"))
