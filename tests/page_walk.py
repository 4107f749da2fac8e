"""Finds every page of a desk by its routes and by the links of its pages."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlsplit

from fastapi.routing import APIRoute
from sqlalchemy import select

from publisher.collaboration.preview_links import make_link
from publisher.db.models import Post
from publisher.db.staff import Person
from publisher.staff import accounts
from publisher.web.access import RULES, Access
from publisher.web.pages import ROUTERS
from tests.desk_site import Client, Site
from tests.full_site import CHIEF, NOW

NO_PAGES = frozenset(
    {
        "calendar_feed",
        "invitation",
        "picture_form",
        "rendition",
        "shared_picture",
        "shared_post",
        "unsaved_texts",
        "upload_state",
    }
)
"""What no page links to: parts of pages, and addresses that are secrets."""
MORE = (
    "/calendar?week=2026-05-12",
    "/deliveries?state=held",
    "/deliveries?text=nothing",
    "/queue?state=problems",
    "/queue?text=nothing",
    "/posts?text=nothing",
    "/nothing/here",
)
"""Addresses of pages in other states."""


@dataclass(frozen=True, slots=True)
class Page:
    path: str
    is_public: bool = False
    """Seen by somebody who isn't logged in."""


def pages_of(site: Site) -> list[Page]:
    """Lists the pages of a full site: one page per route that shows one, then those of `MORE`.

    Raises AssertionError when a page fails, and when no other page links to it.
    """
    pages, unlinked = walk(site)
    assert not unlinked, f"no page links to {', '.join(unlinked)}; link it, or name it in NO_PAGES"
    others = [Page(path) for path in (*MORE, *_unfinished(site))]
    return [*pages, *others, Page(_invitation(site), is_public=True), Page(_shared(site), is_public=True)]


def walk(site: Site) -> tuple[list[Page], set[str]]:
    """Returns one page per route that shows one, and the routes that no page links to."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    routes = [route for route in routes if "GET" in (route.methods or ())]
    clients = {False: site.client("admin", "editor", "operator", email=CHIEF), True: site.client()}
    waiting = [route.path for route in routes if "{" not in route.path]
    visited: set[str] = set()
    pages = []
    while waiting:
        path = waiting.pop(0)
        route = next((candidate for candidate in routes if candidate.path_regex.match(urlsplit(path).path)), None)
        if route is None or route.name in visited:
            continue
        visited.add(route.name)
        is_public = RULES[route.name] == Access.PUBLIC
        if text := _page(clients[is_public], path):
            pages.append(Page(path, is_public))
            waiting += _links_in(text)
    return pages, {route.name for route in routes} - visited - NO_PAGES


def _page(client: Client, path: str) -> str:
    """Returns the page at an address; empty for a file, a feed or anything else."""
    with client.get(path, stream=True) as response:
        assert response.status_code != 500, f"{path} fails"
        is_text = response.headers.get("content-type", "").startswith("text/html")
        text = response.text if is_text and response.ok else ""
    return text if text.startswith("<!doctype html>") else ""


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attributes if name in ("href", "src") and value]


def _links_in(text: str) -> list[str]:
    parser = _Links()
    parser.feed(text)
    return [link for link in parser.links if link.startswith("/")]


def _unfinished(site: Site) -> list[str]:
    """Lists the addresses of posts that are not approved."""
    query = select(Post.id).where(Post.state.in_(("draft", "in_review"))).order_by(Post.id)
    with site.desk.database.reading() as session:
        return [f"/posts/{post}" for post in session.scalars(query)]


def _invitation(site: Site) -> str:
    with site.desk.database.reading() as session:
        invited = session.scalars(select(Person.id).where(Person.password_hash.is_(None))).one()
    token = accounts.invite_again(site.desk.database, invited, now=NOW, actor=CHIEF)
    return f"/invitation/{token}"


def _shared(site: Site) -> str:
    with site.desk.database.reading() as session:
        post = session.scalars(select(Post.id).where(Post.state == "in_review")).first() or 1
    return f"/shared/{make_link(site.desk.database, post, 'Dr Roca', now=NOW, actor=CHIEF).token}"
