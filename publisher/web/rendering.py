"""Templates, and what every page knows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import update

from publisher.core import post_limits
from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.staff.roles import Permission
from publisher.web.dates import long_day, short_day
from publisher.web.event_cache import PageCache
from publisher.web.wording import for_browser

NAVIGATION = (
    ("today", "Today", Permission.READ),
    ("queue", "Queue", Permission.READ),
    ("calendar", "Calendar", Permission.READ),
    ("deliveries", "Deliveries", Permission.READ),
    ("channels", "Channels", Permission.READ),
    ("people", "People", Permission.ADMINISTER),
)
"""Route name, label, and who sees it."""


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("publisher.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plural"] = plural
    made.filters["long_day"] = long_day
    made.filters["short_day"] = short_day
    made.filters["for_browser"] = for_browser
    return made


def plural(number: int, one: str, several: str = "") -> str:
    """`1 day`, `2 days`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


@cache
def static_version(name: str) -> str:
    """Of a static file: changes when it does, so that a browser may keep it for ever."""
    content = resources.files("publisher.web").joinpath("static", name).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page. Templates also know `desk`, `me`, `may`, `csrf`, `url`, `static`, `local` and `flashes`."""
    return HTMLResponse(render(request, template, **context), status)


def cached_page(
    request: Request, template: str, depends_on: Hashable, context: Callable[[], dict[str, Any]]
) -> HTMLResponse:
    """A whole page, made anew only when something happened since, or every few seconds.

    `depends_on`: what it depends on besides the database, who asks and for which address. `context`: what the
    template needs. For pages of somebody who is logged in.
    """
    session: WebSession = request.state.session
    if session.flash:
        # What the next page alone tells.
        return page(request, template, **context())
    desk = desk_of(request)
    person = session.person
    who = (session.token_hash, session.csrf, person.name, person.email, tuple(person.roles), request.state.permissions)
    key = (template, request.url.path, request.url.query, request.scope.get("root_path"), who, depends_on, _today(desk))
    rendered: PageCache = request.app.state.rendered
    body = rendered.get(desk.database, desk.now(), key, lambda: render(request, template, **context()).encode())
    return HTMLResponse(body)


def render(request: Request, template: str, **context: Any) -> str:
    desk = desk_of(request)
    session: WebSession | None = getattr(request.state, "session", None)
    permissions: frozenset[Permission] = getattr(request.state, "permissions", None) or frozenset()

    def url(name: str, /, **parameters: Any) -> str:
        return address(request, name, **parameters)

    def static(name: str) -> str:
        return f"{address(request, 'static', path=name)}?v={static_version(name)}"

    def local(instant: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
        return desk.local(instant, form)

    shared = {
        "outlet": desk.settings.outlet,
        "limits": post_limits,
        "today": _today(desk),
        "me": session.person if session else None,
        "may": {permission.value for permission in permissions},
        "csrf": session.csrf if session else "",
        "url": url,
        "static": static,
        "local": local,
        "this_address": request.url.path,
        "here": request.scope["route"].name if "route" in request.scope else "",
        "navigation": [(name, label) for name, label, needed in NAVIGATION if needed in permissions],
        "flashes": _pop_flashes(desk, session),
    }
    return environment().get_template(template).render({**shared, **context})


def address(request: Request, name: str, /, **parameters: Any) -> str:
    """The path of a route, with the path that a proxy serves the desk under."""
    root: str = request.scope.get("root_path", "").rstrip("/")
    # A page names many routes, and asking the application for each would take most of its time.
    paths: dict[str, str] = request.app.state.paths
    return root + paths[name].format_map(parameters)


def redirect(request: Request, name: str, /, **parameters: Any) -> RedirectResponse:
    """After a change: have the browser open this page."""
    return RedirectResponse(address(request, name, **parameters), 303)


def flash(request: Request, text: str, tone: str = "good", **more: Any) -> None:
    """Have the next page tell one sentence. `tone`: `good`, `note` or `bad`; `more`: what that page does with it."""
    session: WebSession = request.state.session
    told = [*session.flash, {"tone": tone, "text": text, **more}][-5:]
    session.flash = told
    with desk_of(request).database.writing() as writing:
        writing.execute(update(WebSession).where(WebSession.token_hash == session.token_hash).values(flash=told))


def _pop_flashes(desk: Desk, session: WebSession | None) -> list[dict[str, Any]]:
    if session is None or not session.flash:
        return []
    told, session.flash = session.flash, []
    with desk.database.writing() as writing:
        writing.execute(update(WebSession).where(WebSession.token_hash == session.token_hash).values(flash=[]))
    return told


def _today(desk: Desk) -> date:
    return desk.now().astimezone(desk.settings.outlet.zone).date()
