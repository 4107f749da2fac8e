"""Makes a desk with years of published pictures and a filled queue, to measure the pages with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from publisher.core.clock import Clock
from publisher.db.models import Attempt, Delivery, Event, Pick, Post, PostImage
from publisher.desk import Desk
from publisher.intake.post_files import read_folder
from publisher.posts.channel_posts import adapt_for_channels
from publisher.posts.posts import add_post
from publisher.posts.search_index import refresh_index
from publisher.samples.draw import write_samples
from publisher.starter import write_starter

ACTOR = "history"
ADJECTIVES = ("quiet", "folded", "branching", "glowing", "wandering", "striped", "hollow", "patient", "crowded", "thin")
NOUNS = ("cells", "neurons", "roots", "bones", "capsids", "glands", "fibres", "spores", "vessels", "crystals", "gills")
TAGS = ("microscopy", "biology", "plants", "brain", "virus", "bone", "development", "fluorescence", "electron", "x-ray")
OWN_COLUMNS = {"id", "version", "position", "title", "tags", "state", "approved_at", "last_shown_on", "words_stale"}
"""Columns in which a copied post differs from its sample."""


@dataclass(frozen=True)
class _Sample:
    """Holds a sample post: its columns, its pictures' columns, and its adapted post of each channel."""

    columns: dict[str, Any]
    images: list[dict[str, Any]]
    adapted: dict[str, dict[str, Any]]


def build_outlet(
    folder: Path, published: int = 5000, queued: int = 200, clock: Clock | None = None, *, database: str = ""
) -> Desk:
    """Makes a desk in `folder` whose last `published` days each have a post on every channel of the starter.

    `queued` posts wait: nine of ten approved, the others drafts and in review; every twentieth is in
    the reserve, and a few have a fixed date. The same numbers give the same desk, except for today's date. `database`:
    the URL of one that is not in the folder.
    """
    write_starter(folder)
    config = folder / "config" / "publisher.toml"
    if database:
        settings = config.read_text(encoding="utf-8").replace(
            '# database = "sqlite:///queue.db"', f'database = "{database}"'
        )
        config.write_text(settings, encoding="utf-8")
    desk = Desk(config, clock)
    now, generator = desk.now(), random.Random(13)
    today = now.astimezone(desk.settings.outlet.zone).date()
    samples = _add_samples(desk, folder / "samples")
    past_days = [today - timedelta(days=number) for number in range(published, 0, -1)]
    with desk.database.writing() as session:
        posts = [_post(generator, samples, number, now) for number in range(published + queued)]
        for post, day in zip(posts, past_days, strict=False):
            post["last_shown_on"] = day
        for number, post in enumerate(posts[published:]):
            _set_waiting_state(post, number, today)
        ids = _insert_posts(session, samples, posts)
        _insert_history(session, samples, dict(zip(past_days, ids, strict=False)))
    refresh_index(desk.database)
    return desk


def _add_samples(desk: Desk, folder: Path) -> list[_Sample]:
    """Adds the sample posts as staff would, and withdraws them, so that they are not in the queue."""
    for post_file in read_folder(folder) if write_samples(folder) else ():
        if post_file.draft is not None:
            add_post(desk.database, desk.store, post_file.draft, desk.now(), ACTOR)
    with desk.database.writing() as session:
        posts = list(session.scalars(select(Post)))
        for post in posts:
            post.state = "withdrawn"
        return [
            _Sample(
                _columns(post),
                [_columns(image) for image in post.images],
                {
                    channel_post.channel: channel_post.adapted.model_dump(mode="json")
                    for channel_post in adapt_for_channels(post, desk.targets, desk.people)
                    if channel_post.adapted
                },
            )
            for post in posts
        ]


def _columns(row: Post | PostImage) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__table__.columns.keys() if name not in ("id", "post_id")}  # noqa: SIM118


def _post(generator: random.Random, samples: list[_Sample], number: int, now: datetime) -> dict[str, Any]:
    title = f"{generator.choice(ADJECTIVES).title()} {generator.choice(NOUNS)}, number {number + 1}"
    shared = {name: value for name, value in samples[number % len(samples)].columns.items() if name not in OWN_COLUMNS}
    own = {
        "version": 1,
        "position": 1024.0 * (number + 1),
        "title": title,
        "tags": generator.sample(TAGS, 3),
        "state": "approved",
        "approved_at": now,
        "last_shown_on": None,
    }
    return {**shared, **own}


def _set_waiting_state(post: dict[str, Any], number: int, today: date) -> None:
    if number % 10 == 9:
        post["state"], post["approved_at"] = ("in_review" if number % 20 == 9 else "draft"), None
    post["reserve"] = number % 20 == 0
    if number % 40 == 5:
        post["fixed_date"] = today + timedelta(days=number + 3)


def _insert_posts(session: Session, samples: list[_Sample], posts: list[dict[str, Any]]) -> list[int]:
    ids = list(session.scalars(insert(Post).returning(Post.id, sort_by_parameter_order=True), posts))
    images = [
        {**image, "post_id": post_id}
        for number, post_id in enumerate(ids)
        for image in samples[number % len(samples)].images
    ]
    session.execute(insert(PostImage), images)
    return ids


def _insert_history(session: Session, samples: list[_Sample], shown: dict[date, int]) -> None:
    picks = [
        {"slot": day, "post_id": post, "reason": "queue", "picked_at": _at(day, 9, 0)} for day, post in shown.items()
    ]
    pick_ids = list(session.scalars(insert(Pick).returning(Pick.id, sort_by_parameter_order=True), picks))
    deliveries = [
        _delivery(pick_id, day, channel, adapted)
        for number, (pick_id, day) in enumerate(zip(pick_ids, shown, strict=True))
        for channel, adapted in samples[number % len(samples)].adapted.items()
    ]
    ids = list(session.scalars(insert(Delivery).returning(Delivery.id, sort_by_parameter_order=True), deliveries))
    session.execute(insert(Attempt), list(_attempts(ids, deliveries)))
    session.execute(
        insert(Event),
        [
            {"at": row["published_at"], "name": "published", "delivery_id": delivery_id}
            for delivery_id, row in zip(ids, deliveries, strict=True)
        ],
    )


def _delivery(pick_id: int, day: date, channel: str, adapted: dict[str, Any]) -> dict[str, Any]:
    key = f"{channel}-{day:%Y%m%d}"
    return {
        "pick_id": pick_id,
        "channel_name": channel,
        "state": "published",
        "due_at": _at(day, 9, 0),
        "scheduled_at": _at(day, 9, 0),
        "expires_at": _at(day, 20, 0),
        "token": random.Random(key).randbytes(6).hex(),
        "idempotency_key": key,
        "adapted": adapted,
        "sent_at": _at(day, 9, 1),
        "remote_id": key,
        "remote_url": f"https://{channel}.example/{key}",
        "published_at": _at(day, 9, 1),
    }


def _attempts(ids: list[int], deliveries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for delivery_id, row in zip(ids, deliveries, strict=True):
        yield {
            "delivery_id": delivery_id,
            "kind": "send",
            "fence": 1,
            "worker": ACTOR,
            "started_at": row["sent_at"],
            "ended_at": row["published_at"],
            "outcome": "published",
            "status": 200,
        }


def _at(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)
