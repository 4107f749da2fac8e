"""Serves the control port: the ledger as JSON, faults on request, and each platform's posts as pages.

GET  /                  an overview of all platforms
GET  /NAME               one platform's posts, as a follower would see them
GET  /ledger            every post, oldest first: JSON
GET  /accounts          how to reach each platform: settings and secrets of the sandbox's accounts
GET  /image/SHA256      a picture as it was received
GET  /faults            how often each fault struck
GET  /late              how many requests each platform will carry out later
POST /faults            {"platform": ..., "fault": "drop-after", "times": 1}
POST /delay             {"seconds": 0.05}: every answer takes so long
POST /clock             {"offset_seconds": ...}: the platforms' time, moved from the system's
                        {"platform": ..., "skew_seconds": 90}: one platform's clock is so far ahead of that time;
                        it stamps the posts and the Date of each answer
POST /lag               {"platform": ..., "seconds": 840}, or [0, 840] to draw from, with "seed": 7;
                        posts are listed so much later than they exist; with "hides_ids": true they can't be read by
                        their ids either until then
POST /evidence          {"platform": ..., "on": true}: whether it shows by itself that a post is there, such as by
                        refusing a text that the account has posted lately
POST /habits            {"platform": ..., HABIT: VALUE, ...}: sets some of a platform's uncertain behaviours;
                        those that are not named stay as they are. The module `habits` of its folder lists them
GET  /habits            the usual values of these habits, those that a proof draws from, and those that show evidence
GET  /struck            the requests that faults have struck, with the beginning of their text: JSON
POST /desk              {"url": "http://…"}: the desk that the pages lead back to
POST /clear             remove every post, waiting fault and late request, and set lags and skews to 0

Faults strike the request that publishes, or at another step: "upload/..." whatever else is sent, "read/..." what is
only read. Those that end in a colon take seconds, as in "slow-after:2.5".

refuse                           the connection is refused
drop-before, drop-after          the connection is dropped; `before` means that nothing was done, `after` that it was
500-before, 500-after, 504-after the platform's own error
truncate-after, garbage-after    half of the answer; another page in its place
slow-after:                      the answer takes so long
429, unauthorized, reject        the platform's own refusals
gateway-STATUS                   a page of a gateway, with 403, 404, 405, 409, 413, 421, 502 or 504; nothing was done
gateway-STATUS-after             the same, although it was done
redirect-STATUS                  to elsewhere, with 301, 302 or 307; nothing was done
429-PAUSE, 503-PAUSE             an absurd Retry-After: ten-years, year-2099, garbage or negative
drip-head:, drip-body:           one byte in so many seconds, although it was done
late-504:, late-drop:,           a gateway's 504, a dropped connection or no answer at all, and the request is carried
late-silence:                    out so many seconds later by the platform's clock, before any later request

An upload whose body ends before its Content-Length is dropped without any fault, and nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import jinja2

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import Fault, FaultQueue
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import Ledger, LedgerPost, ListingLag
from publisher.sandbox.wire import Answer, Request

MAX_SHIFT_SECONDS = 1000 * 366 * 24 * 3600
"""Of a clock, to either side: further away, its calendar would end."""
MAX_LAG_SECONDS = 366 * 24 * 3600


class ControlPort:
    """Serves the control port of the given platforms; `connection` returns the settings that lead to one."""

    def __init__(
        self,
        platforms: Sequence[SandboxPlatform],
        ledger: Ledger,
        faults: FaultQueue,
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
            loader=_loader(platforms),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.globals["desk"] = ""
        self._readers: dict[str, Callable[[], Any]] = {
            "/ledger": lambda: [post.as_json() for post in ledger.posts()],
            "/faults": faults.summary,
            "/struck": faults.affected_requests,
            "/late": lambda: {platform.name: platform.late_requests for platform in platforms},
            "/habits": lambda: {platform.name: platform.habits.as_json() for platform in platforms},
            "/accounts": lambda: {platform.name: self._account(platform) for platform in platforms},
        }
        self._actions: dict[str, Callable[[Any], Any]] = {
            "/faults": self._add_faults,
            "/delay": self._set_delay,
            "/clock": self._set_clocks,
            "/lag": self._set_lag,
            "/evidence": self._set_evidence,
            "/habits": self._set_habits,
            "/desk": self._set_desk,
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
        if request.method == "POST" and request.path in self._actions:
            return self._handle_post(request)
        if request.method != "GET":
            return Answer.of_json(405, {"error": f"{request.method} {request.path} is not offered"})
        return self._show(request.path)

    def _handle_post(self, request: Request) -> Answer:
        try:
            return Answer.of_json(200, self._actions[request.path](request.json() if request.body else {}))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            return Answer.of_json(400, {"error": str(error)})

    def _show(self, path: str) -> Answer:
        for platform in self._platforms:
            platform.catch_up()
        if path in self._readers:
            return Answer.of_json(200, self._readers[path]())
        if path.startswith("/image/"):
            image = self._ledger.image(path.removeprefix("/image/"))
            if image:
                return Answer(status=200, headers={"Content-Type": image.mime_type}, body=image.content)
        for platform in self._platforms:
            if path == f"/{platform.name}":
                pages = [f"{platform.name}/page.html", "platform.html"]
                return self._page(*pages, platform=platform, posts=newest_first(platform.posts()))
        if path == "/":
            return self._page("index.html", platforms=self._platforms)
        return Answer.of_text(404, "There is no such page.")

    def _page(self, *templates: str, **values: Any) -> Answer:
        """Renders the first of these templates that exists."""
        return Answer.of_text(200, self._pages.select_template(list(templates)).render(values), "text/html")

    def _account(self, platform: SandboxPlatform) -> dict[str, Any]:
        return {
            "account": platform.account(),
            "secrets": platform.credentials(),
            "settings": self._connection(platform.name),
            "needs_login": platform.needs_login,
            "page": f"{self.url}/{platform.name}",
            "post_page": f"{self.url}/{platform.name}#post-{{id}}",
        }

    def _add_faults(self, body: dict[str, Any]) -> dict[str, Any]:
        platform = self._named_platform(body)
        times = int(body.get("times", 1))
        if not 1 <= times <= 10_000:
            raise ValueError("times must be between 1 and 10000")
        self._faults.add(platform.name, Fault.parse(str(body["fault"])), times)
        return {"added": times}

    def _named_platform(self, body: dict[str, Any]) -> SandboxPlatform:
        """Returns the platform that a request names. Raises ValueError."""
        platforms = {platform.name: platform for platform in self._platforms}
        if body.get("platform") not in platforms:
            raise ValueError(f"platform must be one of {', '.join(platforms)}")
        return platforms[body["platform"]]

    def _set_delay(self, body: dict[str, Any]) -> dict[str, Any]:
        seconds = float(body["seconds"])
        if not 0 <= seconds <= 600:
            raise ValueError("seconds must be between 0 and 600")
        for platform in self._platforms:
            platform.delay = seconds
        return {"seconds": seconds}

    def _set_clocks(self, body: dict[str, Any]) -> dict[str, Any]:
        if "platform" not in body:
            self._ledger.shift(_read_shift(body["offset_seconds"]))
            return {"now": self._ledger.now().isoformat()}
        platform = self._named_platform(body)
        platform.clock_skew = _read_shift(body["skew_seconds"])
        return {"now": platform.now().isoformat()}

    def _set_lag(self, body: dict[str, Any]) -> dict[str, Any]:
        lag = read_lag(body["seconds"], seed=int(body.get("seed", 0)), hides_ids=bool(body.get("hides_ids", False)))
        self._ledger.set_listing_lag(self._named_platform(body).name, lag)
        return {"seconds": [lag.min_seconds, lag.max_seconds]}

    def _set_evidence(self, body: dict[str, Any]) -> dict[str, Any]:
        on = bool(body["on"])
        self._named_platform(body).set_evidence(on=on)
        return {"on": on}

    def _set_habits(self, body: dict[str, Any]) -> dict[str, Any]:
        platform = self._named_platform(body)
        habits = {name: value for name, value in body.items() if name != "platform"}
        platform.set_habits(habits)
        return habits

    def _set_desk(self, body: dict[str, Any]) -> dict[str, Any]:
        url = str(body["url"])
        if not url.startswith(("http://", "https://")):
            raise ValueError("url must be a web address")
        self._pages.globals["desk"] = url
        return {"url": url}

    def _clear(self, _body: Any) -> dict[str, Any]:
        self._ledger.clear()
        self._faults.clear()
        for platform in self._platforms:
            platform.reset()
        return {"posts": 0}


def _read_shift(seconds: float) -> timedelta:
    """Reads by how much a clock is moved. Raises ValueError where it would leave the calendar."""
    if not abs(float(seconds)) <= MAX_SHIFT_SECONDS:
        raise ValueError(f"a clock is moved by {MAX_SHIFT_SECONDS} seconds at most")
    return timedelta(seconds=float(seconds))


def _loader(platforms: Sequence[SandboxPlatform]) -> jinja2.BaseLoader:
    """Finds shared templates, and those in the folders of the platforms: `NAME/page.html`."""
    folders = {platform.name: jinja2.PackageLoader(f"publisher.sandbox.{platform.name}", "") for platform in platforms}
    return jinja2.ChoiceLoader([jinja2.PackageLoader("publisher.sandbox", "pages"), jinja2.PrefixLoader(folders)])


def read_lag(seconds: float | list[float], *, seed: int = 0, hides_ids: bool = False) -> ListingLag:
    """Reads a lag: a number of seconds, or two bounds to draw between. Raises ValueError with a sentence."""
    bounds = seconds if isinstance(seconds, list) else [seconds, seconds]
    if len(bounds) != 2 or not 0 <= float(bounds[0]) <= float(bounds[1]) <= MAX_LAG_SECONDS:
        raise ValueError(
            "seconds is one number, or two of which the second is not smaller: 840, or [0, 840]; "
            f"{MAX_LAG_SECONDS} at most"
        )
    return ListingLag(min_seconds=float(bounds[0]), max_seconds=float(bounds[1]), seed=seed, hides_ids=hides_ids)


def newest_first(posts: list[LedgerPost]) -> list[LedgerPost]:
    return list(reversed(posts))
