"""OAuth 2 on X: tokens that are renewed, and connecting with a browser."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from urllib.parse import parse_qs, urlsplit

import pytest

from publisher.core.clock import monotonic
from publisher.core.content import Publication
from publisher.core.remedies import Remedy
from publisher.platforms import session_files
from publisher.platforms.abilities import KeepsLogin
from publisher.platforms.errors import (
    CredentialsRefused,
    Unavailable,
)
from publisher.platforms.problem_codes import SessionProblem
from publisher.platforms.x.adapter import Adapter
from publisher.platforms.x.problem_codes import XLoginProblem
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.accounts import USER_ID
from tests.contract.platforms.x import Driver, Person, adapted

# --- OAuth 2 ----------------------------------------------------------------------------------


def test_tokens_that_are_fresh_are_used_as_they_are(desk: Driver) -> None:
    desk.log_in(timedelta(hours=2))
    adapter = Adapter.connect(desk.connection(secrets=desk.app()))
    publication = adapter.publish(adapted("Text", "alt"), desk.upload(adapter, ["alt"]), idempotency_key="x-1")
    found = adapter.find_publication(adapted("Text", "alt"), idempotency_key="x-1", since=desk.clock.now())
    assert isinstance(found, Publication)
    assert found.remote_id == publication.remote_id
    assert desk.sandbox.accounts.renewals == 0


def test_tokens_that_have_ended_are_renewed_once_and_stored(desk: Driver) -> None:
    before = desk.log_in(timedelta(hours=2))
    desk.pass_time(timedelta(hours=1, minutes=56))
    adapter = Adapter.connect(desk.connection(secrets=desk.app()))
    adapter.publish(adapted("Text", "alt"), desk.upload(adapter, ["alt"]), idempotency_key="x-1")
    after = desk.session.load()
    assert desk.sandbox.accounts.renewals == 1
    assert after["refresh_token"] != before["refresh_token"]
    assert datetime.fromisoformat(after["expires_at"]) - desk.clock.now() > timedelta(hours=1, minutes=59)
    assert Adapter.connect(desk.connection(secrets=desk.app())).verify_credentials().id == USER_ID
    assert desk.sandbox.accounts.renewals == 1


def test_many_workers_renew_once(desk: Driver) -> None:
    desk.log_in(timedelta(0))
    together = Barrier(8)

    def ask(_: int) -> str:
        adapter = Adapter.connect(desk.connection(secrets=desk.app()))
        together.wait()
        return adapter.verify_credentials().id

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [USER_ID] * 8
    assert desk.sandbox.accounts.renewals == 1


def test_a_renewal_elsewhere_is_waited_for_but_not_without_end(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_files, "LOCK_TIMEOUT_SECONDS", 0.3)
    before = desk.log_in(timedelta(0))
    began = monotonic()
    with desk.session.alone(), pytest.raises(Unavailable) as caught:
        Adapter.connect(desk.connection(secrets=desk.app())).verify_credentials()
    assert caught.value.problem.code is SessionProblem.SESSION_BUSY
    assert monotonic() - began >= 0.3
    assert desk.sandbox.accounts.renewals == 0
    assert desk.session.load() == before


def test_a_refused_renewal_keeps_the_session_and_says_what_to_run(desk: Driver) -> None:
    session = {**desk.log_in(timedelta(0)), "refresh_token": "spent-refresh-token"}
    desk.session.save(session)
    with pytest.raises(CredentialsRefused, match="publisher connect x") as caught:
        Adapter.connect(desk.connection(secrets=desk.app())).verify_credentials()
    assert caught.value.problem.code is XLoginProblem.LOGIN_REFUSED
    assert caught.value.problem.remedy is Remedy.CONNECT_CHANNEL
    assert desk.session.load() == session
    assert "spent-refresh-token" not in f"{caught.value!r} {caught.value.answer}"


@pytest.mark.parametrize(
    "answer",
    [
        *(Answer(status=500, cut_at=0), Answer.of_json(500, {}), Answer.of_text(200, "{}"), Answer.of_text(200, "")),
        *(Answer.of_text(403, "error code: 1020"), Answer.of_text(403, ""), Answer.of_text(401, "[]")),
    ],
)
def test_a_renewal_without_new_tokens_keeps_the_old_ones(
    desk: Driver, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    before = desk.log_in(timedelta(0))
    with monkeypatch.context() as patch:
        patch.setitem(desk.sandbox.accounts._pages, ("POST", "/2/oauth2/token"), lambda request: answer)
        with pytest.raises(Unavailable):
            Adapter.connect(desk.connection(secrets=desk.app())).verify_credentials()
    assert desk.session.load() == before
    assert Adapter.connect(desk.connection(secrets=desk.app())).verify_credentials().id == USER_ID


def test_tokens_are_renewed_before_they_end(desk: Driver) -> None:
    before = desk.log_in(timedelta(hours=2))
    adapter = Adapter.connect(desk.connection(secrets=desk.app()))
    assert isinstance(adapter, KeepsLogin)
    adapter.keep_login()
    assert desk.session.load() == before
    desk.pass_time(timedelta(hours=1))
    adapter.keep_login()
    adapter.keep_login()
    assert desk.sandbox.accounts.renewals == 1
    assert adapter.login_ends() is None
    desk.pass_time(timedelta(minutes=70))
    assert adapter.verify_credentials().id == USER_ID
    assert desk.sandbox.accounts.renewals == 1


def test_a_refused_renewal_is_told_while_the_old_token_still_works(desk: Driver) -> None:
    session = desk.log_in(timedelta(hours=1))
    desk.session.save({**session, "refresh_token": "spent-refresh-token"})
    adapter = Adapter.connect(desk.connection(secrets=desk.app()))
    with pytest.raises(CredentialsRefused, match="publisher connect x") as caught:
        adapter.keep_login()
    assert caught.value.problem.code is XLoginProblem.LOGIN_REFUSED
    assert adapter.verify_credentials().id == USER_ID


def test_renewed_tokens_outlive_a_short_trouble_of_the_disk(
    desk: Driver, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = desk.log_in(timedelta(0))
    troubles = [OSError(28, "No space left on device"), OSError(5, "Input/output error")]
    replace = os.replace

    def failing(source: str, target: Path) -> None:
        if troubles:
            raise troubles.pop()
        replace(source, target)

    monkeypatch.setattr("os.replace", failing)
    assert Adapter.connect(desk.connection(secrets=desk.app())).verify_credentials().id == USER_ID
    assert desk.session.load()["refresh_token"] != before["refresh_token"]
    assert len(pauses) == 2
    assert desk.count("POST", "/2/oauth2/token") == 1


def test_who_lost_its_turn_takes_what_somebody_else_has_stored(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.log_in(timedelta(0))

    def overtaken(request: Request) -> Answer:
        desk.log_in(timedelta(hours=2))
        return Answer.of_json(400, {"error": "invalid_request"})

    monkeypatch.setitem(desk.sandbox.accounts._pages, ("POST", "/2/oauth2/token"), overtaken)
    assert Adapter.connect(desk.connection(secrets=desk.app())).verify_credentials().id == USER_ID


def test_a_log_in_that_can_not_be_renewed_says_when_it_ends(desk: Driver) -> None:
    session = desk.log_in(timedelta(hours=1))
    del session["refresh_token"]
    desk.session.save(session)
    adapter = Adapter.connect(desk.connection(secrets=desk.app()))
    adapter.keep_login()
    assert adapter.login_ends() == datetime.fromisoformat(session["expires_at"])
    desk.pass_time(timedelta(hours=1))
    with pytest.raises(CredentialsRefused, match="publisher connect x") as caught:
        adapter.keep_login()
    assert caught.value.problem.code is XLoginProblem.LOGIN_ENDED
    assert desk.count("POST", "/2/oauth2/token") == 0


def test_lasting_keys_never_end(desk: Driver) -> None:
    adapter = desk.adapter()
    adapter.keep_login()
    assert adapter.login_ends() is None
    assert not desk.requests


# --- connecting -------------------------------------------------------------------------------


def test_a_person_connects_with_a_browser(desk: Driver) -> None:
    assert Adapter.authorize(desk.connection(secrets=desk.app()), Person()).id == USER_ID
    assert set(desk.session.load()) == {"access_token", "refresh_token", "expires_at", "user_id"}
    desk.pass_time(timedelta(hours=3))
    assert Adapter.connect(desk.connection(secrets=desk.app())).verify_credentials().id == USER_ID
    assert desk.session.load()["user_id"] == USER_ID
    assert desk.sandbox.accounts.renewals == 1


def test_an_address_of_another_log_in_is_not_taken(desk: Driver) -> None:
    def forged(address: str) -> str:
        return address.replace(parse_qs(urlsplit(address).query)["state"][0], "forged")

    with pytest.raises(CredentialsRefused, match="does not belong to this log-in") as caught:
        Adapter.authorize(desk.connection(secrets=desk.app()), Person(forged))
    assert caught.value.problem.code is XLoginProblem.OTHER_LOGIN
    assert desk.count("POST", "/2/oauth2/token") == 0
