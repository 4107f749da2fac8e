"""Defines which role may do what, for pages, API and command line."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from publisher.core.messages import Message, _


class Permission(StrEnum):
    """Names what a person may do."""

    READ = "read"
    """See posts, queue, calendar, deliveries and channels."""
    WRITE = "write"
    """Add and edit posts, upload pictures, comment, ask for review."""
    APPROVE = "approve"
    """Approve, withdraw and order posts."""
    OPERATE = "operate"
    """Act on deliveries and channels."""
    ADMINISTER = "administer"
    """Invite people, give roles, read the audit, set webhooks."""


class Role(StrEnum):
    """Names the roles of people."""

    CONTRIBUTOR = "contributor"
    EDITOR = "editor"
    OPERATOR = "operator"
    ADMIN = "admin"


_P = Permission
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.CONTRIBUTOR: frozenset({_P.READ, _P.WRITE}),
    Role.EDITOR: frozenset({_P.READ, _P.WRITE, _P.APPROVE}),
    Role.OPERATOR: frozenset({_P.READ, _P.OPERATE}),
    Role.ADMIN: frozenset(_P),
}
ROLE_DESCRIPTIONS: dict[Role, Message] = {
    Role.CONTRIBUTOR: _("writes posts and asks for review"),
    Role.EDITOR: _("also approves posts and orders the queue"),
    Role.OPERATOR: _("acts on deliveries and channels"),
    Role.ADMIN: _("may do everything, and invites people"),
}


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """Returns everything that these roles allow together; an unknown role allows nothing."""
    known = {role.value: role for role in Role}
    return frozenset().union(*(ROLE_PERMISSIONS[known[role]] for role in roles if role in known))
