"""Logs people in and out, and accepts invitations."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from publisher.core.encryption import SecretCipher
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.staff import Person, WebSession
from publisher.staff import logins, second_factor
from publisher.staff.accounts import accept_invite, find_invited_person, has_no_people, load_person
from publisher.staff.guesses import LoginRefused
from publisher.staff.passwords import WeakPassword
from publisher.web.errors import NotFound, as_sentence
from publisher.web.guard import COOKIE, client_address, compare_password, login_source, set_tokens, tokens_of
from publisher.web.rendering import address, asks_for_json, desk_of, page
from publisher.web.slow_work import WorkRefused

router = APIRouter()


@router.get("/login")
def login(request: Request, wanted: Annotated[str, Query(alias="next", max_length=2000)] = "/") -> Response:
    if request.state.session is not None:
        return RedirectResponse(local_path(request, wanted), 303)
    with desk_of(request).database.reading() as session:
        empty = has_no_people(session)
    return page(request, "login.html", next=wanted, email="", refused="", nobody=empty)


@router.get("/session")
def session_state(request: Request) -> Response:
    """Tells a page's script who is logged in in this browser, with which key, and for how long."""
    return _state_response(request, request.state.session)


@router.post("/session")
def stay_logged_in(request: Request) -> Response:
    """Makes a session last longer: every request but those that pages send by themselves does."""
    desk = desk_of(request)
    return _state_response(request, logins.session_of(desk.database, tokens_of(request).session, desk.now()))


def _state_response(request: Request, session: WebSession | None) -> Response:
    if session is None:
        return JSONResponse({"person": None})
    left = logins.time_left(session, desk_of(request).now())
    return JSONResponse(
        {
            "person": session.person_id,
            "name": session.person.name,
            "key": session.csrf,
            "seconds_left": max(0, int(left.left.total_seconds())),
            "is_extendable": left.is_extendable,
        }
    )


@router.post("/login")
async def log_in(
    request: Request,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=1024)],
    wanted: Annotated[str, Form(max_length=2000, alias="next")] = "/",
) -> Response:
    try:
        return await compare_password(request, partial(_log_in, request, email, password, wanted))
    except WorkRefused as refusal:
        response = _refusal(request, "login.html", refusal.status, next=wanted, email=email, refused=refusal.text)
        response.headers["retry-after"] = str(refusal.retry_seconds)
        return response


def _log_in(request: Request, email: str, password: str, wanted: str) -> Response:
    desk = desk_of(request)
    try:
        person = logins.check_password(desk.database, email, password, source=login_source(request), now=desk.now())
    except LoginRefused as refusal:
        return _refusal(request, "login.html", 401, next=wanted, email=email, refused=refusal.text)
    return _ask_code_or_enter(request, person, wanted)


def _ask_code_or_enter(request: Request, person_id: int, wanted: str) -> Response:
    """Asks for a code where the person has a second factor; else logs them in."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        person = load_person(session, person_id)
    if person.totp_secret is None:
        return start_session(request, person_id, wanted)
    ticket = second_factor.make_ticket(person, seal=SecretCipher.from_environment(), now=desk.now())
    if asks_for_json(request):
        return JSONResponse({"ticket": ticket})
    return page(request, "code.html", next=wanted, ticket=ticket, refused="")


@router.post("/login/code")
def log_in_with_code(
    request: Request,
    ticket: Annotated[str, Form(max_length=1000)],
    code: Annotated[str, Form(max_length=20)],
    wanted: Annotated[str, Form(max_length=2000, alias="next")] = "/",
) -> Response:
    desk = desk_of(request)
    seal = SecretCipher.from_environment()
    try:
        person = second_factor.person_of_ticket(desk.database, ticket, seal=seal, now=desk.now())
        second_factor.check_code(desk.database, person, code, source=login_source(request), seal=seal, now=desk.now())
    except LoginRefused as refusal:
        return _refusal(request, "code.html", 401, next=wanted, ticket=ticket, refused=refusal.text)
    return start_session(request, person, wanted)


def _refusal(request: Request, template: str, status: int, *, refused: Message | Problem, **context: str) -> Response:
    """Says why a log-in was refused: on the page that asks again, or to a script that asks in a dialog."""
    if asks_for_json(request):
        return JSONResponse({"refused": as_sentence(str(refused))}, status)
    return page(request, template, status, refused=refused, nobody=False, **context)


@router.post("/logout")
def log_out(request: Request) -> Response:
    logins.close_session(desk_of(request).database, request.state.session.token_hash)
    response = RedirectResponse(address(request, "login"), 303)
    response.delete_cookie(COOKIE, path=request.scope.get("root_path") or "/")
    return response


@router.get("/invitation/{token}")
def invitation(request: Request, token: str) -> Response:
    return _invitation_page(request, token)


@router.post("/invitation/{token}")
def accept_invitation(request: Request, token: str, password: Annotated[str, Form(max_length=1024)]) -> Response:
    desk = desk_of(request)
    _invited_person(request, token)
    try:
        person = accept_invite(desk.database, token, password, desk.now())
    except WeakPassword as weak:
        return _invitation_page(request, token, 422, weak.text)
    return _ask_code_or_enter(request, person, "/")


def _invitation_page(
    request: Request, token: str, status: int = 200, refused: Message | Problem | None = None
) -> Response:
    person = _invited_person(request, token)
    known = person.password_hash is not None
    texts = {"name": person.name, "inviter": person.invited_by}
    return page(request, "invitation.html", status, **texts, known=known, token=token, refused=refused)


def _invited_person(request: Request, token: str) -> Person:
    desk = desk_of(request)
    with desk.database.reading() as session:
        person = find_invited_person(session, token, desk.now())
    if person is None:
        raise NotFound(_("This invitation was used already or is too old; ask an admin for a new one."))
    return person


def start_session(request: Request, person: int, wanted: str) -> Response:
    """Starts a session for somebody whose identity was checked; ends a former one of this browser."""
    desk = desk_of(request)
    if request.state.session is not None:
        logins.close_session(desk.database, request.state.session.token_hash)
    browser = request.headers.get("user-agent", "")
    opened = logins.open_session(
        desk.database, person, address=client_address(request), browser=browser, now=desk.now()
    )
    set_tokens(request, opened)
    if asks_for_json(request):
        return _state_response(request, logins.session_of(desk.database, opened.token, desk.now()))
    return RedirectResponse(local_path(request, wanted), 303)


def local_path(request: Request, wanted: str) -> str:
    """Returns the page that was asked for before the log-in, if it is one of ours; else the first page."""
    root: str = request.scope.get("root_path", "")
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return root + wanted if is_ours else address(request, "today")
