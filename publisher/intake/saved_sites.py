"""Reads the items of a site that was saved as files: a page for each day, read by selectors or by its layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

from publisher.core.characters import quote_value
from publisher.core.file_reading import read_bytes
from publisher.core.messages import Message, _
from publisher.intake.html_texts import HtmlNotReadWhole, parse_page
from publisher.intake.items import MAX_ITEMS, ImportedItem
from publisher.intake.picture_files import PictureFolder
from publisher.intake.site_pages import PageReader, SitePage, describe_left_out
from publisher.intake.source_settings import SourceSettings
from publisher.posts.errors import PostError, unreadable_file

MAX_PAGE_BYTES = 5_000_000
PAGE_SUFFIXES = frozenset({".html", ".htm", ".xhtml", ""})
_NO_SITE = "https://saved.invalid/"
"""Stands for the site's address while links are resolved, where its settings name none."""


class SavedSiteSource:
    """Reads the pages of a folder, in the order of their names. Nothing is fetched that they name."""

    def __init__(self, folder: Path, settings: SourceSettings, pictures: Path | None = None) -> None:
        """`pictures`: the folder that they are in; else that of the site."""
        self.name = str(folder)
        self.hints: list[Message] = []
        self._folder, self._settings = folder, settings
        self._pages = PageReader(settings, PictureFolder(pictures or folder))

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
            self.hints.append(describe_left_out(left_out))

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
        path = re.sub(r"(?:^|(?<=/))index\.x?html?$", "", name)
        address = urljoin(self._settings.site, path) if self._settings.site else ""
        return self._pages.read(root, SitePage(name, urljoin(self._settings.site or _NO_SITE, name), address))
