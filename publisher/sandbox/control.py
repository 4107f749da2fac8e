"""The control port: the ledger as JSON, faults on request, and each platform's posts as pages.

GET  /                  the stage at a glance
GET  /tumblr, /x, ...   one platform's posts, as a follower would see them
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
POST /evidence          {"platform": ..., "on": true}: whether it shows by itself that a post is there: X refuses a
                        text that the account has posted lately, Instagram an upload id that has a post, and Tumblr
                        keeps the id of a draft that is published
POST /habits            {"platform": ..., HABIT: VALUE, ...}: which of its doubtful ways a platform follows from now on;
                        those that are not named stay as they are
                        tumblr     slug_limit 31 or null, slug_spaces, drafts_keep_id, edits_tell_new_id, listing_lag 5,
                                   reading_lag 5, states ["queued"]: how the next posts end up, whatever was asked for;
                                   with states_spare_drafts only those that were to be published; hidden_for 60 or null:
                                   so much later Tumblr publishes what is queued, transcoding or unapproved
                        x          refuse_duplicates, hides_time_windows
                        instagram  recognises_upload_ids, echoes_upload_id, conflict_status 200, 400 or 500
GET  /struck            the requests that faults have struck, with the beginning of their text: JSON
POST /clear             forget every post, waiting fault and late request, and set lags and skews to nothing

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

An upload whose body ends before its Content-Length is dropped, whatever was asked for here: it leaves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import jinja2

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import Fault, FaultBox
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import Ledger, LedgerPost, ListingLag
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
        self._values: dict[str, Callable[[], Any]] = {
            "/ledger": lambda: [post.as_json() for post in ledger.posts()],
            "/faults": faults.summary,
            "/struck": faults.struck,
            "/late": lambda: {platform.name: platform.late_requests for platform in platforms},
            "/accounts": lambda: {platform.name: self._account(platform) for platform in platforms},
        }
        self._posts: dict[str, Callable[[Any], Any]] = {
            "/faults": self._add_faults,
            "/delay": self._set_delay,
            "/clock": self._set_clocks,
            "/lag": self._set_lag,
            "/evidence": self._set_evidence,
            "/habits": self._set_habits,
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
        for platform in self._platforms:
            platform.catch_up()
        if path in self._values:
            return Answer.of_json(200, self._values[path]())
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
        platform = self._wished(wish)
        times = int(wish.get("times", 1))
        if not 1 <= times <= 10_000:
            raise ValueError("times must be between 1 and 10000")
        self._faults.add(platform.name, Fault.parse(str(wish["fault"])), times)
        return {"added": times}

    def _wished(self, wish: dict[str, Any]) -> SandboxPlatform:
        """The platform that a wish names. Raises ValueError."""
        named = {platform.name: platform for platform in self._platforms}
        if wish.get("platform") not in named:
            raise ValueError(f"platform must be one of {', '.join(named)}")
        return named[wish["platform"]]

    def _set_delay(self, wish: dict[str, Any]) -> dict[str, Any]:
        seconds = float(wish["seconds"])
        if not 0 <= seconds <= 600:
            raise ValueError("seconds must be between 0 and 600")
        for platform in self._platforms:
            platform.delay = seconds
        return {"seconds": seconds}

    def _set_clocks(self, wish: dict[str, Any]) -> dict[str, Any]:
        if "platform" not in wish:
            self._ledger.shift(timedelta(seconds=float(wish["offset_seconds"])))
            return {"now": self._ledger.now().isoformat()}
        platform = self._wished(wish)
        platform.clock_skew = timedelta(seconds=float(wish["skew_seconds"]))
        return {"now": platform.now().isoformat()}

    def _set_lag(self, wish: dict[str, Any]) -> dict[str, Any]:
        lag = read_lag(wish["seconds"], seed=int(wish.get("seed", 0)), hides_ids=bool(wish.get("hides_ids", False)))
        self._ledger.set_listing_lag(self._wished(wish).name, lag)
        return {"seconds": [lag.shortest, lag.longest]}

    def _set_evidence(self, wish: dict[str, Any]) -> dict[str, Any]:
        given = bool(wish["on"])
        self._wished(wish).give_evidence(on=given)
        return {"on": given}

    def _set_habits(self, wish: dict[str, Any]) -> dict[str, Any]:
        platform = self._wished(wish)
        habits = {name: value for name, value in wish.items() if name != "platform"}
        platform.take_habits(habits)
        return habits

    def _clear(self, _wish: Any) -> dict[str, Any]:
        self._ledger.clear()
        self._faults.clear()
        for platform in self._platforms:
            platform.reset()
        return {"posts": 0}


def read_lag(seconds: float | list[float], *, seed: int = 0, hides_ids: bool = False) -> ListingLag:
    """A lag of so many seconds, or drawn between two bounds. Raises ValueError with a sentence."""
    bounds = seconds if isinstance(seconds, list) else [seconds, seconds]
    if len(bounds) != 2 or not 0 <= float(bounds[0]) <= float(bounds[1]):
        raise ValueError("seconds is one number, or two of which the second is not smaller: 840, or [0, 840]")
    return ListingLag(shortest=float(bounds[0]), longest=float(bounds[1]), seed=seed, hides_ids=hides_ids)


def newest_first(posts: list[LedgerPost]) -> list[LedgerPost]:
    return list(reversed(posts))
