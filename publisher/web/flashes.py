"""Keeps the sentences that a page shows once, such as “Saved.”, until that page is shown to the person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from sqlalchemy import select, update

from publisher.db.staff import WebSession
from publisher.desk import Desk

Flash = dict[str, Any]
"""What a page shows: `tone`, `text` and data for that page. Stored, also its `page`, and `until` when it is shown."""

MAX_STORED = 10
LIFETIME = timedelta(minutes=10)
"""Later than that a flash is dropped: its page was never loaded, and what it says may be wrong by now."""


def add_flash(request: Request, flash: Flash) -> None:
    """Keeps a flash for the page that answers the request, or that the answer redirects to."""
    _own_flashes(request).append(flash)


def store_flashes(request: Request, page: str) -> None:
    """Stores the request's flashes for the page that the browser is redirected to. `page`: its path."""
    added = _own_flashes(request)
    if not added:
        return
    desk: Desk = request.app.state.desk
    until = (desk.now() + LIFETIME).isoformat()
    token_hash = request.state.session.token_hash
    with desk.database.writing() as writing:
        # Read again: another tab may have stored one since the request began.
        stored = writing.scalar(_flashes_of_session(token_hash).with_for_update()) or []
        fresh = [{**flash, "page": page, "until": until} for flash in added]
        flashes = [*stored, *fresh][-MAX_STORED:]
        writing.execute(update(WebSession).where(WebSession.token_hash == token_hash).values(flash=flashes))
    added.clear()


def take_flashes(request: Request, page: str) -> list[Flash]:
    """Returns what the page of this request shows, once: later requests don't get it. `page`: its path."""
    added = _own_flashes(request)
    session: WebSession | None = getattr(request.state, "session", None)
    if session is not None and session.flash and _is_shown_to_a_person(request):
        # Within this request the page may ask several times.
        added[:0] = _take_stored(request.app.state.desk, session, page)
        session.flash = []
    return added


def _is_shown_to_a_person(request: Request) -> bool:
    """Decides whether the browser asks for a page to show it: for pictures and data it accepts anything.

    A script that fetches a page in order to show its flashes asks for `text/html`, too.
    """
    return "text/html" in request.headers.get("accept", "")


def _take_stored(desk: Desk, session: WebSession, page: str) -> list[Flash]:
    """Removes the flashes of a page from the session, and those that are too old. One without a page fits any."""
    now = desk.now()
    with desk.database.writing() as writing:
        stored = writing.scalar(_flashes_of_session(session.token_hash).with_for_update()) or []
        current = [flash for flash in stored if "until" not in flash or now < datetime.fromisoformat(flash["until"])]
        kept = [flash for flash in current if flash.get("page", page) != page]
        if kept != stored:
            taken = update(WebSession).where(WebSession.token_hash == session.token_hash)
            writing.execute(taken.values(flash=kept))
    return [flash for flash in current if flash not in kept]


def _flashes_of_session(token_hash: str) -> Any:
    return select(WebSession.flash).where(WebSession.token_hash == token_hash)


def _own_flashes(request: Request) -> list[Flash]:
    """Returns the list of the flashes that this request has added or taken."""
    if not hasattr(request.state, "flashes"):
        request.state.flashes = []
    flashes: list[Flash] = request.state.flashes
    return flashes
