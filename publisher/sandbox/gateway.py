"""Makes the answers of a gateway in front of a platform: error pages and redirects."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from publisher.sandbox.wire import Answer

ELSEWHERE = "http://127.0.0.1:1/elsewhere"
"""Where redirects lead. Nothing listens there, so a client that follows one fails at once."""


def gateway_page(status: int) -> Answer:
    """Returns a gateway's error page, which says nothing about the platform."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer.of_text(status, page, "text/html").with_headers({"Server": "gateway"})


def redirect(status: int) -> Answer:
    """Returns a redirect to another host."""
    return replace(gateway_page(status).with_headers({"Location": ELSEWHERE}), body=b"")
