"""Walks a live site from its date pages: follows its links, page by page, and reads those that are posts."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from publisher.core.messages import Message, _, ngettext
from publisher.intake.fetched_pages import FetchedPages
from publisher.intake.html_texts import HtmlNotReadWhole, parse_page
from publisher.intake.items import ImportedItem
from publisher.intake.picture_files import PictureFinder
from publisher.intake.site_pages import DAY_IN_PATH, LISTED_PAGES, PageReader, SitePage, describe_left_out
from publisher.intake.source_settings import SourceSettings
from publisher.intake.web_addresses import resolve_dots
from publisher.intake.web_request import FetchRefused

MAX_LINKS = 5_000
"""Of one page."""
NEXT_PAGES = frozenset({"next", "prev", "previous"})
_PERIOD = re.compile(r"(?:^|/)(?:19|20)\d\d(?:[/-]\d{1,2}){0,2}(?=[/.]|$)")
"""A path that names a year, a month or a day."""
_FILE = re.compile(r"\.(?!x?html?$|php$|aspx?$)\w{2,5}$", re.IGNORECASE)
"""The end of a path that is no page."""


class SiteWalk:
    """Reads the pages of one site that its pages lead to.

    A link is followed where it stays on the host, and goes below the folder of the first page, names a date in its
    path, or is called the next or the previous page. Other links with a query are not: calendars have no end.
    """

    def __init__(self, start: str, settings: SourceSettings, pages: FetchedPages, pictures: PictureFinder) -> None:
        self.hints: list[Message] = []
        self._settings, self._pages = settings, pages
        self._reader = PageReader(settings, pictures)
        self._start = start
        self._host = urlsplit(start).netloc.lower()
        self._folder = urlsplit(start).path.rpartition("/")[0] + "/"
        self._waiting = deque([start])
        self._known = {start}

    def items(self) -> Iterator[ImportedItem]:
        """Yields an item for each page that is a post; what was left out or can't be fetched is told after that."""
        left_out: list[str] = []
        missing: list[FetchRefused] = []
        fetched = 0
        while self._waiting and fetched < self._settings.max_pages:
            address = self._waiting.popleft()
            fetched += 1
            try:
                url, content = self._pages.fetch(address)
            except FetchRefused as refusal:
                if address == self._start:
                    raise
                missing.append(refusal)
                continue
            item = self._read(url, content)
            if item is not None:
                yield item
            elif self._should_be_post(url):
                left_out.append(url)
        self._tell(left_out, missing)

    def _read(self, url: str, content: bytes) -> ImportedItem | None:
        if urlsplit(url).netloc.lower() != self._host:
            return None
        try:
            root = parse_page(content)
        except HtmlNotReadWhole as refusal:
            return ImportedItem(url, url, problems=(refusal.problem,))
        if root is None:
            return None
        self._follow(root, url)
        return self._reader.read(root, SitePage(url, url, url)) if self._may_be_post(url) else None

    def _may_be_post(self, url: str) -> bool:
        """Decides whether a page is one of those that the settings call pages; without a pattern all are."""
        if "pages" not in self._settings.model_fields_set:
            return True
        path = urlsplit(url).path
        return any(fnmatchcase(path.removeprefix(start), self._settings.pages) for start in ("/", self._folder))

    def _should_be_post(self, url: str) -> bool:
        """Decides whether it is remarkable that a page is no post: others list posts, or say who made the site."""
        is_named = "pages" in self._settings.model_fields_set
        return self._may_be_post(url) if is_named else DAY_IN_PATH.search(url) is not None

    def _follow(self, root: Any, base: str) -> None:
        """Notes the links of a page that were not seen before."""
        for number, element in enumerate(root.iter("a", "link")):
            if number >= MAX_LINKS or len(self._known) > 2 * self._settings.max_pages:
                return
            is_next = bool(NEXT_PAGES.intersection(str(element.get("rel") or "").lower().split()))
            if element.tag == "link" and not is_next:
                continue
            address = _address(base, str(element.get("href") or ""))
            if address and address not in self._known and self._belongs(address, is_next=is_next):
                self._known.add(address)
                self._waiting.append(address)

    def _belongs(self, address: str, *, is_next: bool) -> bool:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or parts.netloc.lower() != self._host or _FILE.search(parts.path):
            return False
        if is_next:
            return True
        is_below = parts.path.startswith(self._folder) or _PERIOD.search(parts.path) is not None
        return is_below and not parts.query

    def _tell(self, left_out: list[str], missing: list[FetchRefused]) -> None:
        if self._waiting:
            self.hints.append(
                _("{address} has more pages than the {limit:number} that were read; set max_pages for the source in "
                  "config/sources.toml",
                  address=self._start, limit=self._settings.max_pages)
            )  # fmt: skip
        if left_out:
            self.hints.append(describe_left_out(left_out))
        if missing:
            self.hints.append(
                ngettext(
                    "{count} page could not be fetched: {why:sentences}",
                    "{count} pages could not be fetched: {why:sentences}",
                    count=len(missing),
                    why=[refusal.problem for refusal in missing[:LISTED_PAGES]],
                )
            )


def _address(base: str, link: str) -> str:
    """Returns the whole address of a link, without what names a place in the page; empty: it has none."""
    try:
        return resolve_dots(urldefrag(urljoin(base, link.strip())).url)
    except ValueError:
        return ""
