"""Stands before every route: who asks, whether they may, and whether the request is really theirs."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.staff.logins import session_of
from publisher.staff.roles import permissions_of
from publisher.web.access import RULES, Access, allows
from publisher.web.errors import Forbidden, LoginNeeded

COOKIE = "publisher_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
STRANGE = "This request did not come from a page of the desk; open the page again and repeat what you did."


async def guard(request: Request) -> None:
    """Let the request through, or raise what ends it."""
    rule = RULES[request.scope["route"].name]
    session = await identify(request)
    if request.method not in SAFE_METHODS:
        _same_origin(request)
        if session is not None and rule != Access.PUBLIC:
            await _same_form(request, session)
    if allows(rule, request.state.permissions):
        return
    if session is None:
        raise LoginNeeded("Log in to see this page.")
    raise Forbidden("Your roles don't allow this; ask an admin of the desk.")


async def identify(request: Request) -> WebSession | None:
    """Find out who asks. Leaves the session and its permissions in `request.state`."""
    session = await _session(request)
    request.state.session = session
    request.state.permissions = permissions_of(session.person.roles) if session else None
    return session


async def _session(request: Request) -> WebSession | None:
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    desk: Desk = request.app.state.desk
    return await run_in_threadpool(session_of, desk.database, token, desk.now())


def _same_origin(request: Request) -> None:
    """Browsers say where a request comes from; what comes from elsewhere is refused."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise Forbidden(STRANGE)
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Forbidden(STRANGE)
    if site is None and origin is None:
        raise Forbidden(STRANGE)


async def _same_form(request: Request, session: WebSession) -> None:
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.headers.get("content-type", "").startswith(FORMS):
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise Forbidden(STRANGE)
