"""The log-in that hands out Tumblr's tokens: OAuth 1, with a person in the middle."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from requests_oauthlib import OAuth1

from publisher.platforms.base import Dialogue
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.transport import SentRequest, send_once

LOGIN_HOST = "https://www.tumblr.com"
LOGGING_IN = SentRequest("Logging in to Tumblr")
TIMEOUT = 30.0
TOKEN, SECRET, VERIFIER = "oauth_token", "oauth_token_secret", "oauth_verifier"


def log_in(
    session: requests.Session, host: str, dialogue: Dialogue, *, consumer_key: str, consumer_secret: str
) -> dict[str, str]:
    """Lead a person through the log-in, and return `oauth_token` and `oauth_token_secret`.

    Raises:
        CredentialsRefused: Tumblr refuses the consumer key, or what the person entered.
        Unavailable: Tumblr was not reached, or did not answer as it should.
    """
    request_token = _tokens(session, f"{host}/oauth/request_token", consumer_key, client_secret=consumer_secret)
    address = f"{host}/oauth/authorize?{urlencode({TOKEN: request_token[TOKEN]})}"
    dialogue.tell(f"Open this address in a browser where you are logged in to Tumblr, and allow access:\n{address}")
    entered = dialogue.ask("The address that Tumblr then leads you to, whole, or its oauth_verifier")
    return _tokens(
        session,
        f"{host}/oauth/access_token",
        consumer_key,
        client_secret=consumer_secret,
        resource_owner_key=request_token[TOKEN],
        resource_owner_secret=request_token[SECRET],
        verifier=_verifier(entered, request_token[TOKEN]),
    )


def _verifier(entered: str, token: str) -> str:
    """The verifier in what a person entered: the whole address of the callback, or the verifier alone."""
    entered = entered.strip().removesuffix("#_=_")
    if "://" not in entered:
        return entered
    fields = parse_qs(urlsplit(entered).query)
    if VERIFIER not in fields:
        raise CredentialsRefused("Access was not allowed: that address holds no oauth_verifier; begin again.")
    if fields.get(TOKEN, [token]) != [token]:
        raise CredentialsRefused("That address belongs to another log-in; begin again and enter the new one.")
    return fields[VERIFIER][0]


def _tokens(session: requests.Session, url: str, consumer_key: str, **signature: Any) -> dict[str, str]:
    """A token and its secret. Neither they nor the answer that holds them may stand in an error."""
    response = send_once(
        session, "POST", url, sent=LOGGING_IN, read_timeout=TIMEOUT, auth=OAuth1(consumer_key, **signature)
    )
    status = response.status_code
    if status in (400, 401, 403):
        raise CredentialsRefused(
            f"Tumblr refuses the log-in ({status}); check the consumer key, its secret and this machine's clock, "
            "and begin again.",
            status=status,
        )
    fields = parse_qs(response.text) if status == 200 else {}
    if TOKEN not in fields or SECRET not in fields:
        raise Unavailable(f"Tumblr did not answer the log-in as it should ({status}); try again later.", status=status)
    return {TOKEN: fields[TOKEN][0], SECRET: fields[SECRET][0]}
