"""Keys of programs that work for a person: each may do what its scopes name and the person's roles allow."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.characters import read_line
from publisher.core.post_limits import TOKEN_NAME
from publisher.db.session import Database
from publisher.db.staff import ApiToken, Person
from publisher.lifecycle import record_event
from publisher.staff.accounts import AccountError, actor_of, load_person
from publisher.staff.roles import Permission, permissions_of
from publisher.staff.tokens import hash_of, new_token

SCOPES = tuple(permission for permission in Permission if permission != Permission.ADMINISTER)
"""What a token can be made for. People are never administered by a program."""
LIFETIMES = (7, 30, 90, 365)
"""Days that a token may live."""
MAX_TOKENS = 20
PREFIX = "pub_"
"""So that a token that lies where it should not is recognised as one."""
USED_STEP = timedelta(minutes=1)
"""How exact `used_at` is: not every request is worth a write."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks with a token, and what they may do with it at this moment."""

    token_id: int
    person: Person
    permissions: frozenset[Permission]
    scopes: frozenset[Permission]


def new_api_token(
    database: Database, person_id: int, name: str, scopes: Iterable[str], *, days: int, now: datetime
) -> str:
    """A token of a person for one program; it is shown once.

    Raises:
        AccountError: it has no name or no scope, one that the person's roles don't allow, or there are too many.
    """
    token = PREFIX + new_token()
    with database.writing() as session:
        person = load_person(session, person_id)
        wanted = _allowed_scopes(person, scopes)
        line = read_line(name)
        if not line:
            raise AccountError("A token without a name can't be told from others; name the program that uses it.")
        if days not in LIFETIMES:
            raise AccountError(f"A token lives for {', '.join(map(str, LIFETIMES[:-1]))} or {LIFETIMES[-1]} days.")
        if sum(is_working(each, now) for each in api_tokens(session, person_id)) >= MAX_TOKENS:
            raise AccountError(f"You have {MAX_TOKENS} tokens; revoke one that isn't used any more.")
        session.add(
            ApiToken(
                person_id=person_id,
                name=line[:TOKEN_NAME],
                token_hash=hash_of(token),
                scopes=wanted,
                created_at=now,
                expires_at=now + timedelta(days=days),
            )
        )
        detail = {"name": line[:TOKEN_NAME], "scopes": wanted, "days": days}
        record_event(session, "api token made", now=now, actor=actor_of(person), detail=detail)
    return token


def api_tokens(session: Session, person_id: int) -> list[ApiToken]:
    """The tokens of a person that are not revoked, the oldest first."""
    query = select(ApiToken).where(ApiToken.person_id == person_id, ApiToken.revoked_at.is_(None))
    return [token for token in session.scalars(query.order_by(ApiToken.id)) if _scopes_of(token)]


def is_working(token: ApiToken, now: datetime) -> bool:
    """Whether it is neither revoked nor too old."""
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now)


def revoke_api_token(database: Database, person_id: int, token_id: int, *, now: datetime) -> None:
    """Shut one of a person's own tokens. Raises AccountError: they have no such token."""
    with database.writing() as session:
        token = next((each for each in api_tokens(session, person_id) if each.id == token_id), None)
        if token is None:
            raise AccountError("This token is revoked already.")
        token.revoked_at = now
        record_event(session, "api token revoked", now=now, actor=actor_of(token.person), detail={"name": token.name})


def holder_of(database: Database, token: str, now: datetime) -> Holder | None:
    """Whose token this is, while it works and its person is active."""
    wanted = hash_of(token)
    with database.reading() as session:
        found = session.scalar(select(ApiToken).where(ApiToken.token_hash == wanted))
    if found is None or not hmac.compare_digest(found.token_hash, wanted):
        return None
    scopes = _scopes_of(found)
    if not scopes or not is_working(found, now) or not found.person.active:
        return None
    if found.used_at is None or now - found.used_at > USED_STEP:
        with database.writing() as session:
            session.get_one(ApiToken, found.id).used_at = now
    return Holder(found.id, found.person, scopes & permissions_of(found.person.roles), scopes)


def _scopes_of(token: ApiToken) -> frozenset[Permission]:
    """Empty for a key to something else than the API, such as the calendar feed."""
    return frozenset(scope for scope in SCOPES if scope in token.scopes)


def _allowed_scopes(person: Person, scopes: Iterable[str]) -> list[str]:
    wanted = sorted(set(scopes))
    may = permissions_of(person.roles)
    known = [scope.value for scope in SCOPES if scope in may]
    if not wanted:
        raise AccountError("A token without a scope may do nothing; choose at least one.")
    if foreign := [scope for scope in wanted if scope not in known]:
        raise AccountError(f"Your roles don't allow the scope {foreign[0]!r}; choose among {', '.join(known)}.")
    return wanted
