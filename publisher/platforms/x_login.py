"""Who speaks to X: OAuth 1 keys, which last, or OAuth 2 tokens, which are renewed; and the way to get them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from requests.auth import AuthBase
from requests_oauthlib import OAuth1

from publisher.platforms.base import Connection, Dialogue
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.transport import SentRequest, send_once
from publisher.platforms.x_tokens import (
    READ_TIMEOUT,
    RenewedTokens,
    api_of,
    ask_for_tokens,
    bearer,
    has,
    run_connect,
    see_that_tokens_came,
    stored_session,
)

WEB_URL = "https://x.com"
REDIRECT_URL = "http://127.0.0.1/publisher"
"""Nothing listens there: the person copies the address that the browser ends up at."""
SCOPES = "tweet.read tweet.write users.read media.write offline.access"


class Login(Protocol):
    """What signs a request."""

    user_id: str | None
    """The account's number, where the tokens tell it."""

    def __call__(self) -> AuthBase: ...

    def ends(self) -> datetime | None:
        """When a person has to log in again, as far as that is known."""

    def keep(self) -> None:
        """Renew what ends soon. Raises what `KeepsLogin.keep_login` does."""


class LastingKeys:
    """OAuth 1: four values that hold until the account withdraws them."""

    def __init__(self, given: Mapping[str, str], tokens: Mapping[str, Any]) -> None:
        self._auth = OAuth1(
            given["consumer_key"],
            given["consumer_secret"],
            str(tokens["access_token"]),
            str(tokens["access_token_secret"]),
        )
        number, dash, _ = str(tokens["access_token"]).partition("-")
        self.user_id = number if dash and number.isdecimal() else None

    def __call__(self) -> AuthBase:
        return self._auth

    def ends(self) -> datetime | None:
        return None

    def keep(self) -> None:
        """They last."""


def login_of(connection: Connection, http: requests.Session) -> Login:
    """The log-in that the secrets and the stored session of a channel add up to.

    Raises:
        CredentialsRefused: they don't; the message names what to set or to run.
    """
    given = connection.secrets
    stored = stored_session(connection)
    if has_keys := has(given, "consumer_key", "consumer_secret"):
        for tokens in (given, stored):
            if has(tokens, "access_token", "access_token_secret"):
                return LastingKeys(given, tokens)
    if given.get("client_id"):
        if has(stored, "refresh_token") or has(stored, "access_token", "expires_at"):
            return RenewedTokens(connection, http)
        raise CredentialsRefused(f"The channel {connection.channel!r} is not connected; {run_connect(connection)}.")
    if has_keys:
        wanted = _variables(connection, "access_token", "access_token_secret")
        raise CredentialsRefused(
            f"The channel {connection.channel!r} has no access token; set {wanted}, or {run_connect(connection)}."
        )
    wanted = _variables(connection, "consumer_key", "consumer_secret", "access_token", "access_token_secret")
    raise CredentialsRefused(f"The channel {connection.channel!r} lacks the keys of its X app; set {wanted}.")


def log_in(connection: Connection, http: requests.Session, dialogue: Dialogue) -> dict[str, Any]:
    """Lead a person through X's own log-in, and return the session to store."""
    if has(connection.secrets, "consumer_key", "consumer_secret"):
        return _log_in_with_pin(connection, http, dialogue)
    if connection.secrets.get("client_id"):
        return _log_in_with_browser(connection, http, dialogue)
    keys = _variables(connection, "consumer_key", "consumer_secret")
    raise CredentialsRefused(
        f"The channel {connection.channel!r} lacks the keys of its X app; set {keys}, or "
        f"{_variables(connection, 'client_id')} for OAuth 2."
    )


def auth_of(connection: Connection, session: Mapping[str, Any]) -> AuthBase:
    """What signs requests with a session that is not stored yet."""
    return LastingKeys(connection.secrets, session)() if "access_token_secret" in session else bearer(session)


def _log_in_with_pin(connection: Connection, http: requests.Session, dialogue: Dialogue) -> dict[str, Any]:
    keys = (connection.secrets["consumer_key"], connection.secrets["consumer_secret"])
    request = _ask_form(connection, http, "/oauth/request_token", OAuth1(*keys, callback_uri="oob"))
    if request.get("oauth_callback_confirmed") != "true":
        raise CredentialsRefused("X did not confirm the log-in by PIN; allow it in the settings of the X app.")
    address = f"{api_of(connection)}/oauth/authorize?{urlencode({'oauth_token': request['oauth_token']})}"
    dialogue.tell(f"Open {address} in a browser where X knows you as {connection.account}, and allow the app.")
    pin = dialogue.ask("The PIN that X shows", secret=True).strip()
    auth = OAuth1(*keys, request["oauth_token"], request["oauth_token_secret"], verifier=pin)
    granted = _ask_form(connection, http, "/oauth/access_token", auth)
    return {"access_token": granted["oauth_token"], "access_token_secret": granted["oauth_token_secret"]}


def _ask_form(connection: Connection, http: requests.Session, path: str, auth: AuthBase) -> dict[str, str]:
    """A token and its secret, as X hands them out: URL-encoded. They are kept out of every message."""
    sent = SentRequest("Logging in to X")
    response = send_once(http, "POST", api_of(connection) + path, sent=sent, read_timeout=READ_TIMEOUT, auth=auth)
    see_that_tokens_came(connection, response)
    form = dict(parse_qsl(response.text))
    if not has(form, "oauth_token", "oauth_token_secret"):
        raise Unavailable("Logging in to X: an answer that can't be read", status=response.status_code)
    return form


def _log_in_with_browser(connection: Connection, http: requests.Session, dialogue: Dialogue) -> dict[str, Any]:
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": connection.secrets["client_id"],
        "redirect_uri": REDIRECT_URL,
        "scope": SCOPES,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    web = (connection.base_url or WEB_URL).rstrip("/")
    dialogue.tell(
        f"The X app must have {REDIRECT_URL} among its callback addresses. Open "
        f"{web}/i/oauth2/authorize?{urlencode(query)} in a browser where X knows you as {connection.account}, "
        f"and allow the app. The browser then fails to open a page at {REDIRECT_URL}: copy its whole address "
        "and give it here within 30 seconds."
    )
    code = _code_in(dialogue.ask("The address that the browser ended up at", secret=True), state)
    wish = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URL,
        "code_verifier": verifier,
    }
    return ask_for_tokens(connection, http, wish)


def _code_in(address: str, state: str) -> str:
    answer = dict(parse_qsl(urlsplit(address.strip()).query))
    if not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise CredentialsRefused("That address does not belong to this log-in; begin again with the new one.")
    if "code" not in answer:
        raise CredentialsRefused(f"X did not allow the log-in ({answer.get('error', 'no code')[:100]}); begin again.")
    return answer["code"]


def _variables(connection: Connection, *names: str) -> str:
    prefix = f"PUBLISHER_{connection.channel}_".upper().replace("-", "_")
    return ", ".join(f"{prefix}{name.upper()}" for name in names)
