"""The outlet of a proof: short pauses, several channels on each sandbox account, a post for every day."""

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
"""Of the publishing request. The sandbox answers in milliseconds, unless a fault says otherwise."""
SETTLE_SECONDS = 0.5
PICTURES = 3
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
"""The platforms' lag is as their profiles tell it: the clocks jump to its end."""


class QuickChannels(Channels):
    """The outlet's channels with a short publishing timeout and no pause between posts."""

    def profile(self, name: str) -> Profile:
        profile = super().profile(name)
        habits = {"timeout_seconds": TIMEOUT_SECONDS, "settle_seconds": SETTLE_SECONDS, "minimum_gap_seconds": 0.0}
        return profile.model_copy(update={"publishing": profile.publishing.model_copy(update=habits)})


class ProvingOutlet(Desk):
    """What the processes of a proof work with. `set_up` makes the database, once, before they open it."""

    _filled = 0
    """So many posts are in the queue, or were."""

    @cached_property
    def database(self) -> Database:
        """The database, if it is the one that the desk last knew.

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
        """Close the database, and read the configuration and the database anew at the next use."""
        if "database" in self.__dict__:
            self.database.close()
        for kept in ("settings", "database", "history", "channels", "_target_files"):
            self.__dict__.pop(kept, None)

    def set_up(self) -> None:
        """Make the tables, and log in wherever the sandbox wants a session."""
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
        for other, channel in settings.channels.items():
            stored = sessions / f"{other}.json"
            if channel.platform == platform and stored.exists():
                # One log-in serves every channel of the account.
                shutil.copy2(stored, sessions / f"{name}.json")
                return
        log_in(self.channels, name, _NoQuestions())

    def fill_queue(self, posts: int) -> None:
        """So many approved posts, each with a picture and a caption for every channel like no other."""
        pictures = [_draw(self.config.parent / f"picture-{number}.png", number) for number in range(PICTURES)]
        for number in range(self._filled + 1, self._filled + posts + 1):
            picture = pictures[number % PICTURES]
            stored = hashlib.sha256(picture.read_bytes()).hexdigest()
            known = self.store.has(stored)
            draft = PostDraft(
                title=f"Cell {number}",
                standfirst="It rests, whatever happens around it",
                credit="Image by the proving ground",
                licence="CC0 1.0",
                images=(
                    ImageDraft(
                        file=None if known else picture,
                        media=stored if known else None,
                        alt_text=f"A grey field that brightens to the right, number {number}",
                    ),
                ),
            )
            queue = PostQueue(self, "proof")
            queue.approve(queue.add(draft).id)
        self._filled += posts


def log_in(channels: Channels, name: str, dialogue: Dialogue) -> None:
    """Logs a channel in at the sandbox, where it can't be opened without.

    It is tried several times, however busy the machine is that serves the sandbox: a log-in publishes nothing.
    """
    try:
        channels.open(name)
        return
    except CredentialsRefused:
        for left in reversed(range(LOG_IN_TRIES)):
            try:
                channels.authorize(name, dialogue)
                return
            except Unavailable:
                if not left:
                    raise


class _NoQuestions:
    """The sandbox's own accounts need no person."""

    def tell(self, text: str) -> None:
        """Nobody listens."""

    def ask(self, question: str, *, secret: bool = False) -> str:
        raise SandboxFailed(f"the sandbox should not have asked: {question}")


def write_outlet(
    folder: Path, accounts: Mapping[str, Mapping[str, Any]], channels: int, database: str | None = None
) -> Path:
    """The configuration of a proof with so many channels on each account; returns its file.

    `database`: the URL of one on PostgreSQL, whose processes then hear of work through the engine.
    """
    write_starter(folder)
    tables = [CONFIG]
    if database is not None:
        tables += ['dispatch = "procrastinate"\n', f'\n[storage]\ndatabase = "{database}"\n']
    for platform, account in accounts.items():
        settings = "".join(f'{key} = "{value}"\n' for key, value in account["settings"].items())
        tables += [
            f'\n[channels.{name}]\nplatform = "{platform}"\naccount = "{account["account"]}"\n'
            f'caption = "captions/{name}.j2"\n{settings}'
            for name in channel_names(platform, channels)
        ]
        for name in channel_names(platform, channels):
            template_file(folder, name).write_text(template_of(name), encoding="utf-8")
    config = folder / "config" / "publisher.toml"
    config.write_text("".join(tables), encoding="utf-8")
    return config


def template_file(folder: Path, channel: str) -> Path:
    """The caption template of a channel of the outlet in this folder."""
    return folder / "config" / "captions" / f"{channel}.j2"


def template_of(channel: str) -> str:
    """A template whose captions no other channel and no other post has."""
    return f"{{{{ title }}}}, as {channel} shows it. {{{{ credit }}}}, {{{{ licence }}}}\n"


def channel_names(platform: str, channels: int) -> list[str]:
    return [f"{platform}{number}" for number in range(1, channels + 1)]


@contextmanager
def secrets_set(settings: Settings, accounts: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """The sandbox's secrets in the environment, for this process and those that it starts."""
    wanted = {
        channel.secret_variable(secret): str(value)
        for channel in settings.channels.values()
        for secret, value in accounts[channel.platform]["secrets"].items()
    }
    former = {name: os.environ.pop(name) for name in wanted if name in os.environ}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted:
            del os.environ[name]
        os.environ.update(former)


def _draw(file: Path, number: int) -> Path:
    """A small picture, unlike for each number."""
    Image.linear_gradient("L").rotate(90 + 30 * number).resize((320, 320)).convert("RGB").save(file)
    return file
