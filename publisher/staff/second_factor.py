"""Checks the second factor: a code of six digits that changes every half minute (TOTP, RFC 6238)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

import pyotp
import segno
from sqlalchemy import select, update

from publisher.core.encryption import SecretCipher, WrongKey
from publisher.core.messages import _
from publisher.db.session import Database
from publisher.db.staff import Person, WebSession
from publisher.lifecycle import record_event
from publisher.staff.accounts import end_invitation, end_sessions, load_person
from publisher.staff.browsers import LoginSource, known_browser
from publisher.staff.guesses import (
    GuessedSubject,
    LoginRefused,
    begin_guess,
    forget_guess,
    guess_at,
    note_right_code,
    note_wrong_code,
    note_wrong_guess,
)

STEP_SECONDS = 30
MAX_CLOCK_DRIFT_STEPS = 1
"""A clock may be wrong by half a minute."""
TICKET_LIFETIME = timedelta(minutes=5)
"""How long after the password the code is accepted."""
WRONG_CODE_MESSAGE = _("That code is wrong or was used already; wait for the next one.")


def new_secret() -> str:
    """Makes the secret of a person's codes."""
    return pyotp.random_base32()


def draw_qr_code(secret: str, email: str, outlet: str) -> str:
    """Draws the secret as a QR code: a `data:` address of an SVG."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=outlet)
    return str(segno.make(address, error="m").svg_data_uri(scale=4, border=4, light="#fff"))


def enable(
    database: Database, own_session: WebSession, secret: str, code: str, *, seal: SecretCipher, now: datetime
) -> None:
    """Requires a code at every log-in from now on; other browsers are logged out, and a link to set a password ends.

    Raises:
        LoginRefused: this code is wrong.
    """
    step = _step_of(secret, code, now)
    if step is None:
        raise LoginRefused(WRONG_CODE_MESSAGE)
    with database.writing() as session:
        person = load_person(session, own_session.person_id)
        person.totp_secret, person.totp_last_step = seal.encrypt(secret, _purpose(person.id)), step
        end_invitation(person)
        end_sessions(session, person.id, but=own_session.token_hash)
        record_event(session, "second factor set", now=now, actor=person.actor)


def disable(database: Database, person_id: int, *, now: datetime, actor: str, keep_session: str = "") -> None:
    """Requires no code any more; other browsers of the person are logged out, and a link to set a password ends."""
    with database.writing() as session:
        person = load_person(session, person_id)
        person.totp_secret = None
        end_invitation(person)
        end_sessions(session, person_id, but=keep_session)
        record_event(session, "second factor removed", now=now, actor=actor, detail={"person": person.email})


def check_code(
    database: Database, person_id: int, code: str, *, source: LoginSource, seal: SecretCipher, now: datetime
) -> None:
    """Checks the code of a person whose password was right; each code works once.

    Raises:
        LoginRefused: it is wrong or was used already, or there were too many tries recently.
        SealError: the secret can't be opened with the keys at hand.
    """
    with database.reading() as session:
        person = session.scalar(select(Person).where(Person.id == person_id, Person.active))
        known = known_browser(session, source.browser, person_id, now)
    if person is None or person.totp_secret is None:
        raise LoginRefused(_("Log in again from the beginning."))
    secret = seal.decrypt(person.totp_secret, _purpose(person_id))
    guess = guess_at(GuessedSubject.SECOND_FACTOR, str(person_id), source.address, known)
    number = begin_guess(database, guess, now)
    step = _step_of(secret, code, now)
    if step is None or not _use_step(database, person_id, step):
        note_wrong_code(database, guess, person, now)
        note_wrong_guess(database, guess, person.email, now)
        raise LoginRefused(WRONG_CODE_MESSAGE)
    forget_guess(database, number)
    note_right_code(database, guess, person, now)


def _use_step(database: Database, person_id: int, step: int) -> bool:
    """Records the use of a step's code; False when this code or a later one was used before."""
    with database.writing() as session:
        result = session.execute(
            update(Person)
            .where(Person.id == person_id, Person.totp_last_step < step)
            .values(totp_last_step=step)
            .returning(Person.id)
        )
        return result.first() is not None


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """Returns the time step that the code belongs to; None when that is not near now."""
    given = "".join(code.split())
    current = int(now.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    steps = range(current - MAX_CLOCK_DRIFT_STEPS, current + MAX_CLOCK_DRIFT_STEPS + 1)
    matching = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode())]
    return max(matching, default=None)


def make_ticket(person: Person, *, seal: SecretCipher, now: datetime) -> str:
    """Makes the ticket that a browser holds between the password and the code; a new password makes it invalid."""
    return seal.encrypt(
        f"{person.id} {int((now + TICKET_LIFETIME).timestamp())} {_password_fingerprint(person)}", "log-in"
    )


def person_of_ticket(database: Database, given: str, *, seal: SecretCipher, now: datetime) -> int:
    """Returns the person of a ticket. Raises LoginRefused when it is too old, or the password was changed since."""
    try:
        person_id, until, fingerprint = seal.decrypt(given, "log-in").split()
    except (WrongKey, ValueError):
        raise LoginRefused(_("Log in again from the beginning.")) from None
    if int(until) < now.timestamp():
        raise LoginRefused(_("The code came too late; log in again from the beginning."))
    with database.reading() as session:
        person = session.get(Person, int(person_id))
    if person is None or not hmac.compare_digest(_password_fingerprint(person), fingerprint):
        raise LoginRefused(_("Log in again from the beginning."))
    return person.id


def _password_fingerprint(person: Person) -> str:
    return hashlib.sha256((person.password_hash or "").encode()).hexdigest()[:16]


def _purpose(person_id: int) -> str:
    return f"second factor of {person_id}"
