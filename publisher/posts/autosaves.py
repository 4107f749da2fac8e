"""Stores what a person typed into a post's form and did not save, for that person only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select

from publisher.db.session import Database
from publisher.db.staff import Autosave

MAX_AUTOSAVE_BYTES = 512 * 1024


def save_autosave(
    database: Database, post_id: int, person_id: int, based_on: int, fields: Mapping[str, str], now: datetime
) -> None:
    """Stores the fields of a form in place of the last autosave. `based_on`: the version that the form began with."""
    if sum(len(name) + len(value) for name, value in fields.items()) > MAX_AUTOSAVE_BYTES:
        return
    with database.writing() as session:
        query = select(Autosave).where(Autosave.post_id == post_id, Autosave.person_id == person_id)
        row = session.scalar(query)
        if row is None:
            row = Autosave(post_id=post_id, person_id=person_id)
            session.add(row)
        row.based_on, row.fields, row.saved_at = based_on, dict(fields), now


def find_autosave(database: Database, post_id: int, person_id: int) -> Autosave | None:
    """Returns the autosave of a person for a post."""
    with database.reading() as session:
        query = select(Autosave).where(Autosave.post_id == post_id, Autosave.person_id == person_id)
        return session.scalar(query)


def delete_autosave(database: Database, post_id: int, person_id: int) -> None:
    """Deletes the autosave of a person for a post."""
    with database.writing() as session:
        session.execute(delete(Autosave).where(Autosave.post_id == post_id, Autosave.person_id == person_id))
