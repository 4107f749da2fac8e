"""Takes an import back: removes the posts that it made, and gives those that it changed their former text.

A post that somebody worked on since stays as it is, and is told.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.core.errors import ErrorKind
from publisher.core.messages import _
from publisher.db.imports import Import, ItemChange, ItemKey
from publisher.db.models import Post
from publisher.db.session import Database
from publisher.intake.item_rows import store_links
from publisher.posts.errors import PostError
from publisher.posts.post_store import load_post
from publisher.posts.published_elsewhere import (
    has_history_here,
    is_as_imported,
    remove_published,
    restore_published,
)


class ImportNotFound(PostError):
    """Says that there is no such import."""

    code = "import-not-found"
    kind = ErrorKind.NOT_FOUND


class UndoResult(StrEnum):
    """Names what became of a post; the values are for programs, and never change."""

    REMOVED = "removed"
    RESTORED = "restored"
    """It has its former text, pictures and links again."""
    KEPT = "kept"
    """Somebody worked on it since."""
    CHANGED_LATER = "changed later"
    """A later import changed it again; that one is taken back first."""


STAYS = frozenset({UndoResult.KEPT, UndoResult.CHANGED_LATER})


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Holds what became of one item of an import that is taken back."""

    post_id: int
    title: str
    result: UndoResult


def list_imports(session: Session, limit: int = 50) -> list[Import]:
    """Returns the imports, the newest first."""
    return list(session.scalars(select(Import).order_by(Import.id.desc()).limit(limit)))


def load_import(session: Session, import_id: int) -> Import:
    """Returns an import. Raises ImportNotFound."""
    run = session.get(Import, import_id)
    if run is None:
        raise ImportNotFound(_("there is no import {import_id}", import_id=import_id))
    return run


def list_made(session: Session, import_id: int, after: int, most: int) -> list[tuple[ItemKey, Post]]:
    """Returns posts that an import made, or of which it noted that they are there, by their items' ids.

    `after`: only items with a higher id.
    """
    query = select(ItemKey, Post).join(Post, Post.id == ItemKey.post_id)
    query = query.where(ItemKey.import_id == import_id, ItemKey.id > after).order_by(ItemKey.id).limit(most)
    return [(item, post) for item, post in session.execute(query)]


def count_items(database: Database, import_id: int) -> int:
    """Counts the items that an import made, noted or changed.

    Raises:
        PostError: there is no such import, or it was taken back already.
    """
    with database.reading() as session:
        if load_import(session, import_id).state == "undone":
            raise PostError(_("import {import_id} was taken back already", import_id=import_id))
        return sum(
            session.scalar(select(func.count()).select_from(table).where(table.import_id == import_id)) or 0
            for table in (ItemKey, ItemChange)
        )


def undo_import(database: Database, import_id: int, *, now: datetime, actor: str) -> Generator[TakenBack, None, None]:
    """Removes what an import made, and takes back what it changed, a post in each transaction.

    What is left of a killed run goes at the next one. What a later import of the same source changed in the posts
    that this one made goes, too.
    """
    count_items(database, import_id)
    with database.writing() as session:
        # One that runs just now sees this before its next item, and stops; one that was killed never goes on.
        unfinished = update(Import).where(Import.id == import_id, Import.state == "running")
        session.execute(unfinished.values(state="finished", finished_at=now))
    counts = dict.fromkeys(UndoResult, 0)
    undoing = _Undoing(import_id, now, actor)
    for table, take_back in ((ItemKey, undoing.take_back_item), (ItemChange, undoing.take_back_change)):
        last = 0
        while True:
            with database.writing() as session:
                query = select(table.id).where(table.import_id == import_id, table.id > last).order_by(table.id)
                row = session.scalar(query.limit(1))
                if row is None:
                    break
                last = row
                outcome = take_back(session, row)
            if outcome is not None:
                counts[outcome.result] += 1
                yield outcome
    with database.writing() as session:
        _note_undone(session, import_id, {result.value: count for result, count in counts.items()}, now, actor)


@dataclass(frozen=True, slots=True)
class _Undoing:
    import_id: int
    now: datetime
    actor: str

    def take_back_item(self, session: Session, item_id: int) -> TakenBack | None:
        """Removes one item, and the post that it made. None: it had made none."""
        item = session.get_one(ItemKey, item_id)
        if not item.made_post:
            session.delete(item)
            return None
        post = load_post(session, item.post_id)
        is_removed = is_as_imported(session, post, item.post_version) and not has_history_here(session, post)
        outcome = TakenBack(post.id, post.title, UndoResult.REMOVED if is_removed else UndoResult.KEPT)
        if is_removed:
            remove_published(session, post)
        return outcome

    def take_back_change(self, session: Session, change_id: int) -> TakenBack:
        """Gives one item back what it was before this import changed it."""
        change = session.get_one(ItemChange, change_id)
        item = session.get_one(ItemKey, change.item_id)
        post = load_post(session, item.post_id)
        if item.updated_by != self.import_id:
            return TakenBack(post.id, post.title, UndoResult.CHANGED_LATER)
        if item.made_post:
            if not is_as_imported(session, post, change.version_after):
                return TakenBack(post.id, post.title, UndoResult.KEPT)
            self._restore(session, change, item, post)
        item.digest, item.updated_by = change.digest, change.updated_by
        store_links(session, item, change.links)
        session.delete(change)
        return TakenBack(post.id, post.title, UndoResult.RESTORED)

    def _restore(self, session: Session, change: ItemChange, item: ItemKey, post: Post) -> None:
        if change.published_on is None:
            raise RuntimeError("a post that an import made has its day")
        by = f"undo of import {self.import_id}"
        restore_published(session, post, change.version_before, change.published_on, now=self.now, actor=by)
        # The import before this one finds what it wrote under the new number.
        earlier = update(ItemChange).where(ItemChange.item_id == item.id)
        session.execute(
            earlier.where(ItemChange.version_after == change.version_before).values(version_after=post.version)
        )
        item.post_version = post.version


def _note_undone(session: Session, import_id: int, counts: dict[str, int], now: datetime, actor: str) -> None:
    run = session.get_one(Import, import_id)
    if run.state == "undone":
        return
    run.state = "undone"
    detail = {"import": import_id, **counts}
    lifecycle.record_event(session, "import undone", now=now, actor=actor, detail=detail)
