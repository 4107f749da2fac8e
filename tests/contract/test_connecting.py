"""Connecting a channel: whose account it is, what a log-in stores, and what refuses it."""

from __future__ import annotations

import contextlib
import logging
import stat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from publisher.core.clock import monotonic
from publisher.platforms.errors import CredentialsRefused, PlatformError, Unavailable
from publisher.platforms.registry import adapter_class
from publisher.platforms.session_files import SessionFile
from publisher.sandbox.wire import Answer, DrippingPart, Request
from tests.contract.account import Account
from tests.contract.cases import LoginCase, SecretCase
from tests.contract.parameters import DRIVERS, of_each_platform, of_platforms

WRONG = "wrongButLongEnough000000"
MUCH_TOO_LATE = 30.0


def stored(account: Account) -> dict[str, Any]:
    return account.session.load() if account.session.path.exists() else {}


def test_verify_credentials_tells_whose_they_are(account: Account) -> None:
    told = account.adapter().verify_credentials()
    assert told.name.lower() == account.sandbox.account().lower()
    assert told.url == account.ACCOUNT_URL


@of_each_platform("name", lambda driver: [(name, name) for name in driver.WRONG_SECRETS])
def test_a_wrong_secret_is_refused_and_never_shown(account: Account, name: str) -> None:
    adapter = account.adapter(secrets=account.sandbox.credentials() | {name: WRONG})
    with pytest.raises(CredentialsRefused) as caught:
        adapter.verify_credentials()
    assert caught.value.status == 401
    assert WRONG not in f"{caught.value} {caught.value.answer}"
    with pytest.raises(CredentialsRefused):
        account.publish(adapter)
    assert account.copies() == []


@of_each_platform("case", lambda driver: [(case.name, case) for case in driver.UNUSABLE_SECRETS])
def test_what_is_missing_or_broken_is_named(account: Account, case: SecretCase) -> None:
    if case.session is not None:
        account.session.path.parent.mkdir()
        account.session.path.write_text(case.session, encoding="utf-8")
    secrets = {name: account.sandbox.credentials().get(name, "value") for name in case.secrets}
    with pytest.raises(CredentialsRefused, match=case.words):
        adapter_class(account.name).connect(account.connection(secrets=secrets))
    assert account.requests == []


# --- log-ins -----------------------------------------------------------------------------------------


def log_in(account: Account, case: LoginCase, /, **changes: Any) -> Any:
    connection = account.connection(secrets=case.secrets(account), **changes)
    return adapter_class(account.name).authorize(connection, case.person(account))


@of_each_platform("case", lambda driver: [(case.name, case) for case in driver.LOGINS])
def test_a_log_in_stores_what_a_publication_needs(account: Account, case: LoginCase) -> None:
    told = log_in(account, case)
    assert (told.name.lower(), told.url) == (account.sandbox.account().lower(), account.ACCOUNT_URL)
    assert stat.S_IMODE(account.session.path.stat().st_mode) == 0o600
    assert account.SESSION_FIELDS in (frozenset(), frozenset(stored(account)))
    text = account.session.path.read_text(encoding="utf-8")
    assert not [secret for secret in account.never_stored() if secret in text]
    adapter = adapter_class(account.name).connect(account.connection(secrets=case.secrets(account)))
    account.publish(adapter)
    assert len(account.copies()) == 1


@of_each_platform("case", lambda driver: [(case.name, case) for case in driver.REFUSED_LOGINS])
def test_a_refused_log_in_connects_nothing_and_shows_nothing(account: Account, case: LoginCase) -> None:
    person = case.person(account)
    connection = account.connection(secrets=case.secrets(account))
    with pytest.raises(CredentialsRefused, match=case.words or None) as caught:
        adapter_class(account.name).authorize(connection, person)
    shown = f"{caught.value} {caught.value.answer}"
    assert not [hidden for hidden in case.hidden(account, person) if hidden and hidden in shown]
    with pytest.raises(CredentialsRefused, match="publisher connect"):
        adapter_class(account.name).connect(connection)


@of_each_platform("case", lambda driver: [(case.name, case) for case in driver.LOGINS])
def test_a_log_in_of_another_account_is_not_stored(account: Account, case: LoginCase) -> None:
    with pytest.raises(CredentialsRefused, match=r"someone_else|user name"):
        log_in(account, case, account="someone_else")
    with pytest.raises(CredentialsRefused, match="publisher connect"):
        adapter_class(account.name).connect(account.connection(secrets=case.secrets(account)))


@pytest.mark.parametrize("status", [403, 404, 502, 200])
def test_something_in_front_of_a_log_in_is_no_wrong_password(account: Account, status: int) -> None:
    case = account.LOGINS[0]
    log_in(account, case)
    steps = [request.path for request in account.requests]
    ended = []
    for place in range(len(steps)):
        account.requests.clear()

        def spoils(request: Request, given: Answer, place: int = place) -> Answer:
            is_here = len(account.requests) == place + 1 and account.is_ours(request)
            return Answer.of_text(status, "<html>", "text/html") if is_here else given

        account.rewrite = spoils
        try:
            log_in(account, case, session=SessionFile(account.folder / f"{place}.json"))
        except Unavailable:
            ended.append(steps[place])
    # A library goes on without some of the answers.
    assert ended
    assert set(account.LOGIN_NEEDS) <= set(ended)


@of_each_platform("case", lambda driver: [(case.name, case) for case in driver.REFUSED_LOGINS])
def test_a_refused_log_in_is_believed_whatever_type_its_text_has(account: Account, case: LoginCase) -> None:
    """X and its like label such plain texts as HTML (github.com/themattharris/tmhOAuth/issues/87)."""

    def relabels(_request: Request, given: Answer) -> Answer:
        is_refusal = given.status in (400, 401, 403) and not given.body.lstrip().startswith((b"{", b"<"))
        return Answer.of_text(given.status, given.body.decode(), "text/html; charset=utf-8") if is_refusal else given

    account.rewrite = relabels
    connection = account.connection(secrets=case.secrets(account))
    with pytest.raises(CredentialsRefused, match=case.words or None):
        adapter_class(account.name).authorize(connection, case.person(account))


def test_an_answer_that_drips_ends_at_every_request_of_a_log_in(account: Account) -> None:
    case = account.LOGINS[0]
    log_in(account, case)
    steps = len(account.requests)
    for place in range(steps):
        account.requests.clear()

        def drips(_request: Request, answer: Answer, place: int = place) -> Answer:
            if len(account.requests) != place + 1 or not account.is_ours(account.requests[-1]):
                return answer
            return Answer(status=200, headers=answer.headers, body=bytes(300)).dripping(DrippingPart.BODY, 0.2)

        account.rewrite = drips
        started = monotonic()
        with account.logging_in_shortly() as timeout, contextlib.suppress(Unavailable):
            log_in(account, case, timeout=timeout, session=SessionFile(account.folder / f"{place}.json"))
        assert monotonic() - started < MUCH_TOO_LATE
        assert len(account.requests) > place


# --- in a browser ------------------------------------------------------------------------------------


def browser_logins(driver: type[Account]) -> list[tuple[str, LoginCase]]:
    return [(case.name, case) for case in driver.LOGINS if case.name in driver.BROWSER_LOGINS]


@of_each_platform("case", browser_logins)
def test_a_browser_is_led_back_to_exactly_the_callback(account: Account, case: LoginCase) -> None:
    connection = account.connection(secrets=case.secrets(account))
    adapter = account.steps_of_login()
    callback = "http://127.0.0.1:9/desk/back?kept=1"
    step = adapter.begin_login(connection, callback)
    assert step.questions == ()
    led = account.allowed(step)
    assert led.startswith(callback)
    answer = dict(parse_qsl(urlsplit(led).query))
    proof = "state" if "state" in answer else "oauth_token"
    for wrong in ({}, {**answer, proof: "other"}, {proof: answer[proof], "denied": "1"}, {"denied": answer[proof]}):
        with pytest.raises(CredentialsRefused):
            adapter.finish_login(connection, step.kept, wrong)
    assert stored(account) == {}
    assert adapter.finish_login(connection, step.kept, answer).name.lower() == account.sandbox.account().lower()
    with pytest.raises(CredentialsRefused):
        adapter.finish_login(connection, step.kept, answer)


@of_platforms(lambda driver: bool(driver.BROWSER_LOGINS))
@pytest.mark.parametrize("callback", ["http://elsewhere.example/back", "javascript:alert(1)", "https://a.example/#b"])
def test_a_callback_that_could_leak_is_refused(account: Account, callback: str) -> None:
    with pytest.raises(CredentialsRefused):
        account.steps_of_login().begin_login(account.connection(), callback)


# --- secrets -----------------------------------------------------------------------------------------


def test_nothing_secret_is_logged_or_told(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", *account.LOGGERS):
        caplog.set_level(logging.DEBUG, logger=name)
    case = account.LOGINS[0]
    log_in(account, case)
    session = Path(account.session.path).read_text(encoding="utf-8")
    adapter = account.adapter()
    number = account.publish(adapter)
    account.find(adapter)
    account.in_front = lambda _request: Answer.of_text(200, "<html>")
    told = []
    for ask in account.questions().values():
        with pytest.raises(PlatformError) as ended:
            ask(adapter, number)
        told.append(f"{ended.value!r} {ended.value.answer}")
    secrets = [*account.secret_words(), *account.words_of_session(session)]
    assert secrets
    assert not [secret for secret in secrets if secret in caplog.text or secret in "".join(told)]
    assert "oauth_signature" not in caplog.text
    assert not [record for record in caplog.records if record.name in account.LOGGERS]


def test_every_platform_says_how_it_is_connected() -> None:
    for driver in DRIVERS.values():
        assert driver.LOGINS
        assert driver.REFUSED_LOGINS
        assert driver.UNUSABLE_SECRETS
