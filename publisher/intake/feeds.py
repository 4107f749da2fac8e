"""Reads the items of an Atom or RSS feed: one that was saved as a file, or the content of any."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from publisher.core.file_reading import read_bytes
from publisher.core.messages import Message, _
from publisher.intake.html_texts import HtmlNotReadWhole, HtmlPicture, plain_text, read_html
from publisher.intake.items import ImportedItem
from publisher.intake.picture_files import PictureFinder, PictureFolder
from publisher.intake.plain_pages import take_writer
from publisher.intake.records import RecordReader
from publisher.intake.source_settings import SourceSettings
from publisher.intake.xml_safety import refuse_entities
from publisher.posts.errors import PostError, unreadable_file

MAX_FEED_BYTES = 50_000_000
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")


class FeedSource:
    """Reads a feed that was saved. Nothing that it names is fetched."""

    def __init__(self, file: Path, settings: SourceSettings, pictures: Path | None = None) -> None:
        """`pictures`: the folder that they are in; else the file's own."""
        self.name = str(file)
        self._file = file
        self._feed = FeedReader(self.name, file.name, settings, PictureFolder(pictures or file.parent))
        self.hints: list[Message] = self._feed.hints

    def items(self) -> Iterator[ImportedItem]:
        """Yields an item for each entry. Raises PostError where the file is no feed."""
        try:
            content = read_bytes(self._file, MAX_FEED_BYTES)
        except OSError as error:
            raise unreadable_file(self.name, error) from error
        yield from self._feed.read(content)


class FeedReader:
    """Reads the content of a feed. Its entities are not expanded."""

    def __init__(self, name: str, place: str, settings: SourceSettings, pictures: PictureFinder) -> None:
        """`name`, `place`: of the feed and of its items, for people."""
        self.hints: list[Message] = []
        self._name, self._place, self._pictures = name, place, pictures
        self._reader = RecordReader(settings, pictures)

    def read(self, content: bytes) -> Iterator[ImportedItem]:
        """Yields an item for each entry of a feed. Raises PostError where it is none."""
        import feedparser  # noqa: PLC0415 - few commands read a feed

        refuse_entities(self._name, content)
        feed = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
        if not feed.get("version"):
            raise PostError(_("{file} is no Atom or RSS feed; save the feed itself, not its page", file=self._name))
        language = str(feed.feed.get("language", ""))
        for number, entry in enumerate(feed.entries, start=1):
            place = f"{self._place}, {number}"
            try:
                yield self._item(entry, place, language)
            except HtmlNotReadWhole as refusal:
                yield ImportedItem(place, entry.get("id") or entry.get("link") or place, problems=(refusal.problem,))
        if feed.bozo:
            self.hints.append(
                _(
                    "{file} is no valid XML; what could be read of it is listed, and the rest is missing",
                    file=self._name,
                )
            )

    def _item(self, entry: Mapping[str, Any], place: str, language: str) -> ImportedItem:
        record = _record(entry)
        if _LANGUAGE.match(language):
            record.setdefault("language", language)
        record["images"] = [
            {"file": self._pictures.choose(picture.addresses), "alt": picture.alt_text} for picture in _pictures(entry)
        ]
        return self._reader.read(record, place)


def _record(entry: Mapping[str, Any]) -> dict[str, Any]:
    content = _content(entry)
    record: dict[str, Any] = {
        "key": entry.get("id") or entry.get("link") or "",
        "address": _address(entry),
        # Where an entry has no `updated`, to get it would warn, and return what `published` says.
        "date": entry.get("published") or ("updated" in entry and entry["updated"]) or "",
        "title": plain_text(entry.get("title", "")),
        "licence": plain_text(entry.get("rights", "")),
        "tags": [tag["term"] for tag in entry.get("tags", ()) if tag.get("term")],
    }
    record["body"] = take_writer(read_html(content, entry.get("link", "")).blocks, record)
    summary = plain_text(entry.get("summary", ""))
    if entry.get("content") and summary and summary != plain_text(content):
        record["standfirst"] = summary
    credits_ = [str(credit.get("content", "")) for credit in entry.get("media_credit", ()) if credit.get("content")]
    record["credit"] = ", ".join(credits_)
    record.setdefault("written_by", entry.get("author", ""))
    return record


def _address(entry: Mapping[str, Any]) -> str:
    """Returns the address of an entry. Where it names none, the parser takes its id for one."""
    link = str(entry.get("link") or "")
    return link if link.lower().startswith(("http://", "https://")) else ""


def _content(entry: Mapping[str, Any]) -> str:
    contents = [str(content.get("value", "")) for content in entry.get("content", ())]
    return max(contents, key=len) if contents else str(entry.get("summary", ""))


def _pictures(entry: Mapping[str, Any]) -> list[HtmlPicture]:
    """Returns the pictures of an entry: those in its text, else those that are attached to it."""
    if shown := read_html(_content(entry), entry.get("link", "")).pictures:
        return shown
    attached = [
        str(part.get("href") or part.get("url"))
        for part in (*entry.get("enclosures", ()), *entry.get("media_content", ()))
        if str(part.get("type") or "image/").startswith("image/") and (part.get("href") or part.get("url"))
        and part.get("medium", "image") == "image"
    ]  # fmt: skip
    return [HtmlPicture((address,), "") for address in dict.fromkeys(attached)]
