"""Checks the callback address of a log-in and redirects the browser to it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from publisher.sandbox.wire import Answer

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_valid_callback(address: str) -> bool:
    """Decides whether an app may use this callback: absolute, without a fragment, encrypted outside this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    return bool(host) and secure and not parts.fragment and not parts.username


def callback_redirect(address: str, **answer: str) -> Answer:
    """Redirects the browser to the callback, exactly as it was given, with the answer in its query."""
    parts = urlsplit(address)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *answer.items()])
    return Answer(status=302, headers={"Location": urlunsplit(parts._replace(query=query))})
