"""Keeps a platform log-in that a browser began: for ten minutes, for that browser, for one answer."""

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

from publisher.core.encryption import SecretCipher, WrongKey
from publisher.db.staff import WebSession
from publisher.platforms.login_steps import LoginStep
from publisher.web.guard import tokens_of
from publisher.web.rendering import address, desk_of

LOGIN_LIFETIME = timedelta(minutes=10)
SEAL_PURPOSE = "log-in of a channel"


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A platform log-in that waits for its next answer."""

    channel: str
    state: Mapping[str, str]
    questions: tuple[str, ...]
    """The names of the questions. Empty: the platform sends the browser back with the answer."""


def store_login(request: Request, channel: str, step: LoginStep) -> None:
    """Stores what the next step needs, in place of a log-in that this browser began before."""
    desk = desk_of(request)
    content = {
        "channel": channel,
        "kept": dict(step.kept),
        "asked": [question.name for question in step.questions],
        "until": (desk.now() + LOGIN_LIFETIME).timestamp(),
    }
    _replace(request, _seal(request).encrypt(json.dumps(content), SEAL_PURPOSE))


def take_login(request: Request) -> PendingLogin | None:
    """Returns the log-in that this browser began, once; None: there is none, or it is too old."""
    session: WebSession = request.state.session
    sealed = session.connecting
    if sealed is None or not _replace(request, None, before=sealed):
        return None
    try:
        content = json.loads(_seal(request).decrypt(sealed, SEAL_PURPOSE))
    except WrongKey:
        return None
    if content["until"] < desk_of(request).now().timestamp():
        return None
    return PendingLogin(content["channel"], content["kept"], tuple(content["asked"]))


def _replace(request: Request, sealed: str | None, *, before: str | None = None) -> bool:
    session: WebSession = request.state.session
    statement = update(WebSession).where(WebSession.token_hash == session.token_hash)
    if before is not None:
        statement = statement.where(WebSession.connecting == before)
    with desk_of(request).database.writing() as writing:
        replaced = writing.execute(statement.values(connecting=sealed).returning(WebSession.token_hash)).first()
    session.connecting = sealed
    return replaced is not None


def _seal(request: Request) -> SecretCipher:
    """Makes a seal from the browser's cookie, of which the database holds only the hash."""
    token = tokens_of(request).session.encode()
    return SecretCipher(base64.urlsafe_b64encode(hmac.digest(token, SEAL_PURPOSE.encode(), "sha256")).decode())


def callback_url(request: Request) -> str:
    """Returns the address that a platform sends the browser back to: below `notify.link`, else the browser's own."""
    path = address(request, "channel_callback")
    link = _public_address(request)
    if not link:
        return f"{request.url.scheme}://{request.url.netloc}{path}"
    return link + path.removeprefix(request.scope.get("root_path", "").rstrip("/"))


def other_address(request: Request) -> str:
    """Returns the public address of the desk where this browser uses another one; empty: it uses the public one."""
    link = _public_address(request)
    return link if link and urlsplit(link).netloc != request.url.netloc else ""


def _public_address(request: Request) -> str:
    return desk_of(request).settings.notify.link.rstrip("/")
