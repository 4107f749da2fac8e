"""Slows down the guessing of passwords and codes, without shutting out the person whose account is guessed at.

A try is counted before it is judged, so that tries at the same moment count too, and forgotten when it was right.
A browser that somebody logged in with before has a count of its own: whatever strangers do, it gets through.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from publisher.db.session import Database
from publisher.db.staff import LoginFailure
from publisher.lifecycle import record_event

WINDOW = timedelta(minutes=15)
DAY = timedelta(days=1)
KEPT_FOR = timedelta(days=30)
MOST_PER_PAIR = 5
"""Wrong tries at one account from one address, within the window."""
MOST_PER_BROWSER = 5
MOST_PER_ADDRESS = 30
MOST_PER_ACCOUNT = 20
"""From all browsers that are not known, wherever they are: guesses that come from many addresses."""
MOST_PER_ACCOUNT_A_DAY = 100
LOGINS_REFUSED = "log-ins refused"
"""The event of so many wrong tries at one account that the next ones are refused."""


class LoginRefused(Exception):
    """Not logged in; the message is one sentence, and never tells whether the account exists."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Who is tried, from where."""

    account: str
    """SHA-256 of the account's name."""
    network: str
    browser: str = ""
    """The hash of a known browser's token; empty: not known."""


@dataclass(frozen=True, slots=True)
class RefusedLogins:
    """Tries at somebody's account that they have not been told of."""

    number: int
    last_at: datetime
    last_from: str


def guess_at(account: str, address: str, browser: str = "") -> Guess:
    """Describes a try at an account, which may be any text, from an address of the network."""
    return Guess(hashlib.sha256(account.encode()).hexdigest(), network_of(address), browser)


def network_of(address: str) -> str:
    """Returns what counts as one address: of IPv6 the 64 leading bits, which one household has."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    return str(ip_network((found, 64), strict=False)) if found.version == 6 and not found.ipv4_mapped else str(found)


def begin_guess(database: Database, guess: Guess, now: datetime) -> int:
    """Counts a try and returns its number. Raises LoginRefused when there were too many wrong ones of late."""
    with database.writing() as session:
        session.execute(delete(LoginFailure).where(LoginFailure.at < now - KEPT_FOR))
        if any(_count(session, where, now - span) >= most for where, span, most in _limits(guess)):
            minutes = int(WINDOW.total_seconds() // 60)
            raise LoginRefused(
                f"Too many log-ins were refused of late; try again in {minutes} minutes, "
                "or from a browser that you logged in with before."
            )
        row = LoginFailure(account=guess.account, address=guess.network, browser=guess.browser, at=now)
        session.add(row)
        session.flush()
        return row.id


def forget_guess(database: Database, number: int) -> None:
    """A try was right: it counts no more."""
    with database.writing() as session:
        session.execute(delete(LoginFailure).where(LoginFailure.id == number))


def note_wrong_guess(database: Database, guess: Guess, who: str, now: datetime) -> None:
    """Records an event when this wrong try is the last one before the next are refused. `who`: empty for nobody."""
    with database.writing() as session:
        if any(_count(session, where, now - span) == most for where, span, most in _limits(guess)):
            detail = {"person": who, "from": guess.network}
            record_event(session, LOGINS_REFUSED, now=now, detail=detail)


def take_untold(session: Session, email: str, address: str) -> RefusedLogins | None:
    """Returns what a person who logs in has to be told of tries at their account; each is told once.

    A few mistakes at the address that they log in from are their own, and not told.
    """
    account = guess_at(email, address).account
    untold = (LoginFailure.account == account, LoginFailure.told.is_(False))
    rows = session.scalars(select(LoginFailure).where(*untold).order_by(LoginFailure.id)).all()
    session.execute(update(LoginFailure).where(*untold).values(told=True))
    elsewhere = [row for row in rows if row.address != network_of(address)]
    if not elsewhere and len(rows) < MOST_PER_PAIR:
        return None
    last = (elsewhere or rows)[-1]
    return RefusedLogins(len(rows), last.at, last.address)


def _limits(guess: Guess) -> list[tuple[ColumnElement[bool], timedelta, int]]:
    if guess.browser:
        return [((LoginFailure.browser == guess.browser) & _at(guess), WINDOW, MOST_PER_BROWSER)]
    strangers = LoginFailure.browser == ""
    return [
        (strangers & _at(guess) & (LoginFailure.address == guess.network), WINDOW, MOST_PER_PAIR),
        (strangers & (LoginFailure.address == guess.network), WINDOW, MOST_PER_ADDRESS),
        (strangers & _at(guess), WINDOW, MOST_PER_ACCOUNT),
        (strangers & _at(guess), DAY, MOST_PER_ACCOUNT_A_DAY),
    ]


def _at(guess: Guess) -> ColumnElement[bool]:
    return LoginFailure.account == guess.account


def _count(session: Session, where: ColumnElement[bool], since: datetime) -> int:
    return session.scalar(select(func.count()).select_from(LoginFailure).where(where, LoginFailure.at > since)) or 0
