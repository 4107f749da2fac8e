"""Reads the keys and tokens of a Tumblr channel, and opens clients with them."""

from __future__ import annotations

from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.platforms.base import (
    Connection,
    Secret,
)
from publisher.platforms.session_files import damaged_session, unreadable_session
from publisher.platforms.transport import new_session
from publisher.platforms.tumblr.client import USER_AGENT, Keys, SafeTumblrClient
from publisher.platforms.tumblr.login import LOGIN_HOST, TumblrLogin
from publisher.platforms.tumblr.problem_codes import TumblrAccountProblem

CONSUMER = ("consumer_key", "consumer_secret")
TOKENS = ("oauth_token", "oauth_token_secret")
SECRETS = (
    Secret(name="consumer_key", hint=_("the consumer key of your Tumblr application")),
    Secret(name="consumer_secret", hint=_("the consumer secret of your Tumblr application")),
    Secret(name="oauth_token", hint=_("the token of your Tumblr account"), required=False),
    Secret(name="oauth_token_secret", hint=_("the token secret of your Tumblr account"), required=False),
)


def blog_name(account: str) -> str:
    """Returns the blog's short name, however staff wrote it."""
    return account.strip().removeprefix("@").removesuffix(".tumblr.com").lower()


def open_client(connection: Connection, credentials: dict[str, str]) -> SafeTumblrClient:
    """Returns a client that signs with these keys and tokens."""
    keys = Keys(**{name: credentials[name] for name in (*CONSUMER, *TOKENS)})
    return SafeTumblrClient(keys, blog_name(connection.account), connection)


def open_login(connection: Connection) -> TumblrLogin:
    """Returns the log-in of the channel's application."""
    session = new_session(USER_AGENT, proxy=connection.proxy, ca_file=connection.ca_file)
    host = (connection.base_url or LOGIN_HOST).rstrip("/")
    return TumblrLogin(session, host, *(connection.secrets[name] for name in CONSUMER))


def stored_tokens(connection: Connection) -> dict[str, str]:
    """Returns the tokens that a log-in has stored. Raises CredentialsRefused and Unavailable."""
    try:
        stored = connection.session.load()
    except OSError as error:
        raise unreadable_session(connection.session, error) from error
    except ValueError as error:
        raise damaged_session(connection.session, connection.channel) from error
    return {name: str(stored[name]) for name in TOKENS if stored.get(name)}


def missing_secret(connection: Connection, name: str) -> Problem:
    """Returns the problem of a secret that is missing, with where to set it."""
    variable = f"PUBLISHER_{connection.channel}_{name}".upper().replace("-", "_")
    hint = next(secret.hint for secret in SECRETS if secret.name == name)
    code = TumblrAccountProblem.NOT_LOGGED_IN if name in TOKENS else TumblrAccountProblem.SECRET_MISSING
    return code(channel=connection.channel, secret=hint, variable=variable)
