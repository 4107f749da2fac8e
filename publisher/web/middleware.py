"""Holds the middleware of the pages: security headers, body limit, cookies and failures."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
SHARED_PATH = "/shared/"
"""Below it are the pages that people without an account see by a secret address."""
SHARED_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow, noarchive",
}
"""Keep the secret address out of caches, of other servers' logs and of search engines."""
MAX_SHARED_BODY_BYTES = 64_000
"""The size of a remark's form: percent-encoded, a character has up to twelve bytes."""
MAX_BODY_BYTES = 9_000_000
"""The size of a request's body: a piece of a picture with its form around it."""

RESPONSE_COOKIES = "response_cookies"
"""The key in a request's state of whole values of the header `Set-Cookie`."""
SENT_FORM_COOKIE = "sent_form_cookie"
"""The key in a request's state of a cookie that is set only where the request was not refused."""
ErrorResponse = Callable[[Request, Exception], Response]


class SecurityHeaders:
    """Adds the security headers, and forbids to cache a page unless its route allows it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if _path(scope).startswith(SHARED_PATH):
                    headers.update(SHARED_HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_safely)


class BodyLimit:
    """Ends a request whose body is larger than any that the pages need.

    Routes below the path `unless` limit their bodies themselves.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, *, unless: str) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._unless = f"{unless}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _path(scope).startswith(self._unless):
            await self._app(scope, receive, send)
            return
        max_bytes = MAX_SHARED_BODY_BYTES if _path(scope).startswith(SHARED_PATH) else self._max_bytes
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > max_bytes:
            await Response("The request is too large.", 413)(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # A body without an announced length is cut off like a lost connection.
            return {"type": "http.disconnect"} if received > max_bytes else message

        await self._app(scope, receive_some, send)


def _path(scope: Scope) -> str:
    """Returns the path of a request without the path that a proxy serves the desk under."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


class ResponseCookies:
    """Adds the cookies that a guard or route set in the request's state, whatever the answer is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for cookie in state.get(RESPONSE_COOKIES, ()):
                    headers.append("set-cookie", cookie)
                if SENT_FORM_COOKIE in state and message["status"] < 400:
                    headers.append("set-cookie", state[SENT_FORM_COOKIE])
            await send(message)

        await self._app(scope, receive, send_with_cookies)


class FailureResponses:
    """Answers when a route fails; the framework's own way adds no headers, and logs the error twice."""

    def __init__(self, app: ASGIApp, answer: ErrorResponse) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_sent = False

        async def send_tracked(message: Message) -> None:
            nonlocal is_sent
            is_sent = True
            await send(message)

        try:
            await self._app(scope, receive, send_tracked)
        except Exception as error:
            response = self._answer(Request(scope), error)
            if is_sent:
                raise
            await response(scope, receive, send)
