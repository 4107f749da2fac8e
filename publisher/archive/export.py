"""Writes everything that was published into a folder, so that an import brings it back.

The folder gets its name when it is whole: a killed export leaves another name behind, which the next one removes.
"""

from __future__ import annotations

import csv
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.archive.post_collections import list_collections, posts_of
from publisher.core.disk_files import flush_to_disk
from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import _
from publisher.core.states import State
from publisher.db.imports import ItemKey
from publisher.db.models import Delivery, Media, Pick, Post
from publisher.db.operations import Channel
from publisher.intake.bags import PAYLOAD, write_bag
from publisher.intake.exported_posts import COLUMNS, MARKER, PICTURES, POSTS, key_of_item, key_of_post, to_json, to_row
from publisher.media import MediaDamaged, MediaMissing
from publisher.posts.desk_parts import DeskParts
from publisher.posts.post_store import last_day_out
from publisher.posts.public_posts import PublicPost, PublicPosts
from publisher.posts.published_links import published_links
from publisher.posts.versions import content_of
from publisher.schedule.slots import slot_day

Format = Literal["csv", "jsonl", "bagit"]
UNFINISHED = ".publisher-export-"
LEFT_AFTER_SECONDS = 86_400
BATCH = 100
# Programs disagree on how a manifest writes a percent sign.
_SAFE_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029/\\:%]{1,60}")


class ArchiveExportError(UserError):
    """Says why the archive can't be written; nothing that looks whole was left."""

    code = "archive-not-exported"
    kind = ErrorKind.MACHINE


@dataclass(slots=True)
class ExportedArchive:
    """Counts what an export wrote."""

    posts: int = 0
    pictures: int = 0
    pictures_missing: list[str] = field(default_factory=list)
    """The names of pictures whose originals are lost or damaged."""


def export_archive(desk: DeskParts, folder: Path, kind: Format) -> ExportedArchive:
    """Writes every post that is public, its pictures, its deliveries and the collections.

    Raises ArchiveExportError: the folder is not empty, or can't be written.
    """
    try:
        if folder.is_symlink():
            raise ArchiveExportError(_("{folder} is a link; name the folder itself", folder=folder))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ArchiveExportError(
                _("{folder} is not empty; name a folder that is empty or not there", folder=folder)
            )
        with _whole_folder(folder) as unfinished:
            payload = unfinished / PAYLOAD if kind == "bagit" else unfinished
            payload.mkdir(exist_ok=True)
            exporting = _Export(desk, payload, "csv" if kind == "csv" else "jsonl")
            exporting.write()
            if kind == "bagit":
                today = slot_day(desk.now(), desk.settings.outlet.zone)
                info = {"Source-Organization": " ".join(desk.settings.outlet.name.split())}
                write_bag(unfinished, {**info, "Bagging-Date": today.isoformat()})
            return exporting.result
    except OSError as error:
        why = error.strerror or str(error)
        raise ArchiveExportError(_("{folder} can't be written: {why}", folder=folder, why=why)) from error


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Yields an unfinished folder beside the one that is asked for, which gets its name at the end."""
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f"{UNFINISHED}*"):
        if left.stat().st_mtime < time.time() - LEFT_AFTER_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    unfinished = folder.parent / f"{UNFINISHED}{secrets.token_hex(8)}"
    # Not by tempfile, whose folders nobody else may read, whatever the umask says.
    unfinished.mkdir()
    try:
        yield unfinished
        _flush(unfinished)
        # A folder that is not empty by now is refused by the system.
        os.rename(unfinished, folder)
        flush_to_disk(folder.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


class _Export:
    """Writes the files of one export."""

    def __init__(self, desk: DeskParts, folder: Path, suffix: Literal["csv", "jsonl"]) -> None:
        self._desk, self._folder, self._suffix = desk, folder, suffix
        self.result = ExportedArchive()

    def write(self) -> None:
        keys: dict[int, str] = {}
        with self._desk.database.reading() as session:
            with self._open(f"{POSTS}.{self._suffix}") as posts, self._open("deliveries.jsonl") as deliveries:
                table = csv.writer(posts, quoting=csv.QUOTE_ALL, lineterminator="\n")
                if self._suffix == "csv":
                    table.writerow(COLUMNS)
                for post in self._public_posts(session):
                    record = self._record(session, post)
                    if record is None:
                        continue
                    keys[post.id] = record["key"]
                    if self._suffix == "csv":
                        table.writerow(to_row(record))
                    else:
                        posts.write(f"{to_json(record)}\n")
                    for delivery in _deliveries(session, post.id):
                        deliveries.write(f"{to_json({'key': record['key'], **delivery})}\n")
                    self.result.posts += 1
            with self._open("collections.jsonl") as collections:
                for line in _collections(session, keys):
                    collections.write(f"{to_json(line)}\n")
        with self._open(MARKER) as marker:
            marker.write(f"{to_json({'format': self._suffix, 'posts': self.result.posts, 'version': 1})}\n")

    def _open(self, name: str) -> TextIO:
        return (self._folder / name).open("w", encoding="utf-8", newline="")

    def _public_posts(self, session: Session) -> Iterator[PublicPost]:
        now = self._desk.now()
        public = PublicPosts(session, now, slot_day(now, self._desk.settings.outlet.zone))
        ids = list(dict.fromkeys(post_id for post_id, _version, _day in public.versions()))
        for start in range(0, len(ids), BATCH):
            yield from public.read(ids[start : start + BATCH])
            session.expunge_all()

    def _record(self, session: Session, post: PublicPost) -> dict[str, Any] | None:
        """Returns what is written of a post; None: it did not become public anywhere."""
        if last_day_out(session, post.id) is None:
            return None
        # An import keeps one day of a post: the first one, so that its first address stays.
        day = post.days[0]
        content = content_of(post.content).model_dump(mode="json", exclude_defaults=True)
        for name in ("fixed_date", "embargo_until", "reserve"):
            content.pop(name, None)
        images = [self._image(session, image) for image in content.pop("images", ())]
        return {
            **content,
            "key": _key(session, post),
            "date": day.isoformat(),
            "language": post.content.language,
            "title": post.content.title,
            **({"images": images} if images else {}),
            **({"links_on": links} if (links := _links_on(session, post.id)) else {}),
        }

    def _image(self, session: Session, image: dict[str, Any]) -> dict[str, Any]:
        digest = image.pop("media")
        media = session.get_one(Media, digest)
        file = f"{PICTURES}/{digest}/{_file_name(media)}"
        target = self._folder / file
        if not target.exists():
            self._copy(digest, media, target)
        # A lost original has no file, and must not keep the texts of its post from coming back.
        where = {"file": file} if target.exists() else {"lost": media.file_name}
        alt = {"alt": image.pop("alt_text")} if "alt_text" in image else {}
        return {**where, **alt, **image}

    def _copy(self, digest: str, media: Media, target: Path) -> None:
        try:
            original = self._desk.store.fetch(digest)
        except (MediaMissing, MediaDamaged):
            if media.file_name not in self.result.pictures_missing:
                self.result.pictures_missing.append(media.file_name)
            return
        target.parent.mkdir(parents=True)
        shutil.copyfile(original, target)
        self.result.pictures += 1


def _key(session: Session, post: PublicPost) -> str:
    """Returns what the export calls a post: by the item that it came from, where it came from one."""
    query = select(ItemKey.key).where(ItemKey.post_id == post.id).order_by(ItemKey.made_post.desc(), ItemKey.id)
    known = session.scalar(query.limit(1))
    if known:
        return key_of_item(known)
    return key_of_post(post.id, session.execute(select(Post.created_at).where(Post.id == post.id)).scalar_one())


def _links_on(session: Session, post_id: int) -> dict[str, str]:
    """Returns the links of a post by platform: those from before this desk, else the newest delivery's."""
    links = {
        delivery["platform"]: delivery["link"]
        for delivery in _deliveries(session, post_id)
        if delivery["link"] and delivery["part"] == 0
    }
    return {**links, **published_links(session, post_id)}


def _deliveries(session: Session, post_id: int) -> Iterator[dict[str, Any]]:
    """Yields what this desk published of a post, the oldest first."""
    columns = (Pick.slot, Delivery.channel_name, Channel.platform, Delivery.part, Delivery.remote_id)
    query = select(*columns, Delivery.remote_url, Delivery.published_at).join(Pick, Pick.id == Delivery.pick_id)
    query = query.outerjoin(Channel, Channel.name == Delivery.channel_name)
    published = query.where(Pick.post_id == post_id, Delivery.state == State.PUBLISHED)
    for row in session.execute(published.order_by(Pick.slot, Delivery.id)):
        yield {
            "day": row.slot.isoformat(),
            "channel": row.channel_name,
            "platform": row.platform or row.channel_name,
            "part": row.part,
            "id": row.remote_id,
            "link": row.remote_url,
            "at": row.published_at.isoformat() if row.published_at else None,
        }


def _collections(session: Session, keys: dict[int, str]) -> Iterator[dict[str, Any]]:
    for collection in list_collections(session):
        fields = {"name": collection.name, "description": collection.description, "public": collection.is_public}
        posts = [keys[post.id] for post in posts_of(session, collection.id) if post.id in keys]
        yield {**fields, "posts": posts}


def _file_name(media: Media) -> str:
    """Returns the name of a picture, or a plain one where a disk might not take its own."""
    name = media.file_name
    is_safe = _SAFE_NAME.fullmatch(name) and name.strip(". ") and name == name.strip() and not name.startswith(".")
    return name if is_safe else f"picture.{media.format}"


def _flush(folder: Path) -> None:
    """Flushes every file and name below a folder to disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as written:
                os.fsync(written.fileno())
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        flush_to_disk(path)
