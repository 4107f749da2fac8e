"""What every answer says to the browser, and which requests are not even looked at."""

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
MAX_BODY_BYTES = 9_000_000
"""Of one request's body: a piece of a picture with its form around it."""

RESPONSE_COOKIES = "given_cookies"
"""Where a request's state keeps them: whole values of the header `Set-Cookie`."""
ErrorResponse = Callable[[Request, Exception], Response]


class SecurityHeaders:
    """Adds the headers; a page is never kept by anybody unless its route says so."""

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
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_safely)


class BodyLimit:
    """Ends a request whose body is larger than any that the desk asks for.

    Below the path `unless`, routes bound theirs by themselves.
    """

    def __init__(self, app: ASGIApp, most: int = MAX_BODY_BYTES, *, unless: str) -> None:
        self._app = app
        self._most = most
        self._unless = f"{unless}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _path(scope).startswith(self._unless):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._most:
            await Response("The request is too large.", 413)(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # A body without an announced length is cut off like a lost connection.
            return {"type": "http.disconnect"} if received > self._most else message

        await self._app(scope, receive_some, send)


def _path(scope: Scope) -> str:
    """What is asked for, without the path that a proxy serves the desk under."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


class ResponseCookies:
    """Adds the cookies that a request's guard or route gave the browser, whatever the answer is."""

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
            await send(message)

        await self._app(scope, receive, send_with_cookies)


class FailureResponses:
    """Answers when a route fails; the framework's own way would add no headers, and tell it twice in the log."""

    def __init__(self, app: ASGIApp, answer: ErrorResponse) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except Exception as error:
            response = self._answer(Request(scope), error)
            if begun:
                raise
            await response(scope, receive, send)
