"""Tests that the desk shows of a post exactly what its platform received, and nothing that never left."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from publisher.platforms.registry import adapter_class
from publisher.web.rendering import templates
from tests.contract.account import Account

TEXT = "Two cells, 3 < 4 & 5 > 4\nin one line each.\n\nA second paragraph  with two spaces."


def shown_texts(account: Account, text: str) -> list[str]:
    """Returns the texts that the page of a delivery shows for a post."""
    post = account.post(text=text).model_copy(update=FIELDS)
    texts = adapter_class(account.name).request_texts(post)
    macros: Any = templates().get_template("request_texts.html").module
    html = str(macros.request_texts(texts))
    return [unescape(shown) for shown in re.findall(r"<[^>]*data-sent>(.*?)</", html, re.DOTALL)]


LINK = "https://example.org/2027/cells"
FIELDS = {"link": LINK, "tags": ("cell biology", "mitosis")}


def test_a_page_shows_byte_for_byte_what_the_platform_received(account: Account) -> None:
    for text in ("", TEXT):
        post = account.post(text=text).model_copy(update=FIELDS)
        account.publish(post=post, key=account.key_of(len(text)))
        assert shown_texts(account, text) == account.received_texts()
        account.requests.clear()


def test_a_link_that_never_leaves_is_not_shown(account: Account) -> None:
    account.publish(post=account.post().model_copy(update=FIELDS))
    left = any(LINK.encode() in request.body for request in account.requests)
    assert (LINK in shown_texts(account, "")) == left
