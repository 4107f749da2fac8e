"""Takes an import back: removes the posts that it made, all but those that somebody worked on since."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.core.errors import ErrorKind
from publisher.core.messages import _
from publisher.db.imports import Import, ItemKey
from publisher.db.session import Database
from publisher.posts.errors import PostError
from publisher.posts.post_store import load_post
from publisher.posts.published_elsewhere import has_history_here, is_as_imported, remove_published


class ImportNotFound(PostError):
    """Says that there is no such import."""

    code = "import-not-found"
    kind = ErrorKind.NOT_FOUND


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Holds what became of one item of an import that is taken back."""

    post_id: int
    title: str
    is_removed: bool
    """False: somebody worked on the post since, and it stays."""


def list_imports(session: Session, limit: int = 50) -> list[Import]:
    """Returns the imports, the newest first."""
    return list(session.scalars(select(Import).order_by(Import.id.desc()).limit(limit)))


def count_items(database: Database, import_id: int) -> int:
    """Counts the items that an import made or noted.

    Raises:
        PostError: there is no such import, or it was taken back already.
    """
    with database.reading() as session:
        run = session.get(Import, import_id)
        if run is None:
            raise ImportNotFound(_("there is no import {import_id}", import_id=import_id))
        if run.state == "undone":
            raise PostError(_("import {import_id} was taken back already", import_id=import_id))
        query = select(func.count()).select_from(ItemKey).where(ItemKey.import_id == import_id)
        return session.scalar(query) or 0


def undo_import(database: Database, import_id: int, *, now: datetime, actor: str) -> Generator[TakenBack, None, None]:
    """Removes what an import made, a post in each transaction; what is left of a killed run goes at the next one.

    What a later import of the same source changed goes too. What this import only changed stays as it is.
    """
    count_items(database, import_id)
    counts = {"removed": 0, "kept": 0}
    last = 0
    while True:
        with database.writing() as session:
            query = select(ItemKey).where(ItemKey.import_id == import_id, ItemKey.id > last).order_by(ItemKey.id)
            item = session.scalar(query.limit(1))
            if item is None:
                _note_undone(session, import_id, counts, now, actor)
                return
            last = item.id
            outcome = _take_back(session, item)
        if outcome is not None:
            counts["removed" if outcome.is_removed else "kept"] += 1
            yield outcome


def _take_back(session: Session, item: ItemKey) -> TakenBack | None:
    """Removes one item, and the post that it made. None: it had made none."""
    if not item.made_post:
        session.delete(item)
        return None
    post = load_post(session, item.post_id)
    is_removed = is_as_imported(session, post, item.post_version) and not has_history_here(session, post)
    outcome = TakenBack(post.id, post.title, is_removed)
    if is_removed:
        remove_published(session, post)
    return outcome


def _note_undone(session: Session, import_id: int, counts: dict[str, int], now: datetime, actor: str) -> None:
    session.get_one(Import, import_id).state = "undone"
    detail = {"import": import_id, **counts}
    lifecycle.record_event(session, "import undone", now=now, actor=actor, detail=detail)
