"""Holds what an import reads from a source, whatever kind of source it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from publisher.core.disk_files import file_sha256
from publisher.core.file_reading import check_plain_file
from publisher.core.messages import Message
from publisher.core.problems import Problem
from publisher.posts.pictures import MAX_PICTURE_BYTES

MAX_ITEMS = 50_000
"""Of one import. Their texts are in memory while it runs, so that posts are made in the order of their days."""


@dataclass(frozen=True, slots=True)
class ImportedPicture:
    """Holds a picture of an item: a file of this machine, or where one can be fetched."""

    file: Path | None
    """None: it is fetched when the item's post is made."""
    alt_text: str = ""
    credit: str = ""
    licence: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    """Where it can be fetched: the best copy first."""


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """Holds one published post as its source has it."""

    place: str
    """Where it stands in the source, such as `posts.csv:12`: for people."""
    key: str
    """What the source calls it: the same at every reading."""
    published_on: date | None = None
    title: str = ""
    standfirst: str = ""
    body: str = ""
    """Its paragraphs, with an empty line between two of them."""
    written_by: str = ""
    credit: str = ""
    licence: str = ""
    link: str = ""
    links: tuple[Mapping[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    language: str = "en"
    translations: Mapping[str, Any] = field(default_factory=dict)
    captions: Mapping[str, Any] = field(default_factory=dict)
    """What single channels or languages say instead."""
    pictures: tuple[ImportedPicture, ...] = ()
    published_at: Mapping[str, str] = field(default_factory=dict)
    """The link of the published post by the name of its platform."""
    problems: tuple[Problem, ...] = ()
    """Why it can't be used, as far as reading it tells."""
    hints: tuple[Message, ...] = ()
    """What a person should look at, although it can be used."""

    @property
    def is_fetched(self) -> bool:
        """Decides whether its pictures are files of this machine."""
        return all(picture.file is not None for picture in self.pictures)

    def digest(self) -> str:
        """Identifies what the item says and shows. Raises OSError where a picture can't be read.

        A picture that would have to be fetched is known by its addresses.
        """
        told = {name: getattr(self, name) for name in _TEXTS}
        if self.captions:
            # Items without any have the digest that they had before there were captions.
            told["captions"] = self.captions
        pictures = [
            {**{name: getattr(picture, name) for name in _PICTURE_TEXTS}, **_identity(picture)}
            for picture in self.pictures
        ]
        content = json.dumps({**told, "pictures": pictures}, sort_keys=True, default=str)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


_TEXTS = (
    "published_on", "title", "standfirst", "body", "written_by", "credit", "licence", "link", "links", "tags",
    "language", "translations", "published_at",
)  # fmt: skip
_PICTURE_TEXTS = ("alt_text", "credit", "licence", "choices")


class ItemSource(Protocol):
    """Reads the items of one source."""

    name: str
    """Names it for people: the file, folder or address."""
    hints: list[Message]
    """What a person should know of the source as a whole; complete when its items were read."""

    def items(self) -> Iterator[ImportedItem]:
        """Yields every item, also those that can't be used. Raises PostError where the source can't be read."""


def _identity(picture: ImportedPicture) -> dict[str, Any]:
    return {"sha256": _digest(picture.file)} if picture.file else {"addresses": picture.addresses}


def _digest(file: Path) -> str:
    check_plain_file(file, MAX_PICTURE_BYTES)
    return file_sha256(file)
