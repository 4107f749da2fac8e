"""Finds the page of an address. The server and the export both ask it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import unquote

from publisher.desk import Desk
from publisher.posts.old_addresses import post_of_old_address
from publisher.posts.public_posts import PublicPosts
from publisher.site import day_pages, feeds, list_pages
from publisher.site.addresses import Addresses, day_of, number_of
from publisher.site.answers import Answer, Gone, Moved, NotHere
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

    def answer(self, path: str, query: Mapping[str, str]) -> Answer:
        """Returns the page at a path, which stands below the site's own path and begins with a slash."""
        language, segments = self._split(path)
        site = self.parts
        with site.desk.database.reading() as session:
            today = today_of(site.desk)
            parts = PageParts(site, language, session, PublicPosts(session, site.desk.now(), today), today)
            try:
                return _page(parts, segments, query)
            except Moved as moved:
                return _redirect(moved.path)
            except Gone:
                return parts.page("gone.html", Addresses.page, 410, is_indexed=False)
            except NotHere:
                return self._elsewhere(parts, path, query)

    def refusal(self, path: str) -> Answer:
        """Says that there are too many searches. Asks the database nothing."""
        language, _segments = self._split(path)
        page = self.parts.bare_page(language, "refused.html", lambda addresses: addresses.page("search"), 429)
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

    def _split(self, path: str) -> tuple[str, list[str]]:
        """Returns the language of a path, and its other segments."""
        site = self.parts
        segments = [unquote(segment) for segment in path.strip("/").split("/")] if path.strip("/") else []
        others = site.languages[1:]
        if segments and segments[0] in others:
            return segments[0], segments[1:]
        return site.languages[0], segments

    def _elsewhere(self, parts: PageParts, path: str, query: Mapping[str, str]) -> Answer:
        """Leads from an address of the former site to the post, or says that there is no such page."""
        asked = path + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
        with self.parts.desk.database.reading() as session:
            former = post_of_old_address(session, asked)
        entry = None if former is None else parts.catalogue.entries.get(former)
        if entry is not None:
            return _redirect(parts.addresses.day(entry.day))
        return parts.page("missing.html", Addresses.page, 404, is_indexed=False)


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
