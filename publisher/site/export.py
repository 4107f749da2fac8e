"""Writes the whole site as files for any web host.

Each file is written whole or not at all, and only where its content differs from what is there. A manifest lists what
the export has made: it is written before the first new file is, so that an export that was killed knows its files. No
other file of the folder is ever changed or removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from publisher.adapt.images.rendering import ImageRefused
from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import Message, _
from publisher.desk import Desk
from publisher.posts.public_posts import PublicPosts
from publisher.site.answers import Answer
from publisher.site.catalogue import BATCH, Catalogue
from publisher.site.list_pages import PAGE_SIZE
from publisher.site.pages import SitePages
from publisher.site.pictures import PictureCopy
from publisher.site.post_views import post_view
from publisher.site.rendering import FILES, SEARCH_SCRIPT
from publisher.site.search_index import WordIndex, listed_posts
from publisher.site.site_parts import PageParts, today_of

MANIFEST = ".publisher-site.json"
UNFINISHED, LOCK = ".publisher-site.part", ".publisher-site.lock"
INDEX_FOLDER = "search-index"
PLAIN_PAGES = ("", "archive", "search", "links", "about")
FEED = "feed.xml"


class SiteExportError(UserError):
    """The site can't be written; the message is one sentence."""

    code = "site-not-exported"
    kind = ErrorKind.MACHINE


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
        self._folder = folder
        self._pages = SitePages(desk, is_export=True)
        self._result = ExportResult()
        self._made: set[str] = set()

    def write(self, *, with_pictures: bool = True) -> ExportResult:
        """Writes what has changed, and removes what earlier exports made and the site has no longer.

        Raises:
            SiteExportError: the folder can't be used, or a file that is not the export's is in the way.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / LOCK, blocking=False):
                self._made = self._read_manifest()
                self._write(with_pictures=with_pictures)
        except Timeout:
            raise SiteExportError(_("another export writes to {folder}; wait for it", folder=self._folder)) from None
        except OSError as error:
            why = error.strerror or str(error)
            raise SiteExportError(_("{folder} can't be written: {why}", folder=self._folder, why=why)) from error
        return self._result

    def _write(self, *, with_pictures: bool) -> None:
        site = self._pages.parts
        with self._desk.database.reading() as session:
            today = today_of(self._desk)
            public = PublicPosts(session, self._desk.now(), today)
            parts = {name: PageParts(site, name, session, public, today) for name in site.languages}
            catalogue = site.catalogues.read(session, public)
            pictures, words = self._read_posts(parts, catalogue)
        planned = {name: path for language in site.languages for name, path in _pages_of(language, catalogue, parts)}
        shards = dict(words.files())
        index = {f"{INDEX_FOLDER}/words/{name}": content for name, content in shards.items()}
        index |= {f"{INDEX_FOLDER}/posts-{name}.json": listed_posts(part, catalogue) for name, part in parts.items()}
        files = {*planned, *index, "404.html", *FILES, SEARCH_SCRIPT, *(f"pictures/{name}" for name in pictures)}
        self._claim(files)
        for name, path in planned.items():
            self._save(name, self._answer(path).body)
        self._save("404.html", self._answer("/no-such-page").body)
        for name, content in index.items():
            self._save(name, content)
        for name in (*FILES, SEARCH_SCRIPT):
            self._save(name, site.files.file(name))
        if with_pictures:
            for copy in pictures.values():
                self._save_picture(copy)
        self._remove_old(files)

    def _answer(self, path: str) -> Answer:
        return self._pages.answer(self._pages.request(path))

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

    def _claim(self, files: set[str]) -> None:
        """Records which files are the export's, before one of them is there."""
        for name in sorted(files - self._made):
            path = self._folder / name
            if path.exists() or path.is_symlink():
                raise SiteExportError(
                    _("{file} is in the way: no export made it; move it, or choose another folder", file=path)
                )
        self._made |= files
        self._write_manifest(self._made)

    def _save(self, name: str, content: bytes) -> None:
        path = self._folder / name
        if not path.is_symlink() and path.is_file() and path.read_bytes() == content:
            self._result.unchanged += 1
            return
        self._write_whole(path, content)
        self._result.written += 1

    def _save_picture(self, copy: PictureCopy) -> None:
        """Writes a picture, whose name changes with its content: one that is there is the same."""
        path = self._folder / "pictures" / copy.name
        if path.is_file() and path.stat().st_size:
            self._result.unchanged += 1
            return
        try:
            rendition = self._desk.renderer.render(copy.spec)
        except ImageRefused:
            self._result.pictures_missing.append(copy.name)
            return
        self._write_whole(path, rendition.path.read_bytes())
        self._result.written += 1

    def _write_whole(self, path: Path, content: bytes) -> None:
        """Writes a file that every reader finds whole: the old one, or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # The one unfinished file has always the same name: what a killed export leaves, the next one writes over.
        unfinished = self._folder / UNFINISHED
        unfinished.write_bytes(content)
        unfinished.replace(path)

    def _remove_old(self, files: set[str]) -> None:
        for name in sorted(self._made - files):
            path = self._folder / name
            if path.is_file() or path.is_symlink():
                path.unlink()
                self._result.removed += 1
            _remove_empty_folders(path.parent, self._folder)
        self._write_manifest(files)

    def _read_manifest(self) -> set[str]:
        path = self._folder / MANIFEST
        try:
            names = json.loads(path.read_bytes())
        except FileNotFoundError:
            return set()
        except ValueError:
            raise SiteExportError(self._unreadable(path)) from None
        if not isinstance(names, list) or not all(isinstance(name, str) and _is_inside(name) for name in names):
            raise SiteExportError(self._unreadable(path))
        return set(names)

    def _unreadable(self, path: Path) -> Message:
        return _("{file} does not list the files of an export; empty the folder, or choose another", file=path)

    def _write_manifest(self, names: set[str]) -> None:
        self._write_whole(self._folder / MANIFEST, json.dumps(sorted(names), indent=0).encode())


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


def _is_inside(name: str) -> bool:
    """Decides whether a name of the manifest stays in the folder."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
