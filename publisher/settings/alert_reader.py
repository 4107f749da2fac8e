"""Says for whom alerts and health reports are rendered, in the outlet's language and time zone."""

from __future__ import annotations

from dataclasses import replace

from publisher.core.messages import Face, Reader
from publisher.settings.channel_names import channel_names
from publisher.settings.loading import Settings


def alert_reader(settings: Settings) -> Reader:
    """Returns the reader of alerts. With a link to the desk's pages, people are sent there, else to commands."""
    face = Face.PAGE if settings.notify.link else Face.COMMAND
    return Reader(settings.outlet.desk_language, settings.outlet.zone, face, channel_names(settings))


def operator_reader(settings: Settings) -> Reader:
    """Returns the reader of health reports, who runs commands."""
    return replace(alert_reader(settings), face=Face.COMMAND)


def program_reader(settings: Settings) -> Reader:
    """Returns the reader of messages to other programs, which may show the texts to people."""
    return replace(alert_reader(settings), face=Face.PROGRAM, channel_names={})
