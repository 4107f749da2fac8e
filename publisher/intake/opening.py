"""Opens what an import names: a folder or a file, by its kind."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from publisher.core.file_reading import check_plain_file
from publisher.core.messages import _
from publisher.intake.bags import PAYLOAD, check_bag, is_bag
from publisher.intake.exported_posts import MARKER, POSTS
from publisher.intake.feeds import FeedSource
from publisher.intake.items import ItemSource
from publisher.intake.json_lines import JSON_SUFFIXES, JsonLinesSource
from publisher.intake.picture_folders import FolderSource
from publisher.intake.saved_sites import SavedSiteSource
from publisher.intake.source_settings import SourceSettings
from publisher.intake.tables import TABLE_SUFFIXES, TableSource
from publisher.intake.wordpress import MAX_EXPORT_BYTES, WordPressSource, is_wordpress_export
from publisher.posts.errors import PostError, unreadable_file

KINDS = ".csv, .tsv, .jsonl, .ndjson, .xml, .rss, .atom"
XML_SUFFIXES = frozenset({".xml", ".rss", ".atom"})
HEAD_BYTES = 8_192


def open_source(path: Path, settings: SourceSettings, pictures: Path | None = None) -> ItemSource:
    """Opens a source. `pictures`: the folder of its pictures, where they are not beside it.

    Raises:
        PostError: it is of no kind that can be read.
    """
    if path.is_dir() and settings.is_of_site:
        return SavedSiteSource(path, settings, pictures)
    if path.is_dir():
        if pictures is not None:
            raise PostError(_("a folder has its pictures itself; leave --pictures out"))
        return _open_folder(path, settings)
    suffix = path.suffix.lower()
    if suffix in JSON_SUFFIXES:
        return JsonLinesSource(path, settings, pictures)
    if suffix in TABLE_SUFFIXES:
        return TableSource(path, settings, pictures)
    if suffix in XML_SUFFIXES:
        kind = WordPressSource if is_wordpress_export(_head(path)) else FeedSource
        return kind(path, settings, pictures)
    raise PostError(
        _("{file} is of no kind that can be imported; name a folder, or a file that ends in {kinds}",
          file=str(path), kinds=KINDS)
    )  # fmt: skip


def _open_folder(folder: Path, settings: SourceSettings) -> ItemSource:
    """Opens a folder: a bag, whose every file is checked first, an exported archive, or pictures with their texts."""
    payload = folder
    if is_bag(folder):
        check_bag(folder)
        payload = folder / PAYLOAD
    if (payload / MARKER).is_file():
        if (lines := payload / f"{POSTS}.jsonl").is_file():
            return JsonLinesSource(lines, settings)
        return TableSource(payload / f"{POSTS}.csv", settings)
    return FolderSource(payload, settings)


def _head(path: Path) -> bytes:
    try:
        check_plain_file(path, MAX_EXPORT_BYTES)
        with path.open("rb") as opened:
            return opened.read(HEAD_BYTES)
    except OSError as error:
        raise unreadable_file(str(path), error) from error


def source_name(path: Path) -> str:
    """Returns the name of a source in the keys of its items: its whole path, where nobody has given it a name."""
    return unicodedata.normalize("NFC", str(path.resolve()))
