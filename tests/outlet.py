"""Sets up a small outlet on the sandbox, in a folder of its own, for tests that publish to its servers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
import pyvips
from sqlalchemy import select

from publisher.core.clock import ShiftedClock
from publisher.db.models import Delivery
from publisher.delivery.channels import Channels
from publisher.delivery.context import DeliveryContext
from publisher.delivery.due import due_channels, next_appointments, recover_lost
from publisher.delivery.lease_owner import is_surely_gone, owner_name
from publisher.delivery.worker import Worker
from publisher.desk import Desk
from publisher.platforms.profiles import Profile, platform_names
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.posts import add_post
from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.ledger import LedgerPost
from publisher.sandbox.servers import SandboxServers
from publisher.schedule.picking import pick_slot
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.slots import slot_day, slot_opens
from publisher.settings import Settings
from publisher.starter import write_starter

PLATFORMS = platform_names()

SandboxClass = TypeVar("SandboxClass", bound=SandboxPlatform)

CONFIG = """\
[outlet]
name = "Test outlet"
time_zone = "Europe/London"
hour = "00:00"
lateness = "until 23:59"

[delivery]
lease_seconds = 10.0
look_up_after = [0.2, 0.5, 1.0]
listing_lag_seconds = 0.4
retry_seconds = 0.5
workers = 4
"""


class ShortTimeoutChannels(Channels):
    """Opens the outlet's channels with a shorter publishing timeout, so that tests need not wait for the real one."""

    def __init__(self, settings: Settings, clock: ShiftedClock, timeout: float) -> None:
        super().__init__(settings, clock)
        self._timeout = timeout

    def profile(self, name: str) -> Profile:
        profile = super().profile(name)
        habits = profile.publishing.model_copy(update={"timeout_seconds": self._timeout, "minimum_gap_seconds": 0.0})
        return profile.model_copy(update={"publishing": habits})


class Outlet:
    """Runs an outlet with one channel per platform of the running sandbox."""

    def __init__(
        self,
        folder: Path,
        sandbox_servers: SandboxServers,
        platforms: Sequence[str] = PLATFORMS,
        media: str = "",
        channel_settings: str = "",
    ) -> None:
        """Writes the configuration.

        `media`: storage that outlets share, so that equal pictures are made once.
        `channel_settings`: more lines for every channel's table.
        """
        self.sandbox_servers = sandbox_servers
        self.folder = folder
        self.clock = ShiftedClock()
        # Otherwise a delivery that waits an hour would be too late in the evening, and tests would fail only then.
        sandbox_servers.ledger.shift(self.clock.shift_to(self.clock.now().replace(hour=12, minute=0)))
        self.config = folder / "config" / "publisher.toml"
        write_starter(folder)
        storage = f'\n[storage]\nmedia = "{media}"\n' if media else ""
        text = CONFIG + storage + "".join(self._channel(name) + channel_settings for name in platforms)
        self.config.write_text(text, encoding="utf-8")
        self.desk = Desk(self.config, self.clock)

    def _channel(self, name: str) -> str:
        platform = self.sandbox_servers.platform(name)
        settings = "".join(f'{key} = "{value}"\n' for key, value in self.sandbox_servers.connection(name).items())
        return (
            f'\n[channels.{name}]\nplatform = "{name}"\naccount = "{platform.account()}"\n'
            f'caption = "captions/{name}.j2"\n{settings}'
        )

    def environment(self) -> dict[str, str]:
        """Returns the secrets of the sandbox's accounts as environment variables."""
        return {
            self.desk.settings.channels[platform.name].secret_variable(secret): value
            for platform in self.sandbox_servers.platforms
            if platform.name in self.desk.settings.channels
            for secret, value in platform.credentials().items()
        }

    def connect(self, saved: Path) -> None:
        """Logs in wherever it is needed, once per test run: later outlets copy the sessions from the folder `saved`."""
        for platform in self.sandbox_servers.platforms:
            if platform.needs_login and platform.name in self.desk.settings.channels:
                self._connect(platform.name, saved / f"{platform.name}.json")

    def _connect(self, channel: str, saved: Path) -> None:
        session = self.folder / "sessions" / saved.name
        if not saved.exists():
            self.desk.channels.authorize(channel, NoQuestions())
            saved.write_bytes(session.read_bytes())
        session.parent.mkdir(mode=0o700, exist_ok=True)
        session.write_bytes(saved.read_bytes())
        session.chmod(0o600)

    def sandbox(self, sandbox_class: type[SandboxClass]) -> SandboxClass:
        """Returns the sandbox's platform of this class."""
        return next(platform for platform in self.sandbox_servers.platforms if isinstance(platform, sandbox_class))

    def add_post(
        self, title: str = "A quiet cell", images: int = 1, pictures: Sequence[ImageDraft] = (), **fields: object
    ) -> int:
        """Adds an approved post with `pictures` and `images` more small ones, and returns its id."""
        pictures = list(pictures)
        for number in range(images):
            file = self.folder / f"{abs(hash(title))}-{number}.png"
            draw(file, seed=number)
            pictures.append(ImageDraft(file=file, alt_text=f"Picture {number + 1}: a grey disc on black"))
        draft = PostDraft.model_validate(
            {
                "title": title,
                "standfirst": "It rests, and so does the desk",
                "body": "One *quiet* cell. Nothing moves.",
                "credit": "Image by the test bench",
                "licence": "CC BY 4.0",
                "tags": ("cell biology", "quiet"),
                "images": pictures,
                **fields,
            }
        )
        desk = self.desk
        post = add_post(desk.database, desk.store, draft, desk.now())
        # Most posts of tests show the same picture, and say the same.
        PostQueue(desk).approve(post.id, repeat_is_meant=True)
        return post.id

    def pick(self) -> None:
        desk = self.desk
        day = slot_day(desk.now(), desk.settings.outlet.zone)
        if desk.now() < slot_opens(day, desk.settings):
            self.shift_to_slot()
        pick_slot(desk.database, desk.settings, desk.targets, desk.people, desk.now())

    def shift_to_slot(self) -> None:
        day = slot_day(self.desk.now(), self.desk.settings.outlet.zone)
        self.sandbox_servers.ledger.shift(self.clock.shift_to(slot_opens(day, self.desk.settings)))

    def run_until_idle(self, *, timeout: float = 2.0, steps: int = 40) -> None:
        """Works until nothing is due any more, moving the clock to the next appointment each time."""
        channels = ShortTimeoutChannels(self.desk.settings, self.clock, timeout)
        worker = Worker(
            DeliveryContext(self.desk.database, channels, self.desk.renderer, self.clock, self.desk.settings.delivery),
            owner=owner_name(),
        )
        for _ in range(steps):
            recover_lost(self.desk.database, self.clock.now(), timedelta(seconds=0.2), is_surely_gone)
            with self.desk.database.reading() as session:
                due = due_channels(session, self.clock.now())
            for channel in due:
                worker.drain(channel)
            if not due and not self._move_to_next_appointment():
                return
        raise AssertionError("the deliveries did not end")

    def _move_to_next_appointment(self) -> bool:
        """Moves the clock to the next appointment; False when there is none."""
        with self.desk.database.reading() as session:
            waiting = next_appointments(session, self.clock.now())
        if not waiting:
            return False
        next_at = max(waiting[0].at, self.clock.now() + timedelta(seconds=0.1))
        self.sandbox_servers.ledger.shift(self.clock.shift_to(next_at))
        return True

    def deliveries(self) -> dict[str, Delivery]:
        """Returns the deliveries of the newest pick by channel."""
        with self.desk.database.reading() as session:
            rows = session.scalars(select(Delivery).order_by(Delivery.id))
            return {row.channel_name: row for row in rows}

    def copies(self, platform: str) -> list[LedgerPost]:
        return self.sandbox_servers.ledger.posts(platform)

    def close(self) -> None:
        self.desk.database.close()


class NoQuestions:
    def show(self, text: str) -> None:
        assert text

    def ask(self, question: str, *, secret: bool = False) -> str:
        raise AssertionError(f"asked: {question}")


def draw(file: Path, *, seed: int = 0, width: int = 640, height: int = 480) -> None:
    """Draws a soft disc on black with a little noise, different for each seed."""
    file.write_bytes(_picture_bytes(file.suffix, seed, width, height))


@cache
def _picture_bytes(suffix: str, seed: int, width: int, height: int) -> bytes:
    noise = pyvips.Image.gaussnoise(width, height, mean=20, sigma=8, seed=seed)
    disc = pyvips.Image.gaussmat(60 + 10 * seed, 0.02).linear(0.8, 0)
    left = max(0, (width - disc.width) // 2)
    top = max(0, (height - disc.height) // 2)
    image = noise + disc.crop(0, 0, min(disc.width, width), min(disc.height, height)).embed(left, top, width, height)
    content: bytes = image.cast("uchar").colourspace("srgb").write_to_buffer(suffix)
    return content


def set_environment(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    """Adds these variables to the environment until the test ends."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Adds these variables to the environment for a block."""
    earlier_values = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in earlier_values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
