"""Serves the toy platform: a token, pictures by their hash, and posts by their key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import FaultQueue
from publisher.sandbox.ledger import Ledger, LedgerImage, LedgerPost, image_of
from publisher.sandbox.wire import Answer, Request

ACCOUNT = "toy-account"
TOKEN = "toy-token"
REFUSALS = {"429": 429, "unauthorized": 401, "reject": 422, "500": 500, "504": 504}


class Sandbox(SandboxPlatform):
    """Keeps one post under each key, however often it is sent."""

    name: ClassVar[str] = "toy"
    label: ClassVar[str] = "Toy"

    def __init__(self, ledger: Ledger, faults: FaultQueue) -> None:
        super().__init__(ledger, faults)
        self._pictures: dict[str, LedgerImage] = {}

    def account(self) -> str:
        return ACCOUNT

    def credentials(self) -> dict[str, str]:
        return {"token": TOKEN}

    def publishes(self, request: Request) -> bool:
        return request.method == "PUT" and request.path.startswith("/posts/")

    def refusal(self, kind: str) -> Answer:
        return _refused(REFUSALS.get(kind, 500))

    def handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refused(401)
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "me"):
                return Answer.of_json(200, {"name": ACCOUNT})
            case ("PUT", "pictures", sha256):
                self._pictures[sha256] = image_of(
                    request.body, width=1, height=1, mime_type=request.mime_type, alt_text=None
                )
                return Answer.of_json(200, {})
            case ("PUT", "posts", key):
                return self._put(key, request.json())
            case ("GET", "posts", key):
                return self._show(key)
        return _refused(404)

    def _put(self, key: str, values: dict[str, Any]) -> Answer:
        if all(post.id != key for post in self.posts()):
            pictures = [(self._pictures[picture["sha256"]], picture["alt"]) for picture in values["pictures"]]
            self.ledger.add(
                LedgerPost(
                    platform=self.name,
                    account=ACCOUNT,
                    id=key,
                    at=self.now(),
                    url=f"https://toy.example/posts/{key}",
                    caption=values["text"],
                    tags=(),
                    images=tuple(replace(picture, alt_text=alt_text) for picture, alt_text in pictures),
                    idempotency_key=key,
                    detail=values,
                )
            )
        return Answer.of_json(200, {"id": key})

    def _show(self, key: str) -> Answer:
        post = next((post for post in self.readable_posts() if post.id == key), None)
        return Answer.of_json(200, post.detail) if post else _refused(404)


def _refused(status: int) -> Answer:
    return Answer.of_json(status, {"error": status})
