"""Writes the rows of the channels: one for each channel of the configuration."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.db.operations import Channel
from publisher.settings import Settings


def sync_channels(session: Session, settings: Settings) -> None:
    """Gives every channel of the configuration its row; follows a change of its platform."""
    rows = {channel.name: channel for channel in session.scalars(select(Channel))}
    for name, channel in settings.channels.items():
        if name not in rows:
            # Another process that starts just now may have entered it since.
            with suppress(IntegrityError), session.begin_nested():
                session.add(Channel(name=name, platform=channel.platform))
        elif rows[name].platform != channel.platform:
            rows[name].platform = channel.platform
    session.flush()
