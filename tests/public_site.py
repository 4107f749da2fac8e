"""Opens an outlet with a public site, and publishes posts on days of its past without any platform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.core.clock import FixedClock
from publisher.db.imports import Import, ItemKey, PublishedLink
from publisher.db.models import Pick, Post
from publisher.desk import Desk
from publisher.lifecycle import record_event
from publisher.posts.old_addresses import address_key
from publisher.posts.versions import store_version
from publisher.site.server import SiteServer
from tests.queue_desk import picture

NOW = datetime(2026, 5, 12, 11, 30, tzinfo=UTC)
"""A Tuesday, after the hour of the slot."""
TODAY = date(2026, 5, 12)
ADDRESS = "https://cells.example.org"
CONFIG = f"""\
[outlet]
name = "Cells Daily"
time_zone = "Europe/London"
hour = "09:00"

[site]
enabled = true
port = 0
address = "{ADDRESS}"

[channels.tumblr]
platform = "tumblr"
account = "cells-daily"
caption = "captions/tumblr.j2"

[channels.catalan]
platform = "tumblr"
account = "cada-dia-una-cellula"
caption = "captions/tumblr.j2"
language = "ca"
"""


class Visitor(requests.Session):
    """Reads pages of a site, and follows no redirect."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.trust_env = False
        self.base = base

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().request(method, self.base + url, **{**options, "allow_redirects": False})


@dataclass
class PublicSite:
    """Holds a desk whose site a test visits."""

    desk: Desk
    clock: FixedClock

    @contextmanager
    def visit(self) -> Iterator[Visitor]:
        """Serves the site, and opens a client that follows no redirect."""
        server = SiteServer(self.desk)
        server.start()
        try:
            with Visitor(server.url) as visitor:
                yield visitor
        finally:
            server.stop()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Opens a transaction that writes, and records an event in it, as every change of a desk does."""
        with self.desk.database.writing() as session:
            yield session
            record_event(session, "post edited", now=self.desk.now())

    def publish(self, title: str, day: date = TODAY, **values: Any) -> int:
        """Stores an approved post that was picked for a day, and returns its id."""
        with self.writing() as session:
            post = self._post(title, state="approved", approved_at=NOW, last_shown_on=day, **values)
            session.add(post)
            session.flush()
            store_version(session, post, now=NOW, actor="mar")
            post.approved_version = post.version
            session.add(Pick(slot=day, post_id=post.id, reason="queue", picked_at=NOW))
            return post.id

    def import_post(self, title: str, day: date, link: str = "", **values: Any) -> int:
        """Stores a post that was published before this desk, as an import does."""
        with self.writing() as session:
            post = self._post(title, state="draft", published_elsewhere_on=day, last_shown_on=day, **values)
            session.add(post)
            session.flush()
            store_version(session, post, now=NOW, actor="import 1")
            run = Import(source="x", source_key=title, actor="cli", started_at=NOW)
            session.add(run)
            session.flush()
            item = ItemKey(
                import_id=run.id, key=title, digest="0", post_id=post.id, made_post=True, post_version=post.version
            )
            session.add(item)
            session.flush()
            if link:
                session.add(
                    PublishedLink(
                        post_id=post.id, item_id=item.id, platform="site", url=link, address_key=address_key(link)
                    )
                )
            return post.id

    def draft(self, title: str, **values: Any) -> int:
        """Stores a post that nobody has published."""
        with self.writing() as session:
            post = self._post(title, **{"state": "draft", **values})
            session.add(post)
            session.flush()
            store_version(session, post, now=NOW, actor="mar")
            return post.id

    def change(self, post_id: int, **values: Any) -> None:
        """Changes a post in the desk, and keeps the new version."""
        with self.writing() as session:
            post = session.get_one(Post, post_id)
            for name, value in values.items():
                setattr(post, name, value)
            session.flush()
            store_version(session, post, now=NOW, actor="tomas")
        self.clock.advance(seconds=10)

    def _post(self, title: str, **values: Any) -> Post:
        with self.desk.database.reading() as session:
            last = session.scalar(select(func.max(Post.position))) or 0.0
        fields: dict[str, Any] = {
            "title": title,
            "standfirst": f"What {title} means",
            "body": "One *quiet* cell.\n\nNothing moves.",
            "written_by": "Sophie Arthur",
            "credit": "Jane Doe",
            "licence": "CC BY 4.0",
            "tags": ["Cell biology"],
            "language": "en",
            "position": last + 1,
            "created_at": NOW,
            "updated_at": NOW,
            "images": [picture(title, NOW)],
        }
        return Post(**{**fields, **values})


def open_public_site(config: Path) -> PublicSite:
    """Opens the desk of a configuration that is replaced by one with a site."""
    config.write_text(CONFIG, encoding="utf-8")
    clock = FixedClock(NOW)
    return PublicSite(Desk(config, clock), clock)
