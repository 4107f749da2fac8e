"""Checks passwords, and opens and closes the sessions of browsers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from publisher.core.messages import Message, _, ngettext
from publisher.core.problems import value_to_json
from publisher.db.session import Database
from publisher.db.staff import Person, WebSession
from publisher.lifecycle import record_event
from publisher.staff.accounts import end_access, end_invitation, is_mail_address, load_person
from publisher.staff.browsers import LoginSource, known_browser
from publisher.staff.guesses import (
    MAX_PER_PAIR,
    MIN_REPORTED_CODES,
    GuessedSubject,
    LoginRefused,
    RefusedLogins,
    begin_guess,
    forget_guess,
    guess_at,
    note_wrong_guess,
    take_unreported_tries,
)
from publisher.staff.passwords import hash_password, is_correct_password, is_outdated_hash, rehash_password
from publisher.staff.tokens import hash_of, new_form_key, new_token

IDLE_LIMIT = timedelta(hours=12)
ABSOLUTE_LIMIT = timedelta(days=7)
SEEN_AT_PRECISION = timedelta(minutes=1)
"""The precision of `seen_at`: not every page view is worth a write."""
WRONG_LOGIN_MESSAGE = _("That address and password don't belong together.")


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """Holds a new session. The token is only for the browser's cookie."""

    token: str
    person_id: int


def check_password(database: Database, email: str, password: str, *, source: LoginSource, now: datetime) -> int:
    """Checks a mail address and password, and returns the person's id.

    Raises:
        LoginRefused: they don't belong together, or there were too many tries recently.
    """
    name = email.strip().lower()
    if not is_mail_address(name):
        raise LoginRefused(WRONG_LOGIN_MESSAGE)
    with database.reading() as session:
        person = session.scalar(select(Person).where(Person.email == name))
        known = known_browser(session, source.browser, person.id if person else None, now)
    guess = guess_at(GuessedSubject.LOG_IN, name, source.address, known)
    number = begin_guess(database, guess, now)
    # A hash is computed also where nobody has this address, so that the time does not reveal who has an account.
    is_correct = is_correct_password(password, person.password_hash if person and person.active else None)
    if not is_correct or person is None:
        note_wrong_guess(database, guess, person.email if person else "", now)
        raise LoginRefused(WRONG_LOGIN_MESSAGE)
    forget_guess(database, number)
    if person.password_hash and is_outdated_hash(person.password_hash):
        with database.writing() as session:
            session.get_one(Person, person.id).password_hash = rehash_password(password)
    return person.id


def open_session(database: Database, person_id: int, *, address: str, browser: str, now: datetime) -> OpenedSession:
    """Opens a new session for a person whose identity was checked; an old session is never reused."""
    token = new_token()
    with database.writing() as session:
        session.execute(delete(WebSession).where(_ended(now)))
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
        record_event(session, "logged in", now=now, actor=person.actor, detail={"address": address[:64]})
    return OpenedSession(token, person_id)


def renew_session(database: Database, former: WebSession, *, confirmed_at: datetime | None) -> OpenedSession | None:
    """Gives a session another token and another form key, so that copies of the former cookie are worthless.

    A platform's log-in that was begun in it ends: it was encrypted with the former token. None: the session is over.
    """
    token = new_token()
    fresh = {
        "token_hash": hash_of(token),
        "csrf": new_form_key(former.person_id),
        "confirmed_at": confirmed_at,
        "connecting": None,
    }
    renewal = update(WebSession).where(WebSession.token_hash == former.token_hash)
    with database.writing() as session:
        row = session.execute(renewal.values(**fresh).returning(WebSession.person_id)).first()
    return OpenedSession(token, former.person_id) if row is not None else None


def session_of(database: Database, token: str, now: datetime, *, is_use: bool = True) -> WebSession | None:
    """Returns the session of a browser's token, while it lasts and its person is active.

    `is_use`: whether the session lasts longer for it.
    """
    with database.reading() as session:
        web_session = session.get(WebSession, hash_of(token))
    if web_session is None or not web_session.person.active or _is_over(web_session, now):
        return None
    if is_use and now - web_session.seen_at > SEEN_AT_PRECISION:
        with database.writing() as session:
            if row := session.get(WebSession, web_session.token_hash):
                row.seen_at = now
    return web_session


def open_sessions(session: Session, token_hashes: Collection[str], now: datetime) -> list[WebSession]:
    """Returns those of these sessions that last, of active people. Does not count as a use of them."""
    rows = session.scalars(select(WebSession).where(WebSession.token_hash.in_(token_hashes)))
    return [row for row in rows if row.person.active and not _is_over(row, now)]


def close_session(database: Database, token_hash: str) -> None:
    """Deletes a session."""
    with database.writing() as session:
        session.execute(delete(WebSession).where(WebSession.token_hash == token_hash))


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Holds how long a session lasts when nobody uses it, and whether using it makes it last longer."""

    left: timedelta
    is_extendable: bool


def time_left(web_session: WebSession, now: datetime) -> TimeLeft:
    """Returns how long a session still lasts."""
    idle_end, last_end = web_session.seen_at + IDLE_LIMIT, web_session.created_at + ABSOLUTE_LIMIT
    return TimeLeft(min(idle_end, last_end) - now, is_extendable=idle_end < last_end)


def _is_over(web_session: WebSession, now: datetime) -> bool:
    return now - web_session.seen_at > IDLE_LIMIT or now - web_session.created_at > ABSOLUTE_LIMIT


def _ended(now: datetime) -> ColumnElement[bool]:
    return or_(WebSession.seen_at < now - IDLE_LIMIT, WebSession.created_at < now - ABSOLUTE_LIMIT)


def change_own_password(
    database: Database, person_id: int, new: str, *, keep_session: str, keep_browser: str, now: datetime
) -> None:
    """Sets a new password for a person who has just given the old one.

    Their other browsers are logged out; the tokens of their programs and a link to set a password become invalid.

    Raises:
        WeakPassword: the new password is refused.
    """
    with database.writing() as session:
        person = load_person(session, person_id)
        person.password_hash = hash_password(new, about=(person.email, person.name))
        end_invitation(person)
        end_access(session, person_id, now, but=keep_session, but_browser=keep_browser)
        record_event(session, "password set", now=now, actor=person.actor)


def _refused_logins(session: Session, person: Person, address: str) -> list[dict[str, Any]]:
    """Returns the messages for the first page after a log-in about tries that were refused since the last one."""
    codes = take_unreported_tries(
        session, guess_at(GuessedSubject.SECOND_FACTOR, str(person.id), address), MIN_REPORTED_CODES
    )
    passwords = take_unreported_tries(session, guess_at(GuessedSubject.LOG_IN, person.email, address), MAX_PER_PAIR)
    messages = []
    if codes is not None:
        messages.append({"tone": "bad", "text": value_to_json(_wrong_codes_text(codes))})
    if passwords is not None:
        texts = [_wrong_passwords_text(passwords)]
        if codes is None:
            texts.append(_("Your password was not found out."))
        messages.append({"tone": "note", "text": value_to_json(texts)})
    return messages


def _wrong_codes_text(refused: RefusedLogins) -> Message:
    return ngettext(
        "1 wrong code came after your right password since you were here, from {address} at {at:moment}. "
        "If that was not you, somebody knows your password: change it now, on the page of your account.",
        "{count} wrong codes came after your right password since you were here, the last from {address} at "
        "{at:moment}. If that was not you, somebody knows your password: change it now, on the page of your account.",
        count=refused.number,
        address=refused.last_from or _("an unknown address"),
        at=refused.last_at,
    )


def _wrong_passwords_text(refused: RefusedLogins) -> Message:
    return ngettext(
        "1 log-in with your address and a wrong password was refused since you were here, from {address} at "
        "{at:moment}. If that was not you, tell an admin.",
        "{count} log-ins with your address and a wrong password were refused since you were here, the last from "
        "{address} at {at:moment}. If that was not you, tell an admin.",
        count=refused.number,
        address=refused.last_from or _("an unknown address"),
        at=refused.last_at,
    )
