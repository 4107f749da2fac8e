"""The control port: the ledger as JSON, faults on request, and each platform's posts as pages.

GET  /                  the stage at a glance
GET  /tumblr, /x, ...   one platform's posts, as a follower would see them
GET  /ledger            every post, oldest first: JSON
GET  /accounts          how to reach each platform: settings and secrets of the sandbox's accounts
GET  /image/SHA256      a picture as it was received
GET  /faults            how often each fault struck
POST /faults            {"platform": ..., "fault": "drop-after", "times": 1}; at other steps: "read/drop-after"
POST /delay             {"seconds": 0.05}: every answer takes so long
POST /clock             {"offset_seconds": ...}: the platforms' time, moved from the system's
POST /clear             forget every post and waiting fault
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import jinja2

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import Fault, FaultBox
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import Ledger, LedgerPost
from publisher.sandbox.wire import Answer, Request


class Control:
    """Serves the control port of the given platforms; `connection` tells how to reach one."""

    def __init__(
        self,
        platforms: Sequence[SandboxPlatform],
        ledger: Ledger,
        faults: FaultBox,
        connection: Callable[[str], dict[str, str]],
        *,
        port: int = 0,
    ) -> None:
        self._platforms = platforms
        self._ledger = ledger
        self._faults = faults
        self._connection = connection
        self._server = HttpServer(self.answer, port=port)
        self._pages = jinja2.Environment(
            loader=jinja2.PackageLoader("publisher.sandbox", "pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._posts: dict[str, Callable[[Any], Any]] = {
            "/faults": self._add_faults,
            "/delay": self._set_delay,
            "/clock": self._set_clock,
            "/clear": self._clear,
        }

    @property
    def url(self) -> str:
        return self._server.url

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def answer(self, request: Request) -> Answer:
        if request.method == "POST" and request.path in self._posts:
            return self._do(request)
        if request.method != "GET":
            return Answer.of_json(405, {"error": f"{request.method} {request.path} is not offered"})
        return self._show(request.path)

    def _do(self, request: Request) -> Answer:
        try:
            return Answer.of_json(200, self._posts[request.path](request.json() if request.body else {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Answer.of_json(400, {"error": str(error)})

    def _show(self, path: str) -> Answer:
        if path == "/ledger":
            return Answer.of_json(200, [post.as_json() for post in self._ledger.posts()])
        if path == "/faults":
            return Answer.of_json(200, self._faults.summary())
        if path == "/accounts":
            return Answer.of_json(200, {platform.name: self._account(platform) for platform in self._platforms})
        if path.startswith("/image/"):
            image = self._ledger.image(path.removeprefix("/image/"))
            if image:
                return Answer(status=200, headers={"Content-Type": image.mime_type}, body=image.content)
        for platform in self._platforms:
            if path == f"/{platform.name}":
                return self._page(f"{platform.name}.html", platform=platform, posts=newest_first(platform.posts()))
        if path == "/":
            return self._page("index.html", platforms=self._platforms)
        return Answer.of_text(404, "There is no such page.")

    def _page(self, template: str, **values: Any) -> Answer:
        return Answer.of_text(200, self._pages.get_template(template).render(values), "text/html")

    def _account(self, platform: SandboxPlatform) -> dict[str, Any]:
        return {
            "account": platform.account(),
            "secrets": platform.credentials(),
            "settings": self._connection(platform.name),
            "page": f"{self.url}/{platform.name}",
        }

    def _add_faults(self, wish: dict[str, Any]) -> dict[str, Any]:
        names = [platform.name for platform in self._platforms]
        if wish.get("platform") not in names:
            raise ValueError(f"platform must be one of {', '.join(names)}")
        times = int(wish.get("times", 1))
        if not 1 <= times <= 10_000:
            raise ValueError("times must be between 1 and 10000")
        self._faults.add(wish["platform"], Fault.parse(str(wish["fault"])), times)
        return {"added": times}

    def _set_delay(self, wish: dict[str, Any]) -> dict[str, Any]:
        seconds = float(wish["seconds"])
        if not 0 <= seconds <= 600:
            raise ValueError("seconds must be between 0 and 600")
        for platform in self._platforms:
            platform.delay = seconds
        return {"seconds": seconds}

    def _set_clock(self, wish: dict[str, Any]) -> dict[str, Any]:
        offset = timedelta(seconds=float(wish["offset_seconds"]))
        self._ledger.shift(offset)
        return {"now": self._ledger.now().isoformat()}

    def _clear(self, _wish: Any) -> dict[str, Any]:
        self._ledger.clear()
        self._faults.clear()
        return {"posts": 0}


def newest_first(posts: list[LedgerPost]) -> list[LedgerPost]:
    return list(reversed(posts))
