"""Manages the people of the desk, and shows who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from publisher.alerts.invitation_mail import mail_invitation, sends_mail
from publisher.core.errors import SettingsError
from publisher.core.messages import Message, _
from publisher.core.post_limits import PERSON_NAME
from publisher.core.problems import Problem
from publisher.db.models import Event
from publisher.db.staff import Person
from publisher.delivery.row import places_of
from publisher.staff import accounts, second_factor
from publisher.staff.accounts import AccountError
from publisher.staff.roles import ROLE_DESCRIPTIONS, Role
from publisher.web.field_types import Before, ChosenNames
from publisher.web.rendering import actor_of, desk_of, flash, outside_address, page, redirect
from publisher.web.slow_work import in_queue

router = APIRouter()

PAGE_SIZE = 100


@router.get("/people")
def people(request: Request) -> Response:
    return _page(request)


def _page(request: Request, status: int = 200, **context: object) -> Response:
    with desk_of(request).database.reading() as session:
        everybody = list(session.scalars(select(Person).order_by(Person.active.desc(), Person.name)))
    roles = [(role.value, ROLE_DESCRIPTIONS[role]) for role in Role]
    shared: dict[str, object] = {"link": "", "whose": "", "not_sent": None, "mailed_to": "", "refused": "", "typed": {}}
    return page(request, "people.html", status, everybody=everybody, roles=roles, **{**shared, **context})


@router.post("/people")
@in_queue(lambda work: work.network)
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
            desk.database, accounts.NewPerson(email, name, chosen), now=desk.now(), actor=actor_of(request)
        )
    except AccountError as refusal:
        typed = {"email": email, "name": name, "roles": chosen}
        return _page(request, 422, refused=refusal.text, typed=typed)
    return _pass_link_on(request, token)


@router.post("/people/{person_id}/invitation")
@in_queue(lambda work: work.network)
def invite_person_again(request: Request, person_id: int) -> Response:
    desk = desk_of(request)
    return _pass_link_on(
        request, accounts.invite_again(desk.database, person_id, now=desk.now(), actor=actor_of(request))
    )


def _pass_link_on(request: Request, token: str) -> Response:
    """Sends a link by mail where the desk sends mail. Shows it where it does not, or the mail could not be sent.

    The mail may have gone out although it seems not to: the link works once, however often it is passed on.
    """
    desk = desk_of(request)
    link = outside_address(request, "invitation", token=token)
    with desk.database.reading() as session:
        person = accounts.find_invited_person(session, token, desk.now())
    if person is None:
        raise AccountError(_("The link was used or replaced meanwhile."))
    not_sent: Message | Problem | None = None
    try:
        if sends_mail():
            not_sent = mail_invitation(desk, person, link)
            if not_sent is None:
                return _page(request, mailed_to=person.email)
    except SettingsError as error:
        not_sent = error.text
    return _page(request, link=link, whose=person.name, not_sent=not_sent)


@router.post("/people/{person_id}/roles")
def change_roles(request: Request, person_id: int, roles: ChosenNames = None) -> Response:
    desk = desk_of(request)
    accounts.set_roles(desk.database, person_id, roles or [], now=desk.now(), actor=actor_of(request))
    flash(request, _("The roles are changed."))
    return redirect(request, "people")


@router.post("/people/{person_id}/second-factor/remove")
def remove_factor_of(request: Request, person_id: int) -> Response:
    """Removes the second factor of somebody who lost their phone."""
    desk = desk_of(request)
    second_factor.disable(desk.database, person_id, now=desk.now(), actor=actor_of(request))
    flash(
        request,
        _("They are asked for no code any more, were logged out everywhere, and a link to set a password ended."),
        "note",
    )
    return redirect(request, "people")


@router.post("/people/{person_id}/active")
def change_active(request: Request, person_id: int, active: Annotated[bool, Form()]) -> Response:
    desk = desk_of(request)
    accounts.set_active(desk.database, person_id, active, now=desk.now(), actor=actor_of(request))
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
        places = places_of(session, events)
    more = events[PAGE_SIZE - 1].id if len(events) > PAGE_SIZE else None
    shown = events[:PAGE_SIZE]
    return page(request, "audit.html", events=shown, places=places, names=names, actor=actor, what=what, more=more)


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
