"""Slows down the guessing of passwords and codes, without locking out the person whose account is guessed at.

A try is counted before it is checked, so that simultaneous tries count too, and deleted when it was right.
A browser that the person logged in with before has a count of its own, which strangers can't use up.
Tries from one network, however many, never lock an account for others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from ipaddress import ip_network
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from publisher.core.errors import UserError
from publisher.core.logs import get_logger
from publisher.core.messages import Message, _, ngettext
from publisher.core.special_addresses import rate_limit_network
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.staff import LoginFailure, Person
from publisher.lifecycle import record_event

WINDOW = timedelta(minutes=15)
DAY = timedelta(days=1)
MAX_AGE = timedelta(days=30)
MAX_TRIES = 100_000
"""Stored tries, at any names from anywhere; the oldest beyond it are deleted."""
MAX_DELETED_AT_ONCE = 100
MAX_PER_PAIR = 5
"""Wrong tries at one account from one address, within the window."""
MAX_PER_PAIR_A_DAY = 15
MAX_PER_BROWSER = 5
MAX_PER_BROWSER_A_DAY = 20
MAX_PER_ADDRESS = 30
MAX_PER_ACCOUNT = 20
"""From all browsers that are not known, against guesses from many addresses."""
MAX_PER_ACCOUNT_A_DAY = 100
MAX_PER_SITE = 10
"""At one account from all addresses that one customer of a provider may hold."""
MAX_PER_SITE_A_DAY = 30
MAX_COUNTED_PER_SITE = 5
"""Of the tries from one site, at most so many count against the limits of an account."""
LOGINS_REFUSED = "log-ins refused"
"""The event when the next tries at an account are refused, after too many wrong ones."""
WRONG_CODE = "wrong code"
"""The event of a wrong code of the second factor: somebody had the right password."""
RIGHT_CODE_AFTER_WRONG = "right code after wrong ones"
"""The event of a right code from the network of wrong ones a moment before: the person mistyped."""
MAX_LISTED = 20
MIN_REPORTED_CODES = 3
"""Fewer wrong codes from the address that a person logs in from are their own mistakes."""


LOCK_NAMESPACE = 0x67756573  # "gues": any number, the same in every process, and no other lock's


class LoginRefused(UserError):
    """Refuses a log-in; the message is one sentence, and never reveals whether the account exists."""

    code = "login-refused"


class GuessedSubject(StrEnum):
    """Names what is guessed at. The tries at each kind are counted separately."""

    LOG_IN = "log-in"
    """The password of a mail address, which need not belong to anybody."""
    SECOND_FACTOR = "second factor"
    """The code of a person, after the right password."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Holds the account and the origin of a try."""

    account: str
    """SHA-256 of the kind of the subject and its name."""
    network: str
    browser: str = ""
    """The hash of a known browser's token; empty: not known."""


@dataclass(frozen=True, slots=True)
class RefusedLogins:
    """Counts the wrong tries at an account that its person was not told of."""

    number: int
    last_at: datetime
    last_from: str


@dataclass(frozen=True, slots=True)
class _Limit:
    """Limits the number of wrong tries within a span of time."""

    where: ColumnElement[bool]
    span: timedelta
    maximum: int
    counts: Callable[[Session, ColumnElement[bool]], int]


def guess_at(subject: GuessedSubject, name: str, address: str, browser: str = "") -> Guess:
    """Describes a try at a subject from a network address."""
    return Guess(hashlib.sha256(f"{subject}\0{name}".encode()).hexdigest(), rate_limit_network(address), browser)


def site_of(network: str) -> str:
    """Returns the network that one customer of a provider may have: of IPv6 the 48 leading bits."""
    try:
        parsed = ip_network(network)
    except ValueError:
        return network
    return str(parsed.supernet(new_prefix=48)) if parsed.version == 6 and parsed.prefixlen == 64 else network


def begin_guess(database: Database, guess: Guess, now: datetime) -> int:
    """Counts a try and returns its id. Raises LoginRefused when there were too many wrong ones recently."""
    with database.writing() as session:
        _wait_for_turn(session, guess)
        _forget_oldest(session, now)
        if reached := [limit for limit in _limits(guess) if _count(session, limit, now) >= limit.maximum]:
            raise LoginRefused(_too_many_tries(reached))
        row = LoginFailure(account=guess.account, address=guess.network, browser=guess.browser, at=now)
        session.add(row)
        session.flush()
        return row.id


def _forget_oldest(session: Session, now: datetime) -> None:
    """Deletes some tries that are too old or too many: to search all would make the whole desk wait."""
    newest = session.scalar(select(func.max(LoginFailure.id))) or 0
    oldest = select(LoginFailure.id).order_by(LoginFailure.id).limit(MAX_DELETED_AT_ONCE)
    # Rows that another try deletes at this moment are skipped.
    oldest = oldest.with_for_update(skip_locked=True)
    over = (LoginFailure.at < now - MAX_AGE) | (LoginFailure.id <= newest - MAX_TRIES)
    session.execute(delete(LoginFailure).where(LoginFailure.id.in_(oldest), over))


def _too_many_tries(reached: list[_Limit]) -> Message:
    if any(limit.span == DAY for limit in reached):
        return _(
            "Too many log-ins were refused of late; try again tomorrow, or from a browser that you logged in with "
            "before."
        )
    return ngettext(
        "Too many log-ins were refused of late; try again in {count} minute, or from a browser that you logged in "
        "with before.",
        "Too many log-ins were refused of late; try again in {count} minutes, or from a browser that you logged in "
        "with before.",
        count=int(WINDOW.total_seconds() // 60),
    )


def _wait_for_turn(session: Session, guess: Guess) -> None:
    """Waits for other tries at this account or from this network, which count before this one; until the commit.

    SQLite lets one transaction write at a time.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    # Always in the same order, so that two tries never wait for each other.
    for name in sorted((guess.account, guess.network)):
        session.execute(select(func.pg_advisory_xact_lock(LOCK_NAMESPACE, func.hashtext(name))))


def forget_guess(database: Database, number: int) -> None:
    """Deletes a try that was right, so that it counts no more."""
    with database.writing() as session:
        session.execute(delete(LoginFailure).where(LoginFailure.id == number))


def note_wrong_code(database: Database, guess: Guess, person: Person, now: datetime) -> None:
    """Records that somebody gave a person's right password and a wrong code."""
    get_logger("staff").warning(
        "a wrong code came after the right password", person=person.email, address=guess.network
    )
    with database.writing() as session:
        record_event(session, WRONG_CODE, now=now, detail=_detail_of(guess, person))


def note_right_code(database: Database, guess: Guess, person: Person, now: datetime) -> None:
    """Records that recent wrong codes from the same network were mistakes, if there were any."""
    here = (LoginFailure.account == guess.account, LoginFailure.address == guess.network)
    with database.writing() as session:
        if session.scalar(select(LoginFailure.id).where(*here, LoginFailure.at > now - WINDOW).limit(1)):
            record_event(session, RIGHT_CODE_AFTER_WRONG, now=now, detail=_detail_of(guess, person))


def _detail_of(guess: Guess, person: Person) -> dict[str, Any]:
    return {"person": person.email, "id": person.id, "from": guess.network}


def failed_tries(session: Session, person: Person, now: datetime) -> list[Event]:
    """Returns the recent events of wrong codes and refused log-ins at a person's account, the newest first."""
    query = select(Event).where(
        Event.name.in_((WRONG_CODE, LOGINS_REFUSED)),
        Event.at > now - MAX_AGE,
        Event.detail["person"].as_string() == person.email,
    )
    return list(session.scalars(query.order_by(Event.id.desc()).limit(MAX_LISTED)))


def note_wrong_guess(database: Database, guess: Guess, who: str, now: datetime) -> None:
    """Records an event when this wrong try is the last one before tries are refused. `who`: empty for nobody."""
    with database.writing() as session:
        if any(_count(session, limit, now) == limit.maximum for limit in _limits(guess)):
            detail = {"person": who, "from": guess.network}
            record_event(session, LOGINS_REFUSED, now=now, detail=detail)


def take_unreported_tries(session: Session, guess: Guess, minimum: int) -> RefusedLogins | None:
    """Returns the wrong tries that a person who logs in was not told of; each is reported once.

    `guess`: what was tried, and where the person logs in from. Fewer mistakes than `minimum` at the address that they
    log in from are their own, and are not reported.
    """
    unreported = (LoginFailure.account == guess.account, LoginFailure.told.is_(False))
    rows = session.scalars(select(LoginFailure).where(*unreported).order_by(LoginFailure.id)).all()
    session.execute(update(LoginFailure).where(*unreported).values(told=True))
    elsewhere = [row for row in rows if row.address != guess.network]
    if not elsewhere and len(rows) < minimum:
        return None
    last = (elsewhere or rows)[-1]
    return RefusedLogins(len(rows), last.at, last.address)


def _limits(guess: Guess) -> list[_Limit]:
    account = LoginFailure.account == guess.account
    if guess.browser:
        known = (LoginFailure.browser == guess.browser) & account
        return [
            _Limit(known, WINDOW, MAX_PER_BROWSER, _number),
            _Limit(known, DAY, MAX_PER_BROWSER_A_DAY, _number),
        ]
    strangers = LoginFailure.browser == ""
    from_here = strangers & (LoginFailure.address == guess.network)
    of_site = partial(_number_of_site, site_of(guess.network))
    return [
        _Limit(from_here & account, WINDOW, MAX_PER_PAIR, _number),
        _Limit(from_here & account, DAY, MAX_PER_PAIR_A_DAY, _number),
        _Limit(from_here, WINDOW, MAX_PER_ADDRESS, _number),
        _Limit(strangers & account, WINDOW, MAX_PER_SITE, of_site),
        _Limit(strangers & account, DAY, MAX_PER_SITE_A_DAY, of_site),
        _Limit(strangers & account, WINDOW, MAX_PER_ACCOUNT, _number_capped),
        _Limit(strangers & account, DAY, MAX_PER_ACCOUNT_A_DAY, _number_capped),
    ]


def _count(session: Session, limit: _Limit, now: datetime) -> int:
    return limit.counts(session, limit.where & (LoginFailure.at > now - limit.span))


def _number(session: Session, where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(LoginFailure).where(where)) or 0


def _number_of_site(site: str, session: Session, where: ColumnElement[bool]) -> int:
    return _numbers_by_site(session, where)[site]


def _number_capped(session: Session, where: ColumnElement[bool]) -> int:
    """Counts tries, at most a few of each site."""
    return sum(min(number, MAX_COUNTED_PER_SITE) for number in _numbers_by_site(session, where).values())


def _numbers_by_site(session: Session, where: ColumnElement[bool]) -> Counter[str]:
    query = select(LoginFailure.address, func.count()).where(where).group_by(LoginFailure.address)
    numbers: Counter[str] = Counter()
    for address, number in session.execute(query):
        numbers[site_of(address)] += number
    return numbers
