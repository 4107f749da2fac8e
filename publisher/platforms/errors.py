"""Defines the errors of platform calls. Each one decides what happens to the delivery.

    UnsupportedContent    can't be carried; nothing was sent         -> held
    ContentRejected       refused, this post                         -> failed
    CredentialsRefused    refused, this account                      -> held, the channel is paused
    ActionsRefused        refused, whatever this account does        -> the same, without a check of the credentials
    RateLimited           wait; nothing was published                -> pending at `retry_at`
    Unavailable           not reached; nothing was published         -> pending, later
    NotPrepared           begun, and not shown yet                   -> pending, later, with what was begun
    MediaExpired          an uploaded picture is no longer known     -> pending, soon; refused after three in a row
    Unconfirmed           may have been published                    -> unconfirmed, looked up
    AlreadyPublic         the platform says that it has this post    -> unconfirmed, looked up, never sent again

Anything else that an adapter raises means: may have been published if it came after the
commit, not published otherwise.
"""

from __future__ import annotations

from datetime import datetime

from publisher.core.content import Preparation
from publisher.core.errors import ErrorKind, UserError
from publisher.core.problems import Problem


class PlatformError(UserError):
    """Says that a platform call ended badly.

    `problem` says what happened. `status` is the HTTP status, `request_id` the
    platform's own name for the request, and `answer` what came back, shortened and without
    secrets.
    """

    code = "platform-failed"
    kind = ErrorKind.DEPENDENCY

    def __init__(
        self, problem: Problem, *, status: int | None = None, request_id: str | None = None, answer: str = ""
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.status = status
        self.request_id = request_id
        self.answer = answer


class UnsupportedContent(PlatformError):
    """Says that the platform can't carry this post; nothing was sent."""

    code = "content-unsupported"


class ContentRejected(PlatformError):
    """Says that the platform refused this post for good; nothing was published."""

    code = "content-rejected"


class TextRemembered(ContentRejected):
    """Says that the platform has a post with this text: an older one, or one that was sent twice on the way.

    Its list shows none that is new, and may do so later.
    """

    code = "text-known-to-platform"


class CredentialsRefused(PlatformError):
    """Says that the platform refused this account; nothing was published."""

    code = "credentials-refused"


class ActionsRefused(CredentialsRefused):
    """Says that the platform lets a valid account publish nothing: no money is left, or it is blocked.

    A check of the credentials can't show this, and each further try makes it worse or is useless.
    """

    code = "actions-refused"


class RateLimited(PlatformError):
    """Says that nothing was published; the platform takes the next request at `retry_at` (aware, UTC)."""

    code = "rate-limited"

    def __init__(
        self,
        problem: Problem,
        *,
        retry_at: datetime,
        status: int | None = None,
        request_id: str | None = None,
        answer: str = "",
    ) -> None:
        super().__init__(problem, status=status, request_id=request_id, answer=answer)
        self.retry_at = retry_at


class Unavailable(PlatformError):
    """Says that the platform was not reached, or did nothing; nothing was published."""

    code = "platform-unavailable"


class DraftLeft(PlatformError):
    """Says that a draft of a given-up post was not removed; the message names it."""

    code = "draft-left"


class NotPrepared(Unavailable):
    """Says that preparing was begun, and the platform does not show the result yet; nothing was published.

    `preparation` is stored for the next try, which goes on with it.
    """

    code = "not-prepared-yet"

    def __init__(
        self, problem: Problem, *, preparation: Preparation, status: int | None = None, answer: str = ""
    ) -> None:
        super().__init__(problem, status=status, answer=answer)
        self.preparation = preparation


class MediaExpired(Unavailable):
    """Says that the platform does not know an uploaded picture's id any more; nothing was published.

    The next try uploads every picture again. After three of these in a row the content counts as refused.
    """

    code = "media-expired"


class Unconfirmed(PlatformError):
    """Says that the request may have been carried out: the answer was lost, late or unreadable."""

    code = "publication-unconfirmed"


class AlreadyPublic(Unconfirmed):
    """Says that the platform refused a repeated request because it has this very post already.

    A former request with the same key ended unknown, so that the post is very probably ours. It is
    looked up like any other unknown outcome, but never sent again however often a listing does not
    show it: after the listing lag a person is asked.
    """

    code = "already-public"
