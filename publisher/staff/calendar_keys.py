"""Manages the keys to the calendar feed: secret addresses for calendar programs, which can't log in."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.characters import clean_line
from publisher.core.messages import _
from publisher.core.post_limits import TOKEN_NAME
from publisher.db.session import Database
from publisher.db.staff import ApiToken, Person
from publisher.lifecycle import record_event
from publisher.staff.accounts import AccountError, load_person
from publisher.staff.roles import Permission, permissions_of
from publisher.staff.tokens import hash_of, new_token

SCOPE = "calendar"
MAX_KEYS = 10
USED_AT_PRECISION = timedelta(hours=1)
"""The precision of `used_at`: not every reading of the feed is worth a write."""


def new_calendar_key(database: Database, person_id: int, name: str, *, now: datetime) -> str:
    """Makes a key for one program of a person; it is shown once. Raises AccountError: they have too many."""
    key = new_token()
    with database.writing() as session:
        person = load_person(session, person_id)
        if len(calendar_keys(session, person_id)) >= MAX_KEYS:
            raise AccountError(
                _("You have {maximum} calendar addresses; revoke one that isn't used any more.", maximum=MAX_KEYS)
            )
        session.add(
            ApiToken(
                person_id=person_id,
                name=clean_line(name)[:TOKEN_NAME] or "calendar",
                token_hash=hash_of(key),
                scopes=[SCOPE],
                created_at=now,
            )
        )
        record_event(session, "calendar key made", now=now, actor=person.actor)
    return key


def calendar_keys(session: Session, person_id: int) -> list[ApiToken]:
    """Lists the keys of a person that are not revoked, the oldest first."""
    query = select(ApiToken).where(ApiToken.person_id == person_id, ApiToken.revoked_at.is_(None))
    return [token for token in session.scalars(query.order_by(ApiToken.id)) if SCOPE in token.scopes]


def revoke_calendar_key(database: Database, person_id: int, key_id: int, *, now: datetime) -> None:
    """Revokes one of a person's own keys. Raises AccountError: they have no such key."""
    with database.writing() as session:
        token = next((own for own in calendar_keys(session, person_id) if own.id == key_id), None)
        if token is None:
            raise AccountError(_("This calendar address is revoked already."))
        token.revoked_at = now
        record_event(session, "calendar key revoked", now=now, actor=token.person.actor)


def person_of_key(database: Database, key: str, now: datetime) -> Person | None:
    """Returns the person of a key, while it is not revoked and its person may read at the desk."""
    key_hash = hash_of(key)
    with database.reading() as session:
        token = session.scalar(select(ApiToken).where(ApiToken.token_hash == key_hash))
    if token is None or not hmac.compare_digest(token.token_hash, key_hash) or not _is_valid(token, now):
        return None
    if token.used_at is None or now - token.used_at > USED_AT_PRECISION:
        with database.writing() as session:
            session.get_one(ApiToken, token.id).used_at = now
    return token.person


def _is_valid(token: ApiToken, now: datetime) -> bool:
    is_over = token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now)
    may_read = Permission.READ in permissions_of(token.person.roles)
    return SCOPE in token.scopes and not is_over and token.person.active and may_read
