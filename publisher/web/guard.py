"""Stands before every route: who asks, whether they may, and whether the request is really theirs."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.sealing import Seal
from publisher.staff.confirming import confirm, is_confirmed
from publisher.staff.guesses import LoginRefused
from publisher.staff.logins import session_of
from publisher.staff.roles import permissions_of
from publisher.web.access import CONFIRM_WITHIN, RULES, Access, allows
from publisher.web.errors import ConfirmationNeeded, Forbidden, LoginNeeded

COOKIE = "publisher_session"
BROWSER_COOKIE = "publisher_browser"
"""Makes a browser known that somebody logged in with; it opens nothing."""
CONFIRM_PASSWORD, CONFIRM_CODE = "confirm_password", "confirm_code"
"""The fields in which somebody says again who they are."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
NOT_CARRIED = frozenset({CSRF_FIELD, CONFIRM_PASSWORD, CONFIRM_CODE})
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
        await _confirmed(request, session)
        return
    if session is None:
        raise LoginNeeded("Log in to see this page.")
    raise Forbidden("Your roles don't allow this; ask an admin of the desk.")


async def _confirmed(request: Request, session: WebSession | None) -> None:
    """Raises ConfirmationNeeded where the change is one of accounts, and nobody said lately who they are."""
    within = CONFIRM_WITHIN.get(request.scope["route"].name)
    if within is None or session is None or request.method in SAFE_METHODS:
        return
    form = await request.form()
    given = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    fields = [(name, value) for name, value in form.multi_items() if name not in NOT_CARRIED and isinstance(value, str)]
    desk: Desk = request.app.state.desk
    if not given.get(CONFIRM_PASSWORD):
        if is_confirmed(session, within, desk.now()):
            return
        raise ConfirmationNeeded(fields)
    try:
        await run_in_threadpool(_confirm, request, session, given[CONFIRM_PASSWORD], given.get(CONFIRM_CODE, ""))
    except LoginRefused as refusal:
        raise ConfirmationNeeded(fields, str(refusal)) from None


def _confirm(request: Request, session: WebSession, password: str, code: str) -> None:
    desk: Desk = request.app.state.desk
    came_from = (client_address(request), request.cookies.get(BROWSER_COOKIE, ""))
    confirm(
        desk.database, session, password[:1024], code[:20], came_from=came_from, seal=Seal.from_environment,
        now=desk.now(),
    )  # fmt: skip


def client_address(request: Request) -> str:
    """Returns the address that a request came from."""
    return request.client.host if request.client else ""


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
