"""Reads the items of what is at an address: a feed, an account, the page of one post, or a site that is walked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from publisher.core.messages import Message
from publisher.intake.feeds import FeedReader
from publisher.intake.fetched_pages import FetchedPages
from publisher.intake.fetched_pictures import WebPictures
from publisher.intake.html_texts import HtmlNotReadWhole, parse_page
from publisher.intake.items import ImportedItem
from publisher.intake.mastodon_accounts import MastodonAccount, is_profile
from publisher.intake.problem_codes import FetchProblem
from publisher.intake.site_pages import DAY_IN_PATH, PageReader, SitePage
from publisher.intake.site_walking import SiteWalk
from publisher.intake.source_settings import SourceSettings
from publisher.intake.web_request import FEED, FetchRefused

FEED_LINKS = frozenset({"application/atom+xml", "application/rss+xml"})
_FEED_BEGIN = re.compile(rb"<(?:rss|feed|(?:\w+:)?RDF)[\s>]")


class WebSource:
    """Reads what is at one address, and finds out by itself what that is."""

    def __init__(self, address: str, settings: SourceSettings, pages: FetchedPages) -> None:
        self.name = address
        self.hints: list[Message] = []
        self._settings, self._pages = settings, pages
        self._pictures = WebPictures()

    def items(self) -> Iterator[ImportedItem]:
        """Yields every item. Raises PostError where there is nothing that can be read."""
        if is_profile(self.name):
            account = MastodonAccount(self.name, self._settings, self._pages, self._pictures)
            if (found := account.find()) is not None:
                yield from account.items(found)
                return
        url, content = self._pages.fetch(self.name, FEED)
        if is_feed(content):
            yield from self._read_feed(content)
            return
        is_day = DAY_IN_PATH.search(url) is not None
        if self._settings.is_of_site and not is_day:
            walk = SiteWalk(url, self._settings, self._pages, self._pictures)
            yield from walk.items()
            self.hints += walk.hints
            return
        yield from self._read_page(url, content)

    def _read_page(self, url: str, content: bytes) -> Iterator[ImportedItem]:
        """Yields the post of a page, else the items of the feed that the page names."""
        try:
            root = parse_page(content)
        except HtmlNotReadWhole as refusal:
            yield ImportedItem(url, url, problems=(refusal.problem,))
            return
        item = PageReader(self._settings, self._pictures).read(root, SitePage(url, url, url))
        if item is not None:
            yield item
            return
        feed = _feed_of(root, url)
        if feed is None:
            raise FetchRefused(FetchProblem.NOT_A_PAGE_OF_A_POST(address=url))
        _url, content = self._pages.fetch(feed, FEED)
        yield from self._read_feed(content)

    def _read_feed(self, content: bytes) -> Iterator[ImportedItem]:
        feed = FeedReader(self.name, self.name, self._settings, self._pictures)
        yield from feed.read(content)
        self.hints += feed.hints


def is_feed(content: bytes) -> bool:
    """Decides whether something is a feed, by its first element; a server may call it what it likes."""
    return _FEED_BEGIN.search(content[:4_096]) is not None


def _feed_of(root: Any, base: str) -> str | None:
    """Returns the address of the first feed that a page names."""
    if root is None:
        return None
    for link in root.iter("link"):
        if str(link.get("type") or "").lower() in FEED_LINKS and link.get("href"):
            try:
                return urljoin(base, str(link.get("href")))
            except ValueError:
                continue
    return None


def is_web_address(source: str) -> bool:
    """Decides whether a source is named by an address rather than by a file."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", source) is not None
