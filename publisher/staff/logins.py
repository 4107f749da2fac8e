"""Logging in and out: sessions with an end, failures that slow the next try down."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from publisher.db.session import Database
from publisher.db.staff import Person, WebSession
from publisher.lifecycle import record_event
from publisher.staff.accounts import actor_of, end_invitation, is_mail_address, load_person, shut_out
from publisher.staff.browsers import known_browser
from publisher.staff.guesses import (
    FEW_CODES,
    MAX_PER_PAIR,
    GuessedSubject,
    LoginRefused,
    RefusedLogins,
    begin_guess,
    forget_guess,
    guess_at,
    note_wrong_guess,
    take_untold,
)
from publisher.staff.passwords import hash_password, is_outdated, is_right, rehash
from publisher.staff.tokens import hash_of, new_form_key, new_token

IDLE_LIMIT = timedelta(hours=12)
ABSOLUTE_LIMIT = timedelta(days=7)
SEEN_STEP = timedelta(minutes=1)
"""How exact `seen_at` is: not every page view is worth a write."""
WRONG = "That address and password don't belong together."


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session. The token is for the browser's cookie alone."""

    token: str
    person_id: int


def check_password(
    database: Database, email: str, password: str, *, address: str, now: datetime, browser: str = ""
) -> int:
    """The id of whom the address and password belong to. `browser`: the token of a browser that may be known.

    Raises:
        LoginRefused: they don't belong together, or there were too many tries of late.
    """
    name = email.strip().lower()
    if not is_mail_address(name):
        raise LoginRefused(WRONG)
    with database.reading() as session:
        person = session.scalar(select(Person).where(Person.email == name))
        known = known_browser(session, browser, person.id if person else None, now)
    guess = guess_at(GuessedSubject.LOG_IN, name, address, known)
    number = begin_guess(database, guess, now)
    # The hash is computed for nobody too, so that time does not tell who has an account.
    right = is_right(password, person.password_hash if person and person.active else None)
    if not right or person is None:
        note_wrong_guess(database, guess, person.email if person else "", now)
        raise LoginRefused(WRONG)
    forget_guess(database, number)
    if person.password_hash and is_outdated(person.password_hash):
        with database.writing() as session:
            session.get_one(Person, person.id).password_hash = rehash(password)
    return person.id


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
                csrf=new_form_key(person_id),
                created_at=now,
                seen_at=now,
                address=address[:64],
                browser=browser[:200],
                flash=_refused_logins(session, person, address),
            )
        )
        record_event(session, "logged in", now=now, actor=actor_of(person), detail={"address": address[:64]})
    return Opened(token, person_id)


def renew_session(database: Database, former: WebSession, *, confirmed_at: datetime | None) -> Opened | None:
    """Gives a session another token and another key for its forms; copies of the former cookie open nothing any more.

    A platform's log-in that was begun in it ends: it was sealed with the former token. None: the session is over.
    """
    token = new_token()
    fresh = {
        "token_hash": hash_of(token),
        "csrf": new_form_key(former.person_id),
        "confirmed_at": confirmed_at,
        "connecting": None,
    }
    mine = update(WebSession).where(WebSession.token_hash == former.token_hash)
    with database.writing() as session:
        done = session.execute(mine.values(**fresh).returning(WebSession.person_id)).first()
    return Opened(token, former.person_id) if done is not None else None


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


def open_sessions(session: Session, token_hashes: Collection[str], now: datetime) -> list[WebSession]:
    """Returns those of these sessions that last, of people who are active. Does not count as their being used."""
    found = session.scalars(select(WebSession).where(WebSession.token_hash.in_(token_hashes)))
    return [each for each in found if each.person.active and not _is_over(each, now)]


def close_session(database: Database, token_hash: str) -> None:
    with database.writing() as session:
        session.execute(delete(WebSession).where(WebSession.token_hash == token_hash))


def _is_over(found: WebSession, now: datetime) -> bool:
    return now - found.seen_at > IDLE_LIMIT or now - found.created_at > ABSOLUTE_LIMIT


def _over(now: datetime) -> ColumnElement[bool]:
    return or_(WebSession.seen_at < now - IDLE_LIMIT, WebSession.created_at < now - ABSOLUTE_LIMIT)


def change_own_password(
    database: Database, person_id: int, new: str, *, keep_session: str, keep_browser: str, now: datetime
) -> None:
    """Set a new password for somebody who has just given the old one.

    Their other browsers are logged out, the tokens of their programs work no more, nor does a link to set a password.

    Raises:
        WeakPassword: the new one can't be taken.
    """
    with database.writing() as session:
        person = load_person(session, person_id)
        person.password_hash = hash_password(new, about=(person.email, person.name))
        end_invitation(person)
        shut_out(session, person_id, now, but=keep_session, but_browser=keep_browser)
        record_event(session, "password set", now=now, actor=actor_of(person))


def _refused_logins(session: Session, person: Person, address: str) -> list[dict[str, Any]]:
    """What the first page after a log-in tells of tries that were refused since the last one."""
    codes = take_untold(session, guess_at(GuessedSubject.SECOND_FACTOR, str(person.id), address), FEW_CODES)
    passwords = take_untold(session, guess_at(GuessedSubject.LOG_IN, person.email, address), MAX_PER_PAIR)
    told = []
    if codes is not None:
        text = (
            f"{_number_of(codes, 'wrong code')} came after your right password since you were here, {_last_of(codes)} "
            "If that was not you, somebody knows your password: change it now, on the page of your account."
        )
        told.append({"tone": "bad", "text": text})
    if passwords is not None:
        known = "" if codes else " Your password was not found out."
        text = (
            f"{_number_of(passwords, 'log-in')} with your address and a wrong password were refused since you were "
            f"here, {_last_of(passwords)} If that was not you, tell an admin.{known}"
        )
        told.append({"tone": "note", "text": text})
    return told


def _number_of(refused: RefusedLogins, what: str) -> str:
    return f"1 {what}" if refused.number == 1 else f"{refused.number} {what}s"


def _last_of(refused: RefusedLogins) -> str:
    return f"the last from {refused.last_from or 'an unknown address'} on {refused.last_at:%Y-%m-%d at %H:%M} UTC."
