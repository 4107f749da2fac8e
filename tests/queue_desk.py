"""Opens a desk with two channels, and makes posts that can be approved as they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from publisher.adapt.images.inspection import ImageFacts
from publisher.adapt.images.rendering import ImageRefused, Renderer
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.content import ImageChoices, Rendition, RenditionSpec
from publisher.core.problems import Problem
from publisher.db.models import Event, Media, Pick, Post, PostImage
from publisher.db.session import Database
from publisher.media import FolderStore
from publisher.platforms.profiles import ImageLimits
from publisher.schedule.picking import PickOutcome, pick_slot
from publisher.settings import Settings
from tests.fakes import fake_profile

TEMPLATE = "{{ title }}\n\n{{ credit }}"


class InstantRenderer(Renderer):
    """Stands in for the renderer in tests that are not about pictures: every picture is made, and of nothing."""

    def __init__(self) -> None:
        self.refused: dict[str, Problem] = {}
        """What is wrong with pictures that can't be made, by the hash of their original."""

    def render(self, spec: RenditionSpec) -> Rendition:
        if spec.source in self.refused:
            raise ImageRefused(self.refused[spec.source])
        return Rendition(
            path=Path(os.devnull), sha256=spec.digest, format=spec.formats[0], width=100, height=100, bytes=0
        )


@dataclass
class Desk:
    """Holds the parts of a desk, and picks and adds posts for tests."""

    database: Database
    settings: Settings
    targets: dict[str, Target]
    store: FolderStore
    people: PeopleDirectory = field(default_factory=PeopleDirectory)
    instant: datetime | None = None
    renderer: Renderer = field(default_factory=InstantRenderer)

    def now(self) -> datetime:
        """Returns the instant that `at` set."""
        assert self.instant is not None
        return self.instant

    def at(self, instant: datetime) -> Desk:
        """Returns the desk at an instant."""
        return replace(self, instant=instant)

    def pick(self, now: datetime) -> PickOutcome:
        return pick_slot(self.database, self.settings, self.targets, self.people, now)

    def post(self, title: str, now: datetime, **values: Any) -> int:
        """Adds a post with a picture of its own at the end of the queue; approved by default."""
        return self.posts([title], now, **values)[0]

    def posts(self, titles: Iterable[str], now: datetime, **values: Any) -> list[int]:
        """Adds several posts with pictures of their own, in this order; approved by default."""
        with self.database.writing() as session:
            last = session.scalar(select(func.max(Post.position))) or 0.0
            posts = [
                _post(title, now, **{"position": last + number, **values})
                for number, title in enumerate(titles, start=1)
            ]
            session.add_all(posts)
            session.flush()
            return [post.id for post in posts]

    def load(self, post_id: int) -> Post:
        with self.database.reading() as session:
            return session.get_one(Post, post_id)

    def picks(self) -> list[Pick]:
        with self.database.reading() as session:
            picks = list(session.scalars(select(Pick).order_by(Pick.slot)))
            for pick in picks:
                assert pick.deliveries is not None
            return picks

    def events(self, name: str) -> list[Event]:
        with self.database.reading() as session:
            return list(session.scalars(select(Event).where(Event.name == name).order_by(Event.id)))


def open_desk(
    database: Database,
    folder: Path,
    *,
    zone: str = "Europe/London",
    hour: time = time(9),
    lateness: str = "until 20:00",
    no_repeat_days: int = 365,
    **channels: dict[str, Any],
) -> Desk:
    """Opens a desk with the channels `web` at the outlet's hour and `mail` 90 minutes later, or with others."""
    tables = channels or {"web": {}, "mail": {"hour": time(hour.hour + 1, 30)}}
    settings = Settings.model_validate(
        {
            "file": folder / "publisher.toml",
            "outlet": {"name": "A picture a day", "time_zone": zone, "hour": hour, "lateness": lateness},
            "reserve": {"no_repeat_days": no_repeat_days},
            "channels": {
                name: {"platform": "fake", "account": name, "caption": "fake.j2", **table}
                for name, table in tables.items()
            },
        }
    )
    return Desk(database, settings, {name: target(settings, name) for name in tables}, FolderStore(folder / "media"))


def _post(title: str, now: datetime, **values: Any) -> Post:
    state = values.get("state", "approved")
    fields = {
        "state": state,
        "approved_at": now if state == "approved" else None,
        "title": title,
        "credit": "Jane Doe",
        "licence": "CC BY 4.0",
        "language": "en",
        "created_at": now,
        "updated_at": now,
    }
    return Post(**{**fields, "images": [picture(title, now)], **values})


def target(settings: Settings, name: str) -> Target:
    channel = settings.channels[name]
    pictures = ImageLimits(maximum=4, formats=("jpeg",), max_bytes=1_000_000, max_width=4000, max_height=4000)
    return Target(
        channel=name,
        platform="fake",
        profile=fake_profile().model_copy(update={"images": pictures}),
        language=settings.channel_language(channel),
        template=TEMPLATE,
        template_name="fake.j2",
        missing_translation=channel.missing_translation,
    )


def picture(seed: str, now: datetime) -> PostImage:
    """Makes a picture without a file; each seed gives another one."""
    sha256 = hashlib.sha256(seed.encode()).hexdigest()
    media = Media(
        sha256=sha256, file_name=f"{seed}.png", format="png", width=1200, height=900, bytes=1000, phash=sha256,
        warnings=[], created_at=now,
    )  # fmt: skip
    choices = ImageChoices().model_dump(mode="json")
    return PostImage(position=0, media=media, alt_text=f"What {seed} shows", choices=choices)


def facts_of_content(path: Path) -> ImageFacts:
    """Replaces the inspection in tests that are not about decoding: the content decides the hash."""
    phash = hashlib.sha256(path.read_bytes()).hexdigest()
    return ImageFacts(format="png", width=1200, height=900, bits=8, frames=1, phash=phash, gutters=(), warnings=())
