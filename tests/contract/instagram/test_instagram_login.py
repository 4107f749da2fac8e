"""How a channel is connected to Instagram, and what its stored session does."""

from __future__ import annotations

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
from publisher.platforms.instagram.problem_codes import InstagramAccountProblem
from publisher.platforms.login_steps import LoginStep
from publisher.sandbox.instagram.login import totp_code
from tests.contract.instagram.posts import picture, post_of, publish, upload
from tests.contract.platforms.instagram import CONFIGURE, KEY, Driver, Person


def test_a_log_in_with_everything_in_the_environment_asks_nothing(desk: Driver) -> None:
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


def test_a_log_in_asks_for_what_is_missing(desk: Driver) -> None:
    credentials = desk.sandbox.credentials()
    code = totp_code(credentials["totp_seed"], datetime.now(UTC).timestamp())
    person = Person(Password=credentials["password"], code=f"{code[:3]} {code[3:]}")

    account = Adapter.authorize(desk.connection(secrets={}), person)

    assert account.name == "picture.of.the.day"
    assert ["Password" in question for question in person.asked] == [True, False]


def test_a_code_that_instagram_sends_is_entered_from_the_same_device(
    desk: Driver, capsys: pytest.CaptureFixture[str]
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
def test_a_wrong_code_connects_nothing(desk: Driver, code: str) -> None:
    connection = desk.connection()
    desk.sandbox.login.sends_code = True
    step = Adapter.begin_login(connection, "")
    assert isinstance(step, LoginStep)

    with pytest.raises(CredentialsRefused, match="begin again"):
        Adapter.finish_login(connection, step.kept, {"code": code})

    with pytest.raises(CredentialsRefused) as refused:
        Adapter.connect(connection)
    assert refused.value.problem.code is InstagramAccountProblem.NOT_LOGGED_IN


def test_a_log_in_after_a_challenge_comes_from_the_same_device(desk: Driver) -> None:
    connection = desk.connection()
    desk.sandbox.challenged = True
    with pytest.raises(CredentialsRefused, match=r"Instagram app on a usual device.*publisher connect instagram"):
        Adapter.authorize(connection, Person())
    device = connection.session.load()["uuids"]

    desk.sandbox.challenged = False
    Adapter.authorize(connection, Person())

    assert connection.session.load()["uuids"] == device
    assert len({request.headers["x-ig-android-id"] for request in desk.requests if "bloks" in request.path}) == 1


def test_a_log_in_of_another_account_is_not_stored(desk: Driver) -> None:
    connection = desk.connection(account="@another.outlet")

    with pytest.raises(CredentialsRefused, match=r"that of picture\.of\.the\.day, but .* is for another\.outlet"):
        Adapter.authorize(connection, Person())

    with pytest.raises(CredentialsRefused):
        Adapter.connect(connection)


def test_a_failed_log_in_keeps_the_session_that_still_works(desk: Driver) -> None:
    connection = desk.logged_in()
    wrong = replace(connection, secrets={**desk.sandbox.credentials(), "password": "not the password"})

    with pytest.raises(CredentialsRefused):
        Adapter.authorize(wrong, Person())

    assert Adapter.connect(connection).verify_credentials().name == "picture.of.the.day"


def test_a_worker_never_logs_in(desk: Driver) -> None:
    adapter = desk.adapter(secrets={})
    assert desk.requests == []
    publish(adapter, picture(desk.folder))
    desk.sandbox.login.end_all_sessions()

    with pytest.raises(CredentialsRefused, match="signed the account out") as refused:
        adapter.verify_credentials()
    assert refused.value.problem == InstagramAccountProblem.SIGNED_OUT(channel="instagram")
    assert refused.value.message.endswith("Run: publisher connect instagram")

    paths = [request.path for request in desk.requests]
    assert paths == [paths[0], CONFIGURE[0], "/api/v1/accounts/current_user/"]
    assert paths[0].startswith(f"/rupload_igphoto/{KEY}_0_")


def test_a_challenge_in_a_worker_is_left_to_a_person(desk: Driver) -> None:
    adapter = desk.adapter()
    media = upload(adapter, picture(desk.folder))
    desk.sandbox.challenged = True

    with pytest.raises(CredentialsRefused) as refused:
        adapter.publish(post_of(), media, idempotency_key=KEY)
    assert refused.value.problem.code is InstagramAccountProblem.PERSON_WANTED

    assert len(desk.publishing_requests()) == 1
    assert not [request for request in desk.requests if "challenge" in request.path]


def test_a_proxys_password_is_in_no_message(desk: Driver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    adapter = desk.adapter(proxy=f"http://desk:very-secret@127.0.0.1:{port}")

    with pytest.raises(Unavailable) as ended:
        adapter.verify_credentials()

    error: BaseException | None = ended.value
    while error is not None:
        assert "very-secret" not in str(error)
        error = error.__cause__ or error.__context__
