"""Makes, lists and revokes the tokens of programs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from publisher.core.messages import _
from publisher.core.post_limits import MAX_ROW_NUMBER, TOKEN_NAME
from publisher.staff import api_tokens
from publisher.staff.accounts import AccountError
from publisher.web.field_types import ChosenNames
from publisher.web.rendering import desk_of, flash, page, redirect

router = APIRouter(prefix="/account/tokens")

SCOPE_DESCRIPTIONS = {
    "read": _("see posts, queue, calendar, deliveries and channels"),
    "write": _("add and change posts, upload pictures, ask for review"),
    "approve": _("approve, withdraw and order posts"),
    "operate": _("try deliveries again, adopt and cancel them"),
}
DEFAULT_DAYS = 90


@router.get("")
def tokens(request: Request) -> Response:
    return _page(request)


def _page(request: Request, status: int = 200, **context: Any) -> Response:
    desk = desk_of(request)
    me = request.state.session.person_id
    with desk.database.reading() as session:
        tokens = api_tokens.api_tokens(session, me)
    may = request.state.permissions
    shared: dict[str, Any] = {"new_token": "", "refused": "", "typed": {"scopes": ["read"], "days": DEFAULT_DAYS}}
    return page(
        request,
        "tokens.html",
        status,
        tokens=[(token, api_tokens.is_valid(token, desk.now())) for token in tokens],
        scopes=[(scope.value, SCOPE_DESCRIPTIONS[scope]) for scope in api_tokens.SCOPES if scope in may],
        lifetimes=api_tokens.LIFETIME_DAYS,
        **{**shared, **context},
    )


@router.post("")
def make_token(
    request: Request,
    name: Annotated[str, Form(max_length=TOKEN_NAME)] = "",
    scopes: ChosenNames = None,
    days: Annotated[int, Form(ge=1, le=MAX_ROW_NUMBER)] = DEFAULT_DAYS,
) -> Response:
    """Makes a token, and shows it once."""
    desk = desk_of(request)
    me = request.state.session.person_id
    chosen = scopes or []
    try:
        token = api_tokens.new_api_token(desk.database, me, name, chosen, days=days, now=desk.now())
    except AccountError as refusal:
        typed = {"name": name, "scopes": chosen, "days": days}
        return _page(request, 422, refused=refusal.text, typed=typed)
    return _page(request, new_token=token, name=name.strip())


@router.post("/{token_id}/revoke")
def revoke_token(request: Request, token_id: int) -> Response:
    desk = desk_of(request)
    api_tokens.revoke_api_token(desk.database, request.state.session.person_id, token_id, now=desk.now())
    flash(request, _("Revoked: the program that uses it is shut out."), "note")
    return redirect(request, "tokens")
