"""Reads the feed or page of a watched source, unless its server says that it is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from publisher.intake.feeds import FeedReader
from publisher.intake.fetched_pictures import WebPictures
from publisher.intake.html_texts import HtmlNotReadWhole, parse_page
from publisher.intake.items import ImportedItem
from publisher.intake.problem_codes import FetchProblem, WatchProblem
from publisher.intake.site_pages import PageReader, SitePage
from publisher.intake.source_settings import SourceSettings
from publisher.intake.web_fetching import WebFetcher
from publisher.intake.web_request import FEED, FetchRefused
from publisher.intake.web_sources import is_feed

MAX_HEADER = 500


@dataclass(frozen=True, slots=True)
class PageState:
    """Holds by what a server recognises the version of a page."""

    etag: str = ""
    last_modified: str = ""

    @property
    def conditions(self) -> dict[str, str]:
        """Returns the headers that ask for the page only where it was changed."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


class WatchedPage:
    """Reads what is at the address of a source: a feed, or a page with one post."""

    def __init__(self, source: SourceSettings, fetcher: WebFetcher) -> None:
        self._source, self._fetcher = source, fetcher
        self.state = PageState()
        """What the server says of the page that was read."""

    def read(self, known: PageState) -> list[ImportedItem]:
        """Returns the items, none where the page is as it was.

        Raises:
            FetchRefused: it must not be fetched, or can't be, or has no post.
            PostError: it can't be read.
        """
        answer, content = self._fetcher.fetch_bytes(self._source.address, FEED, known.conditions)
        if answer.status == 304:
            if not known.conditions:
                raise FetchRefused(FetchProblem.STATUS(address=answer.url, status=304))
            self.state = known
            return []
        self.state = PageState(*(_header(answer.headers.get(name, "")) for name in ("etag", "last-modified")))
        pictures = WebPictures()
        if is_feed(content):
            feed = FeedReader(self._source.address, answer.url, self._source, pictures)
            return list(feed.read(content))
        return list(self._post_of_page(content, answer.url, pictures))

    def _post_of_page(self, content: bytes, url: str, pictures: WebPictures) -> Iterator[ImportedItem]:
        """Yields the post that a page shows. One without an address of its own is known by its day and title."""
        try:
            item = PageReader(self._source, pictures).read(parse_page(content), SitePage(url, url, ""))
        except HtmlNotReadWhole as refusal:
            raise FetchRefused(refusal.problem) from None
        if item is None:
            raise FetchRefused(WatchProblem.NOT_A_POST(address=url))
        yield replace(item, key=f"{item.published_on} {item.title}") if item.key == url else item


def _header(value: str) -> str:
    """Returns a header that can be sent back; a longer or stranger one is none."""
    return value if len(value) <= MAX_HEADER and value.isascii() and value.isprintable() else ""
