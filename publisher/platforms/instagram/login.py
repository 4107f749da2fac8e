"""Logs in to Instagram once, from one device: password, second factor, a code that Instagram sends."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from instagrapi.exceptions import TwoFactorRequired

from publisher.core.content import Account
from publisher.core.messages import _
from publisher.platforms.base import Connection
from publisher.platforms.errors import CredentialsRefused, PlatformError, Unavailable
from publisher.platforms.instagram.answers import Answer, platform_error
from publisher.platforms.instagram.client import CodeSent, OnceClient, never_sent
from publisher.platforms.instagram.problem_codes import InstagramAccountProblem, InstagramRequestProblem
from publisher.platforms.login_steps import LoginStep, Question
from publisher.platforms.session_files import unreadable_session
from publisher.platforms.transport import SentRequest

LOG_IN = ("authorization_data", "cookies", "ig_u_rur", "ig_www_claim", "last_login")
"""What of a stored session ends with its log-in; the rest is the device, which stays the same."""
LOGGING_IN = SentRequest(_("Logging in to Instagram"))
ASKING_WHO = SentRequest(_("Asking Instagram who we are"))
STEP_SECONDS = 120.0
"""The longest that one step of a log-in takes: it is about ten requests."""
SECOND_FACTOR = _("The code that your authenticator app or Instagram's message shows, or the app's key")
SENT_CODE = _("Instagram has sent the account's owner a code, by mail or message.")


def begin(connection: Connection) -> LoginStep | Account:
    """Logs in with what is configured, or asks for the password."""
    device = without_log_in(stored_session(connection))
    if password := connection.secrets.get("password"):
        return _with_password(connection, device, password, _configured_code(connection))
    question = Question(
        name="password", text=_("Password of {user} on Instagram", user=_username(connection)), secret=True
    )
    return LoginStep(questions=(question,), kept={"device": json.dumps(device)})


def finish(connection: Connection, state: Mapping[str, str], answer: Mapping[str, str]) -> LoginStep | Account:
    """Logs in with a password, with a code of the second factor, or with one that Instagram has sent."""
    device = json.loads(state["device"])
    if "password" not in state and "context" not in state:
        return _with_password(connection, device, answer.get("password", ""), _configured_code(connection))
    code = re.sub(r"\s", "", answer.get("code", ""))
    if not code:
        raise CredentialsRefused(InstagramAccountProblem.NO_CODE_ENTERED())
    if "context" in state:
        return _with_sent_code(connection, device, code, state)
    return _with_password(connection, device, state["password"], totp_code(connection, code) if _is_key(code) else code)


def _with_password(connection: Connection, device: Mapping[str, Any], password: str, code: str) -> LoginStep | Account:
    client = client_of(connection, device)
    with _device_kept(connection, client), client.within(STEP_SECONDS):
        step = _password_step(connection, client, password, code)
        return step or _stored(connection, client)


def _password_step(connection: Connection, client: OnceClient, password: str, code: str) -> LoginStep | None:
    """Returns what Instagram asks for after the password; None: the log-in is done."""
    with convert_errors(connection, client, LOGGING_IN):
        try:
            client.login(_username(connection), password, verification_code=code)
        except TwoFactorRequired:
            if code:
                raise
            state = {"password": password, "device": json.dumps(without_log_in(client.session()))}
            return LoginStep(questions=(Question(name="code", text=SECOND_FACTOR, one_time=True),), kept=state)
        except CodeSent:
            state = {"context": client.code_context, "access": str(client.caa_aac)}
            state["device"] = json.dumps(client.session())
            question = Question(name="code", text=_("The code that Instagram has sent"), one_time=True)
            return LoginStep(instructions=SENT_CODE, questions=(question,), kept=state)
    return None


def _with_sent_code(connection: Connection, device: Mapping[str, Any], code: str, state: Mapping[str, str]) -> Account:
    client = client_of(connection, device)
    client.username = _username(connection)
    with _device_kept(connection, client), client.within(STEP_SECONDS):
        with convert_errors(connection, client, LOGGING_IN):
            if not client.enter_sent_code(code, state["context"], state["access"]):
                raise CredentialsRefused(InstagramAccountProblem.SENT_CODE_REFUSED())
        client.last_login = connection.clock.now().timestamp()
        return _stored(connection, client)


def _stored(connection: Connection, client: OnceClient) -> Account:
    account = check_account(connection, client)
    _save(connection, client.session())
    return account


def _save(connection: Connection, session: Mapping[str, Any]) -> None:
    try:
        connection.session.save(session)
    except OSError as error:
        place, why = connection.session.place, error.strerror or _("no reason given")
        raise Unavailable(InstagramAccountProblem.SESSION_NOT_WRITTEN(place=place, why=why)) from error


@contextmanager
def _device_kept(connection: Connection, client: OnceClient) -> Iterator[None]:
    """Stores the device: what a person confirms in the app is confirmed for this device only."""
    try:
        yield
    except PlatformError:
        if not stored_session(connection):
            _save(connection, without_log_in(client.session()))
        raise


def check_account(connection: Connection, client: OnceClient) -> Account:
    """Returns whose the log-in is. Raises CredentialsRefused when that is not the channel's account."""
    with convert_errors(connection, client, ASKING_WHO):
        user = client.private_request("accounts/current_user/?edit=true").get("user")
    if not isinstance(user, dict) or not user.get("pk") or not user.get("username"):
        raise Unavailable(InstagramRequestProblem.ACCOUNT_UNREADABLE(step=ASKING_WHO.what))
    name = str(user["username"])
    expected = _name(connection.account)
    if expected.casefold() != name.casefold():
        raise CredentialsRefused(
            InstagramAccountProblem.OTHER_ACCOUNT(name=name, channel=connection.channel, expected=expected)
        )
    return Account(id=str(user["pk"]), name=name, url=f"https://www.instagram.com/{name}/")


def _configured_code(connection: Connection) -> str:
    """Returns what the authenticator app would show now; empty where its key is not configured."""
    seed = connection.secrets.get("totp_seed", "").replace(" ", "")
    return totp_code(connection, seed) if seed else ""


def totp_code(connection: Connection, seed: str) -> str:
    """Returns what an authenticator app with this key shows now. Raises CredentialsRefused: it is no key."""
    try:
        return str(OnceClient.totp_generate_code(seed))
    except (binascii.Error, ValueError) as error:
        raise CredentialsRefused(InstagramAccountProblem.TOTP_SEED_UNUSABLE(channel=connection.channel)) from error


def _is_key(entered: str) -> bool:
    """Returns whether it is an authenticator app's key; codes are short, and digits alone."""
    return re.fullmatch(r"[A-Za-z2-7=]{16,}", entered) is not None


def stored_session(connection: Connection) -> dict[str, Any]:
    """Returns what is stored of the channel's log-in; empty where there is none.

    Raises:
        CredentialsRefused: what is stored is no session.
        Unavailable: this machine can't read it now, which says nothing about the session.
    """
    try:
        return connection.session.load()
    except OSError as error:
        raise unreadable_session(connection.session, error) from error
    except ValueError as error:
        raise CredentialsRefused(
            InstagramAccountProblem.SESSION_BROKEN(place=connection.session.place, channel=connection.channel)
        ) from error


def without_log_in(session: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a session without its log-in."""
    return {name: value for name, value in session.items() if name not in LOG_IN}


def client_of(connection: Connection, session: Mapping[str, Any]) -> OnceClient:
    return OnceClient(connection, session)


def _username(connection: Connection) -> str:
    return connection.secrets.get("username") or _name(connection.account)


def _name(account: str) -> str:
    return account.strip().lstrip("@")


@contextmanager
def convert_errors(connection: Connection, client: OnceClient, sent: SentRequest) -> Iterator[None]:
    """Turns whatever the library raises into the error that it means."""
    client.last_response = None
    try:
        yield
    except PlatformError:
        raise
    except Exception as error:
        raise platform_error(
            error,
            Answer.of(client.last_response),
            sent,
            channel=connection.channel,
            never_sent=never_sent(error),
            now=connection.clock.now(),
        ) from error
