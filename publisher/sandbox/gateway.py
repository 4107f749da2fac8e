"""What answers in front of a platform: a gateway's own pages, and redirects to elsewhere."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from publisher.sandbox.wire import Answer

ELSEWHERE = "http://127.0.0.1:1/elsewhere"
"""Where redirects lead: nobody listens there, so whoever follows one fails at once."""


def gateway_page(status: int) -> Answer:
    """Returns a page that says nothing about the platform, as a gateway sends it."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer.of_text(status, page, "text/html").with_headers({"Server": "gateway"})


def redirect(status: int) -> Answer:
    """Returns a redirect to another host."""
    return replace(gateway_page(status).with_headers({"Location": ELSEWHERE}), body=b"")
