"""Gathers where a post came from, who wrote, changed and approved it, and what became of it on each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from publisher.core.problems import Problem
from publisher.core.states import CorrectionState, State
from publisher.db.corrections import Correction
from publisher.db.imports import Import, ItemKey
from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.db.staff import PostVersion
from publisher.posts.published_links import published_links

DECISIONS = ("post approved", "post withdrawn")


@dataclass(frozen=True, slots=True)
class Origin:
    """Says how a post came into this desk."""

    at: datetime
    actor: str
    source: str
    """The file, folder or address that an import read; empty: no import made it."""
    is_from_file: bool
    """It was added from a post file."""


@dataclass(frozen=True, slots=True)
class Author:
    """Says how often a person or a program changed a post, and when."""

    actor: str
    versions: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """Says who approved a post, or withdrew it."""

    actor: str
    at: datetime
    is_approval: bool
    version: int | None
    """The version that was approved; None: an older desk did not write it down."""


@dataclass(frozen=True, slots=True)
class Showing:
    """Says what became of a post on one channel on one day."""

    delivery_id: int
    channel: str
    part: int
    """0: the post. From 1: the replies that continue it, in order."""
    state: State
    since: datetime | None
    url: str | None
    remote_id: str | None
    problem: Problem | None
    read_back: str | None
    """The outcome of the last read-back; None: there was none."""
    read_back_at: datetime | None
    read_back_due: datetime | None
    corrections: int
    """Corrections that followers got."""


@dataclass(frozen=True, slots=True)
class ShownDay:
    """Holds a day for which a post was picked."""

    day: date
    reason: str
    showings: tuple[Showing, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Holds all that is known of a post's way, in the order in which it happened."""

    origin: Origin
    authors: tuple[Author, ...]
    decisions: tuple[Decision, ...]
    days: tuple[ShownDay, ...]
    published_elsewhere_on: date | None
    links: dict[str, str]
    """Its links by the name of their platform, as an import brought them."""


def provenance_of(session: Session, post: Post) -> Provenance:
    """Gathers the way of a post."""
    authors = _authors(session, post)
    return Provenance(
        _origin(session, post, authors),
        authors,
        _decisions(session, post.id),
        _shown_days(session, post.id),
        post.published_elsewhere_on,
        published_links(session, post.id),
    )


def _origin(session: Session, post: Post, authors: Sequence[Author]) -> Origin:
    made_by = select(Import).join(ItemKey, ItemKey.import_id == Import.id)
    made_by = made_by.where(ItemKey.post_id == post.id, ItemKey.made_post).order_by(ItemKey.id)
    if (run := session.scalar(made_by.limit(1))) is not None:
        return Origin(post.created_at, run.actor, run.source, is_from_file=False)
    added = select(Event.actor).where(Event.post_id == post.id, Event.name == "post added").order_by(Event.id)
    actor = session.scalar(added.limit(1)) or (authors[0].actor if authors else post.edited_by)
    return Origin(post.created_at, actor, "", is_from_file=post.source_key is not None)


def _authors(session: Session, post: Post) -> tuple[Author, ...]:
    first = func.min(PostVersion.at)
    query = select(PostVersion.actor, func.count(), first, func.max(PostVersion.at))
    query = query.where(PostVersion.post_id == post.id).group_by(PostVersion.actor)
    return tuple(Author(*row) for row in session.execute(query.order_by(first, PostVersion.actor)))


def _decisions(session: Session, post_id: int) -> tuple[Decision, ...]:
    query = select(Event).where(Event.post_id == post_id, Event.name.in_(DECISIONS)).order_by(Event.id)
    return tuple(
        Decision(event.actor, event.at, event.name == "post approved", event.detail.get("version"))
        for event in session.scalars(query)
    )


def _shown_days(session: Session, post_id: int) -> tuple[ShownDay, ...]:
    picks = list(session.scalars(select(Pick).where(Pick.post_id == post_id).order_by(Pick.slot)))
    query = select(Delivery).where(Delivery.pick_id.in_([pick.id for pick in picks])).order_by(Delivery.id)
    deliveries = list(session.scalars(query))
    ids = [delivery.id for delivery in deliveries]
    read_back = {attempt.delivery_id: attempt for attempt in session.scalars(_read_backs(ids))}
    corrected = select(Correction.delivery_id, func.count()).where(
        Correction.delivery_id.in_(ids), Correction.state == CorrectionState.DONE
    )
    counts = {row[0]: row[1] for row in session.execute(corrected.group_by(Correction.delivery_id))}
    return tuple(
        ShownDay(
            pick.slot,
            pick.reason,
            tuple(
                _showing(delivery, read_back.get(delivery.id), counts.get(delivery.id, 0))
                for delivery in deliveries
                if delivery.pick_id == pick.id
            ),
        )
        for pick in picks
    )


def _read_backs(ids: Sequence[int]) -> Select[Attempt]:
    """Selects the read-backs of deliveries that came to an end, in their order."""
    query = select(Attempt).where(Attempt.delivery_id.in_(ids), Attempt.kind == "verify", Attempt.outcome.is_not(None))
    return query.order_by(Attempt.id)


def _showing(delivery: Delivery, read_back: Attempt | None, corrections: int) -> Showing:
    return Showing(
        delivery_id=delivery.id,
        channel=delivery.channel_name,
        part=delivery.part,
        state=State(delivery.state),
        since=delivery.shown_since,
        url=delivery.remote_url,
        remote_id=delivery.remote_id,
        problem=delivery.problem,
        read_back=read_back.outcome if read_back else None,
        read_back_at=read_back.ended_at if read_back else None,
        read_back_due=delivery.verify_at,
        corrections=corrections,
    )
