"""Checks the pictures of a post, stores them under their hash, and finds posts with the same picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.adapt.images.inspection import ImageFacts, ImageRefused, inspect_image
from publisher.core.errors import ErrorKind
from publisher.core.file_reading import check_plain_file, read_bytes
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.models import Delivery, Media, Pick, Post, PostImage
from publisher.db.session import Database
from publisher.media import MediaStore, MediaUnreachable
from publisher.posts.drafts import ImageDraft
from publisher.posts.errors import PostError, unreadable_file
from publisher.posts.problem_codes import PostContentProblem

MAX_PICTURE_BYTES = 200_000_000
MAX_HASH_DISTANCE = 24
"""Perceptual hashes with at most this many different bits of 256 belong to the same picture."""


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
    inspected = [_inspect(draft.file, str(draft.file)) if draft.file else None for draft in drafts]
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
        created_at=now,
    )
    session.add(media)
    session.flush()
    return media


def duplicate_warnings(session: Session, post: Post) -> list[Problem]:
    """Returns a warning for each picture of the post that another post shows too, in the queue or long ago.

    For a picture that was shown, it names the last day and, once a delivery is published, its link.
    """
    rows = session.execute(
        select(Media.sha256, Media.phash, Post.id, Post.title)
        .join(PostImage, PostImage.media_sha256 == Media.sha256)
        .join(Post, Post.id == PostImage.post_id)
        .where(Post.id != post.id, or_(Post.state != "withdrawn", Post.last_shown_on.is_not(None)))
        .order_by(Post.id)
    ).all()
    others = [(sha, int(phash, 16) if phash else None, other, title) for sha, phash, other, title in rows]
    return [
        _duplicate_warning(session, number, other, title)
        for number, image in enumerate(post.images, start=1)
        for sha, phash, other, title in others
        if _same(image.media, sha, phash)
    ]


def _duplicate_warning(session: Session, picture: int, post_id: int, title: str) -> Problem:
    """Says which post shows the same picture, and when and where followers saw it last."""
    same: dict[str, Any] = {"picture": picture, "post": post_id, "title": title}
    pick = session.scalar(select(Pick).where(Pick.post_id == post_id).order_by(Pick.slot.desc()).limit(1))
    if pick is None:
        return PostContentProblem.SAME_PICTURE_WAITING(**same)
    link = session.scalar(
        select(Delivery.remote_url)
        .where(Delivery.pick_id == pick.id, Delivery.state == "published", Delivery.remote_url.is_not(None))
        .order_by(Delivery.id)
        .limit(1)
    )
    if link:
        return PostContentProblem.SAME_PICTURE_SHOWN_AT(**same, day=pick.slot, link=link)
    return PostContentProblem.SAME_PICTURE_SHOWN(**same, day=pick.slot)


def _same(media: Media, sha256: str, phash: int | None) -> bool:
    if media.sha256 == sha256:
        return True
    if media.phash is None or phash is None:
        return False
    return (int(media.phash, 16) ^ phash).bit_count() <= MAX_HASH_DISTANCE
