"""Reads one page of a site into an item, whether the page was saved or fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from publisher.core.messages import Message, ngettext
from publisher.intake.html_texts import read_elements
from publisher.intake.items import ImportedItem
from publisher.intake.page_layouts import read_by_selectors, read_repeated_title
from publisher.intake.picture_files import PictureFinder
from publisher.intake.records import RecordReader
from publisher.intake.source_settings import SourceSettings

LISTED_PAGES = 5
DAY_IN_PATH = re.compile(r"(?:^|/)(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?=[/.]|$)")


@dataclass(frozen=True, slots=True)
class SitePage:
    """Says which page of a site it is."""

    name: str
    """Names it for people, and in the keys of a source that knows no addresses."""
    base: str
    """The address that its links are relative to."""
    address: str
    """Where followers find it, unless the page says that itself. Empty: nobody knows."""


class PageReader:
    """Reads the pages of one site by its selectors, or by its layout."""

    def __init__(self, settings: SourceSettings, pictures: PictureFinder) -> None:
        self._settings, self._pictures = settings, pictures
        self._records = RecordReader(settings, pictures)

    def read(self, root: Any, page: SitePage) -> ImportedItem | None:
        """Returns the item of a parsed page. None: it has no title or no date, and is no post."""
        if root is None:
            return None
        if self._settings.selectors:
            record = read_by_selectors(root, self._settings.selectors, page.base)
        else:
            record = read_repeated_title(read_elements([root], page.base), self._settings.dates)
        if not record.get("date") and (match := DAY_IN_PATH.search(page.name)):
            record["date"] = "-".join(match.groups())
        if not record.get("title") or not record.get("date"):
            return None
        if address := _own_address(root) or page.address:
            record["address"] = address
        record["images"] = [
            {"file": self._pictures.choose(picture.addresses), "alt": picture.alt_text}
            for picture in record.pop("pictures", ())
        ]
        return self._records.read(record, page.name, page.name)


def describe_left_out(pages: Sequence[str]) -> Message:
    """Returns how many pages were left out, and the first of them."""
    return ngettext(
        "{count} page has no title or no date that its selectors find, and was left out: {pages:list}",
        "{count} pages have no title or no date that their selectors find, and were left out: {pages:list}",
        count=len(pages),
        pages=[*pages[:LISTED_PAGES], *(["…"] if len(pages) > LISTED_PAGES else [])],
    )


def _own_address(root: Any) -> str:
    """Returns the address that a page says it has; empty: it says none."""
    for link in root.iter("link"):
        address = str(link.get("href") or "")
        if link.get("rel") == "canonical" and address.startswith(("http://", "https://")):
            return address
    return ""
