"""Connecting a Tumblr blog, and who the keys belong to."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from publisher.platforms.errors import (
    CredentialsRefused,
    Unavailable,
)
from publisher.platforms.tumblr.adapter import Adapter
from publisher.sandbox.tumblr.blog import BLOG
from tests.contract.platforms.tumblr import Driver, Person


def test_verify_credentials_tells_whose_they_are(desk: Driver) -> None:
    account = desk.adapter(account=f"{BLOG}.tumblr.com").verify_credentials()
    assert (account.name, account.url) == (BLOG, f"https://{BLOG}.tumblr.com/")


def test_keys_of_another_blog_are_refused(desk: Driver) -> None:
    with pytest.raises(CredentialsRefused, match=f"belong to {BLOG}, and its account is “another”"):
        desk.adapter(account="another").verify_credentials()


def test_the_proxy_of_the_channel_is_used(desk: Driver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    connection = replace(desk.connection(), proxy=f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match="the proxy did not lead there"):
        Adapter.connect(connection).verify_credentials()
    assert desk.requests == []


def test_tokens_that_would_come_first_are_named(desk: Driver) -> None:
    told = str(Adapter.begin_login(desk.connection(), "").instructions)
    assert "PUBLISHER_TUMBLR_OAUTH_TOKEN and PUBLISHER_TUMBLR_OAUTH_TOKEN_SECRET hold comes before" in told
    assert desk.sandbox.credentials()["oauth_token"] not in told


def test_a_log_in_to_another_blog_stores_nothing(desk: Driver) -> None:
    with pytest.raises(CredentialsRefused, match="belong to"):
        Adapter.authorize(desk.connection(account="another"), Person())
    assert not desk.session.path.exists()
