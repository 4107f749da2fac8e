"""Chooses what signs requests to X, OAuth 1 keys or renewed OAuth 2 tokens, and gets either."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode

import requests
from requests.auth import AuthBase
from requests_oauthlib import OAuth1

from publisher.core.messages import Message, _
from publisher.platforms.base import Connection
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.login_steps import ADDRESS, LoginStep, Question, parse_callback, warn_of_secrets
from publisher.platforms.transport import SentRequest, is_page, send_once
from publisher.platforms.x.problem_codes import XLoginProblem
from publisher.platforms.x.tokens import (
    READ_TIMEOUT,
    RefreshedTokens,
    api_url,
    bearer,
    check_token_answer,
    has_secret,
    request_tokens,
    stored_session,
)

WEB_URL = "https://x.com"
REDIRECT_URL = "http://127.0.0.1/publisher"
"""Nothing listens there: the person copies the address that the browser ends up at."""
PIN = "pin"
LOGGING_IN = SentRequest(_("Logging in to X"))
SCOPES = "tweet.read tweet.write users.read media.write offline.access"


class Login(Protocol):
    """Signs requests."""

    user_id: str | None
    """The account's number, where the tokens contain it."""

    def __call__(self) -> AuthBase: ...

    def ends(self) -> datetime | None:
        """Returns when a person has to log in again, as far as that is known."""

    def keep(self) -> None:
        """Renews what ends soon. Raises what `KeepsLogin.keep_login` does."""


class PermanentKeys:
    """Signs with OAuth 1: four values that are valid until the account withdraws them."""

    def __init__(self, keys: Mapping[str, str], tokens: Mapping[str, Any]) -> None:
        self._auth = OAuth1(
            keys["consumer_key"],
            keys["consumer_secret"],
            str(tokens["access_token"]),
            str(tokens["access_token_secret"]),
        )
        number, dash, _rest = str(tokens["access_token"]).partition("-")
        self.user_id = number if dash and number.isdecimal() else None

    def __call__(self) -> AuthBase:
        return self._auth

    def ends(self) -> datetime | None:
        return None

    def keep(self) -> None:
        """Does nothing: the keys don't end."""


def choose_login(connection: Connection, http: requests.Session) -> Login:
    """Returns the log-in that the secrets and the stored session of a channel make up.

    Raises:
        CredentialsRefused: they don't; the message names what to set or to run.
    """
    keys = connection.secrets
    stored = stored_session(connection)
    if has_keys := has_secret(keys, "consumer_key", "consumer_secret"):
        for tokens in (keys, stored):
            if has_secret(tokens, "access_token", "access_token_secret"):
                return PermanentKeys(keys, tokens)
    if keys.get("client_id"):
        if has_secret(stored, "refresh_token") or has_secret(stored, "access_token", "expires_at"):
            return RefreshedTokens(connection, http)
        raise CredentialsRefused(XLoginProblem.NOT_CONNECTED(channel=connection.channel))
    if has_keys:
        variables = _variables(connection, "access_token", "access_token_secret")
        raise CredentialsRefused(XLoginProblem.ACCESS_TOKEN_MISSING(channel=connection.channel, variables=variables))
    variables = _variables(connection, "consumer_key", "consumer_secret", "access_token", "access_token_secret")
    raise CredentialsRefused(XLoginProblem.APP_KEYS_MISSING(channel=connection.channel, variables=variables))


def check_app(connection: Connection) -> None:
    """Raises CredentialsRefused when the X app's keys are not set."""
    secrets_given = connection.secrets
    if has_secret(secrets_given, "consumer_key", "consumer_secret") or secrets_given.get("client_id"):
        return
    variables = _variables(connection, "consumer_key", "consumer_secret")
    (client_id,) = _variables(connection, "client_id")
    raise CredentialsRefused(
        XLoginProblem.APP_KEYS_MISSING_FOR_LOGIN(channel=connection.channel, variables=variables, client_id=client_id)
    )


def begin(connection: Connection, http: requests.Session, callback_url: str) -> LoginStep:
    """Returns where a person allows the app: with OAuth 1 where the channel has a consumer key, else with OAuth 2."""
    check_app(connection)
    if has_secret(connection.secrets, "consumer_key", "consumer_secret"):
        step = _begin_with_keys(connection, http, callback_url)
        return warn_of_secrets(step, connection, "access_token", "access_token_secret")
    return _begin_with_code(connection, callback_url)


def finish(
    connection: Connection, http: requests.Session, state: Mapping[str, str], answer: Mapping[str, str]
) -> dict[str, Any]:
    """Returns the session to store."""
    check_app(connection)
    parameters = parse_callback(answer)
    if "state" in state:
        return _finish_with_code(connection, http, state, parameters)
    return _finish_with_keys(connection, http, state, parameters)


def new_auth(connection: Connection, session: Mapping[str, Any]) -> AuthBase:
    """Returns what signs requests with a session that is not stored yet."""
    return PermanentKeys(connection.secrets, session)() if "access_token_secret" in session else bearer(session)


def _begin_with_keys(connection: Connection, http: requests.Session, callback_url: str) -> LoginStep:
    auth = OAuth1(*_consumer(connection), callback_uri=callback_url or "oob")
    request = _ask_form(connection, http, "/oauth/request_token", auth)
    if request.get("oauth_callback_confirmed") != "true":
        raise CredentialsRefused(XLoginProblem.LOGIN_NOT_CONFIRMED())
    state = {"oauth_token": request["oauth_token"], "oauth_token_secret": request["oauth_token_secret"]}
    address = f"{api_url(connection)}/oauth/authorize?{urlencode({'oauth_token': state['oauth_token']})}"
    if callback_url:
        return LoginStep(instructions=_at_x(connection), url=address, kept=state)
    instructions = _(
        "Open {address} in a browser where X knows you as {account}, and allow the app.",
        address=address,
        account=connection.account,
    )
    return LoginStep(
        instructions=instructions,
        url=address,
        questions=(Question(name=PIN, text=_("The PIN that X shows"), secret=True),),
        kept=state,
    )


def _finish_with_keys(
    connection: Connection, http: requests.Session, state: Mapping[str, str], answer: Mapping[str, str]
) -> dict[str, Any]:
    verifier = answer.get(PIN, "").strip() or _verifier_in(answer, state["oauth_token"])
    auth = OAuth1(*_consumer(connection), state["oauth_token"], state["oauth_token_secret"], verifier=verifier)
    granted = _ask_form(connection, http, "/oauth/access_token", auth)
    return {"access_token": granted["oauth_token"], "access_token_secret": granted["oauth_token_secret"]}


def _verifier_in(answer: Mapping[str, str], token: str) -> str:
    if not answer.get("oauth_verifier"):
        raise CredentialsRefused(XLoginProblem.LOGIN_NOT_ALLOWED())
    if not hmac.compare_digest(answer.get("oauth_token", "").encode(), token.encode()):
        raise CredentialsRefused(XLoginProblem.OTHER_LOGIN())
    return answer["oauth_verifier"]


def _ask_form(connection: Connection, http: requests.Session, path: str, auth: AuthBase) -> dict[str, str]:
    """Requests a token and its secret, which X hands out URL-encoded. They are kept out of every message."""
    url = api_url(connection) + path
    response = send_once(http, "POST", url, sent=LOGGING_IN, read_timeout=READ_TIMEOUT, auth=auth)
    check_token_answer(connection, response, is_from_gateway=is_page(response))
    form = dict(parse_qsl(response.text))
    if not has_secret(form, "oauth_token", "oauth_token_secret"):
        problem = XLoginProblem.LOGIN_ANSWER_UNREADABLE(step=LOGGING_IN.what)
        raise Unavailable(problem, status=response.status_code)
    return form


def _begin_with_code(connection: Connection, callback_url: str) -> LoginStep:
    redirect = callback_url or REDIRECT_URL
    state = {"state": secrets.token_urlsafe(24), "verifier": secrets.token_urlsafe(64), "redirect": redirect}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(state["verifier"].encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": connection.secrets["client_id"],
        "redirect_uri": redirect,
        "scope": SCOPES,
        "state": state["state"],
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    address = f"{(connection.base_url or WEB_URL).rstrip('/')}/i/oauth2/authorize?{urlencode(query)}"
    if callback_url:
        return LoginStep(instructions=_at_x(connection), url=address, kept=state)
    instructions = _(
        "The X app must have {redirect} among its callback addresses. Open {address} in a browser where X knows you "
        "as {account}, and allow the app. The browser then fails to open a page at {redirect}: copy its whole address "
        "and give it here within 30 seconds.",
        redirect=redirect,
        address=address,
        account=connection.account,
    )
    question = Question(name=ADDRESS, text=_("The address that the browser ended up at"), secret=True)
    return LoginStep(instructions=instructions, url=address, questions=(question,), kept=state)


def _finish_with_code(
    connection: Connection, http: requests.Session, state: Mapping[str, str], answer: Mapping[str, str]
) -> dict[str, Any]:
    if not hmac.compare_digest(answer.get("state", "").encode(), state["state"].encode()):
        raise CredentialsRefused(XLoginProblem.OTHER_LOGIN())
    if not answer.get("code"):
        refusal = answer.get("error", "")[:100]
        raise CredentialsRefused(
            XLoginProblem.LOGIN_DENIED(answer=refusal) if refusal else XLoginProblem.LOGIN_NOT_ALLOWED()
        )
    parameters = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": state["redirect"],
        "code_verifier": state["verifier"],
    }
    return request_tokens(connection, http, parameters)


def _at_x(connection: Connection) -> Message:
    return _("X asks whether the app may read and post. Be logged in there as {account}.", account=connection.account)


def _consumer(connection: Connection) -> tuple[str, str]:
    return connection.secrets["consumer_key"], connection.secrets["consumer_secret"]


def _variables(connection: Connection, *names: str) -> list[str]:
    """Returns the environment variables that hold secrets of a channel."""
    prefix = f"PUBLISHER_{connection.channel}_".upper().replace("-", "_")
    return [f"{prefix}{name.upper()}" for name in names]
