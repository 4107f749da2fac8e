"""Checks the pictures of a post, and stores them under their hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.adapt.images.inspection import ImageFacts, ImageRefused, inspect_image
from publisher.core.errors import ErrorKind
from publisher.core.file_reading import check_plain_file, read_bytes
from publisher.core.messages import Message, _
from publisher.db.models import Media, PostImage
from publisher.db.session import Database
from publisher.media import MediaStore, MediaUnreachable
from publisher.posts.drafts import ImageDraft
from publisher.posts.errors import PostError, unreadable_file

MAX_PICTURE_BYTES = 200_000_000


class PictureRefused(PostError):
    """Says that a file can't be used as a picture, and names it."""

    code = "picture-refused"
    kind = ErrorKind.INVALID


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """Holds a checked picture whose original is in the media store."""

    draft: ImageDraft
    sha256: str
    file_name: str = ""
    bytes: int = 0
    facts: ImageFacts | None = None
    """None for an original that was stored before."""


def store_pictures(store: MediaStore, drafts: Sequence[ImageDraft]) -> tuple[StoredPicture, ...]:
    """Inspects every new picture, and stores the originals only when all can be shown.

    Raises:
        PostError: a picture can't be read, is refused, or can't be stored; the sentence names the file.
    """
    return store_inspected(store, drafts, inspect_pictures(drafts))


def inspect_pictures(drafts: Sequence[ImageDraft]) -> tuple[ImageFacts | None, ...]:
    """Inspects the file of every new picture, and stores nothing. None for an original that is stored already.

    Raises:
        PostError: a picture can't be read, or is refused; the sentence names the file.
    """
    return tuple(_inspect(draft.file, str(draft.file)) if draft.file else None for draft in drafts)


def store_inspected(
    store: MediaStore, drafts: Sequence[ImageDraft], inspected: Sequence[ImageFacts | None]
) -> tuple[StoredPicture, ...]:
    """Stores the originals of pictures that were inspected.

    Raises:
        PostError: one can't be read or stored; the sentence names the file.
    """
    return tuple(_store_draft(store, draft, facts) for draft, facts in zip(drafts, inspected, strict=True))


def store_picture(database: Database, store: MediaStore, file: Path, name: str, now: datetime) -> Media:
    """Inspects one file that somebody calls `name`, stores it as an original, and returns its row.

    Raises:
        PictureRefused: it is no picture that can be shown; nothing was stored.
        MediaUnreachable: it can't be stored now.
    """
    quoted = _("“{name}”", name=name)
    facts = _inspect(file, quoted)
    stored = _store(store, ImageDraft(file=file), _content(file, quoted), name, facts)
    try:
        with database.writing() as session:
            return _media(session, stored, now)
    except IntegrityError:
        # Somebody handed in the same picture at the same moment.
        with database.reading() as session:
            return session.get_one(Media, stored.sha256)


def refuse_size(name: Message | str, size: int) -> None:
    """Raises PictureRefused for a file that has more bytes than any picture may have."""
    if size > MAX_PICTURE_BYTES:
        maximum = round(MAX_PICTURE_BYTES / 1e6)
        raise PictureRefused(
            _(
                "{name} has {size} MB, more than {maximum} MB; save it smaller",
                name=name,
                size=round(size / 1e6),
                maximum=maximum,
            )
        )


def _inspect(file: Path, name: Message | str) -> ImageFacts:
    try:
        refuse_size(name, file.stat().st_size)
        check_plain_file(file, MAX_PICTURE_BYTES)
        return inspect_image(file)
    except OSError as error:
        raise unreadable_file(name, error) from error
    except ImageRefused as error:
        raise PictureRefused(_("{name}: {why:clause}", name=name, why=error.problem)) from None


def _content(file: Path, name: Message | str) -> bytes:
    try:
        return read_bytes(file, MAX_PICTURE_BYTES)
    except OSError as error:
        raise unreadable_file(name, error) from error


def _store_draft(store: MediaStore, draft: ImageDraft, facts: ImageFacts | None) -> StoredPicture:
    if draft.file is None:
        return StoredPicture(draft, draft.media or "")
    content = _content(draft.file, str(draft.file))
    try:
        return _store(store, draft, content, draft.file.name, facts)
    except MediaUnreachable as error:
        raise PostError(_("{name} can't be stored: {why}", name=str(draft.file), why=error.text)) from error


def _store(store: MediaStore, draft: ImageDraft, content: bytes, name: str, facts: ImageFacts | None) -> StoredPicture:
    return StoredPicture(draft, store.put(content), name[:255], len(content), facts)


def picture_rows(session: Session, pictures: Sequence[StoredPicture], now: datetime) -> list[PostImage]:
    """Returns the rows of a post's pictures, in their order."""
    return [
        PostImage(
            position=position,
            media=_media(session, picture, now),
            alt_text=picture.draft.alt_text,
            credit=picture.draft.credit,
            licence=picture.draft.licence,
            choices=picture.draft.choices.model_dump(mode="json"),
        )
        for position, picture in enumerate(pictures)
    ]


def _media(session: Session, picture: StoredPicture, now: datetime) -> Media:
    if existing := session.get(Media, picture.sha256):
        if existing.value_facts is None:
            # An older version of the program has stored it.
            existing.value_facts = _value_facts(picture.facts)
        if existing.channel_facts is None and picture.facts and picture.facts.colour_channels:
            existing.channel_facts = _channel_facts(picture.facts)
            existing.warnings = list(picture.facts.warnings)
        return existing
    if picture.facts is None:
        raise PictureRefused(_("there is no stored picture {sha256}; hand in its file", sha256=picture.sha256))
    media = Media(
        sha256=picture.sha256,
        file_name=picture.file_name,
        format=picture.facts.format,
        width=picture.facts.width,
        height=picture.facts.height,
        bits=picture.facts.bits,
        frames=picture.facts.frames,
        bytes=picture.bytes,
        phash=picture.facts.phash,
        gutters=list(picture.facts.gutters),
        warnings=list(picture.facts.warnings),
        value_facts=_value_facts(picture.facts),
        channel_facts=_channel_facts(picture.facts),
        created_at=now,
    )
    session.add(media)
    session.flush()
    return media


def _value_facts(facts: ImageFacts | None) -> dict[str, Any] | None:
    return facts.values.to_json() if facts and facts.values else None


def _channel_facts(facts: ImageFacts | None) -> list[dict[str, Any]] | None:
    return [channel.to_json() for channel in facts.colour_channels] if facts and facts.colour_channels else None
