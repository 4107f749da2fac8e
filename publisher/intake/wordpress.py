"""Reads the published posts of a WordPress export (WXR), with the alt texts and addresses of their pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from publisher.core.file_reading import read_bytes
from publisher.core.messages import Message, _
from publisher.intake.html_texts import HtmlNotReadWhole, HtmlPicture, plain_text, read_html
from publisher.intake.items import ImportedItem
from publisher.intake.picture_files import PictureFolder
from publisher.intake.plain_pages import take_writer
from publisher.intake.records import RecordReader
from publisher.intake.source_settings import SourceSettings
from publisher.intake.xml_safety import refuse_entities
from publisher.posts.errors import PostError, unreadable_file

MAX_EXPORT_BYTES = 500_000_000
NO_CATEGORY = "uncategorized"
_WP = re.compile(r"\{http://wordpress\.org/export/[\d.]+/\}")
_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_EXCERPT = re.compile(r"\{http://wordpress\.org/export/[\d.]+/excerpt/\}encoded")
_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_GALLERY = re.compile(r"\[gallery([^\[\]]*)\]")
_GALLERY_IDS = re.compile(r"ids=[\"']?([\d,\s]+)")
_CAPTION = re.compile(r"\[/?(?:caption|gallery)[^\[\]]*\]")
_EMPTY_LINE = re.compile(r"\n\s*\n")
_LINE_END = re.compile(r"<[^<>]*>|\n")


@dataclass(frozen=True, slots=True)
class _Attachment:
    """Holds a picture of the media library."""

    address: str
    alt_text: str


class WordPressSource:
    """Reads an export. Drafts, pages and comments of it are left out."""

    def __init__(self, file: Path, settings: SourceSettings, pictures: Path | None = None) -> None:
        """`pictures`: the folder that they are in, such as a copy of `uploads`; else the file's own."""
        self.name = str(file)
        self.hints: list[Message] = []
        self._file = file
        self._pictures = PictureFolder(pictures or file.parent)
        self._reader = RecordReader(settings, self._pictures)
        self._attachments: dict[str, _Attachment] = {}
        self._authors: dict[str, str] = {}

    def items(self) -> Iterator[ImportedItem]:
        """Yields an item for each published post. Raises PostError where the file is no export."""
        channel = self._channel()
        for element in channel:
            if _name(element) == "author":
                values = _values(element)
                self._authors[values.get("author_login", "")] = values.get("author_display_name", "")
        items = [(element, _values(element)) for element in channel.iterchildren("item")]
        for element, values in items:
            if values.get("post_type") == "attachment":
                alt_text = _meta(element).get("_wp_attachment_image_alt", "")
                self._attachments[values.get("post_id", "")] = _Attachment(values.get("attachment_url", ""), alt_text)
        left_out = 0
        for element, values in items:
            if values.get("post_type") == "post" and values.get("status") == "publish":
                yield self._whole_item(element, values)
            elif values.get("post_type") == "post":
                left_out += 1
        if left_out:
            self.hints.append(_("Posts of {file} that are not published were left out: {count:number}",
                                file=self._file.name, count=left_out))  # fmt: skip

    def _channel(self) -> Any:
        try:
            content = read_bytes(self._file, MAX_EXPORT_BYTES)
        except OSError as error:
            raise unreadable_file(self.name, error) from error
        refuse_entities(self.name, content)
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
        )
        try:
            root = etree.fromstring(content, parser=parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise PostError(
                _("{file} is no valid XML ({why}); export it again", file=self.name, why=str(error))
            ) from None
        channel = root.find("channel")
        if channel is None:
            raise PostError(_("{file} is no WordPress export; export all content, and name that file", file=self.name))
        return channel

    def _whole_item(self, element: Any, values: dict[str, str]) -> ImportedItem:
        place = f"{self._file.name}, {values.get('post_id', '')}"
        try:
            return self._item(element, values, place)
        except HtmlNotReadWhole as refusal:
            return ImportedItem(place, values.get("guid") or place, problems=(refusal.problem,))

    def _item(self, element: Any, values: dict[str, str], place: str) -> ImportedItem:
        content = values.get("content", "")
        address = values.get("link", "")
        record: dict[str, Any] = {
            "key": values.get("guid") or address,
            "address": address,
            "date": values.get("post_date", "").partition(" ")[0],
            "title": plain_text(values.get("title", "")),
            "standfirst": plain_text(values.get("excerpt", "")),
            "tags": _tags(element),
        }
        shown = read_html(_paragraphs(content), address)
        record["body"] = take_writer(shown.blocks, record)
        login = values.get("creator", "")
        record.setdefault("written_by", self._authors.get(login) or login)
        record["images"] = [
            {"file": self._pictures.choose(picture.addresses), "alt": picture.alt_text}
            for picture in self._shown_pictures(element, content, shown.pictures)
        ]
        return self._reader.read(record, place)

    def _shown_pictures(self, element: Any, content: str, in_text: list[HtmlPicture]) -> list[HtmlPicture]:
        """Returns the featured picture and those of the text and its galleries, each once."""
        featured = _meta(element).get("_thumbnail_id", "")
        galleries = [
            number.strip()
            for settings in _GALLERY.findall(content)
            if (ids := _GALLERY_IDS.search(settings))
            for number in ids[1].split(",")
        ]
        library = {attachment.address: attachment for attachment in self._attachments.values() if attachment.address}
        pictures: dict[str, HtmlPicture] = {}
        if featured in self._attachments:
            attachment = self._attachments[featured]
            pictures[attachment.address] = HtmlPicture((attachment.address,), attachment.alt_text)
        for picture in in_text:
            known = next((library[address] for address in picture.addresses if address in library), None)
            address = known.address if known else picture.addresses[0]
            alt_text = picture.alt_text or (known.alt_text if known else "")
            addresses = tuple(dict.fromkeys((address, *picture.addresses)))
            pictures.setdefault(address, HtmlPicture(addresses, alt_text))
        for number in galleries:
            if number in self._attachments:
                attachment = self._attachments[number]
                pictures.setdefault(attachment.address, HtmlPicture((attachment.address,), attachment.alt_text))
        return [picture for address, picture in pictures.items() if address]


def is_wordpress_export(head: bytes) -> bool:
    """Decides by the beginning of a file whether it is a WordPress export."""
    return b"http://wordpress.org/export/" in head.replace(b"\0", b"")


def _name(element: Any) -> str:
    return _WP.sub("", element.tag) if isinstance(element.tag, str) else ""


def _values(element: Any) -> dict[str, str]:
    """Returns the texts of an element's parts by their names without namespaces; of equal ones the first."""
    values: dict[str, str] = {}
    for part in element:
        if not isinstance(part.tag, str):
            continue
        if part.tag == _CONTENT:
            name = "content"
        elif part.tag == _CREATOR:
            name = "creator"
        else:
            name = "excerpt" if _EXCERPT.match(part.tag) else _name(part)
        values.setdefault(name, (part.text or "").strip() if name != "content" else part.text or "")
    return values


def _meta(element: Any) -> dict[str, str]:
    parts = (_values(part) for part in element if _name(part) == "postmeta")
    return {values.get("meta_key", ""): values.get("meta_value", "") for values in parts}


def _tags(element: Any) -> list[str]:
    named = [(part.get("nicename") or "", part.text or "") for part in element.iterchildren("category")]
    return list(dict.fromkeys(text.strip() for nicename, text in named if text.strip() and nicename != NO_CATEGORY))


def _paragraphs(content: str) -> str:
    """Returns a text with its paragraphs marked: WordPress stores most of them as empty lines."""
    content = _CAPTION.sub("", content)
    if "<p" in content.lower():
        return content
    parts = _EMPTY_LINE.split(content.replace("\r", ""))
    return "".join(f"<p>{_LINE_END.sub(_line_break, part)}</p>" for part in parts)


def _line_break(match: re.Match[str]) -> str:
    """Returns a line's end as a tag; in a tag it is a space."""
    return "<br>" if match[0] == "\n" else match[0].replace("\n", " ")
