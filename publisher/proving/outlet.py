"""Sets up the outlet of a proof: short pauses, several channels on each sandbox account, a post for every day."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from publisher.core.messages import _
from publisher.db.session import Database
from publisher.delivery.channels import Channels
from publisher.delivery.platform_clocks import PlatformClocks
from publisher.desk import Desk
from publisher.platforms.base import Dialogue
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.profiles import Profile
from publisher.posts.channel_rows import sync_channels
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.sandbox_client import SandboxFailed
from publisher.schedule.post_queue import PostQueue
from publisher.settings import Settings
from publisher.starter import write_starter

TIMEOUT_SECONDS = 1.0
"""Timeout of the publishing request. The sandbox answers in milliseconds, unless a fault delays it."""
SETTLE_SECONDS = 0.5
PICTURE_COUNT = 3
LOG_IN_TRIES = 5

CONFIG = """\
[outlet]
name = "Proving ground"
time_zone = "Europe/London"
hour = "00:00"
lateness = "until 23:59"

[delivery]
lease_seconds = 3.0
look_up_after = [0.3, 1.8, 4.0]
retry_seconds = 0.3
workers = 4
"""
"""The listing lag is not shortened: the clocks jump to its end."""


class QuickChannels(Channels):
    """Opens the outlet's channels with a short publishing timeout and no pause between posts."""

    def profile(self, name: str) -> Profile:
        profile = super().profile(name)
        habits = {"timeout_seconds": TIMEOUT_SECONDS, "settle_seconds": SETTLE_SECONDS, "minimum_gap_seconds": 0.0}
        return profile.model_copy(update={"publishing": profile.publishing.model_copy(update=habits)})


class ProvingOutlet(Desk):
    """Is the desk of a proof's processes. `set_up` makes the database, once, before they open it."""

    _added_posts = 0
    """How many posts were added to the queue."""

    @cached_property
    def database(self) -> Database:
        """Opens the database if it is the one that the desk last used.

        Raises:
            UnknownHistory: it is not.
        """
        self.history.examine()
        database = Database.open(self.settings.database_url, self.history)
        try:
            self.history.begin(database.engine, self.now())
        except BaseException:
            database.close()
            raise
        return database

    @cached_property
    def channels(self) -> Channels:
        channels = QuickChannels(self.settings, self.clock, lambda: self.database)
        channels.on_platform_clock(PlatformClocks(lambda: self.database, self.clock).note)
        return channels

    def close(self) -> None:
        """Closes the database; the next use reads the configuration and the database again."""
        if "database" in self.__dict__:
            self.database.close()
        for cached in ("settings", "database", "history", "channels", "_target_files"):
            self.__dict__.pop(cached, None)

    def set_up(self) -> None:
        """Makes the tables, and logs in wherever a platform needs a session."""
        settings = self.settings
        self.prepare()
        with self.database.writing() as session:
            sync_channels(session, settings)
        for name in settings.channels:
            self._connect(name)

    def _connect(self, name: str) -> None:
        settings = self.settings
        sessions = settings.path(settings.storage.sessions)
        platform = settings.channels[name].platform
        for other_channel, channel in settings.channels.items():
            session_file = sessions / f"{other_channel}.json"
            if channel.platform == platform and session_file.exists():
                # One log-in serves every channel of the account.
                shutil.copy2(session_file, sessions / f"{name}.json")
                return
        # With the platform's own timeouts: nothing is published here, and a busy machine may need seconds.
        log_in(Channels(settings, self.clock, lambda: self.database), name, _NoQuestions())

    def fill_queue(self, posts: int) -> None:
        """Adds this many approved posts, each with a picture and with a unique caption for every channel."""
        pictures = [
            _draw_picture(self.config.parent / f"picture-{number}.png", number) for number in range(PICTURE_COUNT)
        ]
        for number in range(self._added_posts + 1, self._added_posts + posts + 1):
            picture = pictures[number % PICTURE_COUNT]
            sha256 = hashlib.sha256(picture.read_bytes()).hexdigest()
            is_stored = self.store.has(sha256)
            draft = PostDraft(
                title=f"Cell {number}",
                standfirst="It rests, whatever happens around it",
                credit="Image by the proving ground",
                licence="CC0 1.0",
                images=(
                    ImageDraft(
                        file=None if is_stored else picture,
                        media=sha256 if is_stored else None,
                        alt_text=f"A grey field that brightens to the right, number {number}",
                    ),
                ),
            )
            queue = PostQueue(self, "proof")
            # Few pictures serve for many posts.
            queue.approve(queue.add(draft).id, repeat_is_meant=True)
        self._added_posts += posts


def log_in(channels: Channels, name: str, dialogue: Dialogue) -> None:
    """Logs a channel in at the sandbox, unless it can be opened without a log-in.

    It is tried several times, because the machine may be busy, and a log-in publishes nothing.
    """
    try:
        channels.open(name)
        return
    except CredentialsRefused:
        for tries_left in reversed(range(LOG_IN_TRIES)):
            try:
                channels.authorize(name, dialogue)
                return
            except Unavailable:
                if not tries_left:
                    raise


class _NoQuestions:
    """Refuses questions: the sandbox's accounts need no person."""

    def show(self, text: str) -> None:
        """Ignores the text: nobody reads it."""

    def ask(self, question: str, *, secret: bool = False) -> str:
        raise SandboxFailed(_("the sandbox should not have asked: {question}", question=question))


def write_outlet(
    folder: Path, accounts: Mapping[str, Mapping[str, Any]], channels: int, database: str | None = None
) -> Path:
    """Writes the configuration of a proof with this many channels on each account, and returns its file.

    `database`: the URL of a PostgreSQL database, through which the processes are then notified of work.
    """
    write_starter(folder)
    sections = [CONFIG]
    if database is not None:
        sections += ['dispatch = "procrastinate"\n', f'\n[storage]\ndatabase = "{database}"\n']
    for platform, account in accounts.items():
        settings = "".join(f'{key} = "{value}"\n' for key, value in account["settings"].items())
        sections += [
            f'\n[channels.{name}]\nplatform = "{platform}"\naccount = "{account["account"]}"\n'
            f'caption = "captions/{name}.j2"\n{settings}'
            for name in proof_channel_names(platform, channels)
        ]
        for name in proof_channel_names(platform, channels):
            caption_file(folder, name).write_text(caption_template(name), encoding="utf-8")
    config = folder / "config" / "publisher.toml"
    config.write_text("".join(sections), encoding="utf-8")
    return config


def caption_file(folder: Path, channel: str) -> Path:
    """Returns the file of a channel's caption template."""
    return folder / "config" / "captions" / f"{channel}.j2"


def caption_template(channel: str) -> str:
    """Returns a template whose captions are unique to a channel and a post."""
    return f"{{{{ title }}}}, as {channel} shows it. {{{{ credit }}}}, {{{{ licence }}}}\n"


def proof_channel_names(platform: str, channels: int) -> list[str]:
    """Returns the names of the channels that a proof gives a platform: `x1`, `x2`."""
    return [f"{platform}{number}" for number in range(1, channels + 1)]


@contextmanager
def sandbox_secrets(settings: Settings, accounts: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Sets the sandbox's secrets in the environment, for this process and those that it starts."""
    secrets = {
        channel.secret_variable(secret): str(value)
        for channel in settings.channels.values()
        for secret, value in accounts[channel.platform]["secrets"].items()
    }
    earlier_values = {name: os.environ.pop(name) for name in secrets if name in os.environ}
    os.environ.update(secrets)
    try:
        yield
    finally:
        for name in secrets:
            del os.environ[name]
        os.environ.update(earlier_values)


def _draw_picture(file: Path, number: int) -> Path:
    """Draws a small picture that differs for each number."""
    Image.linear_gradient("L").rotate(90 + 30 * number).resize((320, 320)).convert("RGB").save(file)
    return file
