"""Renders templates, with the context that every page shares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from publisher.core import post_limits
from publisher.core.event_names import event_name
from publisher.core.messages import Face, Message, _, current_reader, reading_as
from publisher.core.problems import Problem, Text, value_from_json, value_to_json
from publisher.core.template_texts import install_translations
from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.staff.roles import Permission
from publisher.web.date_format import format_moment, format_number, long_day, short_day
from publisher.web.event_cache import PageCache
from publisher.web.event_details import event_details
from publisher.web.field_labels import label_of
from publisher.web.flashes import Flash, add_flash, store_flashes, take_flashes
from publisher.web.reader import reader_of
from publisher.web.script_texts import texts_of_scripts
from publisher.web.value_names import delivery_state, post_state, role_name

NAVIGATION = (
    ("today", _("Today"), Permission.READ),
    ("queue", _("Queue"), Permission.READ),
    ("calendar", _("Calendar"), Permission.READ),
    ("deliveries", _("Deliveries"), Permission.READ),
    ("channels", _("Channels"), Permission.READ),
    ("people", _("People"), Permission.ADMINISTER),
)
"""Route name, label, and the permission to see it."""


@cache
def templates() -> Environment:
    """Returns the environment of the templates."""
    environment = Environment(
        loader=PackageLoader("publisher.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_render_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install_translations(environment)
    environment.filters["number"] = format_number
    environment.filters["long_day"] = long_day
    environment.filters["short_day"] = short_day
    environment.filters["delivery_state"] = delivery_state
    environment.filters["post_state"] = post_state
    environment.filters["role_name"] = role_name
    environment.filters["event_name"] = event_name
    environment.globals |= {"local": format_moment, "label_of": label_of, "event_details": event_details}
    return environment


def _render_text(value: Any) -> Any:
    """Renders a text for the present reader, and leaves other values as they are."""
    return str(value) if isinstance(value, Message | Problem) else value


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
    if stored_flashes_of(request):
        # A flash is shown on one page only.
        return page(request, template, **context())
    session: WebSession = request.state.session
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
        current_reader().language,
        depends_on,
        _today(desk),
    )
    cache: PageCache = request.app.state.page_cache
    body = cache.get(desk.database, desk.now(), key, lambda: render(request, template, **context()).encode())
    return HTMLResponse(body)


def render(request: Request, template: str, **context: Any) -> str:
    """Renders a template with its own context and the shared one, for the reader of the request."""
    with reading_as(reader_of(request, Face.PAGE)):
        return templates().get_template(template).render({**_shared_context(request), **context})


def _shared_context(request: Request) -> dict[str, Any]:
    desk = desk_of(request)
    session: WebSession | None = getattr(request.state, "session", None)
    permissions: frozenset[Permission] = getattr(request.state, "permissions", None) or frozenset()

    def url(name: str, /, **parameters: Any) -> str:
        return address(request, name, **parameters)

    def static(name: str) -> str:
        return f"{address(request, 'static', path=name)}?v={static_version(name)}"

    return {
        "outlet": desk.settings.outlet,
        "limits": post_limits,
        "today": _today(desk),
        "me": session.person if session else None,
        "may": {permission.value for permission in permissions},
        "csrf": session.csrf if session else "",
        "url": url,
        "static": static,
        "this_address": request.url.path,
        "here": request.scope["route"].name if "route" in request.scope else "",
        "navigation": [(name, label) for name, label, needed in NAVIGATION if needed in permissions],
        # Asked for by whole pages alone: a part of a page shows none.
        "flashes": lambda: _flashes_of(request),
        "language": current_reader().language,
        "texts_of_scripts": texts_of_scripts,
    }


def address(request: Request, name: str, /, **parameters: Any) -> str:
    """Returns the path of a route, with the path that a proxy serves the desk under."""
    root: str = request.scope.get("root_path", "").rstrip("/")
    # A page has many links, and asking the application for each would take most of its time.
    return root + _path_of(request, name, parameters)


def redirect(request: Request, name: str, /, query: str = "", **parameters: Any) -> RedirectResponse:
    """Redirects the browser to a page after a change; that page shows the request's flashes."""
    store_flashes(request, _path_of(request, name, parameters))
    path = address(request, name, **parameters)
    return RedirectResponse(f"{path}?{query}" if query else path, 303)


def flash(request: Request, text: Text | Sequence[Text], tone: str = "good", **more: Any) -> None:
    """Shows a text, or several in a row, on the page of this answer, or on the one that `redirect` leads to.

    `tone`: `good`, `note` or `bad`; `more`: data for that page.
    """
    add_flash(request, {"tone": tone, "text": value_to_json(text), **more})


def stored_flashes_of(request: Request) -> list[Flash]:
    """Returns the flashes that the page of this request shows, with their texts as data."""
    route = request.scope.get("route")
    return take_flashes(request, _path_of(request, route.name, request.path_params) if route else "")


def _flashes_of(request: Request) -> list[Flash]:
    return [{**message, "text": _read_flash(message["text"])} for message in stored_flashes_of(request)]


def _read_flash(stored: Any) -> str:
    texts = value_from_json(stored)
    return " ".join(map(str, texts)) if isinstance(texts, list) else str(texts)


def _path_of(request: Request, name: str, parameters: Mapping[str, Any]) -> str:
    paths: dict[str, str] = request.app.state.paths
    return paths[name].format_map(parameters)


def _today(desk: Desk) -> date:
    return desk.now().astimezone(desk.settings.outlet.zone).date()
