"""Keeps the rows of an item: its links, and what it was before an import changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from publisher.core.messages import _
from publisher.db.imports import Import, ItemChange, ItemKey, PublishedLink
from publisher.db.models import Post
from publisher.posts.errors import PostError
from publisher.posts.old_addresses import address_key


def store_links(session: Session, identity: ItemKey, published_at: Mapping[str, str]) -> None:
    """Stores an item and its links, in place of those that it had."""
    session.add(identity)
    session.flush()
    session.execute(delete(PublishedLink).where(PublishedLink.item_id == identity.id))
    session.add_all(
        PublishedLink(
            post_id=identity.post_id, item_id=identity.id, platform=platform, url=url, address_key=address_key(url)
        )
        for platform, url in published_at.items()
    )


@dataclass(frozen=True, slots=True)
class ItemBefore:
    """Holds an item as it is before an import changes it."""

    change: ItemChange

    @classmethod
    def of(cls, session: Session, identity: ItemKey, post: Post, import_id: int) -> ItemBefore:
        """Reads an item and its links. One that this import has changed before keeps what was before that."""
        known = select(ItemChange).where(ItemChange.import_id == import_id, ItemChange.item_id == identity.id)
        if (change := session.scalar(known)) is not None:
            return cls(change)
        links = select(PublishedLink.platform, PublishedLink.url).where(PublishedLink.item_id == identity.id)
        return cls(
            ItemChange(
                import_id=import_id,
                item_id=identity.id,
                updated_by=identity.updated_by,
                digest=identity.digest,
                version_before=identity.post_version,
                version_after=identity.post_version,
                published_on=post.published_elsewhere_on,
                links={platform: url for platform, url in session.execute(links.order_by(PublishedLink.id))},
            )
        )

    def store(self, session: Session, identity: ItemKey) -> None:
        """Notes the change, so that it can be taken back."""
        self.change.version_after = identity.post_version
        session.add(self.change)


def is_of_source(session: Session, known: ItemKey, source_key: str) -> bool:
    """Decides whether an import of this source read an item first."""
    return session.scalar(select(Import.source_key).where(Import.id == known.import_id)) == source_key


def have_one_host(one: str, other: str) -> bool:
    """Decides whether two addresses are at the same host. What is no web address has none."""
    try:
        host = urlsplit(one).hostname
        return host is not None and host == urlsplit(other).hostname
    except ValueError:
        return False


def require_running(session: Session, import_id: int) -> None:
    """Keeps an import from being taken back until the transaction ends.

    Raises:
        PostError: it is being taken back, or was finished by another process.
    """
    state = session.scalar(select(Import.state).where(Import.id == import_id).with_for_update())
    if state != "running":
        raise PostError(
            _(
                "import {import_id} is being taken back or was finished elsewhere, and stops here; import the source "
                "again to bring in the rest",
                import_id=import_id,
            )
        )
