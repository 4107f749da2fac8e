"""Writes the whole site as files for any web host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from publisher.adapt.images.rendering import ImageRefused
from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import _
from publisher.desk import Desk
from publisher.posts.public_posts import PublicPosts
from publisher.site.catalogue import BATCH, Catalogue
from publisher.site.export_folder import ExportFolder, SiteExportError
from publisher.site.list_pages import PAGE_SIZE
from publisher.site.pages import SitePages
from publisher.site.pictures import PictureCopy
from publisher.site.post_views import post_view
from publisher.site.rendering import FILES, SEARCH_SCRIPT
from publisher.site.search_index import WordIndex, listed_posts
from publisher.site.site_parts import PageParts, today_of

INDEX_FOLDER = "search-index"
PLAIN_PAGES = ("", "archive", "search", "links", "about")
FEED = "feed.xml"
NOT_FOUND = "404.html"
NOT_PUBLIC = (404, 410)
"""What a page answers that is no longer there: its post was withdrawn while the export ran."""


class SiteAddressMissing(UserError):
    """The address that the files will have is not known."""

    code = "site-address-missing"
    kind = ErrorKind.CONFIGURATION


@dataclass(slots=True)
class ExportResult:
    """Counts what an export did."""

    written: int = 0
    unchanged: int = 0
    removed: int = 0
    pictures_missing: list[str] = field(default_factory=list)
    """The names of pictures that can't be made."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class SiteExport:
    """Writes the site of a desk into a folder."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        """Raises SiteAddressMissing where `site.address` is not set: feeds and the map need whole addresses."""
        if not desk.settings.site.address:
            raise SiteAddressMissing(
                _('set site.address to the address that the files will have, such as "https://example.org"')
            )
        self._desk = desk
        self._folder = ExportFolder(folder)
        self._pages = SitePages(desk, is_export=True)
        self._result = ExportResult()

    def write(self, *, with_pictures: bool = True) -> ExportResult:
        """Writes what has changed, and removes what earlier exports made and the site has no longer.

        Raises:
            SiteExportError: the folder can't be used, or a file that is not the export's is in the way.
        """
        with self._folder.open():
            self._write(with_pictures=with_pictures)
        return self._result

    def _write(self, *, with_pictures: bool) -> None:
        site = self._pages.parts
        with self._desk.database.reading() as session:
            today = today_of(self._desk)
            public = PublicPosts(session, self._desk.now(), today)
            parts = {name: PageParts(site, name, session, public, today) for name in site.languages}
            catalogue = site.catalogues.read(session, public, self._desk.now())
            pictures, words = self._read_posts(parts, catalogue)
        planned = {name: path for language in site.languages for name, path in _pages_of(language, catalogue, parts)}
        shards = dict(words.files())
        index = {f"{INDEX_FOLDER}/words/{name}": content for name, content in shards.items()}
        index |= {f"{INDEX_FOLDER}/posts-{name}.json": listed_posts(part, catalogue) for name, part in parts.items()}
        files = {*planned, *index, NOT_FOUND, *FILES, SEARCH_SCRIPT, *(f"pictures/{name}" for name in pictures)}
        self._folder.require_free(files)
        files -= {name for name, path in planned.items() if not self._save_page(name, path)}
        self._save_page(NOT_FOUND, "/no-such-page", 404)
        for name, content in index.items():
            self._save(name, content)
        for name in (*FILES, SEARCH_SCRIPT):
            self._save(name, site.files.file(name))
        if with_pictures:
            for copy in pictures.values():
                self._save_picture(copy)
        self._result.removed = self._folder.finish(files)

    def _save_page(self, name: str, path: str, status: int = 200) -> bool:
        """Writes a page; False: it is no longer there. No other answer is ever written as a page."""
        answer = self._pages.answer(self._pages.request(path))
        if answer.status == status:
            self._save(name, answer.body)
            return True
        if answer.status in NOT_PUBLIC:
            return False
        raise SiteExportError(
            _("the page {path} can't be made (it answers {status}); export again", path=path, status=answer.status)
        )

    def _read_posts(
        self, parts: dict[str, PageParts], catalogue: Catalogue
    ) -> tuple[dict[str, PictureCopy], WordIndex]:
        """Reads every public post once: its pictures by the names of their files, and its words."""
        pictures: dict[str, PictureCopy] = {}
        words = WordIndex()
        ids = list(catalogue.entries)
        for start in range(0, len(ids), BATCH):
            first = next(iter(parts.values()))
            posts = list(first.public.read(ids[start : start + BATCH]))
            words.add(posts)
            for post in posts:
                for language in parts:
                    for picture in post_view(post, language).pictures:
                        pictures |= {copy.name: copy for copy in picture.files()}
            first.session.expunge_all()
        return pictures, words

    def _save(self, name: str, content: bytes) -> None:
        if self._folder.save(name, content):
            self._result.written += 1
        else:
            self._result.unchanged += 1

    def _save_picture(self, copy: PictureCopy) -> None:
        """Writes a picture, whose name changes with its content: one that is there is the same."""
        name = f"pictures/{copy.name}"
        if self._folder.has(name):
            self._result.unchanged += 1
            return
        try:
            rendition = self._desk.renderer.render(copy.spec)
        except ImageRefused:
            self._result.pictures_missing.append(copy.name)
            return
        self._folder.write_whole(name, rendition.path.read_bytes())
        self._result.written += 1


def _pages_of(language: str, catalogue: Catalogue, parts: dict[str, PageParts]) -> Iterator[tuple[str, str]]:
    """Yields the file of each page of a language, and the path that it answers to."""
    is_first = language == next(iter(parts))
    prefix = "" if is_first else f"/{language}"
    for place in _places(language, catalogue):
        path = f"{prefix}/{place}".rstrip("/")
        yield f"{path}/index.html".lstrip("/"), path or "/"
    yield f"{prefix}/{FEED}".lstrip("/"), f"{prefix}/{FEED}"
    if is_first:
        yield "sitemap.xml", "/sitemap.xml"
        yield "robots.txt", "/robots.txt"


def _places(language: str, catalogue: Catalogue) -> Iterator[str]:
    yield from PLAIN_PAGES
    for year, months in catalogue.years().items():
        yield f"archive/{year}"
        yield from (f"archive/{year}/{month}" for month in months)
    yield from (f"archive/{day.year}/{day.month}/{day.day}" for day in catalogue.by_day)
    for folder, counted in (("tags", catalogue.tags(language)), ("people", catalogue.people())):
        for slug, (_label, count) in counted.items():
            yield f"{folder}/{slug}"
            yield from (f"{folder}/{slug}/{number}" for number in range(2, -(-count // PAGE_SIZE) + 1))
