"""Guards every route of the pages: identifies the person, and checks permission, origin and form key."""

from __future__ import annotations

import hmac
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from publisher.core.characters import is_text
from publisher.core.encryption import SecretCipher
from publisher.core.messages import Face, _, set_reader
from publisher.core.post_limits import FORM_BYTES, MAX_ROW_NUMBER
from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.staff.browsers import KNOWN_BROWSER_LIFETIME, LoginSource, is_known_browser, remember_browser
from publisher.staff.guesses import LoginRefused
from publisher.staff.logins import ABSOLUTE_LIMIT, OpenedSession, renew_session, session_of
from publisher.staff.reauthentication import GivenCredentials, is_reauthenticated, reauthenticate
from publisher.staff.roles import permissions_of
from publisher.staff.tokens import is_form_key_of
from publisher.web.access import (
    CONFIRM_WITHIN,
    NOT_A_USE,
    RAW_BODIES,
    RULES,
    SECRET_ADDRESSES,
    SECRET_FORMS,
    Access,
    allows,
)
from publisher.web.errors import (
    ROLES_FORBID_IT,
    ConfirmationNeeded,
    Forbidden,
    FormOutOfDate,
    FormWithoutLogin,
    LoginNeeded,
    NotFound,
    PageError,
)
from publisher.web.middleware import RESPONSE_COOKIES, SENT_FORM_COOKIE
from publisher.web.reader import reader_of
from publisher.web.slow_work import WorkRefused, person_of, slow_work_of

T = TypeVar("T")

COOKIE = "publisher_session"
BROWSER_COOKIE = "publisher_browser"
"""The cookie of a browser that somebody logged in with before; it gives no access."""
CONFIRM_PASSWORD, CONFIRM_CODE = "confirm_password", "confirm_code"
"""The fields in which somebody confirms who they are."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
FORM_FIELD = "tab"
"""The field that names an opened form: a random name, which a script gives it."""
SENT_FORM_PREFIX = "publisher_sent_"
NOT_RESENT = frozenset({CSRF_FIELD, CONFIRM_PASSWORD, CONFIRM_CODE})
MAX_RESENT_BYTES = 3 * FORM_BYTES
"""The size of a form without a log-in that is sent back: percent-encoded, a character has three bytes."""
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
SESSION_OVER = _("Your log-in is over; log in again.")
ROWS_IN_ADDRESSES = frozenset(
    {
        "delivery_id",
        "hook_id",
        "import_id",
        "key_id",
        "link_id",
        "message_id",
        "notification_id",
        "person_id",
        "post_id",
        "token_id",
        "version",
    }
)
"""The parameters of addresses that are numbers of rows."""
BAD_ADDRESS = _("This address holds a character that can't be stored or searched for; leave it out.")
BAD_FORM = _("This form holds a character that can't be stored or searched for; leave it out.")
FOREIGN_REQUEST = _("This request did not come from a page of the desk; open the page again and repeat what you did.")


@dataclass(frozen=True, slots=True)
class BrowserTokens:
    """The tokens that a browser holds; each may be empty."""

    session: str
    browser: str


async def guard(request: Request) -> AsyncIterator[None]:
    """Checks a request before its route runs, and closes the files of its form afterwards."""
    try:
        await _admit(request)
        yield
    finally:
        await request.close()


async def _admit(request: Request) -> None:
    set_reader(reader_of(request, Face.PAGE))
    _refuse_large_numbers(request)
    if b"%00" in request.scope["query_string"]:
        raise PageError(BAD_ADDRESS)
    rule = RULES[request.scope["route"].name]
    session = await identify(request)
    form = FormData()
    if request.method not in SAFE_METHODS:
        if request.scope["route"].name not in SECRET_ADDRESSES:
            _require_same_origin(request)
        form = await _read_form(request)
        _note_sent_form(request, form)
        if session is not None and rule != Access.PUBLIC:
            _require_form_key(request, session, form)
    if allows(rule, request.state.permissions):
        await _require_confirmation(request, session)
        return
    if session is None:
        raise _login_error(request, form)
    raise Forbidden(ROLES_FORBID_IT)


def _note_sent_form(request: Request, form: FormData) -> None:
    """Records which form of a page a browser sends, so that its script forgets what was typed once it was taken."""
    name = form.get(FORM_FIELD)
    is_page_asked_for = "text/html" in request.headers.get("accept", "")
    if is_page_asked_for and isinstance(name, str) and re.fullmatch("[0-9a-f]{32}", name):
        path = request.scope.get("root_path") or "/"
        setattr(request.state, SENT_FORM_COOKIE, f"{SENT_FORM_PREFIX}{name}=1; Max-Age=600; Path={path}; SameSite=Lax")


def _login_error(request: Request, form: FormData) -> LoginNeeded:
    """Makes the error for a request without a log-in. It keeps what was entered, but for secrets."""
    name = request.scope["route"].name
    fields = _resendable_fields(form)
    if not fields or name in CONFIRM_WITHIN or name in SECRET_FORMS:
        return LoginNeeded(_("Log in to see this page."))
    # The key gives no access: it says whose form it was, and only that person is shown it again.
    key = form.get(CSRF_FIELD)
    sent_key = request.headers.get(CSRF_HEADER, "") or (key if isinstance(key, str) else "")
    return FormWithoutLogin([(CSRF_FIELD, sent_key), *fields], has_files=_has_files(form))


def _refuse_large_numbers(request: Request) -> None:
    """Raises NotFound for an address with a number that no row can have, and no database can search for."""
    numbers = (str(value) for name, value in request.path_params.items() if name in ROWS_IN_ADDRESSES)
    if any(number.isdecimal() and (len(number) > 18 or int(number) > MAX_ROW_NUMBER) for number in numbers):
        raise NotFound(_("There is nothing at this address: no row has such a number."))


async def _require_confirmation(request: Request, session: WebSession | None) -> None:
    """Raises ConfirmationNeeded for a change of accounts by somebody who did not confirm lately who they are."""
    within = CONFIRM_WITHIN.get(request.scope["route"].name)
    if within is None or session is None or request.method in SAFE_METHODS:
        return
    form = await request.form()
    values = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    fields = _resendable_fields(form)
    desk: Desk = request.app.state.desk
    if not values.get(CONFIRM_PASSWORD):
        if is_reauthenticated(session, within, desk.now()):
            return
        raise ConfirmationNeeded(fields)
    try:
        work = partial(_confirm, request, session, values[CONFIRM_PASSWORD], values.get(CONFIRM_CODE, ""))
        await compare_password(request, work)
    except (LoginRefused, WorkRefused) as refusal:
        raise ConfirmationNeeded(fields, refusal.text) from None


def _resendable_fields(form: FormData) -> list[tuple[str, str]]:
    """Returns the fields of a form that are sent again after a question."""
    return [(name, value) for name, value in form.multi_items() if name not in NOT_RESENT and isinstance(value, str)]


def _confirm(request: Request, session: WebSession, password: str, code: str) -> None:
    desk: Desk = request.app.state.desk
    given = GivenCredentials(password[:1024], code[:20])
    opened = reauthenticate(
        desk.database, session, given, source=login_source(request), seal=SecretCipher.from_environment, now=desk.now()
    )
    _switch_session(request, opened)


async def compare_password(request: Request, work: Callable[[], T]) -> T:
    """Runs work that compares a password in a queue of its own. Raises WorkRefused."""
    desk: Desk = request.app.state.desk
    known = await run_in_threadpool(is_known_browser, desk.database, tokens_of(request).browser, desk.now())
    queues = slow_work_of(request)
    return await (queues.known_log_ins if known else queues.log_ins).run(work, person_of(request))


def renew_tokens(request: Request) -> None:
    """Replaces the tokens of the browser that asks; its old ones end."""
    desk: Desk = request.app.state.desk
    session: WebSession = request.state.session
    _switch_session(request, renew_session(desk.database, session, confirmed_at=session.confirmed_at))


def _switch_session(request: Request, opened: OpenedSession | None) -> None:
    desk: Desk = request.app.state.desk
    session = session_of(desk.database, opened.token, desk.now()) if opened else None
    if opened is None or session is None:
        raise LoginNeeded(SESSION_OVER)
    request.state.session = session
    set_tokens(request, opened)


def set_tokens(request: Request, opened: OpenedSession) -> None:
    """Sets the cookies of a session in the browser that asks, and remembers it as one of the person's."""
    desk: Desk = request.app.state.desk
    browser_token = remember_browser(desk.database, opened.person_id, tokens_of(request).browser, desk.now())
    cookies = Response()
    for name, value, lifetime in (
        (COOKIE, opened.token, ABSOLUTE_LIMIT),
        (BROWSER_COOKIE, browser_token, KNOWN_BROWSER_LIFETIME),
    ):
        cookies.set_cookie(
            name,
            value,
            max_age=int(lifetime.total_seconds()),
            path=request.scope.get("root_path") or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
    setattr(request.state, RESPONSE_COOKIES, cookies.headers.getlist("set-cookie"))
    request.state.tokens = BrowserTokens(opened.token, browser_token)


def tokens_of(request: Request) -> BrowserTokens:
    """Returns the tokens that the browser has after this answer: new ones, or those that it sent."""
    new: BrowserTokens | None = getattr(request.state, "tokens", None)
    return new or BrowserTokens(request.cookies.get(COOKIE, ""), request.cookies.get(BROWSER_COOKIE, ""))


def login_source(request: Request) -> LoginSource:
    """Returns where a try to log in comes from."""
    return LoginSource(client_address(request), tokens_of(request).browser)


def client_address(request: Request) -> str:
    """Returns the address that a request came from."""
    return request.client.host if request.client else ""


async def identify(request: Request) -> WebSession | None:
    """Finds the session of a request, and stores it and its permissions in `request.state`.

    Texts are rendered for its reader from then on.
    """
    session = await _find_session(request)
    request.state.session = session
    request.state.permissions = permissions_of(session.person.roles) if session else None
    set_reader(reader_of(request, Face.PAGE))
    return session


async def _find_session(request: Request) -> WebSession | None:
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    desk: Desk = request.app.state.desk
    is_use = "route" not in request.scope or request.scope["route"].name not in NOT_A_USE
    return await run_in_threadpool(partial(session_of, desk.database, token, desk.now(), is_use=is_use))


def _require_same_origin(request: Request) -> None:
    """Raises Forbidden for a request that does not come from a page of the desk."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise Forbidden(FOREIGN_REQUEST)
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Forbidden(FOREIGN_REQUEST)
    if site is None and origin is None:
        raise Forbidden(FOREIGN_REQUEST)


async def _read_form(request: Request) -> FormData:
    """Reads the form of a request, if any. Raises PageError where bytes in it are no text.

    A large form without a log-in is not read, where its route needs one.
    """
    name = request.scope["route"].name
    if name in RAW_BODIES or not request.headers.get("content-type", "").lower().startswith(FORM_TYPES):
        return FormData()
    announced = request.headers.get("content-length", "")
    is_small = announced.isdecimal() and len(announced) < 10 and int(announced) <= MAX_RESENT_BYTES
    if request.state.session is None and RULES[name] != Access.PUBLIC and not is_small:
        return FormData()
    form = await request.form()
    texts = (text for field in form.multi_items() for text in field if isinstance(text, str))
    if any(not is_text(text) for text in texts):
        raise PageError(BAD_FORM)
    return form


def _require_form_key(request: Request, session: WebSession, form: FormData) -> None:
    """Raises Forbidden where the request was not sent with the session's key."""
    sent_key = request.headers.get(CSRF_HEADER, "")
    if not sent_key:
        field = form.get(CSRF_FIELD)
        sent_key = field if isinstance(field, str) else ""
    if hmac.compare_digest(sent_key.encode(), session.csrf.encode()):
        return
    name = request.scope["route"].name
    if not is_form_key_of(session.person_id, sent_key) or name in SECRET_FORMS:
        raise Forbidden(FOREIGN_REQUEST)
    # This person's pages had the key before: the request comes from a page of the desk, or from a reader of one.
    if name in CONFIRM_WITHIN:
        raise ConfirmationNeeded(_resendable_fields(form))
    raise FormOutOfDate(_resendable_fields(form), session.csrf, has_files=_has_files(form))


def _has_files(form: FormData) -> bool:
    return any(isinstance(value, UploadFile) and value.filename for value in form.values())
