"""Defines what an adapter may be able to do besides: a class for each ability, which the adapter implements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol, runtime_checkable

from publisher.core.content import Absence, AdaptedPost, HistoryPost, Preparation, Publication, PublishedPost
from publisher.platforms.text_difference import TextDifference

NOTHING_PREPARED = Preparation()


class CorrectionEnd(Enum):
    """Says how a correction ended well."""

    SENT = "sent"
    SHOWN_ALREADY = "shown already"
    """The platform showed the corrected post before anything was sent."""


@runtime_checkable
class SupportsLookup(Protocol):
    """Marks a platform that can be asked whether a post of ours is there."""

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        """Looks for our post among those published at or after `since` (our clock), or says why it was not found.

        `preparation`: what was stored with the request; nothing where a backup was restored.
        Reads only. Raises `Unavailable`, `RateLimited` or `CredentialsRefused` when the
        question was not answered.
        """
        ...


@runtime_checkable
class ListsPublications(Protocol):
    """Marks a platform that lists what an account published since some time."""

    def publications_since(self, post: AdaptedPost, since: datetime) -> Sequence[Publication]:
        """Returns every public post of the account that could be `post` with any other text and pictures.

        `since`: our clock. Posts from somewhat before may be among them. Reads only. Raises what
        `find_publication` does.
        """
        ...


@runtime_checkable
class ListsHistory(Protocol):
    """Marks a platform that lists every post that an account has shown."""

    def history(self) -> Iterator[HistoryPost]:
        """Yields the account's own public posts, the newest first; what it passed on of others is none. Reads only.

        Raises what `find_publication` does.
        """
        ...


@runtime_checkable
class SupportsReadBack(Protocol):
    """Marks a platform that shows a published post, so that it can be compared."""

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        """Returns the post as the platform shows it, or None when it is gone. Reads only."""
        ...

    def text_difference(self, post: AdaptedPost, shown: str) -> TextDifference | None:
        """Returns where a shown text differs from the sent one, with the platform's own rewriting undone."""
        ...


@runtime_checkable
class SupportsCorrection(Protocol):
    """Marks a platform on which a published post may get another text."""

    def correct(self, remote_id: str, *, before: AdaptedPost, after: AdaptedPost) -> CorrectionEnd:
        """Gives the post with this id what `after` says, but for the `fixed_parts`. It never makes a post.

        It reads the post first, and sends one request that carries the post's id. A post that shows `after` already
        is left as it is; so is one that shows neither `before` nor `after`, for somebody has changed it there.
        It may be repeated: the same correction twice is one.

        Raises:
            ContentRejected: nothing was changed, and a repetition changes nothing.
            CredentialsRefused, RateLimited, Unavailable: nothing was changed.
            Unconfirmed: it may have been changed, or will be; reading the post shows it.
        """
        ...


@runtime_checkable
class RemovesDrafts(Protocol):
    """Marks a platform that keeps drafts, which stay there when their posts are given up."""

    def remove_drafts(
        self, post: AdaptedPost, *, idempotency_key: str, preparation: Preparation
    ) -> Publication | Absence:
        """Removes every draft of a post that was canceled; returns the post if it is public.

        A public post is never removed. `Absence.GONE`: no draft is left. Raises `DraftLeft` where a draft was changed
        by somebody or can't be removed, and any other `PlatformError` where the question was not answered.
        """
        ...


@dataclass(frozen=True, slots=True)
class ListedDraft:
    """Holds a draft on a platform that begins with the token of a delivery, of this desk or another one."""

    reference: str
    token: str
    slug: str


@runtime_checkable
class ListsDrafts(Protocol):
    """Marks a platform that lists an account's drafts, and shows which of them a desk has made."""

    def list_drafts(self) -> Sequence[ListedDraft]:
        """Returns the drafts that a desk has made. Reads only; the list may lag. Raises what a look-up does."""
        ...


@runtime_checkable
class CountsPostsRead(Protocol):
    """Marks a platform that charges for each post that it shows to us."""

    def count_posts_read(self) -> int:
        """Returns how many posts this adapter has read; where an answer was lost, as many as it may have had."""
        ...


@runtime_checkable
class KeepsLogin(Protocol):
    """Marks a platform whose log-in may end by itself, or must be renewed before it does."""

    def login_ends(self) -> datetime | None:
        """Returns when a person has to log in again, as far as that is known. Reads what is stored, sends nothing."""
        ...

    def keep_login(self) -> None:
        """Renews what would end before the next call an hour later, once, however many ask at the same time.

        Raises:
            CredentialsRefused: the platform does not renew it any more; the message names the command to run.
            Unavailable, RateLimited: nothing was renewed; what is stored is as it was.
        """
        ...


@runtime_checkable
class SupportsQuotas(Protocol):
    """Marks a platform that can be asked what is left of the day's quotas."""

    def read_quotas(self) -> None:
        """Has the connection's `quotas` called with what is left. Reads only; may raise any `PlatformError`."""
        ...
