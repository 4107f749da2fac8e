"""Slows down the guessing of passwords and codes, without shutting out the person whose account is guessed at.

A try is counted before it is judged, so that tries at the same moment count too, and forgotten when it was right.
A browser that somebody logged in with before has a count of its own: whatever strangers do, it gets through.
Tries from one network, however many, never close an account for others.
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

from publisher.core.logs import get_logger
from publisher.core.special_addresses import counted_network
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.staff import LoginFailure, Person
from publisher.lifecycle import record_event

WINDOW = timedelta(minutes=15)
DAY = timedelta(days=1)
KEPT_FOR = timedelta(days=30)
MAX_KEPT = 100_000
"""Of the tries that strangers anywhere make at names that need not be anybody's; the oldest beyond it go."""
FORGOTTEN_AT_ONCE = 100
MAX_PER_PAIR = 5
"""Wrong tries at one account from one address, within the window."""
MAX_PER_PAIR_A_DAY = 15
MAX_PER_BROWSER = 5
MAX_PER_BROWSER_A_DAY = 20
MAX_PER_ADDRESS = 30
MAX_PER_ACCOUNT = 20
"""From all browsers that are not known, wherever they are: guesses that come from many addresses."""
MAX_PER_ACCOUNT_A_DAY = 100
MAX_PER_SITE = 10
"""At one account from all addresses that one customer of a provider may hold."""
MAX_PER_SITE_A_DAY = 30
MAX_COUNTED_PER_SITE = 5
"""Of the tries from one site, so many count at most against the limits of an account."""
LOGINS_REFUSED = "log-ins refused"
"""The event of so many wrong tries at one account that the next ones are refused."""
WRONG_CODE = "wrong code"
"""The event of a wrong code of the second factor: somebody had the right password."""
RIGHT_CODE_AFTER_WRONG = "right code after wrong ones"
"""The event of a right code from the network that wrong ones came from a moment before: its person mistyped."""
MAX_LISTED = 20
FEW_CODES = 3
"""Fewer wrong codes from the address that somebody logs in from are their own mistakes."""


TURNS = 0x67756573  # "gues": any number, the same in every process, and no other lock's


class LoginRefused(Exception):
    """Not logged in; the message is one sentence, and never tells whether the account exists."""


class GuessedSubject(StrEnum):
    """What is guessed at. The tries at each kind are counted under keys of their own."""

    LOG_IN = "log-in"
    """With the password of a mail address, which need not be anybody's."""
    SECOND_FACTOR = "second factor"
    """Of a person's id, after the right password."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Who is tried, from where."""

    account: str
    """SHA-256 of the kind of the subject and its name."""
    network: str
    browser: str = ""
    """The hash of a known browser's token; empty: not known."""


@dataclass(frozen=True, slots=True)
class RefusedLogins:
    """Tries at somebody's account that they have not been told of."""

    number: int
    last_at: datetime
    last_from: str


@dataclass(frozen=True, slots=True)
class _Limit:
    """So many wrong tries within a span of time, and no more."""

    where: ColumnElement[bool]
    span: timedelta
    most: int
    counts: Callable[[Session, ColumnElement[bool]], int]


def guess_at(subject: GuessedSubject, name: str, address: str, browser: str = "") -> Guess:
    """Describes a try at a subject from an address of the network."""
    return Guess(hashlib.sha256(f"{subject}\0{name}".encode()).hexdigest(), counted_network(address), browser)


def site_of(network: str) -> str:
    """Returns what one customer of a provider may hold: of IPv6 the 48 leading bits."""
    try:
        found = ip_network(network)
    except ValueError:
        return network
    return str(found.supernet(new_prefix=48)) if found.version == 6 and found.prefixlen == 64 else network


def begin_guess(database: Database, guess: Guess, now: datetime) -> int:
    """Counts a try and returns its number. Raises LoginRefused when there were too many wrong ones of late."""
    with database.writing() as session:
        _wait_for_turn(session, guess)
        _forget_oldest(session, now)
        if reached := [limit for limit in _limits(guess) if _count(session, limit, now) >= limit.most]:
            daily = any(limit.span == DAY for limit in reached)
            when = "tomorrow" if daily else f"in {int(WINDOW.total_seconds() // 60)} minutes"
            raise LoginRefused(
                f"Too many log-ins were refused of late; try again {when}, "
                "or from a browser that you logged in with before."
            )
        row = LoginFailure(account=guess.account, address=guess.network, browser=guess.browser, at=now)
        session.add(row)
        session.flush()
        return row.id


def _forget_oldest(session: Session, now: datetime) -> None:
    """Removes some tries that are too old or too many: looking through all would let the whole desk wait."""
    newest = session.scalar(select(func.max(LoginFailure.id))) or 0
    oldest = select(LoginFailure.id).order_by(LoginFailure.id).limit(FORGOTTEN_AT_ONCE)
    # What another try removes just now need not be waited for.
    oldest = oldest.with_for_update(skip_locked=True)
    over = (LoginFailure.at < now - KEPT_FOR) | (LoginFailure.id <= newest - MAX_KEPT)
    session.execute(delete(LoginFailure).where(LoginFailure.id.in_(oldest), over))


def _wait_for_turn(session: Session, guess: Guess) -> None:
    """Waits for other tries at this account or from this network, which count before this one; until the commit.

    SQLite lets one transaction write at a time.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    # Always in the same order, so that two tries never wait for each other.
    for name in sorted((guess.account, guess.network)):
        session.execute(select(func.pg_advisory_xact_lock(TURNS, func.hashtext(name))))


def forget_guess(database: Database, number: int) -> None:
    """A try was right: it counts no more."""
    with database.writing() as session:
        session.execute(delete(LoginFailure).where(LoginFailure.id == number))


def note_wrong_code(database: Database, guess: Guess, person: Person, now: datetime) -> None:
    """Records that somebody had a person's password and a wrong code, for the person and for operators."""
    get_logger("staff").warning(
        "a wrong code came after the right password", person=person.email, address=guess.network
    )
    with database.writing() as session:
        record_event(session, WRONG_CODE, now=now, detail=_detail_of(guess, person))


def note_right_code(database: Database, guess: Guess, person: Person, now: datetime) -> None:
    """Records that the wrong codes of a moment ago, from the same network, were mistakes, if there were any."""
    here = (LoginFailure.account == guess.account, LoginFailure.address == guess.network)
    with database.writing() as session:
        if session.scalar(select(LoginFailure.id).where(*here, LoginFailure.at > now - WINDOW).limit(1)):
            record_event(session, RIGHT_CODE_AFTER_WRONG, now=now, detail=_detail_of(guess, person))


def _detail_of(guess: Guess, person: Person) -> dict[str, Any]:
    return {"person": person.email, "id": person.id, "from": guess.network}


def tries_at(session: Session, person: Person, now: datetime) -> list[Event]:
    """Returns the events of wrong codes and refused log-ins at a person's account of late, the newest first."""
    query = select(Event).where(
        Event.name.in_((WRONG_CODE, LOGINS_REFUSED)),
        Event.at > now - KEPT_FOR,
        Event.detail["person"].as_string() == person.email,
    )
    return list(session.scalars(query.order_by(Event.id.desc()).limit(MAX_LISTED)))


def note_wrong_guess(database: Database, guess: Guess, who: str, now: datetime) -> None:
    """Records an event when this wrong try is the last one before the next are refused. `who`: empty for nobody."""
    with database.writing() as session:
        if any(_count(session, limit, now) == limit.most for limit in _limits(guess)):
            detail = {"person": who, "from": guess.network}
            record_event(session, LOGINS_REFUSED, now=now, detail=detail)


def take_untold(session: Session, guess: Guess, few: int) -> RefusedLogins | None:
    """Returns what a person who logs in has to be told of wrong tries; each is told once.

    `guess`: what was tried, and where the person logs in from. Fewer mistakes than `few` at the address that they log
    in from are their own, and not told.
    """
    untold = (LoginFailure.account == guess.account, LoginFailure.told.is_(False))
    rows = session.scalars(select(LoginFailure).where(*untold).order_by(LoginFailure.id)).all()
    session.execute(update(LoginFailure).where(*untold).values(told=True))
    elsewhere = [row for row in rows if row.address != guess.network]
    if not elsewhere and len(rows) < few:
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
    """Counts tries, but no more than a few of each site."""
    return sum(min(number, MAX_COUNTED_PER_SITE) for number in _numbers_by_site(session, where).values())


def _numbers_by_site(session: Session, where: ColumnElement[bool]) -> Counter[str]:
    query = select(LoginFailure.address, func.count()).where(where).group_by(LoginFailure.address)
    numbers: Counter[str] = Counter()
    for address, number in session.execute(query):
        numbers[site_of(address)] += number
    return numbers
