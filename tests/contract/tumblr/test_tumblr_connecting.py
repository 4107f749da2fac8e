"""Connecting a Tumblr blog, and who the keys belong to."""

from __future__ import annotations

import re
import socket
import stat
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from publisher.platforms.base import (
    SupportsLookup,
    SupportsReadBack,
)
from publisher.platforms.errors import (
    CredentialsRefused,
    Unavailable,
)
from publisher.platforms.registry import adapter_class
from publisher.platforms.tumblr.adapter import Adapter
from publisher.sandbox.tumblr.blog import BLOG
from publisher.sandbox.wire import Answer
from tests.patience import PATIENCE
from tests.tumblr_desk import Desk


def test_the_registry_finds_it_with_all_it_promises(desk: Desk) -> None:
    assert adapter_class("tumblr") is Adapter
    assert isinstance(desk.adapter(), SupportsLookup)
    assert isinstance(desk.adapter(), SupportsReadBack)


def test_verify_credentials_tells_whose_they_are(desk: Desk) -> None:
    account = desk.adapter(account=f"{BLOG}.tumblr.com").verify_credentials()
    assert (account.name, account.url) == (BLOG, f"https://{BLOG}.tumblr.com/")


def test_keys_of_another_blog_are_refused(desk: Desk) -> None:
    with pytest.raises(CredentialsRefused, match=f"belong to {BLOG}, and its account is 'another'"):
        desk.adapter(account="another").verify_credentials()


@pytest.mark.parametrize("name", ["consumer_secret", "oauth_token_secret", "consumer_key", "oauth_token"])
def test_a_wrong_key_is_refused_and_never_shown(desk: Desk, name: str) -> None:
    adapter = desk.adapter(secrets=desk.sandbox.credentials() | {name: "wrongButLongEnough"})
    with pytest.raises(CredentialsRefused) as caught:
        adapter.verify_credentials()
    assert caught.value.status == 401
    assert "wrongButLongEnough" not in f"{caught.value} {caught.value.answer}"
    with pytest.raises(CredentialsRefused):
        desk.publish(adapter)
    assert desk.copies() == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("consumer_key", "set PUBLISHER_OUR_TUMBLR_CONSUMER_KEY."),
        ("consumer_secret", "set PUBLISHER_OUR_TUMBLR_CONSUMER_SECRET."),
        ("oauth_token", "set PUBLISHER_OUR_TUMBLR_OAUTH_TOKEN or run publisher connect our-tumblr."),
        ("oauth_token_secret", "set PUBLISHER_OUR_TUMBLR_OAUTH_TOKEN_SECRET or run publisher connect our-tumblr."),
    ],
)
def test_a_missing_key_is_named(desk: Desk, name: str, message: str) -> None:
    secrets = {key: value for key, value in desk.sandbox.credentials().items() if key != name}
    with pytest.raises(CredentialsRefused, match=re.escape(message)):
        desk.adapter(secrets=secrets)


def test_the_proxy_of_the_channel_is_used(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    connection = replace(desk.connection(), proxy=f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match="the proxy did not lead there"):
        Adapter.connect(connection).verify_credentials()
    assert desk.requests == []


def test_a_broken_session_file_is_told(desk: Desk) -> None:
    desk.session.path.parent.mkdir()
    desk.session.path.write_text("{half")
    consumer = {name: value for name, value in desk.sandbox.credentials().items() if name.startswith("consumer")}
    with pytest.raises(CredentialsRefused, match="can't be read; run publisher connect our-tumblr"):
        desk.adapter(secrets=consumer)


class Person:
    """Opens the address it is told, presses a button, and enters what it finds."""

    def __init__(self, *, answer: str = "allow", enter: str = "{verifier}") -> None:
        self.answer = answer
        self.enter = enter
        self.token = ""

    def tell(self, text: str) -> None:
        address = next(word for word in text.split() if "://" in word)
        self.token = address.partition("oauth_token=")[2]
        assert "Allow" in requests.get(address, timeout=PATIENCE).text
        page = requests.post(address, {"oauth_token": self.token, "answer": self.answer}, timeout=PATIENCE).text
        found = re.search(r"<code>(\w+)</code>", page)
        self.enter = self.enter.format(verifier=found[1] if found else "none", token=self.token)

    def ask(self, question: str, *, secret: bool = False) -> str:
        return self.enter


CALLBACK = "https://desk.example/back?oauth_token={token}&oauth_verifier={verifier}#_=_"


@pytest.mark.parametrize("enter", ["{verifier}", " {verifier}#_=_\n", CALLBACK])
def test_logging_in_by_hand_stores_tokens_that_work(desk: Desk, enter: str) -> None:
    consumer = {name: value for name, value in desk.sandbox.credentials().items() if name.startswith("consumer")}
    account = Adapter.authorize(desk.connection(secrets=consumer), Person(enter=enter))
    assert account.name == BLOG
    assert stat.S_IMODE(desk.session.path.stat().st_mode) == 0o600
    assert set(desk.session.load()) == {"oauth_token", "oauth_token_secret"}
    desk.publish(desk.adapter(secrets=consumer))
    assert len(desk.copies()) == 1


@pytest.mark.parametrize(
    "person",
    [
        Person(answer="deny"),
        Person(enter="made up"),
        Person(enter="https://desk.example/back?denied=1"),
        Person(enter="https://desk.example/back?oauth_token=other&oauth_verifier={verifier}"),
    ],
    ids=["denied", "wrong verifier", "no verifier", "another log-in"],
)
def test_a_log_in_that_fails_stores_nothing(desk: Desk, person: Person) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        Adapter.authorize(desk.connection(), person)
    assert person.token not in f"{caught.value} {caught.value.answer}"
    assert not desk.session.path.exists()


def test_a_browser_is_led_back_to_exactly_the_callback(desk: Desk) -> None:
    connection = desk.connection()
    callback = "http://127.0.0.1:9/desk/back?kept=1"
    step = Adapter.begin_login(connection, callback)
    assert step.questions == ()
    form = {"oauth_token": step.kept["oauth_token"], "answer": "allow"}
    led = requests.post(step.url, form, timeout=PATIENCE, allow_redirects=False).headers["Location"]
    assert led.startswith(f"{callback}&oauth_token=")
    answer = dict(parse_qsl(urlsplit(led).query))
    for wrong in ({}, {"denied": answer["oauth_token"]}, {**answer, "oauth_token": "other"}):
        with pytest.raises(CredentialsRefused):
            Adapter.finish_login(connection, step.kept, wrong)
    assert not desk.session.path.exists()
    assert Adapter.finish_login(connection, step.kept, answer).name == BLOG
    with pytest.raises(CredentialsRefused):
        Adapter.finish_login(connection, step.kept, answer)


@pytest.mark.parametrize("callback", ["http://elsewhere.example/back", "javascript:alert(1)", "https://a.example/#b"])
def test_a_callback_that_could_leak_is_refused(desk: Desk, callback: str) -> None:
    with pytest.raises(CredentialsRefused):
        Adapter.begin_login(desk.connection(), callback)


def test_tokens_that_would_come_first_are_named(desk: Desk) -> None:
    told = Adapter.begin_login(desk.connection(), "").told
    assert "PUBLISHER_OUR_TUMBLR_OAUTH_TOKEN and PUBLISHER_OUR_TUMBLR_OAUTH_TOKEN_SECRET hold comes before" in told
    assert desk.sandbox.credentials()["oauth_token"] not in told


def test_a_log_in_to_another_blog_stores_nothing(desk: Desk) -> None:
    with pytest.raises(CredentialsRefused, match="belong to"):
        Adapter.authorize(desk.connection(account="another"), Person())
    assert not desk.session.path.exists()


def test_a_log_in_with_a_wrong_consumer_secret_is_refused(desk: Desk) -> None:
    secrets = desk.sandbox.credentials() | {"consumer_secret": "wrong"}
    with pytest.raises(CredentialsRefused, match="check the consumer key"):
        Adapter.authorize(desk.connection(secrets=secrets), Person())


def test_an_answer_to_the_log_in_that_makes_no_sense_is_no_refusal(desk: Desk) -> None:
    desk.instead = lambda _request: Answer.of_text(200, "<html>Welcome to the hotel</html>")
    with pytest.raises(Unavailable):
        Adapter.authorize(desk.connection(), Person())
