"""Who speaks to X: OAuth 1 keys, which last, or OAuth 2 tokens, which are renewed; and the way to get them."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
import tweepy
from requests.auth import AuthBase
from requests_oauthlib import OAuth1

from publisher.clock import sleep
from publisher.platforms.base import Connection, Dialogue
from publisher.platforms.errors import CredentialsRefused, RateLimited, Unavailable
from publisher.platforms.transport import SentRequest, json_object, retry_after, send_once
from publisher.platforms.x_client import API_URL, DEFAULT_PAUSE

WEB_URL = "https://x.com"
REDIRECT_URL = "http://127.0.0.1/publisher"
"""Nothing listens there: the person copies the address that the browser ends up at."""
SCOPES = "tweet.read tweet.write users.read media.write offline.access"
READ_TIMEOUT = 30.0

FRESH_FOR = timedelta(minutes=5)
"""A token that ends sooner is renewed first, so that none ends between an upload and its post."""
DEFAULT_LIFE = 7200
TURNS = 300
TURN_SECONDS = 0.2


class Login(Protocol):
    """What signs a request."""

    user_id: str | None
    """The account's number, where the tokens tell it."""

    def __call__(self) -> AuthBase: ...


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


class RenewedTokens:
    """OAuth 2: an access token for two hours, and a refresh token that works once.

    The session file is the truth: whoever renews does so alone, on this machine, and stores the
    new tokens before using them.
    """

    def __init__(self, connection: Connection, http: requests.Session) -> None:
        self._connection = connection
        self._http = http
        user_id = stored_session(connection).get("user_id")
        self.user_id = user_id if isinstance(user_id, str) else None

    def __call__(self) -> AuthBase:
        stored = stored_session(self._connection)
        if self._is_fresh(stored):
            return bearer(stored)
        try:
            with _alone(self._connection.session.path):
                stored = stored_session(self._connection)
                return bearer(stored if self._is_fresh(stored) else self._renewed(stored))
        except OSError as error:
            raise Unavailable(f"The renewed X tokens can't be stored ({error.strerror})") from error

    def _is_fresh(self, stored: Mapping[str, Any]) -> bool:
        try:
            ends = datetime.fromisoformat(stored["expires_at"])
            return bool(stored["access_token"]) and ends > self._connection.clock.now() + FRESH_FOR
        except (KeyError, TypeError, ValueError):
            return False

    def _renewed(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        if not stored.get("refresh_token"):
            raise CredentialsRefused(f"The X log-in has ended; {_run_connect(self._connection)}.")
        wish = {"grant_type": "refresh_token", "refresh_token": stored["refresh_token"]}
        renewed = {**stored, **_ask_for_tokens(self._connection, self._http, wish)}
        self._connection.session.save(renewed)
        return renewed


def login_of(connection: Connection, http: requests.Session) -> Login:
    """The log-in that the secrets and the stored session of a channel add up to.

    Raises:
        CredentialsRefused: they don't; the message names what to set or to run.
    """
    given = connection.secrets
    stored = stored_session(connection)
    if has_keys := _has(given, "consumer_key", "consumer_secret"):
        for tokens in (given, stored):
            if _has(tokens, "access_token", "access_token_secret"):
                return LastingKeys(given, tokens)
    if given.get("client_id"):
        if _has(stored, "refresh_token") or _has(stored, "access_token", "expires_at"):
            return RenewedTokens(connection, http)
        raise CredentialsRefused(f"The channel {connection.channel!r} is not connected; {_run_connect(connection)}.")
    if has_keys:
        wanted = _variables(connection, "access_token", "access_token_secret")
        raise CredentialsRefused(
            f"The channel {connection.channel!r} has no access token; set {wanted}, or {_run_connect(connection)}."
        )
    wanted = _variables(connection, "consumer_key", "consumer_secret", "access_token", "access_token_secret")
    raise CredentialsRefused(f"The channel {connection.channel!r} lacks the keys of its X app; set {wanted}.")


def log_in(connection: Connection, http: requests.Session, dialogue: Dialogue) -> dict[str, Any]:
    """Lead a person through X's own log-in, and return the session to store."""
    if _has(connection.secrets, "consumer_key", "consumer_secret"):
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


def bearer(session: Mapping[str, Any]) -> AuthBase:
    handler: AuthBase = tweepy.OAuth2BearerHandler(str(session["access_token"]))
    return handler


def stored_session(connection: Connection) -> dict[str, Any]:
    try:
        return connection.session.load()
    except (OSError, ValueError) as error:
        raise CredentialsRefused(
            f"{connection.session.path} can't be read ({type(error).__name__}); {_run_connect(connection)}."
        ) from error


# --- OAuth 1: a PIN --------------------------------------------------------------------------


def _log_in_with_pin(connection: Connection, http: requests.Session, dialogue: Dialogue) -> dict[str, Any]:
    keys = (connection.secrets["consumer_key"], connection.secrets["consumer_secret"])
    request = _ask_form(connection, http, "/oauth/request_token", OAuth1(*keys, callback_uri="oob"))
    if request.get("oauth_callback_confirmed") != "true":
        raise CredentialsRefused("X did not confirm the log-in by PIN; allow it in the settings of the X app.")
    address = f"{_api(connection)}/oauth/authorize?{urlencode({'oauth_token': request['oauth_token']})}"
    dialogue.tell(f"Open {address} in a browser where X knows you as {connection.account}, and allow the app.")
    pin = dialogue.ask("The PIN that X shows", secret=True).strip()
    auth = OAuth1(*keys, request["oauth_token"], request["oauth_token_secret"], verifier=pin)
    granted = _ask_form(connection, http, "/oauth/access_token", auth)
    return {"access_token": granted["oauth_token"], "access_token_secret": granted["oauth_token_secret"]}


def _ask_form(connection: Connection, http: requests.Session, path: str, auth: AuthBase) -> dict[str, str]:
    """A token and its secret, as X hands them out: URL-encoded. They are kept out of every message."""
    sent = SentRequest("Logging in to X")
    response = send_once(http, "POST", _api(connection) + path, sent=sent, read_timeout=READ_TIMEOUT, auth=auth)
    _see_that_tokens_came(connection, response)
    form = dict(parse_qsl(response.text))
    if not _has(form, "oauth_token", "oauth_token_secret"):
        raise Unavailable("Logging in to X: an answer that can't be read", status=response.status_code)
    return form


# --- OAuth 2: the browser and an address -----------------------------------------------------


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
    return _ask_for_tokens(connection, http, wish)


def _code_in(address: str, state: str) -> str:
    answer = dict(parse_qsl(urlsplit(address.strip()).query))
    if not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise CredentialsRefused("That address does not belong to this log-in; begin again with the new one.")
    if "code" not in answer:
        raise CredentialsRefused(f"X did not allow the log-in ({answer.get('error', 'no code')[:100]}); begin again.")
    return answer["code"]


def _ask_for_tokens(connection: Connection, http: requests.Session, wish: Mapping[str, str]) -> dict[str, Any]:
    """New tokens, as the session keeps them."""
    client_id, client_secret = connection.secrets["client_id"], connection.secrets.get("client_secret")
    response = send_once(
        http,
        "POST",
        f"{_api(connection)}/2/oauth2/token",
        sent=SentRequest("Renewing the X log-in"),
        read_timeout=READ_TIMEOUT,
        data={**wish, "client_id": client_id},
        auth=(client_id, client_secret) if client_secret else None,
    )
    _see_that_tokens_came(connection, response)
    body = json_object(response) or {}
    if not isinstance(body.get("access_token"), str):
        raise Unavailable("Renewing the X log-in: an answer that can't be read", status=response.status_code)
    lives = body.get("expires_in")
    ends = connection.clock.now() + timedelta(seconds=lives if isinstance(lives, int) else DEFAULT_LIFE)
    tokens = {"access_token": body["access_token"], "expires_at": ends.astimezone(UTC).isoformat()}
    return {**tokens, "refresh_token": body["refresh_token"]} if _has(body, "refresh_token") else tokens


# --- small parts -----------------------------------------------------------------------------


def _see_that_tokens_came(connection: Connection, response: requests.Response) -> None:
    """The answers of these addresses are never kept: they may hold tokens."""
    status = response.status_code
    if 200 <= status < 300:
        return
    now = connection.clock.now()
    if status == 429:
        retry_at = retry_after(response.headers, now) or now + DEFAULT_PAUSE
        raise RateLimited("X asks to wait before the next log-in", retry_at=retry_at, status=status)
    if status in (400, 401, 403):
        raise CredentialsRefused(f"X refused the log-in ({status}); {_run_connect(connection)}.", status=status)
    raise Unavailable(f"Logging in to X: HTTP {status}", status=status)


@contextmanager
def _alone(session_file: Path) -> Iterator[None]:
    """Only one thread of one process at a time: a second renewal would spend a spent token."""
    with session_file.with_suffix(".lock").open("a") as file:
        for _ in range(TURNS):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                sleep(TURN_SECONDS)
        else:
            raise Unavailable("The X log-in is being renewed elsewhere, and that does not end")
        yield


def _api(connection: Connection) -> str:
    return (connection.base_url or API_URL).rstrip("/")


def _has(values: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(values.get(name), str) and values[name] for name in names)


def _variables(connection: Connection, *names: str) -> str:
    prefix = f"PUBLISHER_{connection.channel}_".upper().replace("-", "_")
    return ", ".join(f"{prefix}{name.upper()}" for name in names)


def _run_connect(connection: Connection) -> str:
    return f"run `publisher connect {connection.channel}`"
