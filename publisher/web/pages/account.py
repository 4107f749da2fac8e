"""What people change about themselves: password, second factor, where they are logged in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy import select

from publisher.db.staff import Person, WebSession
from publisher.sealing import Seal
from publisher.staff import second_factor
from publisher.staff.accounts import actor_of, end_sessions
from publisher.staff.logins import LoginRefused, change_own_password
from publisher.staff.passwords import WeakPassword, is_right
from publisher.web.rendering import desk_of, flash, go, page

router = APIRouter(prefix="/account")

Password = Annotated[str, Form(max_length=1024)]


@router.get("")
def account(request: Request) -> Response:
    return _page(request)


def _page(request: Request, status: int = 200, **mistakes: str) -> Response:
    desk = desk_of(request)
    me: Person = request.state.session.person
    with desk.database.reading() as session:
        query = select(WebSession).where(WebSession.person_id == me.id).order_by(WebSession.seen_at.desc())
        browsers = list(session.scalars(query))
    secret = second_factor.new_secret()
    picture = "" if me.totp_secret else second_factor.picture_of(secret, me.email, desk.settings.outlet.name)
    return page(
        request,
        "account.html",
        status,
        browsers=browsers,
        this_browser=request.state.session.token_hash,
        secret=secret,
        picture=picture,
        mistakes=mistakes,
    )


@router.post("/password")
def change_password(request: Request, old: Password, new: Password) -> Response:
    desk = desk_of(request)
    me = request.state.session
    try:
        change_own_password(desk.database, me.person_id, old, new, keep_session=me.token_hash, now=desk.now())
    except (LoginRefused, WeakPassword) as refusal:
        return _page(request, 422, password=str(refusal))
    flash(request, "Your password is changed, and every other browser of yours is logged out.")
    return go(request, "account")


@router.post("/second-factor")
def set_second_factor(
    request: Request, secret: Annotated[str, Form(pattern="^[A-Z2-7]{32}$")], code: Annotated[str, Form(max_length=20)]
) -> Response:
    desk = desk_of(request)
    try:
        second_factor.enable(
            desk.database, request.state.session.person_id, secret, code, seal=Seal.from_environment(), now=desk.now()
        )
    except LoginRefused as refusal:
        return _page(request, 422, code=str(refusal))
    flash(request, "From now on you are asked for a code at every log-in.")
    return go(request, "account")


@router.post("/second-factor/remove")
def remove_second_factor(request: Request, password: Password) -> Response:
    desk = desk_of(request)
    me: Person = request.state.session.person
    if not is_right(password, me.password_hash):
        return _page(request, 422, remove="That is not your password.")
    second_factor.disable(desk.database, me.id, now=desk.now(), actor=actor_of(me))
    flash(request, "You are asked for no code any more.", "note")
    return go(request, "account")


@router.post("/log-out-elsewhere")
def log_out_elsewhere(request: Request) -> Response:
    me = request.state.session
    with desk_of(request).database.writing() as session:
        end_sessions(session, me.person_id, but=me.token_hash)
    flash(request, "Every other browser of yours is logged out.")
    return go(request, "account")
