"""Remembers browsers that a person logged in with: by a long-lived cookie that opens nothing by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from publisher.db.session import Database
from publisher.db.staff import KnownBrowser
from publisher.staff.tokens import hash_of, new_token

KNOWN_BROWSER_LIFETIME = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class LoginSource:
    """Holds where a try to log in comes from. Wrong tries of one source count together."""

    address: str
    """The network address."""
    browser: str = ""
    """The token that marks a known browser; empty: it has none."""


def known_browser(session: Session, token: str, person_id: int | None, now: datetime) -> str:
    """Returns the hash of a browser's token where this person logged in with it before; else an empty text."""
    token_hash = hash_of(token)
    row_id = session.scalar(
        select(KnownBrowser.id).where(
            KnownBrowser.token_hash == token_hash,
            KnownBrowser.person_id == (person_id or 0),
            KnownBrowser.seen_at > now - KNOWN_BROWSER_LIFETIME,
        )
    )
    return token_hash if token and row_id is not None else ""


def is_known_browser(database: Database, token: str, now: datetime) -> bool:
    """Decides whether anybody logged in before with the browser that holds this token."""
    if not token:
        return False
    with database.reading() as session:
        known = select(KnownBrowser.id).where(
            KnownBrowser.token_hash == hash_of(token), KnownBrowser.seen_at > now - KNOWN_BROWSER_LIFETIME
        )
        return session.scalar(known.limit(1)) is not None


def remember_browser(database: Database, person_id: int, token: str, now: datetime) -> str:
    """Remembers a browser for a person who has just logged in with it, and returns its new token.

    The former token, which somebody else may have set or seen, becomes invalid.
    """
    fresh = new_token()
    with database.writing() as session:
        session.execute(delete(KnownBrowser).where(KnownBrowser.seen_at < now - KNOWN_BROWSER_LIFETIME))
        if token:
            mine = (KnownBrowser.token_hash == hash_of(token), KnownBrowser.person_id == person_id)
            session.execute(delete(KnownBrowser).where(*mine))
            others = update(KnownBrowser).where(KnownBrowser.token_hash == hash_of(token))
            session.execute(others.values(token_hash=hash_of(fresh)))
        session.add(KnownBrowser(person_id=person_id, token_hash=hash_of(fresh), seen_at=now))
    return fresh


def forget_browsers(session: Session, person_id: int, *, but: str = "") -> None:
    """Forgets every browser of a person except the one with the token `but`."""
    is_other = KnownBrowser.token_hash != hash_of(but)
    session.execute(delete(KnownBrowser).where(KnownBrowser.person_id == person_id, is_other))
