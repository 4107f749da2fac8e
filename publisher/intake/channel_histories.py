"""Reads what the account of a channel has shown before this desk published there, through its platform's own API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import select

from publisher.core.messages import Message, _, ngettext
from publisher.db.models import Delivery
from publisher.db.session import Database
from publisher.intake.fetched_pictures import WebPictures
from publisher.intake.items import ImportedItem
from publisher.intake.records import RecordReader
from publisher.intake.source_settings import SourceSettings
from publisher.platforms.abilities import ListsHistory
from publisher.platforms.base import PlatformAdapter
from publisher.posts.errors import PostError

PREFIX = "channel:"


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """Says which account is read, and how."""

    channel: str
    platform: str
    language: str
    zone: tzinfo
    """The outlet's: a post is of its day there."""
    connect: Callable[[], PlatformAdapter]
    own_ids: Collection[str]
    """The posts that this desk has published there."""


class ChannelHistory:
    """Reads the posts of one account, but for those that this desk has published."""

    def __init__(self, account: ChannelAccount, settings: SourceSettings) -> None:
        self.name = f"{PREFIX}{account.channel}"
        self.hints: list[Message] = []
        self._account = account
        self._pictures = WebPictures()
        updates = {"platform": account.platform, "language": account.language}
        given = settings.model_fields_set
        self._reader = RecordReader(
            settings.model_copy(update={name: value for name, value in updates.items() if name not in given}),
            self._pictures,
        )

    def items(self) -> Iterator[ImportedItem]:
        """Yields an item for each post.

        Raises:
            PostError: the platform can't list them.
            PlatformError: it does not answer, or refuses.
        """
        adapter = self._account.connect()
        if not isinstance(adapter, ListsHistory):
            raise PostError(
                _("the platform of {channel} can't list what its account has shown", channel=self._account.channel)
            )
        own = 0
        for post in adapter.history():
            if post.remote_id in self._account.own_ids:
                own += 1
                continue
            record: dict[str, Any] = {
                "address": post.url,
                "date": post.published_at.astimezone(self._account.zone).date(),
                "title": post.title,
                "body": list(post.paragraphs),
                "tags": list(post.tags),
                "images": [
                    {"file": self._pictures.choose(picture.addresses), "alt": picture.alt_text}
                    for picture in post.pictures
                ],
            }
            yield self._reader.read(record, post.url or post.remote_id, post.remote_id)
        if own:
            self.hints.append(
                ngettext(
                    "{count} post was published from this desk, and was left out.",
                    "{count} posts were published from this desk, and were left out.",
                    count=own,
                )
            )


def own_posts(database: Database, channel: str) -> frozenset[str]:
    """Returns the platform's ids of the posts that this desk has published on a channel."""
    published = select(Delivery.remote_id).where(Delivery.channel_name == channel, Delivery.remote_id.is_not(None))
    with database.reading() as session:
        return frozenset(str(remote_id) for remote_id in session.scalars(published))
