"""Reads the items of a site that was saved as files: a page for each day, read by selectors or by its layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from publisher.core.characters import quote_value
from publisher.core.file_reading import read_bytes
from publisher.core.messages import Message, _, ngettext
from publisher.intake.html_texts import HtmlNotReadWhole, parse_page, read_elements
from publisher.intake.items import MAX_ITEMS, ImportedItem
from publisher.intake.page_layouts import read_by_selectors, read_repeated_title
from publisher.intake.picture_files import PictureFolder
from publisher.intake.records import RecordReader
from publisher.intake.source_settings import SourceSettings
from publisher.posts.errors import PostError, unreadable_file

MAX_PAGE_BYTES = 5_000_000
PAGE_SUFFIXES = frozenset({".html", ".htm", ".xhtml", ""})
LISTED_PAGES = 5
_DAY_IN_PATH = re.compile(r"(?:^|/)(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?=[/.]|$)")
_NO_SITE = "https://saved.invalid/"
"""Stands for the site's address while links are resolved, where its settings name none."""


class SavedSiteSource:
    """Reads the pages of a folder, in the order of their names. Nothing is fetched that they name."""

    def __init__(self, folder: Path, settings: SourceSettings, pictures: Path | None = None) -> None:
        """`pictures`: the folder that they are in; else that of the site."""
        self.name = str(folder)
        self.hints: list[Message] = []
        self._folder, self._settings = folder, settings
        self._pictures = PictureFolder(pictures or folder)
        self._reader = RecordReader(settings, self._pictures)

    def items(self) -> Iterator[ImportedItem]:
        """Yields an item for each page that has a title and a date; how many have none is told."""
        left_out = []
        for file in self._files():
            name = file.relative_to(self._folder).as_posix()
            item = self._read_page(file, name)
            if item is None:
                left_out.append(name)
            else:
                yield item
        if left_out:
            self.hints.append(
                ngettext(
                    "{count} page has no title or no date that its selectors find, and was left out: {pages:list}",
                    "{count} pages have no title or no date that their selectors find, and were left out: {pages:list}",
                    count=len(left_out),
                    pages=[*left_out[:LISTED_PAGES], *(["…"] if len(left_out) > LISTED_PAGES else [])],
                )
            )

    def _files(self) -> list[Path]:
        root = self._folder.resolve()
        try:
            found = sorted(self._folder.glob(self._settings.pages))
        except (OSError, ValueError, NotImplementedError) as error:
            raise PostError(
                _("{folder}: the pages {pattern} can't be listed: {why}",
                  folder=self.name, pattern=quote_value(self._settings.pages), why=str(error))
            ) from None  # fmt: skip
        files = [
            file
            for file in found
            if file.suffix.lower() in PAGE_SUFFIXES and file.is_file() and file.resolve().is_relative_to(root)
        ]
        if not files:
            raise PostError(
                _("{folder} has no pages {pattern}; name the site's folder, or set pages in config/sources.toml",
                  folder=self.name, pattern=quote_value(self._settings.pages))
            )  # fmt: skip
        if len(files) > MAX_ITEMS:
            raise PostError(
                _("{source} has more than {number:number} items; split it", source=self.name, number=MAX_ITEMS)
            )
        return files

    def _read_page(self, file: Path, name: str) -> ImportedItem | None:
        try:
            content = read_bytes(file, MAX_PAGE_BYTES)
        except OSError as error:
            raise unreadable_file(str(file), error) from error
        try:
            root = parse_page(content)
        except HtmlNotReadWhole as refusal:
            return ImportedItem(name, name, problems=(refusal.problem,))
        if root is None:
            return None
        base = urljoin(self._settings.site or _NO_SITE, name)
        page = read_elements([root], base)
        if self._settings.selectors:
            record = read_by_selectors(root, self._settings.selectors, base)
        else:
            record = read_repeated_title(page, self._settings.dates)
        if not record.get("date") and (match := _DAY_IN_PATH.search(name)):
            record["date"] = "-".join(match.groups())
        if not record.get("title") or not record.get("date"):
            return None
        if address := self._address(root, name):
            record["address"] = address
        record["images"] = [
            {"file": self._pictures.choose(picture.addresses), "alt": picture.alt_text}
            for picture in record.pop("pictures", ())
        ]
        return self._reader.read(record, name, name)

    def _address(self, root: Any, name: str) -> str:
        """Returns the address that a page had: as it says itself, else below that of the site."""
        for link in root.iter("link"):
            address = str(link.get("href") or "")
            if link.get("rel") == "canonical" and address.startswith(("http://", "https://")):
                return address
        path = re.sub(r"(?:^|(?<=/))index\.x?html?$", "", name)
        return urljoin(self._settings.site, path) if self._settings.site else ""
