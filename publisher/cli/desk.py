"""Finds the desk that a command works on, and the person who gives the command."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import click

from publisher.core.errors import SettingsError
from publisher.core.messages import Face, Reader, reading_as
from publisher.desk import Desk


def actor() -> str:
    """Returns the system's user for the history, whatever the environment says."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def desk_of(ctx: click.Context) -> Desk:
    """Opens the desk of the configuration file that the command line names.

    Until the command ends, texts are rendered for a person at the command line, with the outlet's clock.
    """
    root = ctx.find_root()
    desk = Desk(root.obj if isinstance(root.obj, Path) else Path("config/publisher.toml"))
    root.with_resource(reading_as(_reader_of(desk)))
    return desk


def _reader_of(desk: Desk) -> Reader:
    try:
        return Reader(face=Face.COMMAND, zone=desk.settings.outlet.zone)
    except SettingsError:
        # The command says so itself where it needs the settings.
        return Reader(face=Face.COMMAND)
