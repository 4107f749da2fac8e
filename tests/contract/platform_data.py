"""What a driver says of its platform as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

from publisher.platforms.errors import (
    PlatformError,
    Unavailable,
    Unconfirmed,
)
from publisher.sandbox.wire import Answer
from tests.contract.cases import AnswerCase, ListingCase, LoginCase, SecretCase, Step, WaitCase


class PlatformData:
    """The peculiarities of a platform that the contract suite has to know."""

    name: ClassVar[str]
    KEY: ClassVar[str]
    """The idempotency key of the post that a test is about."""
    TEXT: ClassVar[str]
    ACCOUNT_URL: ClassVar[str]
    WAYS: ClassVar[Mapping[str, tuple[Step, ...]]]
    """The steps of a publication, for each way on which a post can be published."""
    WITHOUT_ALT_TEXT: ClassVar[str | None]
    """What is read back of a picture that has none."""
    PUBLISH_ANSWERS: ClassVar[Sequence[AnswerCase]]
    UPLOAD_ANSWERS: ClassVar[Sequence[AnswerCase]]
    LOOK_UP_ANSWERS: ClassVar[Sequence[AnswerCase]]
    READ_ANSWERS: ClassVar[Sequence[AnswerCase]]
    """Answers to the requests of a step, in the platform's own shapes, and what each has to mean."""
    LISTINGS: ClassVar[Sequence[ListingCase]]
    """Answers to a look-up that can't be read whole."""
    GONE_ANSWERS: ClassVar[Sequence[Answer]] = ()
    """Further ways to say that a post is gone."""
    WAITS: ClassVar[Sequence[WaitCase]]
    """How the platform asks for a pause."""
    WRONG_SECRETS: ClassVar[Sequence[str]] = ()
    """The secrets that sign requests."""
    UNUSABLE_SECRETS: ClassVar[Sequence[SecretCase]]
    LOGINS: ClassVar[Sequence[LoginCase]]
    """Log-ins that succeed."""
    REFUSED_LOGINS: ClassVar[Sequence[LoginCase]]
    BROWSER_LOGINS: ClassVar[Sequence[str]] = ()
    """Names of log-ins that lead a browser back to a callback address."""
    LOGGERS: ClassVar[Sequence[str]] = ()
    """Loggers of the platform's library, which must stay silent."""
    REPEATED_UPLOAD_IS_EQUAL: ClassVar[bool] = True
    SECOND_REQUEST: ClassVar[tuple[type[PlatformError], ...]]
    """How a second publishing request ends where the platform gives evidence; nothing: as if it had published."""
    forgets_media: ClassVar[bool] = True
    """Uploaded pictures are kept for a while only."""
    may_share_keys: ClassVar[bool] = False
    """Two tokens may give the same key."""
    LISTING_LIMIT: ClassVar[int]
    """A look-up reads no more posts than so many."""
    TOO_MANY: ClassVar[str]
    """A pattern of what is said then."""
    PAGE_SIZE: ClassVar[int]
    MORE_REQUESTS: ClassVar[int] = 2
    """So many more requests than full pages a look-up may take."""
    REFUSED_CONNECTION: ClassVar[tuple[type[PlatformError], ...]] = (Unavailable, Unconfirmed)
    """How a publishing request ends whose connection is reset at once."""
    SESSION_FIELDS: ClassVar[frozenset[str]] = frozenset()
    """What a log-in stores. Empty: it depends on the log-in."""
    CLOCK_TOLERANCE: ClassVar[timedelta] = timedelta(days=4)
    """By so much a clock may be wrong where nothing was prepared."""
    LOGIN_NEEDS: ClassVar[Sequence[str]] = ()
    """The paths of requests without whose answers no log-in goes on."""
    PAGES: ClassVar[Sequence[int]] = (1, 11, 12, 13, 25)
    """Numbers of newer posts behind which a post is found: around the ends of pages."""
