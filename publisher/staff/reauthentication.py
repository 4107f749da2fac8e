"""Asks a logged-in person for the password again, before they change how their account is protected.

An open browser that was left alone, or a stolen cookie, is not enough for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from publisher.core.encryption import SecretCipher
from publisher.db.session import Database
from publisher.db.staff import WebSession
from publisher.staff import second_factor
from publisher.staff.browsers import LoginSource
from publisher.staff.logins import OpenedSession, check_password, renew_session

REAUTHENTICATION_LIFETIME = timedelta(minutes=10)
EVERY_TIME = timedelta(0)
"""The password is asked for with the change itself, even if it was given a moment ago."""


def is_reauthenticated(session: WebSession, within: timedelta, now: datetime) -> bool:
    """Decides whether the person of a session gave the password within that time."""
    return session.confirmed_at is not None and now - session.confirmed_at < within


@dataclass(frozen=True, slots=True)
class GivenCredentials:
    """Holds the password and the code that somebody gave. `code` is not used where the person has no second factor."""

    password: str
    code: str


def reauthenticate(
    database: Database,
    session: WebSession,
    given: GivenCredentials,
    *,
    source: LoginSource,
    seal: Callable[[], SecretCipher],
    now: datetime,
) -> OpenedSession | None:
    """Checks the password of a session's person, and their code where they have a second factor.

    Returns the session under a new token, so that a copy of the former token is not confirmed.
    None: the session ended meanwhile. Wrong guesses count like wrong log-ins.

    Raises:
        LoginRefused: one of them is wrong, or there were too many tries of late.
    """
    check_password(database, session.person.email, given.password, source=source, now=now)
    if session.person.totp_secret is not None:
        second_factor.check_code(database, session.person_id, given.code, source=source, seal=seal(), now=now)
    return renew_session(database, session, confirmed_at=now)
