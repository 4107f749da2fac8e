"""Renders templates, with the context that every page shares."""

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
from publisher.db.problem_column import read_recorded
from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.staff.roles import Permission
from publisher.web.date_format import long_day, short_day
from publisher.web.event_cache import PageCache

NAVIGATION = (
    ("today", "Today", Permission.READ),
    ("queue", "Queue", Permission.READ),
    ("calendar", "Calendar", Permission.READ),
    ("deliveries", "Deliveries", Permission.READ),
    ("channels", "Channels", Permission.READ),
    ("people", "People", Permission.ADMINISTER),
)
"""Route name, label, and the permission to see it."""


@cache
def templates() -> Environment:
    """Returns the environment of the templates."""
    environment = Environment(
        loader=PackageLoader("publisher.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plural"] = plural
    environment.filters["long_day"] = long_day
    environment.filters["short_day"] = short_day
    environment.globals["read_recorded"] = read_recorded
    return environment


def plural(number: int, singular: str, several: str = "") -> str:
    """Writes a number with its noun: `1 day`, `2 days`."""
    return f"{number:,} {singular if number == 1 else several or singular + 's'}"


@cache
def static_version(name: str) -> str:
    """Returns a hash of a static file for its address, so that browsers may keep the file."""
    content = resources.files("publisher.web").joinpath("static", name).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Renders a whole page."""
    return HTMLResponse(render(request, template, **context), status)


def cached_page(
    request: Request, template: str, depends_on: Hashable, context: Callable[[], dict[str, Any]]
) -> HTMLResponse:
    """Renders a whole page, or returns it from the cache. For pages of somebody who is logged in.

    `depends_on`: what it depends on besides the database, who asks and for which address. `context`: makes the
    template's context.
    """
    session: WebSession = request.state.session
    if session.flash:
        # A flash is shown on one page only.
        return page(request, template, **context())
    desk = desk_of(request)
    person = session.person
    viewer = (
        session.token_hash,
        session.csrf,
        person.name,
        person.email,
        tuple(person.roles),
        request.state.permissions,
    )
    key = (
        template,
        request.url.path,
        request.url.query,
        request.scope.get("root_path"),
        viewer,
        depends_on,
        _today(desk),
    )
    cache: PageCache = request.app.state.page_cache
    body = cache.get(desk.database, desk.now(), key, lambda: render(request, template, **context()).encode())
    return HTMLResponse(body)


def render(request: Request, template: str, **context: Any) -> str:
    """Renders a template with its own context and the shared one."""
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
    return templates().get_template(template).render({**shared, **context})


def address(request: Request, name: str, /, **parameters: Any) -> str:
    """Returns the path of a route, with the path that a proxy serves the desk under."""
    root: str = request.scope.get("root_path", "").rstrip("/")
    # A page has many links, and asking the application for each would take most of its time.
    paths: dict[str, str] = request.app.state.paths
    return root + paths[name].format_map(parameters)


def redirect(request: Request, name: str, /, **parameters: Any) -> RedirectResponse:
    """Redirects the browser to a page after a change."""
    return RedirectResponse(address(request, name, **parameters), 303)


def flash(request: Request, text: str, tone: str = "good", **more: Any) -> None:
    """Shows a sentence on the next page. `tone`: `good`, `note` or `bad`; `more`: data for that page."""
    session: WebSession = request.state.session
    flashes = [*session.flash, {"tone": tone, "text": text, **more}][-5:]
    session.flash = flashes
    with desk_of(request).database.writing() as writing:
        writing.execute(update(WebSession).where(WebSession.token_hash == session.token_hash).values(flash=flashes))


def _pop_flashes(desk: Desk, session: WebSession | None) -> list[dict[str, Any]]:
    if session is None or not session.flash:
        return []
    flashes, session.flash = session.flash, []
    with desk.database.writing() as writing:
        writing.execute(update(WebSession).where(WebSession.token_hash == session.token_hash).values(flash=[]))
    return flashes


def _today(desk: Desk) -> date:
    return desk.now().astimezone(desk.settings.outlet.zone).date()
