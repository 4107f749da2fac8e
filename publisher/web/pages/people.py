"""Manages the people of the desk, and shows who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from publisher.core.messages import _
from publisher.core.post_limits import PERSON_NAME
from publisher.db.models import Event
from publisher.db.staff import Person
from publisher.staff import accounts, second_factor
from publisher.staff.accounts import AccountError, actor_of
from publisher.staff.roles import ROLE_DESCRIPTIONS, Role
from publisher.web.field_types import Before, ChosenNames
from publisher.web.rendering import address, desk_of, flash, page, redirect

router = APIRouter()

PAGE_SIZE = 100


@router.get("/people")
def people(request: Request) -> Response:
    return _page(request)


def _page(request: Request, status: int = 200, **context: object) -> Response:
    with desk_of(request).database.reading() as session:
        everybody = list(session.scalars(select(Person).order_by(Person.active.desc(), Person.name)))
    roles = [(role.value, ROLE_DESCRIPTIONS[role]) for role in Role]
    shared: dict[str, object] = {"link": "", "whose": "", "refused": "", "typed": {}}
    return page(request, "people.html", status, everybody=everybody, roles=roles, **{**shared, **context})


@router.post("/people")
def invite_person(
    request: Request,
    email: Annotated[str, Form(max_length=254)],
    name: Annotated[str, Form(max_length=PERSON_NAME)],
    roles: ChosenNames = None,
) -> Response:
    desk = desk_of(request)
    chosen = roles or []
    try:
        token = accounts.invite_person(
            desk.database, accounts.NewPerson(email, name, chosen), now=desk.now(), actor=_actor(request)
        )
    except AccountError as refusal:
        typed = {"email": email, "name": name, "roles": chosen}
        return _page(request, 422, refused=refusal.text, typed=typed)
    return _page(request, link=_link(request, token), whose=name)


@router.post("/people/{person_id}/invitation")
def invite_person_again(request: Request, person_id: int) -> Response:
    desk = desk_of(request)
    token = accounts.invite_again(desk.database, person_id, now=desk.now(), actor=_actor(request))
    with desk.database.reading() as session:
        whose = accounts.load_person(session, person_id).name
    return _page(request, link=_link(request, token), whose=whose)


@router.post("/people/{person_id}/roles")
def change_roles(request: Request, person_id: int, roles: ChosenNames = None) -> Response:
    desk = desk_of(request)
    accounts.set_roles(desk.database, person_id, roles or [], now=desk.now(), actor=_actor(request))
    flash(request, _("The roles are changed."))
    return redirect(request, "people")


@router.post("/people/{person_id}/second-factor/remove")
def remove_factor_of(request: Request, person_id: int) -> Response:
    """Removes the second factor of somebody who lost their phone."""
    desk = desk_of(request)
    second_factor.disable(desk.database, person_id, now=desk.now(), actor=_actor(request))
    flash(
        request,
        _("They are asked for no code any more, were logged out everywhere, and a link to set a password ended."),
        "note",
    )
    return redirect(request, "people")


@router.post("/people/{person_id}/active")
def change_active(request: Request, person_id: int, active: Annotated[bool, Form()]) -> Response:
    desk = desk_of(request)
    accounts.set_active(desk.database, person_id, active, now=desk.now(), actor=_actor(request))
    sentence = (
        _("They can log in again.") if active else _("They are shut out: every browser and every key of theirs ends.")
    )
    flash(request, sentence, "good" if active else "note")
    return redirect(request, "people")


@router.get("/audit")
def audit(
    request: Request,
    actor: Annotated[str, Query(max_length=120)] = "",
    what: Annotated[str, Query(max_length=40)] = "",
    before: Before = None,
) -> Response:
    """Shows who did what, the newest first."""
    with desk_of(request).database.reading() as session:
        events = list(session.scalars(_event_query(actor, what, before)))
        names = _event_names(session)
    more = events[PAGE_SIZE - 1].id if len(events) > PAGE_SIZE else None
    return page(request, "audit.html", events=events[:PAGE_SIZE], names=names, actor=actor, what=what, more=more)


def _event_query(actor: str, what: str, before: int | None) -> Select[Event]:
    query = select(Event).order_by(Event.id.desc()).limit(PAGE_SIZE + 1)
    if actor:
        query = query.where(Event.actor == actor)
    if what:
        query = query.where(Event.name == what)
    return query.where(Event.id < before) if before is not None else query


def _event_names(session: Session) -> list[str]:
    """Lists the names of all recorded events, one index step for each: a history is long, its names are few."""
    first = select(func.min(Event.name).label("name")).cte("kind", recursive=True)
    following = select(func.min(Event.name)).where(Event.name > first.c.name).scalar_subquery()
    kinds = first.union_all(select(following).where(first.c.name.is_not(None)))
    return list(session.scalars(select(kinds.c.name).where(kinds.c.name.is_not(None))))


def _link(request: Request, token: str) -> str:
    """Returns the whole address of an invitation, under the host name that the admin's browser uses."""
    return f"{request.url.scheme}://{request.url.netloc}{address(request, 'invitation', token=token)}"


def _actor(request: Request) -> str:
    return actor_of(request.state.session.person)
