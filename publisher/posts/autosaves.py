"""Stores what a person typed into a post's form and did not save, for that person only, apart for each tab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.db.session import Database
from publisher.db.staff import Autosave

MAX_TABS = 50
"""Unsaved texts of one person for one post; the oldest makes room."""


@dataclass(frozen=True, slots=True)
class UnsavedText:
    """Holds the fields of a form as somebody typed them in one tab of a browser."""

    fields: Mapping[str, str]
    based_on: int
    """The version that the form began with."""
    tab: str = ""
    """A random name of the opened form. Empty: it came without a script."""
    typed_at: int = 0
    """When it was typed, in milliseconds since 1970 by the browser's clock."""


def save_autosave(database: Database, post_id: int, person_id: int, unsaved: UnsavedText, now: datetime) -> None:
    """Stores an unsaved text in place of an earlier one of the same tab. A later one stays."""
    try:
        _store(database, post_id, person_id, unsaved, now)
    except IntegrityError:
        # Another request of the same tab stored its first text at the same moment.
        _store(database, post_id, person_id, unsaved, now)


def _store(database: Database, post_id: int, person_id: int, unsaved: UnsavedText, now: datetime) -> None:
    with database.writing() as session:
        query = select(Autosave).where(_of(post_id, person_id), Autosave.tab == unsaved.tab)
        row = session.scalar(query.with_for_update())
        if row is None:
            row = Autosave(post_id=post_id, person_id=person_id, tab=unsaved.tab)
            session.add(row)
        elif row.typed_at > unsaved.typed_at:
            return
        row.based_on, row.fields, row.typed_at = unsaved.based_on, dict(unsaved.fields), unsaved.typed_at
        row.saved_at = now
        session.flush()
        _delete_oldest(session, post_id, person_id)


def _delete_oldest(session: Session, post_id: int, person_id: int) -> None:
    newest_first = select(Autosave.id).where(_of(post_id, person_id)).order_by(Autosave.saved_at.desc(), Autosave.id)
    if surplus := session.scalars(newest_first.offset(MAX_TABS)).all():
        session.execute(delete(Autosave).where(Autosave.id.in_(surplus)))


def find_autosaves(database: Database, post_id: int, person_id: int) -> Sequence[Autosave]:
    """Returns the unsaved texts of a person for a post, the newest first."""
    with database.reading() as session:
        query = select(Autosave).where(_of(post_id, person_id)).order_by(Autosave.saved_at.desc(), Autosave.id.desc())
        return session.scalars(query).all()


def delete_autosave(
    database: Database, post_id: int, person_id: int, *, tab: str | None = None, typed_until: int | None = None
) -> None:
    """Deletes a person's unsaved texts for a post: that of one `tab`, unless it was typed after `typed_until`."""
    which = _of(post_id, person_id)
    if tab is not None:
        which = and_(which, Autosave.tab == tab)
    if typed_until is not None:
        which = and_(which, Autosave.typed_at <= typed_until)
    with database.writing() as session:
        session.execute(delete(Autosave).where(which))


def _of(post_id: int, person_id: int) -> ColumnElement[bool]:
    return and_(Autosave.post_id == post_id, Autosave.person_id == person_id)
