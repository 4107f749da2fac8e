"""Shows each person what they are notified of, and marks it as read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from publisher.collaboration.descriptions import DescribedNotification, describe
from publisher.collaboration.notifications import mark_read, notifications_of
from publisher.core.messages import _
from publisher.web.errors import NotFound
from publisher.web.field_types import Before
from publisher.web.rendering import address, desk_of, page, redirect

router = APIRouter(prefix="/for-you")

PAGE_SIZE = 50
MAX_ON_TODAY = 5
BackToToday = Annotated[bool, Form()]


def unread_on_today(session: Session, request: Request) -> list[DescribedNotification]:
    """Returns the newest things that the person who asks has not read."""
    own = notifications_of(session, request.state.session.person_id, unread_only=True, limit=MAX_ON_TODAY)
    return describe(session, own)


@router.get("")
def for_you(request: Request, before: Before = None) -> Response:
    me = request.state.session.person_id
    with desk_of(request).database.reading() as session:
        listed = notifications_of(session, me, before=before, limit=PAGE_SIZE + 1)
        described = describe(session, listed[:PAGE_SIZE])
    more = described[-1].id if len(listed) > PAGE_SIZE else None
    return page(request, "for_you.html", notifications=described, more=more)


@router.get("/{notification_id}")
def open_notification(request: Request, notification_id: int) -> Response:
    """Leads to the comment or the post that a notification is about, and marks it as read."""
    desk = desk_of(request)
    me = request.state.session.person_id
    with desk.database.reading() as session:
        own = notifications_of(session, me, before=notification_id + 1, limit=1)
    if not own or own[0].id != notification_id:
        raise NotFound(_("There is nothing for you at this address."))
    mark_read(desk.database, me, desk.now(), notification_id=notification_id)
    place = f"#comment-{own[0].comment_id}" if own[0].comment_id else ""
    return RedirectResponse(address(request, "edit_post_page", post_id=own[0].post_id) + place, 303)


@router.post("/read")
def read_all(request: Request, back_to_today: BackToToday = False) -> Response:
    desk = desk_of(request)
    mark_read(desk.database, request.state.session.person_id, desk.now())
    return redirect(request, "today" if back_to_today else "for_you")


@router.post("/{notification_id}/read")
def read_notification(request: Request, notification_id: int, back_to_today: BackToToday = False) -> Response:
    desk = desk_of(request)
    mark_read(desk.database, request.state.session.person_id, desk.now(), notification_id=notification_id)
    return redirect(request, "today" if back_to_today else "for_you")
