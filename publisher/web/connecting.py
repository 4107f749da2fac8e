"""A log-in to a platform that a browser has begun: kept for ten minutes, for that browser, for one answer."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import Request
from sqlalchemy import update

from publisher.core.encryption import Seal, WrongKey
from publisher.db.staff import WebSession
from publisher.platforms.login_steps import LoginStep
from publisher.web.guard import tokens_of
from publisher.web.rendering import address, desk_of

LOGIN_LIFETIME = timedelta(minutes=10)
SEAL_PURPOSE = "log-in of a channel"


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A log-in that waits for its next answer."""

    channel: str
    kept: Mapping[str, str]
    asked: tuple[str, ...]
    """The names of the questions. Empty: the platform leads the browser back with the answer."""


def store_login(request: Request, channel: str, step: LoginStep) -> None:
    """Remember what the next step needs; what this browser began before is forgotten."""
    desk = desk_of(request)
    content = {
        "channel": channel,
        "kept": dict(step.kept),
        "asked": [each.name for each in step.questions],
        "until": (desk.now() + LOGIN_LIFETIME).timestamp(),
    }
    _replace(request, _seal(request).seal(json.dumps(content), SEAL_PURPOSE))


def take_login(request: Request) -> PendingLogin | None:
    """What this browser has begun, for whoever asks first; None: nothing, or too long ago."""
    session: WebSession = request.state.session
    sealed = session.connecting
    if sealed is None or not _replace(request, None, before=sealed):
        return None
    try:
        content = json.loads(_seal(request).unseal(sealed, SEAL_PURPOSE))
    except WrongKey:
        return None
    if content["until"] < desk_of(request).now().timestamp():
        return None
    return PendingLogin(content["channel"], content["kept"], tuple(content["asked"]))


def _replace(request: Request, sealed: str | None, *, before: str | None = None) -> bool:
    session: WebSession = request.state.session
    mine = update(WebSession).where(WebSession.token_hash == session.token_hash)
    if before is not None:
        mine = mine.where(WebSession.connecting == before)
    with desk_of(request).database.writing() as writing:
        done = writing.execute(mine.values(connecting=sealed).returning(WebSession.token_hash)).first()
    session.connecting = sealed
    return done is not None


def _seal(request: Request) -> Seal:
    """With a key that this browser alone holds: the database knows no more than the hash of its cookie."""
    token = tokens_of(request).session.encode()
    return Seal(base64.urlsafe_b64encode(hmac.digest(token, SEAL_PURPOSE.encode(), "sha256")).decode())


def callback_url(request: Request) -> str:
    """Where a platform leads the browser back to: below `notify.link`, or under the name that the browser uses."""
    path = address(request, "channel_callback")
    link = _public_address(request)
    if not link:
        return f"{request.url.scheme}://{request.url.netloc}{path}"
    return link + path.removeprefix(request.scope.get("root_path", "").rstrip("/"))


def other_address(request: Request) -> str:
    """Under which address the platform would lead back to where this browser isn't logged in; empty: it is."""
    link = _public_address(request)
    return link if link and urlsplit(link).netloc != request.url.netloc else ""


def _public_address(request: Request) -> str:
    return desk_of(request).settings.notify.link.rstrip("/")
