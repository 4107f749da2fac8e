"""Fills a database with a row in each of its tables, and a value in every kind of column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from publisher.core.content import ImageChoices
from publisher.core.problems import recorded_problem
from publisher.db.base import Base
from publisher.db.corrections import Correction
from publisher.db.imports import Import, ItemChange, ItemKey, PublishedLink, SeenItem, WatchedSource
from publisher.db.models import Attempt, Delivery, Event, Media, Pick, Post, PostImage
from publisher.db.operations import Alert, ChannelSession, DeskPlaceRow, Process, Quota
from publisher.db.post_collections import Collection, CollectionPost
from publisher.db.session import Database
from publisher.db.staff import (
    ApiToken,
    Autosave,
    Comment,
    IdempotentAnswer,
    KnownBrowser,
    LoginFailure,
    Notification,
    Person,
    PostVersion,
    PreviewLink,
    Upload,
    WebSession,
)
from publisher.db.webhooks import Webhook, WebhookMessage
from publisher.posts.search_index import index_post
from tests.fakes import add_delivery

NOW = datetime(2026, 5, 4, 9, 0, 0, 123456, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=2)
ODD = "Ünïcode “quoted” 🧬 'x'; --\n\t%s \\ \x7f"


def fill(database: Database) -> None:
    """Fills an empty database, so that no table of it is empty."""
    published = add_delivery(database, NOW, day_offset=-1, title=ODD)
    add_delivery(database, NOW, thread=("more",))
    with database.writing() as session:
        values = {
            "state": "published",
            "remote_id": "7",
            "remote_url": "https://fake.example/7",
            "published_at": NOW,
            "idempotency_key": "key",
            "sent_at": NOW,
        }
        session.execute(update(Delivery).where(Delivery.id == published).values(**values))
        _add_post(session)
        _add_work(session, published)
        _add_people(session)


def _add_post(session: Session) -> None:
    media = Media(
        sha256="ab" * 32,
        file_name=ODD,
        format="png",
        width=4000,
        height=3000,
        bytes=2_000_000_000,
        gutters=[0.1, 1 / 3],
        warnings=[recorded_problem(ODD)],
        created_at=NOW,
    )
    image = PostImage(position=0, media=media, alt_text=ODD, choices=ImageChoices().model_dump(mode="json"))
    post = Post(
        position=1e-9,
        title=ODD,
        reserve=True,
        fixed_date=NOW.date(),
        embargo_until=NOW,
        links=[{"url": "https://x.example", "deep": {"list": [1, 2.5, None, True, "é"]}}],
        tags=[],
        captions={"x": ODD, "b": 1, "a": 2},
        created_at=NOW,
        updated_at=NOW,
        images=[image],
    )
    session.add(post)
    index_post(session, post)


def _add_work(session: Session, delivery: int) -> None:
    session.add(Attempt(delivery_id=delivery, kind="send", fence=1, worker="w", started_at=NOW, cost_micros=15_000))
    session.add(
        Quota(channel_name="fake", name="posts", kind="day", maximum=9, remaining=0, resets_at=NOW, seen_at=NOW)
    )
    texts = {"before": {"caption": "old"}, "after": {"caption": ODD}}
    session.add(
        Correction(
            delivery_id=delivery, channel_name="fake", post_version=2, actor="ada", created_at=NOW, due_at=NOW,
            state="failed", ended_at=NOW, problem=recorded_problem(ODD), **texts,
        )
    )  # fmt: skip
    session.add(ChannelSession(channel_name="fake", content="sealed", updated_at=NOW))
    session.add(DeskPlaceRow(id=1, machine="here", path="queue.db"))
    session.add(Process(owner="there:1:2:3", role="worker", started_at=LONG_AGO, seen_at=LONG_AGO))
    alert = Alert(kind="held", channel="fake", delivery_id=delivery, day=NOW.date(), opened_at=NOW, next_try_at=NOW)
    alert.headline = alert.problem = alert.ending = recorded_problem(ODD)
    session.add(alert)


def _add_people(session: Session) -> None:
    post = 1
    person = Person(email="ada@example.org", name=ODD, roles=["editor"], active=False, created_at=NOW)
    event = Event(at=NOW, name="person invited", detail={"person": "ada@example.org"})
    session.add_all([person, event, LoginFailure(account="0" * 64, address="::1", at=NOW)])
    hook = Webhook(url="https://x.example", secret="sealed", created_at=NOW)
    session.add(hook)
    session.flush()
    mine = {"person_id": person.id, "created_at": NOW}
    session.add_all(
        [
            WebSession(token_hash="t" * 64, csrf="c", seen_at=NOW, **mine),
            KnownBrowser(person_id=person.id, token_hash="b" * 64, seen_at=NOW),
            ApiToken(name="n", token_hash="u" * 64, scopes=["read"], **mine),
            IdempotentAnswer(key="k", request_hash="h" * 64, **mine),
            Upload(id="u" * 32, file_name="f", size=5, **mine),
            PostVersion(post_id=post, version=1, at=NOW, actor="ada", content={"title": ODD}),
            Autosave(post_id=post, person_id=person.id, based_on=1, fields={}, saved_at=NOW),
            PreviewLink(
                post_id=post,
                token_hash="p" * 64,
                name=ODD,
                post_version=1,
                made_by="ada",
                created_at=NOW,
                expires_at=NOW,
            ),
            Notification(
                person_id=person.id, kind="remark", post_id=post, actor=ODD, at=NOW, send_error=recorded_problem(ODD)
            ),
            Comment(post_id=post, person_id=person.id, at=NOW, text=ODD),
            WebhookMessage(webhook_id=hook.id, event_id=event.id, body=bytes(range(256)), next_try_at=NOW),
        ]
    )
    _add_import(session, post)
    collection = Collection(name=ODD, description=ODD, is_public=True, created_at=NOW, created_by="ada")
    session.add(collection)
    session.flush()
    session.add(CollectionPost(collection_id=collection.id, post_id=post, position=1))


def _add_import(session: Session, post: int) -> None:
    run = Import(source=ODD, source_key="s" * 64, actor="ada", started_at=NOW, counts={"made": 1})
    session.add(run)
    session.flush()
    item = ItemKey(import_id=run.id, key="k" * 64, digest="d" * 64, post_id=post, made_post=True, post_version=1)
    session.add(item)
    session.flush()
    session.add(PublishedLink(post_id=post, item_id=item.id, platform="site", url="https://x.example"))
    session.add(
        ItemChange(
            import_id=run.id, item_id=item.id, updated_by=run.id, digest="e" * 64, version_before=1, version_after=2,
            published_on=NOW.date(), links={"site": "https://x.example"},
        )
    )  # fmt: skip
    session.add(WatchedSource(name="old", address=ODD, next_check_at=NOW, problem=recorded_problem(ODD)))
    session.add(SeenItem(source="old", key="w" * 64, post_id=post, seen_at=NOW))


def empty_tables(database: Database) -> list[str]:
    """Lists the tables that `fill` left empty."""
    with database.reading() as session:
        return [table.name for table in Base.metadata.sorted_tables if session.execute(table.select()).first() is None]


def add_event(database: Database, name: str) -> None:
    """Adds an event."""
    with database.writing() as session:
        session.add(Event(at=NOW, name=name, actor="ada"))


def add_pick(database: Database, day: int) -> int:
    """Adds the pick of an empty day, and returns its id."""
    with database.writing() as session:
        pick = Pick(slot=(NOW + timedelta(days=day)).date(), reason="empty", picked_at=NOW)
        session.add(pick)
        session.flush()
        return pick.id
