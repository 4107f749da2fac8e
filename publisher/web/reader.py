"""Says for whom the answer to a request is written: texts are rendered for that reader."""

from __future__ import annotations

from fastapi import Request

from publisher.core.messages import Face, Reader
from publisher.desk import Desk


def reader_of(request: Request, face: Face) -> Reader:
    """Returns the reader of the answer to a request. `face`: a page for a person, or the API for a program."""
    desk: Desk = request.app.state.desk
    return Reader(zone=desk.settings.outlet.zone, face=face)
