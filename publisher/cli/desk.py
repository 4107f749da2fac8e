"""Finds the desk that a command works on, and the person who gives the command."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import click

from publisher.core.errors import SettingsError
from publisher.core.messages import Face, Reader, set_reader
from publisher.desk import Desk
from publisher.settings.channel_names import channel_names


def actor() -> str:
    """Returns the system's user for the history, whatever the environment says."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def desk_of(ctx: click.Context) -> Desk:
    """Opens the desk of the configuration file that the command line names.

    From then on, texts are rendered in the language of the outlet's desk and with the outlet's clock; `main` takes
    that back when the command, and the error that it may end with, are over.
    """
    config = ctx.find_root().obj
    desk = Desk(config if isinstance(config, Path) else Path("config/publisher.toml"))
    set_reader(reader_of(desk, names_channels=not ctx.params.get("as_json")))
    return desk


def reader_of(desk: Desk, *, names_channels: bool = True) -> Reader:
    """Returns the reader of what commands print, in the language of the outlet's desk.

    `names_channels`: channels are called as people call them. Programs, which get JSON, know them by their keys.
    """
    try:
        outlet = desk.settings.outlet
    except SettingsError:
        # The command says so itself where it needs the settings.
        return Reader(face=Face.COMMAND)
    names = channel_names(desk.settings) if names_channels else {}
    return Reader(outlet.desk_language, outlet.zone, Face.COMMAND, names)
