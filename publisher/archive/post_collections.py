"""Keeps collections: named selections of posts, in an order of their own, public or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.core.characters import clean_line, remove_control_characters
from publisher.core.errors import ErrorKind
from publisher.core.messages import _
from publisher.core.post_limits import COLLECTION_NAME, COLLECTION_POSTS, STANDFIRST
from publisher.db.models import Post
from publisher.db.post_collections import Collection, CollectionPost
from publisher.posts.desk_parts import DeskParts
from publisher.posts.errors import PostError, StaleEdit
from publisher.posts.post_store import load_post

Step = Literal["first", "up", "down", "last"]


class CollectionNotFound(PostError):
    """Says that there is no such collection."""

    code = "collection-not-found"
    kind = ErrorKind.NOT_FOUND


class PublicCollectionRefused(PostError):
    """Says that only who may approve posts makes a collection public, or changes a public one."""

    code = "public-collection-refused"
    kind = ErrorKind.FORBIDDEN


@dataclass(frozen=True, slots=True)
class CollectionFields:
    """Holds what a person says of a collection."""

    name: str
    description: str = ""
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class ListedCollection:
    """Holds what a list shows of a collection."""

    id: int
    name: str
    description: str
    is_public: bool
    posts: int


@dataclass(frozen=True, slots=True)
class CollectedPost:
    """Holds what a list shows of a post in a collection."""

    id: int
    position: int
    title: str
    language: str
    state: str
    last_shown_on: date | None


def list_collections(session: Session) -> list[ListedCollection]:
    """Lists the collections by their names, each with the number of its posts."""
    columns = (Collection.id, Collection.name, Collection.description, Collection.is_public)
    query = select(*columns, func.count(CollectionPost.post_id)).outerjoin(
        CollectionPost, CollectionPost.collection_id == Collection.id
    )
    rows = session.execute(query.group_by(*columns).order_by(func.lower(Collection.name), Collection.id))
    return [ListedCollection(*row) for row in rows]


def load_collection(session: Session, collection_id: int) -> Collection:
    """Returns a collection. Raises CollectionNotFound."""
    collection = session.get(Collection, collection_id)
    if collection is None:
        raise CollectionNotFound(_("there is no collection {collection}", collection=collection_id))
    return collection


def version_of(collection: Collection) -> str:
    """Identifies what a collection says of itself, so that nobody overwrites what they have not seen."""
    content = json.dumps([collection.name, collection.description, collection.is_public])
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def posts_of(session: Session, collection_id: int) -> list[CollectedPost]:
    """Lists the posts of a collection in its order."""
    columns = (Post.id, CollectionPost.position, Post.title, Post.language, Post.state, Post.last_shown_on)
    query = select(*columns).join(CollectionPost, CollectionPost.post_id == Post.id)
    rows = session.execute(query.where(CollectionPost.collection_id == collection_id).order_by(CollectionPost.position))
    return [CollectedPost(*row) for row in rows]


def collections_with(session: Session, post_id: int) -> list[int]:
    """Lists the collections that have a post."""
    query = select(CollectionPost.collection_id).where(CollectionPost.post_id == post_id)
    return list(session.scalars(query.order_by(CollectionPost.collection_id)))


class Collections:
    """Changes the collections of one desk for one person. Each method is one transaction.

    A public collection is made and changed by who may approve posts: any method raises PublicCollectionRefused
    for others.
    """

    def __init__(self, desk: DeskParts, actor: str, *, may_publish: bool) -> None:
        """`may_publish`: the person may approve posts."""
        self._desk = desk
        self._actor = actor
        self._may_publish = may_publish

    def add(self, fields: CollectionFields) -> int:
        """Makes a collection, and returns its id. Raises PostError: the name is empty or taken."""
        checked = _checked(fields)
        self._require_right(is_public=checked.is_public)
        with self._changing() as session:
            _refuse_taken(session, checked.name)
            collection = Collection(created_at=self._desk.now(), created_by=self._actor[:120])
            _set(collection, checked)
            session.add(collection)
            session.flush()
            self._record_event(session, "collection made", collection)
            return collection.id

    def change(self, collection_id: int, fields: CollectionFields, *, expected_version: str | None = None) -> None:
        """Changes name, description and who may see it.

        Raises PostError: the name is empty or taken, or it is not the expected version that somebody saw.
        """
        checked = _checked(fields)
        with self._changing() as session:
            collection = load_collection(session, collection_id)
            if expected_version not in (None, version_of(collection)):
                raise StaleEdit(
                    _(
                        "collection {collection} was changed meanwhile; look at it as it is now and repeat your change",
                        collection=collection_id,
                    )
                )
            self._require_right(is_public=checked.is_public or collection.is_public)
            _refuse_taken(session, checked.name, collection_id)
            _set(collection, checked)
            self._record_event(session, "collection changed", collection)

    def remove(self, collection_id: int) -> None:
        """Removes a collection. Its posts stay."""
        with self._changing() as session:
            collection = self._load(session, collection_id)
            self._record_event(session, "collection removed", collection)
            session.execute(delete(CollectionPost).where(CollectionPost.collection_id == collection_id))
            session.delete(collection)

    def add_posts(self, collection_id: int, posts: Sequence[int]) -> int:
        """Puts posts at the end of a collection, and returns how many were not in it yet.

        Raises PostError: one of them does not exist, or there would be too many. Then nothing was changed.
        """
        with self._changing() as session:
            collection = self._load(session, collection_id)
            present = _order(session, collection_id)
            new = [post for post in dict.fromkeys(posts) if post not in present]
            for post in new:
                load_post(session, post)
            if len(present) + len(new) > COLLECTION_POSTS:
                raise PostError(
                    _("a collection has at most {maximum:number} posts; make another one", maximum=COLLECTION_POSTS)
                )
            for position, post in enumerate(new, start=len(present) + 1):
                session.add(CollectionPost(collection_id=collection_id, post_id=post, position=position))
                self._record_event(session, "put into a collection", collection, post)
            return len(new)

    def remove_post(self, collection_id: int, post_id: int) -> None:
        """Takes a post out of a collection. Raises PostError: it is not in it."""
        with self._changing() as session:
            collection = self._load(session, collection_id)
            order = _order(session, collection_id)
            _place_in(order, post_id, collection)
            order.remove(post_id)
            gone = (CollectionPost.collection_id == collection_id, CollectionPost.post_id == post_id)
            session.execute(delete(CollectionPost).where(*gone))
            _store_order(session, collection_id, order)
            self._record_event(session, "taken out of a collection", collection, post_id)

    def move_post(self, collection_id: int, post_id: int, step: Step) -> None:
        """Moves a post within a collection; at an end it stays. Raises PostError: it is not in it."""
        with self._changing() as session:
            collection = self._load(session, collection_id)
            order = _order(session, collection_id)
            place = _place_in(order, post_id, collection)
            to = {"first": 0, "up": max(0, place - 1), "down": place + 1, "last": len(order)}[step]
            order.remove(post_id)
            order.insert(to, post_id)
            _store_order(session, collection_id, order)
            self._record_event(session, "collection ordered", collection)

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        """Opens a writing transaction that raises StaleEdit when somebody is faster at the same moment."""
        try:
            with self._desk.database.writing() as session:
                yield session
        except IntegrityError:
            raise StaleEdit(_("somebody changed this collection at the same moment; look at it again")) from None

    def _load(self, session: Session, collection_id: int) -> Collection:
        collection = load_collection(session, collection_id)
        self._require_right(is_public=collection.is_public)
        return collection

    def _require_right(self, *, is_public: bool) -> None:
        if is_public and not self._may_publish:
            raise PublicCollectionRefused(
                _(
                    "a collection is made public, and a public one is changed, by who may approve posts; ask an editor "
                    "to do it"
                )
            )

    def _record_event(self, session: Session, name: str, collection: Collection, post_id: int | None = None) -> None:
        detail = {"collection": collection.id, "name": collection.name}
        lifecycle.record_event(session, name, now=self._desk.now(), post_id=post_id, actor=self._actor, detail=detail)


def _checked(fields: CollectionFields) -> CollectionFields:
    name, description = clean_line(fields.name), remove_control_characters(fields.description).strip()
    if not name:
        raise PostError(_("the collection has no name; write one"))
    if len(name) > COLLECTION_NAME or len(description) > STANDFIRST:
        raise PostError(
            _(
                "a collection's name has at most {name:number} characters, its description {description:number}; "
                "shorten it",
                name=COLLECTION_NAME,
                description=STANDFIRST,
            )
        )
    return CollectionFields(name, description, fields.is_public)


def _set(collection: Collection, fields: CollectionFields) -> None:
    collection.name, collection.description = fields.name, fields.description
    collection.is_public = fields.is_public


def _refuse_taken(session: Session, name: str, collection_id: int | None = None) -> None:
    other = session.scalar(select(Collection.id).where(Collection.name == name))
    if other is not None and other != collection_id:
        raise PostError(_("there is a collection “{name}” already; choose another name", name=name))


def _order(session: Session, collection_id: int) -> list[int]:
    query = select(CollectionPost.post_id).where(CollectionPost.collection_id == collection_id)
    return list(session.scalars(query.order_by(CollectionPost.position)))


def _place_in(order: Sequence[int], post_id: int, collection: Collection) -> int:
    if post_id not in order:
        raise PostError(_("post {post} is not in the collection “{name}”", post=post_id, name=collection.name))
    return order.index(post_id)


def _store_order(session: Session, collection_id: int, order: Sequence[int]) -> None:
    rows = session.scalars(select(CollectionPost).where(CollectionPost.collection_id == collection_id))
    by_post = {row.post_id: row for row in rows}
    moved = [(row, place) for place, post in enumerate(order, start=1) if (row := by_post[post]).position != place]
    # Two posts can't share a place even for a moment.
    for row, place in moved:
        row.position = -place
    session.flush()
    for row, place in moved:
        row.position = place
