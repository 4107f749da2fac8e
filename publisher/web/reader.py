"""Says for whom the answer to a request is written: texts are rendered for that reader."""

from __future__ import annotations

from fastapi import Request

from publisher.core.messages import Face, Reader
from publisher.core.translations import desk_languages
from publisher.db.staff import Person, WebSession
from publisher.desk import Desk
from publisher.settings.channel_names import channel_names
from publisher.staff.api_tokens import TokenHolder


def reader_of(request: Request, face: Face) -> Reader:
    """Returns the reader of the answer to a request. `face`: a page for a person, or the API for a program.

    Its language is the one that the person chose, else that of the outlet's desk.
    """
    desk: Desk = request.app.state.desk
    outlet = desk.settings.outlet
    person = _person_of(request)
    chosen = person.language if person else None
    # The program may no longer have the catalogue of a language that somebody chose.
    language = chosen if chosen in desk_languages() else outlet.desk_language
    names = channel_names(desk.settings) if face is Face.PAGE else {}
    return Reader(language, outlet.zone, face, names)


def _person_of(request: Request) -> Person | None:
    """Returns who asks, in a browser or by a program, as far as it is known yet."""
    session: WebSession | None = getattr(request.state, "session", None)
    holder: TokenHolder | None = getattr(request.state, "holder", None)
    return session.person if session else holder.person if holder else None
