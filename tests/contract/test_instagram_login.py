"""How a channel is connected to Instagram, and what its stored session does."""

from __future__ import annotations

import logging
import socket
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.core.content import Account
from publisher.platforms.errors import (
    CredentialsRefused,
    Unavailable,
)
from publisher.platforms.instagram.adapter import Adapter
from publisher.platforms.login_steps import LoginStep
from publisher.sandbox.instagram.login import totp_code
from publisher.sandbox.wire import Answer
from tests.instagram_desk import (
    CONFIGURE,
    KEY,
    Desk,
    Person,
    picture,
    post_of,
    publish,
    upload,
)


def test_a_log_in_with_everything_in_the_environment_asks_nothing(desk: Desk) -> None:
    connection = desk.connection()

    account = Adapter.authorize(connection, Person())

    assert (account.name, account.url) == (
        "picture.of.the.day",
        "https://www.instagram.com/picture.of.the.day/",
    )
    file = Path(connection.session.place)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stored = file.read_text(encoding="utf-8")
    credentials = desk.sandbox.credentials()
    assert credentials["password"] not in stored
    assert credentials["totp_seed"] not in stored


def test_a_log_in_asks_for_what_is_missing(desk: Desk) -> None:
    credentials = desk.sandbox.credentials()
    code = totp_code(credentials["totp_seed"], datetime.now(UTC).timestamp())
    person = Person(Password=credentials["password"], code=f"{code[:3]} {code[3:]}")

    account = Adapter.authorize(desk.connection(secrets={}), person)

    assert account.name == "picture.of.the.day"
    assert ["Password" in question for question in person.asked] == [True, False]


def test_the_key_of_an_authenticator_app_stands_for_its_code(desk: Desk) -> None:
    credentials = desk.sandbox.credentials()
    person = Person(Password=credentials["password"], code=credentials["totp_seed"].lower())
    assert Adapter.authorize(desk.connection(secrets={}), person).name == "picture.of.the.day"


def test_a_code_that_instagram_sends_is_asked_for_and_entered_from_the_same_device(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = desk.connection()
    desk.sandbox.login.sends_code = True

    step = Adapter.begin_login(connection, "")
    assert isinstance(step, LoginStep)
    assert connection.session.load() == {}
    account = Adapter.finish_login(connection, step.kept, {"code": f" {desk.sandbox.login.sent_code} "})

    assert isinstance(account, Account)
    assert Adapter.connect(connection).verify_credentials() == account
    assert len({request.headers["x-ig-android-id"] for request in desk.requests if "bloks" in request.path}) == 1
    assert len([request for request in desk.requests if "send_login_request" in request.path]) == 1
    told = capsys.readouterr()
    assert desk.sandbox.login.sent_code not in told.out + told.err


@pytest.mark.parametrize("code", ["", "000 000 0"])
def test_a_wrong_code_connects_nothing(desk: Desk, code: str) -> None:
    connection = desk.connection()
    desk.sandbox.login.sends_code = True
    step = Adapter.begin_login(connection, "")
    assert isinstance(step, LoginStep)

    with pytest.raises(CredentialsRefused, match="begin again"):
        Adapter.finish_login(connection, step.kept, {"code": code})

    with pytest.raises(CredentialsRefused, match="is not logged in"):
        Adapter.connect(connection)


@pytest.mark.parametrize(
    ("secret", "value", "word"),
    [
        ("password", "not the password", "password"),
        ("totp_seed", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "second factor"),
        ("totp_seed", "not base 32!", "TOTP seed"),
        ("username", "somebody.else", "user name"),
    ],
)
def test_a_log_in_that_is_refused_leaves_no_log_in_behind(desk: Desk, secret: str, value: str, word: str) -> None:
    connection = desk.connection(secrets={**desk.sandbox.credentials(), secret: value})

    with pytest.raises(CredentialsRefused, match=word) as refused:
        Adapter.authorize(connection, Person())

    assert value not in refused.value.message + refused.value.answer
    with pytest.raises(CredentialsRefused, match="publisher connect instagram"):
        Adapter.connect(connection)


def test_a_challenge_tells_a_person_what_to_do_and_the_next_log_in_comes_from_the_same_device(desk: Desk) -> None:
    connection = desk.connection()
    desk.sandbox.challenged = True
    with pytest.raises(CredentialsRefused, match=r"Instagram app on a usual device.*publisher connect instagram"):
        Adapter.authorize(connection, Person())
    device = connection.session.load()["uuids"]

    desk.sandbox.challenged = False
    Adapter.authorize(connection, Person())

    assert connection.session.load()["uuids"] == device
    assert len({request.headers["x-ig-android-id"] for request in desk.requests if "bloks" in request.path}) == 1


def test_a_log_in_of_another_account_is_not_stored(desk: Desk) -> None:
    connection = desk.connection(account="@another.outlet")

    with pytest.raises(CredentialsRefused, match=r"that of picture\.of\.the\.day, but .* is for another\.outlet"):
        Adapter.authorize(connection, Person())

    with pytest.raises(CredentialsRefused):
        Adapter.connect(connection)


def test_a_failed_log_in_keeps_the_session_that_still_works(desk: Desk) -> None:
    connection = desk.logged_in()
    wrong = replace(connection, secrets={**desk.sandbox.credentials(), "password": "not the password"})

    with pytest.raises(CredentialsRefused):
        Adapter.authorize(wrong, Person())

    assert Adapter.connect(connection).verify_credentials().name == "picture.of.the.day"


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"authorization_data": {}}'])
def test_without_a_session_the_operator_learns_which_command_to_run(desk: Desk, content: str | None) -> None:
    connection = desk.connection()
    if content is not None:
        Path(connection.session.place).write_text(content, encoding="utf-8")

    with pytest.raises(CredentialsRefused, match="`publisher connect instagram`"):
        Adapter.connect(connection)

    assert desk.requests == []


def test_a_worker_never_logs_in(desk: Desk) -> None:
    adapter = desk.adapter(secrets={})
    assert desk.requests == []
    publish(adapter, picture(desk.folder))
    desk.sandbox.login.sign_everybody_out()

    with pytest.raises(CredentialsRefused, match="signed the account out; run `publisher connect instagram`"):
        adapter.verify_credentials()

    paths = [request.path for request in desk.requests]
    assert paths == [paths[0], CONFIGURE[0], "/api/v1/accounts/current_user/"]
    assert paths[0].startswith(f"/rupload_igphoto/{KEY}_0_")


def test_a_challenge_in_a_worker_is_left_to_a_person(desk: Desk) -> None:
    adapter = desk.adapter()
    media = upload(adapter, picture(desk.folder))
    desk.sandbox.challenged = True

    with pytest.raises(CredentialsRefused, match="Instagram app"):
        adapter.publish(post_of(), media, idempotency_key=KEY)

    assert len(desk.publishing_requests()) == 1
    assert not [request for request in desk.requests if "challenge" in request.path]


def test_nothing_secret_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    loggers = [logging.getLogger(name) for name in ("instagrapi", "private_request", "public_request", "publisher")]
    for logger in loggers:
        caplog.set_level(logging.DEBUG, logger=logger.name)
    connection = desk.connection()
    Adapter.authorize(connection, Person())
    adapter = Adapter.connect(connection)
    publish(adapter, picture(desk.folder))
    desk.rewrite = lambda _request, _answer: Answer.of_text(200, "<html>")
    with pytest.raises(Unavailable):
        adapter.verify_credentials()

    session = connection.session.load()
    credentials = desk.sandbox.credentials()
    secrets = [credentials["password"], credentials["totp_seed"], session["authorization_data"]["sessionid"]]
    assert [record for record in caplog.records if record.name in {logger.name for logger in loggers}] == []
    assert not [secret for secret in secrets if secret in caplog.text]


def test_a_proxys_password_is_in_no_message(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    adapter = desk.adapter(proxy=f"http://desk:very-secret@127.0.0.1:{port}")

    with pytest.raises(Unavailable) as ended:
        adapter.verify_credentials()

    error: BaseException | None = ended.value
    while error is not None:
        assert "very-secret" not in str(error)
        error = error.__cause__ or error.__context__
