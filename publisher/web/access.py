"""Who may open which page: one rule for every route, in one table.

A route without a rule can't be served: `check_rules` fails when the application is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from starlette.routing import BaseRoute

from publisher.staff.roles import Permission


class Access(StrEnum):
    PUBLIC = "public"
    SIGNED_IN = "signed in"
    """Anybody of the staff, whatever their roles."""


Rule = Access | Permission
P, A = Permission, Access

RULES: dict[str, Rule] = {
    "static": A.PUBLIC,
    "healthz": A.PUBLIC,
    "readyz": A.PUBLIC,
    "login": A.PUBLIC,
    "log_in": A.PUBLIC,
    "second_factor": A.PUBLIC,
    "invitation": A.PUBLIC,
    "accept_invitation": A.PUBLIC,
    "log_out": A.SIGNED_IN,
    "today": P.READ,
    "thumbnail": P.READ,
    "rendition": P.READ,
}


class NoRule(Exception):
    """A route that nobody said who may use it."""


def check_rules(routes: Iterable[BaseRoute]) -> None:
    """Raises NoRule for the first route without a rule."""
    for route in routes:
        name = getattr(route, "name", "")
        if name not in RULES:
            raise NoRule(f"the route {name!r} has no rule in publisher.web.access; say who may use it")


def allows(rule: Rule, permissions: frozenset[Permission] | None) -> bool:
    """Whether somebody with these permissions may; None: nobody is logged in."""
    if rule == Access.PUBLIC:
        return True
    if permissions is None:
        return False
    return rule == Access.SIGNED_IN or rule in permissions
