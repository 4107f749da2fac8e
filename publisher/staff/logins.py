"""Logging in and out: sessions with an end, failures that slow the next try down."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from publisher.db.session import Database
from publisher.db.staff import LoginFailure, Person, WebSession
from publisher.lifecycle import record_event
from publisher.staff.accounts import actor_of, end_sessions, load_person
from publisher.staff.passwords import hash_password, is_outdated, is_right
from publisher.staff.tokens import hash_of, new_token

IDLE_LIMIT = timedelta(hours=12)
ABSOLUTE_LIMIT = timedelta(days=7)
SEEN_STEP = timedelta(minutes=1)
"""How exact `seen_at` is: not every page view is worth a write."""
WINDOW = timedelta(minutes=15)
MOST_PER_ACCOUNT = 5
MOST_PER_ADDRESS = 30
WRONG = "That address and password don't belong together."


class LoginRefused(Exception):
    """Not logged in; the message is one sentence, and never tells whether the account exists."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session. The token is for the browser's cookie alone."""

    token: str
    person_id: int


def check_password(database: Database, email: str, password: str, *, address: str, now: datetime) -> int:
    """The id of whom the address and password belong to.

    Raises:
        LoginRefused: they don't belong together, or there were too many tries of late.
    """
    account = hashlib.sha256(email.strip().lower().encode()).hexdigest()
    with database.reading() as session:
        refuse_too_many(session, account, address, now)
        person = session.scalar(select(Person).where(Person.email == email.strip().lower()))
    # The hash is computed for nobody too, so that time does not tell who has an account.
    right = is_right(password, person.password_hash if person and person.active else None)
    if not right or person is None:
        note_failure(database, account, address, now)
        raise LoginRefused(WRONG)
    if person.password_hash and is_outdated(person.password_hash):
        with database.writing() as session:
            session.get_one(Person, person.id).password_hash = hash_password(password)
    return person.id


def note_failure(database: Database, account: str, address: str, now: datetime) -> None:
    with database.writing() as session:
        session.execute(delete(LoginFailure).where(LoginFailure.at < now - 4 * WINDOW))
        session.add(LoginFailure(account=account, address=address[:64], at=now))


def refuse_too_many(session: Session, account: str, address: str, now: datetime) -> None:
    """Raises LoginRefused when this account, or anybody at this address, was refused too often of late."""
    for column, value, most in (
        (LoginFailure.account, account, MOST_PER_ACCOUNT),
        (LoginFailure.address, address[:64], MOST_PER_ADDRESS),
    ):
        recent = select(func.count()).where(column == value, LoginFailure.at > now - WINDOW)
        if (session.scalar(recent) or 0) >= most:
            minutes = int(WINDOW.total_seconds() // 60)
            raise LoginRefused(f"Too many log-ins were refused of late; try again in {minutes} minutes.")


def open_session(database: Database, person_id: int, *, address: str, browser: str, now: datetime) -> Opened:
    """A new session of somebody whose identity was checked; never an old one made stronger."""
    token = new_token()
    with database.writing() as session:
        session.execute(delete(WebSession).where(_over(now)))
        person = session.get_one(Person, person_id)
        session.add(
            WebSession(
                token_hash=hash_of(token),
                person_id=person_id,
                csrf=new_token(),
                created_at=now,
                seen_at=now,
                address=address[:64],
                browser=browser[:200],
            )
        )
        record_event(session, "logged in", now=now, actor=actor_of(person), detail={"address": address[:64]})
    return Opened(token, person_id)


def session_of(database: Database, token: str, now: datetime) -> WebSession | None:
    """The session of a browser's token, while it lasts and its person is active."""
    with database.reading() as session:
        found = session.get(WebSession, hash_of(token))
    if found is None or not found.person.active or _is_over(found, now):
        return None
    if now - found.seen_at > SEEN_STEP:
        with database.writing() as session:
            if seen := session.get(WebSession, found.token_hash):
                seen.seen_at = now
    return found


def close_session(database: Database, token_hash: str) -> None:
    with database.writing() as session:
        session.execute(delete(WebSession).where(WebSession.token_hash == token_hash))


def _is_over(found: WebSession, now: datetime) -> bool:
    return now - found.seen_at > IDLE_LIMIT or now - found.created_at > ABSOLUTE_LIMIT


def _over(now: datetime) -> ColumnElement[bool]:
    return or_(WebSession.seen_at < now - IDLE_LIMIT, WebSession.created_at < now - ABSOLUTE_LIMIT)


def change_own_password(
    database: Database, person_id: int, old: str, new: str, *, keep_session: str, now: datetime
) -> None:
    """Set a new password for somebody who knows the old one; their other browsers are logged out.

    Raises:
        LoginRefused: the old one is wrong.
        WeakPassword: the new one can't be taken.
    """
    with database.writing() as session:
        person = load_person(session, person_id)
        if not is_right(old, person.password_hash):
            raise LoginRefused("The old password is wrong.")
        person.password_hash = hash_password(new, about=(person.email, person.name))
        end_sessions(session, person_id, but=keep_session)
        record_event(session, "password set", now=now, actor=actor_of(person))
