"""Sends requests to the desk's API, as a program does."""

from __future__ import annotations

import json
from typing import Any

import requests

from publisher.staff.api_tokens import SCOPES, new_api_token
from publisher.staff.roles import permissions_of
from publisher.web.api.app import PATH
from tests.desk_site import Site

Answer = requests.Response


class Program(requests.Session):
    """Sends its token with every request; addresses are below `/api/v1`."""

    def __init__(self, base: str, token: str = "") -> None:
        super().__init__()
        self.trust_env = False
        self.base = base + PATH
        self.token = token
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, url: str, **options: Any) -> Answer:  # type: ignore[override]
        address = url if url.startswith("http") else self.base + url
        return super().request(method, address, **{"timeout": 30, **options})

    def change(self, method: str, url: str, version: object = "*", **options: Any) -> Answer:
        """Sends a change of this version; `*`: of whichever it is."""
        tag = version if version == "*" else f'"{version}"'
        return self.request(method, url, headers={"If-Match": str(tag), **options.pop("headers", {})}, **options)


def token_of(site: Site, person: int, *scopes: str, days: int = 30) -> str:
    """Makes a token; without scopes it has all that there are."""
    scopes_of_token = scopes or [scope.value for scope in SCOPES]
    return new_api_token(site.desk.database, person, "test", scopes_of_token, days=days, now=site.desk.now())


def program(site: Site, *roles: str) -> Program:
    """Returns a program that may do all that somebody with these roles may."""
    scopes = permissions_of(roles) & frozenset(SCOPES)
    return Program(site.url, token_of(site, site.person(*roles), *scopes))


def problem(answer: Answer) -> dict[str, Any]:
    """Reads the problem details of an answer, and checks that they are complete."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    details: dict[str, Any] = json.loads(answer.text)
    assert {"type", "title", "status", "detail", "code", "parameters", "instance"} <= set(details)
    assert details["status"] == answer.status_code
    assert details["detail"].endswith((".", "?"))
    return details
