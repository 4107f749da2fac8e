"""Finds the page of an address. The server and the export both ask it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.logs import get_logger
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.posts.old_addresses import post_of_old_address
from publisher.posts.public_posts import PublicPosts
from publisher.site import day_pages, feeds, list_pages
from publisher.site.addresses import Addresses, day_of, number_of
from publisher.site.answers import Answer, Gone, Moved, NotHere
from publisher.site.page_request import PageRequest
from publisher.site.pictures import NAME, PictureCopy
from publisher.site.post_views import post_view
from publisher.site.rendering import FILES
from publisher.site.site_parts import PageParts, SiteParts, today_of

RETRY_SECONDS = 30
MAX_PATH = 500
"""No page has a longer path."""
PLAIN_PAGES: Mapping[str, Callable[[PageParts], Answer]] = {
    "archive": list_pages.archive_page,
    "links": list_pages.links_page,
    "about": list_pages.about_page,
    "feed.xml": feeds.feed,
}
SHARED_FILES: Mapping[str, Callable[[PageParts], Answer]] = {"sitemap.xml": feeds.site_map, "robots.txt": feeds.robots}


class SitePages:
    """Answers requests for pages. Any number of threads may call it."""

    def __init__(self, desk: Desk, *, is_export: bool = False) -> None:
        self.parts = SiteParts(desk, is_export=is_export)

    def prepare(self) -> None:
        """Reads what the lists show of all posts, which takes seconds, before somebody asks for a page."""
        with self.parts.desk.database.reading() as session:
            entries = self._page_parts(self.parts.languages[0], session).catalogue.entries
        get_logger("site").info("the posts are read", posts=len(entries))

    def request(self, path: str, query_string: str = "") -> PageRequest:
        """Reads what is asked for. `path`: decoded, below the site's own path, and beginning with a slash."""
        return PageRequest.of(path, query_string, self.parts.languages)

    def answer(self, request: PageRequest) -> Answer:
        """Returns the page that is asked for."""
        with self.parts.desk.database.reading() as session:
            parts = self._page_parts(request.language, session)
            try:
                return _page(parts, list(request.segments), request.query)
            except Moved as moved:
                # The former site may have had this address for another post.
                return _former(parts, request) or _redirect(moved.path)
            except Gone:
                return _gone(parts)
            except NotHere:
                return _former(parts, request) or parts.page("missing.html", Addresses.page, 404, is_indexed=False)

    def former(self, request: PageRequest) -> Answer | None:
        """Returns the way from an address of the former site to the post; None: it is none."""
        with self.parts.desk.database.reading() as session:
            return _former(self._page_parts(request.language, session), request)

    def refusal(self, request: PageRequest) -> Answer:
        """Says that there are too many searches. Asks the database nothing."""
        page = self.parts.bare_page(request.language, "refused.html", lambda addresses: addresses.page("search"), 429)
        return Answer(page.body, status=page.status, headers={"retry-after": str(RETRY_SECONDS)})

    def picture(self, name: str) -> PictureCopy | None:
        """Returns which file of a public picture has this name; None: there is none, or it is not public."""
        match = NAME.fullmatch(name)
        if match is None:
            return None
        site = self.parts
        with site.desk.database.reading() as session:
            public = PublicPosts(session, site.desk.now(), today_of(site.desk))
            post = next(iter(public.read([int(match[1])])), None)
            if post is None:
                return None
            for language in site.languages:
                pictures = post_view(post, language).pictures
                for copy in pictures[int(match[2]) - 1].files() if int(match[2]) <= len(pictures) else ():
                    if copy.name == name:
                        return copy
        return None

    def _page_parts(self, language: str, session: Session) -> PageParts:
        desk = self.parts.desk
        today = today_of(desk)
        return PageParts(self.parts, language, session, PublicPosts(session, desk.now(), today), today)


def _former(parts: PageParts, request: PageRequest) -> Answer | None:
    """Leads from an address of the former site to the post, or says that it was withdrawn."""
    former = post_of_old_address(parts.session, request.target)
    if former is None:
        return None
    entry = parts.catalogue.entries.get(former)
    if entry is not None:
        return _redirect(parts.addresses.day(entry.day))
    state = parts.session.scalar(select(Post.state).where(Post.id == former))
    return _gone(parts) if state == "withdrawn" else None


def _gone(parts: PageParts) -> Answer:
    return parts.page("gone.html", Addresses.page, 410, is_indexed=False)


def _redirect(path: str) -> Answer:
    return Answer(b"", "text/plain; charset=utf-8", 301, {"location": path})


def _page(parts: PageParts, segments: list[str], query: Mapping[str, str]) -> Answer:
    match segments:
        case []:
            return day_pages.today_page(parts)
        case ["archive", *numbers] if numbers:
            return _archive(parts, numbers)
        case ["search"]:
            return list_pages.search_page(parts, query.get("q", ""))
        case ["tags", slug, *number] if len(number) < 2:
            return list_pages.tag_page(parts, slug, _page_number(number))
        case ["people", slug, *number] if len(number) < 2:
            return list_pages.person_page(parts, slug, _page_number(number))
        case ["oembed"]:
            return feeds.oembed(parts, query.get("url", ""), query.get("format", ""))
        case [name] if name in PLAIN_PAGES:
            return PLAIN_PAGES[name](parts)
        case [name] if name in SHARED_FILES and parts.language == parts.site.languages[0]:
            return SHARED_FILES[name](parts)
        case [name] if name in FILES:
            return Answer(parts.site.files.file(name), FILES[name])
    raise NotHere


def _page_number(parts: list[str]) -> int:
    number = number_of(parts[0]) if parts else 1
    if number is None or (parts and number == 1):
        raise NotHere
    return number


def _archive(parts: PageParts, numbers: list[str]) -> Answer:
    """Shows a year, a month or a day. An address with needless zeros leads to the one without."""
    values = [number_of(part) for part in numbers]
    if len(values) > 3 or None in values:
        raise NotHere
    if [str(value) for value in values] != numbers:
        raise Moved(parts.addresses.page("archive", *values))
    match values:
        case [int(year)]:
            return list_pages.year_page(parts, year)
        case [int(year), int(month)]:
            return list_pages.month_page(parts, year, month)
    day = day_of(numbers)
    if day is None:
        raise NotHere
    return day_pages.day_page(parts, day)
