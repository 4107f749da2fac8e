"""Manages the tokens of programs that work for a person, within the token's scopes and the person's roles."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.characters import clean_line
from publisher.core.messages import _
from publisher.core.post_limits import TOKEN_NAME
from publisher.db.session import Database
from publisher.db.staff import ApiToken, Person
from publisher.lifecycle import record_event
from publisher.staff.accounts import AccountError, load_person
from publisher.staff.roles import Permission, permissions_of
from publisher.staff.tokens import hash_of, new_token

SCOPES = tuple(permission for permission in Permission if permission != Permission.ADMINISTER)
"""The scopes that a token can have. A program never administers people."""
LIFETIME_DAYS = (7, 30, 90, 365)
"""Days for which a token can be valid."""
MAX_TOKENS = 20
PREFIX = "pub_"
"""Lets people and scanners recognise a leaked token."""
USED_AT_PRECISION = timedelta(minutes=1)
"""The precision of `used_at`: not every request is worth a write."""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Holds the person of a token, and what the token may do at this moment."""

    token_id: int
    person: Person
    permissions: frozenset[Permission]
    scopes: frozenset[Permission]


def new_api_token(
    database: Database, person_id: int, name: str, scopes: Iterable[str], *, days: int, now: datetime
) -> str:
    """Makes a token of a person for one program; it is shown once.

    Raises:
        AccountError: it has no name or no scope, one that the person's roles don't allow, or there are too many.
    """
    token = PREFIX + new_token()
    with database.writing() as session:
        person = load_person(session, person_id)
        allowed = _allowed_scopes(person, scopes)
        line = clean_line(name)
        if not line:
            raise AccountError(_("A token without a name can't be told from others; name the program that uses it."))
        if days not in LIFETIME_DAYS:
            raise AccountError(
                _(
                    "A token lives for {days:list} or {longest} days.",
                    days=LIFETIME_DAYS[:-1],
                    longest=LIFETIME_DAYS[-1],
                )
            )
        if sum(is_valid(other, now) for other in api_tokens(session, person_id)) >= MAX_TOKENS:
            raise AccountError(_("You have {maximum} tokens; revoke one that isn't used any more.", maximum=MAX_TOKENS))
        session.add(
            ApiToken(
                person_id=person_id,
                name=line[:TOKEN_NAME],
                token_hash=hash_of(token),
                scopes=allowed,
                created_at=now,
                expires_at=now + timedelta(days=days),
            )
        )
        detail = {"name": line[:TOKEN_NAME], "scopes": allowed, "days": days}
        record_event(session, "api token made", now=now, actor=person.actor, detail=detail)
    return token


def api_tokens(session: Session, person_id: int) -> list[ApiToken]:
    """Lists the tokens of a person that are not revoked, the oldest first."""
    query = select(ApiToken).where(ApiToken.person_id == person_id, ApiToken.revoked_at.is_(None))
    return [token for token in session.scalars(query.order_by(ApiToken.id)) if _scopes_of(token)]


def is_valid(token: ApiToken, now: datetime) -> bool:
    """Decides whether a token is neither revoked nor expired."""
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now)


def revoke_api_token(database: Database, person_id: int, token_id: int, *, now: datetime) -> None:
    """Revokes one of a person's own tokens. Raises AccountError: they have no such token."""
    with database.writing() as session:
        token = next((own for own in api_tokens(session, person_id) if own.id == token_id), None)
        if token is None:
            raise AccountError(_("This token is revoked already."))
        token.revoked_at = now
        record_event(session, "api token revoked", now=now, actor=token.person.actor, detail={"name": token.name})


def holder_of(database: Database, token: str, now: datetime) -> TokenHolder | None:
    """Returns the holder of a token, while it is valid and its person is active."""
    token_hash = hash_of(token)
    with database.reading() as session:
        row = session.scalar(select(ApiToken).where(ApiToken.token_hash == token_hash))
    if row is None or not hmac.compare_digest(row.token_hash, token_hash):
        return None
    scopes = _scopes_of(row)
    if not scopes or not is_valid(row, now) or not row.person.active:
        return None
    if row.used_at is None or now - row.used_at > USED_AT_PRECISION:
        with database.writing() as session:
            session.get_one(ApiToken, row.id).used_at = now
    return TokenHolder(row.id, row.person, scopes & permissions_of(row.person.roles), scopes)


def _scopes_of(token: ApiToken) -> frozenset[Permission]:
    """Returns the API scopes of a token; none for a key to something else, such as the calendar feed."""
    return frozenset(scope for scope in SCOPES if scope in token.scopes)


def _allowed_scopes(person: Person, scopes: Iterable[str]) -> list[str]:
    scopes = sorted(set(scopes))
    permissions = permissions_of(person.roles)
    known = [scope.value for scope in SCOPES if scope in permissions]
    if not scopes:
        raise AccountError(_("A token without a scope may do nothing; choose at least one."))
    if foreign := [scope for scope in scopes if scope not in known]:
        raise AccountError(
            _(
                "Your roles don't allow the scope “{scope}”; choose among {known:list}.",
                scope=foreign[0],
                known=known,
            )
        )
    return scopes
