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

from publisher.collaboration.notifications import unread_count
from publisher.core import post_limits
from publisher.core.date_format import describe_lateness, format_moment, format_number, long_day, short_day
from publisher.core.event_names import event_name, event_sentence
from publisher.core.messages import Face, Message, _, channel_name, current_reader, reading_as
from publisher.core.problems import Problem, Text, value_from_json, value_to_json
from publisher.core.template_texts import install_translations
from publisher.db.event_cache import PageCache
from publisher.db.staff import Person, WebSession
from publisher.desk import Desk
from publisher.posts.channel_texts import write_merged
from publisher.posts.titles import shown_title
from publisher.staff.roles import Permission
from publisher.web.actor_names import actor_name
from publisher.web.channel_fields import channel_rows, channels_of_fields, chosen_colour, colour_options
from publisher.web.device_names import name_device
from publisher.web.event_details import event_details
from publisher.web.field_labels import OPTIONS, label_of, search_place
from publisher.web.flashes import Flash, add_flash, store_flashes, take_flashes
from publisher.web.platform_marks import platform_mark
from publisher.web.reader import reader_of
from publisher.web.script_texts import texts_of_scripts
from publisher.web.text_language import in_language, lang, language_of_field
from publisher.web.value_names import correction_state, delivery_state, post_state, role_name
from publisher.web.window_fields import window_of_fields

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
    environment.filters["in_language"] = in_language
    environment.filters["titled"] = shown_title
    environment.filters["long_day"] = long_day
    environment.filters["short_day"] = short_day
    environment.filters["delivery_state"] = delivery_state
    environment.filters["correction_state"] = correction_state
    environment.filters["post_state"] = post_state
    environment.filters["search_place"] = search_place
    environment.filters["role_name"] = role_name
    environment.filters["event_name"] = event_name
    environment.filters["actor_name"] = actor_name
    environment.filters["channel_name"] = channel_name
    environment.globals["event_sentence"] = event_sentence
    environment.filters["lateness"] = describe_lateness
    environment.globals |= {"local": format_moment, "label_of": label_of, "event_details": event_details}
    environment.globals |= {"lang": lang, "language_of_field": language_of_field}
    environment.globals |= {"platform_mark": platform_mark, "name_device": name_device, "options": OPTIONS}
    environment.globals |= {"channel_rows": channel_rows, "colour_options": colour_options}
    environment.globals |= {"channels_of_fields": channels_of_fields, "chosen_colour": chosen_colour}
    environment.globals |= {"window_of_fields": window_of_fields}
    environment.globals |= {"write_merged": write_merged}
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


def actor_of(request: Request) -> str:
    """Returns the name that the history has for whoever is logged in."""
    person: Person = request.state.session.person
    return person.actor


def asks_for_json(request: Request) -> bool:
    """Decides whether a script of a page asks, which takes JSON for an answer."""
    return "application/json" in request.headers.get("accept", "")


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
        _unread_count(request),
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

    def post_link(channel: str, remote_id: str | None, link: str | None) -> str | None:
        settings = desk.settings.channels.get(channel)
        if settings is None or settings.post_page is None or not remote_id:
            return link
        return settings.post_page.replace("{id}", remote_id)

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
        "post_link": post_link,
        "static": static,
        "root_path": request.scope.get("root_path") or "/",
        "this_address": request.url.path,
        "here": request.scope["route"].name if "route" in request.scope else "",
        "navigation": [(name, label) for name, label, needed in NAVIGATION if needed in permissions],
        "unread_count": lambda: _unread_count(request),
        # Asked for by whole pages alone: a part of a page shows none.
        "flashes": lambda: _flashes_of(request),
        "language": current_reader().language,
        "texts_of_scripts": texts_of_scripts,
    }


def _unread_count(request: Request) -> int:
    """Returns how much the person who asks has not read; asks the database once for a request."""
    state = request.state
    if getattr(state, "unread_count", None) is None:
        with desk_of(request).database.reading() as session:
            state.unread_count = unread_count(session, state.session.person_id)
    count: int = state.unread_count
    return count


def address(request: Request, name: str, /, **parameters: Any) -> str:
    """Returns the path of a route, with the path that a proxy serves the desk under."""
    root: str = request.scope.get("root_path", "").rstrip("/")
    # A page has many links, and asking the application for each would take most of its time.
    return root + _path_of(request, name, parameters)


def outside_address(request: Request, name: str, /, **parameters: Any) -> str:
    """Returns the whole address of a route, under the host name that the browser uses."""
    return f"{request.url.scheme}://{request.url.netloc}{address(request, name, **parameters)}"


def path_without_secrets(request: Request) -> str:
    """Returns the path of a request as it may be logged: a token in it gives access."""
    path = request.url.path
    token = request.path_params.get("token")
    return path.replace(token, "…") if isinstance(token, str) and token else path


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
