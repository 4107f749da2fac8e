"""Adds, invites and deactivates people, and gives them roles. Every act is an event."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.core.characters import clean_line, remove_control_characters
from publisher.core.errors import UserError
from publisher.core.messages import _
from publisher.core.post_limits import PERSON_NAME
from publisher.db.session import Database
from publisher.db.staff import ApiToken, Person, PreviewLink, WebSession
from publisher.lifecycle import record_event
from publisher.staff.browsers import forget_browsers
from publisher.staff.passwords import hash_password
from publisher.staff.roles import Role
from publisher.staff.tokens import hash_of, new_token

INVITATION_LIFETIME = timedelta(days=7)


class AccountError(UserError):
    """Says why the list of people can't be changed so; the message is one sentence."""

    code = "account-refused"


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Holds what a person is added with."""

    email: str
    name: str
    roles: Collection[str]


def add_person(database: Database, new: NewPerson, *, password: str, now: datetime, actor: str) -> int:
    """Adds a person who can log in at once.

    Raises:
        AccountError: the address is no address or is taken, or a role is not known.
        WeakPassword: the password is refused.
    """
    person = _make_person(new, now)
    person.password_hash = hash_password(password, about=(person.email, person.name))
    return _insert_person(database, person, now, actor, "person added")


def invite_person(database: Database, new: NewPerson, *, now: datetime, actor: str) -> str:
    """Adds a person who chooses a password by following a link; returns the link's token, which is shown once.

    Raises AccountError.
    """
    person = _make_person(new, now)
    token = new_token()
    with database.reading() as session:
        _invite(session, person, token, now, actor)
    _insert_person(database, person, now, actor, "person invited")
    return token


def invite_again(database: Database, person_id: int, *, now: datetime, actor: str) -> str:
    """Makes a new link for a person who lost theirs, or their password; until it is used, nothing else changes."""
    with database.writing() as session:
        person = load_person(session, person_id)
        if not person.active:
            raise AccountError(_("{person} is deactivated; activate them first.", person=person.name))
        token = new_token()
        _invite(session, person, token, now, actor)
        record_event(session, "person invited", now=now, actor=actor, detail={"person": person.email})
    return token


def _invite(session: Session, person: Person, token: str, now: datetime, actor: str) -> None:
    """Gives a person a link, with the name of whoever made it."""
    inviter = session.scalar(select(Person.name).where(Person.email == actor))
    person.invite_hash, person.invite_until = hash_of(token), now + INVITATION_LIFETIME
    person.invited_by = (inviter or actor)[:120]


def find_invited_person(session: Session, token: str, now: datetime) -> Person | None:
    """Returns the person of an invitation's token, while it is valid."""
    return session.scalar(
        select(Person).where(Person.invite_hash == hash_of(token), Person.invite_until > now, Person.active)
    )


def accept_invite(database: Database, token: str, password: str, now: datetime) -> int:
    """Sets the password that an invited person chose, and returns their id.

    All their log-ins end, and the tokens of their programs are revoked: whoever knew the old password may have made
    some. A person with a second factor still has to give a code.

    Raises:
        AccountError: the invitation is not known or too old.
        WeakPassword: the password is refused.
    """
    with database.writing() as session:
        person = find_invited_person(session, token, now)
        if person is None:
            raise AccountError(_("This invitation was used already or is too old; ask an admin for a new one."))
        person.password_hash = hash_password(password, about=(person.email, person.name))
        end_invitation(person)
        end_access(session, person.id, now)
        record_event(session, "password set", now=now, actor=person.actor)
        return person.id


def set_roles(database: Database, person_id: int, roles: Iterable[str], *, now: datetime, actor: str) -> None:
    """Gives a person exactly these roles. Raises AccountError: the last admin stays one."""
    new_roles = _known_roles(roles)
    with database.writing() as session:
        person = load_person(session, person_id)
        if Role.ADMIN not in new_roles:
            _refuse_last_admin(session, person)
        before, person.roles = person.roles, new_roles
        detail = {"person": person.email, "before": before, "after": new_roles}
        record_event(session, "roles changed", now=now, actor=actor, detail=detail)


def set_active(database: Database, person_id: int, active: bool, *, now: datetime, actor: str) -> None:
    """Activates or deactivates a person, whose log-ins and tokens then end at once. Raises AccountError."""
    with database.writing() as session:
        person = load_person(session, person_id)
        if not active:
            _refuse_last_admin(session, person)
            end_access(session, person.id, now)
            session.execute(delete(ApiToken).where(ApiToken.person_id == person.id))
            own_links = (PreviewLink.made_by == person.actor, PreviewLink.revoked_at.is_(None))
            session.execute(update(PreviewLink).where(*own_links).values(revoked_at=now))
            end_invitation(person)
        person.active = active
        name = "person activated" if active else "person deactivated"
        record_event(session, name, now=now, actor=actor, detail={"person": person.email})


def set_language(database: Database, person_id: int, language: str | None) -> None:
    """Sets the language of a person's pages. None: that of the outlet's desk. Raises AccountError."""
    with database.writing() as session:
        load_person(session, person_id).language = language


def end_invitation(person: Person) -> None:
    """Ends the link that sets a person's password, if there is one: it was made before the account was changed."""
    person.invite_hash = person.invite_until = None


def end_sessions(session: Session, person_id: int, *, but: str = "") -> None:
    """Ends all sessions of a person except the one with the token hash `but`."""
    session.execute(delete(WebSession).where(WebSession.person_id == person_id, WebSession.token_hash != but))


def end_access(session: Session, person_id: int, now: datetime, *, but: str = "", but_browser: str = "") -> None:
    """Ends every log-in of a person except one, forgets their browsers, and revokes their programs' tokens.

    `but`: the token hash of the session that stays; `but_browser`: the token of its browser.
    """
    end_sessions(session, person_id, but=but)
    forget_browsers(session, person_id, but=but_browser)
    working = (ApiToken.person_id == person_id, ApiToken.revoked_at.is_(None))
    session.execute(update(ApiToken).where(*working).values(revoked_at=now))


def load_person(session: Session, person_id: int) -> Person:
    """Returns a person. Raises AccountError when there is no such person."""
    person = session.get(Person, person_id)
    if person is None:
        raise AccountError(_("There is no person {person}.", person=person_id))
    return person


def is_mail_address(text: str) -> bool:
    """Decides whether a text can be a mail address."""
    is_line = text == remove_control_characters(text)
    return is_line and len(text) <= 254 and re.fullmatch(r"[^@\s]+@[^@\s]+", text) is not None


def _make_person(new: NewPerson, now: datetime) -> Person:
    address = new.email.strip().lower()
    if not is_mail_address(address):
        raise AccountError(_("“{email}” is no mail address; write it like name@example.org.", email=new.email))
    line = clean_line(new.name)
    if not line:
        raise AccountError(_("Somebody without a name can't be told from others; give one."))
    if len(line) > PERSON_NAME:
        raise AccountError(
            _(
                "A name may have {maximum} characters, and this has {length:number}; shorten it.",
                maximum=PERSON_NAME,
                length=len(line),
            )
        )
    return Person(email=address, name=line, roles=_known_roles(new.roles), created_at=now)


def _known_roles(roles: Iterable[str]) -> list[str]:
    roles = sorted(set(roles))
    known = [role.value for role in Role]
    if not roles:
        raise AccountError(_("Somebody without a role may do nothing; choose among {known:list}.", known=known))
    if unknown := [role for role in roles if role not in known]:
        raise AccountError(_("“{role}” is no role; choose among {known:list}.", role=unknown[0], known=known))
    return roles


def _insert_person(database: Database, person: Person, now: datetime, actor: str, event: str) -> int:
    try:
        with database.writing() as session:
            session.add(person)
            session.flush()
            detail = {"person": person.email, "roles": person.roles}
            record_event(session, event, now=now, actor=actor, detail=detail)
            return person.id
    except IntegrityError:
        raise AccountError(_("{email} is somebody here already.", email=person.email)) from None


def _refuse_last_admin(session: Session, person: Person) -> None:
    others = session.scalars(select(Person.roles).where(Person.active, Person.id != person.id))
    if Role.ADMIN in person.roles and not any(Role.ADMIN in roles for roles in others):
        raise AccountError(_("{person} is the only admin; make somebody else one first.", person=person.name))


def has_no_people(session: Session) -> bool:
    """Decides whether the desk has no person yet."""
    return session.scalar(select(func.count()).select_from(Person)) == 0
