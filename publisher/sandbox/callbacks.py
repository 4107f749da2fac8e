"""Where a log-in leads a browser back to."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from publisher.sandbox.wire import Answer

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_sound(address: str) -> bool:
    """Whether an app may have it as a callback: a whole address, without a fragment, encrypted outside this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    return bool(host) and secure and not parts.fragment and not parts.username


def leading_back(address: str, **answer: str) -> Answer:
    """Have the browser open the callback, exactly as it was given, with the answer in its query."""
    parts = urlsplit(address)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *answer.items()])
    return Answer(status=302, headers={"Location": urlunsplit(parts._replace(query=query))})
