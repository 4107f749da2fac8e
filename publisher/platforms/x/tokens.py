"""Gets the tokens of X's OAuth 2 once, renews them again and again, and never spends one twice."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import tweepy
from requests.auth import AuthBase

from publisher.core.clock import sleep
from publisher.core.messages import _
from publisher.platforms.base import Connection
from publisher.platforms.errors import CredentialsRefused, RateLimited, Unavailable
from publisher.platforms.session_files import damaged_session, unreadable_session
from publisher.platforms.transport import SentRequest, json_object, retry_after, send_once
from publisher.platforms.x.client import API_URL
from publisher.platforms.x.problem_codes import XLoginProblem
from publisher.platforms.x.refusals import DEFAULT_PAUSE

READ_TIMEOUT = 30.0
RENEWING = SentRequest(_("Renewing the X log-in"))
FRESH_FOR = timedelta(minutes=5)
"""A token that ends sooner is renewed first, so that none ends between an upload and its post."""
AHEAD = timedelta(minutes=75)
"""A token that ends sooner is renewed when it is looked at once an hour: so publishing hardly ever waits for that."""
DEFAULT_LIFE = 7200
STORE_PAUSES = (0.5, 2.0, 5.0, 10.0)
"""Seconds after which renewed tokens are tried to be stored again: they are nowhere else."""


class RefreshedTokens:
    """Signs with OAuth 2: an access token for two hours, and a refresh token that works once.

    Only the stored session counts: whoever renews locks it, and stores the new tokens before
    using them. The old ones stay until then. Where an answer is lost, or we die before its tokens are
    stored, the old refresh token may be spent: it is tried again, and if X refuses it, people are told.
    """

    def __init__(self, connection: Connection, http: requests.Session) -> None:
        self._connection = connection
        self._http = http
        user_id = stored_session(connection).get("user_id")
        self.user_id = user_id if isinstance(user_id, str) else None

    def __call__(self) -> AuthBase:
        return bearer(self._lasting(FRESH_FOR))

    def ends(self) -> datetime | None:
        """Returns when the log-in ends: only where X gave no refresh token."""
        stored = stored_session(self._connection)
        return None if has_secret(stored, "refresh_token") else _end_of(stored)

    def keep(self) -> None:
        can_be_renewed = has_secret(stored_session(self._connection), "refresh_token")
        self._lasting(AHEAD if can_be_renewed else timedelta(0))

    def _lasting(self, spare: timedelta) -> dict[str, Any]:
        """Returns a session whose access token lasts at least so long, renewed if need be."""
        stored = stored_session(self._connection)
        if self._lasts(stored, spare):
            return stored
        try:
            with self._connection.session.alone():
                stored = stored_session(self._connection)
                return stored if self._lasts(stored, spare) else self._renewed(stored)
        except OSError as error:
            raise Unavailable(XLoginProblem.TOKENS_NOT_STORED(why=error.strerror or str(error))) from error

    def _lasts(self, stored: Mapping[str, Any], spare: timedelta) -> bool:
        ends = _end_of(stored)
        return has_secret(stored, "access_token") and ends is not None and ends > self._connection.clock.now() + spare

    def _renewed(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        if not stored.get("refresh_token"):
            raise CredentialsRefused(XLoginProblem.LOGIN_ENDED(channel=self._connection.channel))
        parameters = {"grant_type": "refresh_token", "refresh_token": stored["refresh_token"]}
        try:
            renewed = {**stored, **request_tokens(self._connection, self._http, parameters)}
        except CredentialsRefused:
            by_now = stored_session(self._connection)
            if by_now.get("refresh_token") == stored["refresh_token"]:
                raise
            # A machine that was frozen has lost its turn without knowing it, and somebody else has renewed.
            return by_now
        self._store(renewed)
        return renewed

    def _store(self, renewed: Mapping[str, Any]) -> None:
        for pause in STORE_PAUSES:
            with suppress(OSError, Unavailable):
                self._connection.session.save(renewed)
                return
            sleep(pause)
        self._connection.session.save(renewed)


def request_tokens(connection: Connection, http: requests.Session, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Requests new tokens, and returns them as the session stores them."""
    client_id, client_secret = connection.secrets["client_id"], connection.secrets.get("client_secret")
    response = send_once(
        http,
        "POST",
        f"{api_url(connection)}/2/oauth2/token",
        sent=RENEWING,
        read_timeout=READ_TIMEOUT,
        data={**parameters, "client_id": client_id},
        auth=(client_id, client_secret) if client_secret else None,
    )
    # RFC 6749 has every refusal as an object: plain text, too, comes from something in front of X.
    check_token_answer(connection, response, is_from_gateway=json_object(response) is None)
    body = json_object(response) or {}
    if not isinstance(body.get("access_token"), str):
        problem = XLoginProblem.LOGIN_ANSWER_UNREADABLE(step=RENEWING.what)
        raise Unavailable(problem, status=response.status_code)
    lives = body.get("expires_in")
    ends = connection.clock.now() + timedelta(seconds=lives if isinstance(lives, int) else DEFAULT_LIFE)
    tokens = {"access_token": body["access_token"], "expires_at": ends.astimezone(UTC).isoformat()}
    return {**tokens, "refresh_token": body["refresh_token"]} if has_secret(body, "refresh_token") else tokens


def bearer(session: Mapping[str, Any]) -> AuthBase:
    handler: AuthBase = tweepy.OAuth2BearerHandler(str(session["access_token"]))
    return handler


def stored_session(connection: Connection) -> dict[str, Any]:
    try:
        return connection.session.load()
    except OSError as error:
        raise unreadable_session(connection.session, error) from error
    except ValueError as error:
        raise damaged_session(connection.session, connection.channel) from error


def check_token_answer(connection: Connection, response: requests.Response, *, is_from_gateway: bool) -> None:
    """Checks that the answer holds tokens. Answers of these addresses are never recorded."""
    status = response.status_code
    if 200 <= status < 300:
        return
    now = connection.clock.now()
    if status == 429:
        retry_at = retry_after(response.headers, now) or now + DEFAULT_PAUSE
        raise RateLimited(XLoginProblem.LOGIN_RATE_LIMITED(at=retry_at), retry_at=retry_at, status=status)
    if status in (400, 401, 403) and not is_from_gateway:
        problem = XLoginProblem.LOGIN_REFUSED(status=status, channel=connection.channel)
        raise CredentialsRefused(problem, status=status)
    raise Unavailable(XLoginProblem.LOGIN_NOT_ANSWERED(status=status), status=status)


def _end_of(session: Mapping[str, Any]) -> datetime | None:
    """Returns when a stored access token ends; None when the session does not say."""
    try:
        ends = datetime.fromisoformat(session["expires_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return ends if ends.tzinfo else ends.replace(tzinfo=UTC)


def api_url(connection: Connection) -> str:
    return (connection.base_url or API_URL).rstrip("/")


def has_secret(values: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(values.get(name), str) and values[name] for name in names)
