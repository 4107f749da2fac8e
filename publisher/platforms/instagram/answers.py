"""Turns the ends of instagrapi's calls into the `PlatformError` that each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests
from instagrapi import exceptions as ig

from publisher.core.messages import Message, _
from publisher.core.network_errors import describe_failure
from publisher.core.problems import Problem
from publisher.platforms.errors import (
    ActionsRefused,
    AlreadyPublic,
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.instagram.meanings import MEANINGS, STATUSES, WORDS, Meaning
from publisher.platforms.instagram.problem_codes import InstagramAccountProblem, InstagramRequestProblem
from publisher.platforms.problem_codes import RequestProblem
from publisher.platforms.transport import ANSWER_LENGTH, MAX_RETRY_AFTER, SentRequest, is_shortened_wait, retry_after

DEFAULT_PAUSE = timedelta(hours=1)
TOLD = ("message", "error_type", "error_title", "feedback_title", "feedback_message")
"""What of an answer is kept: the rest may name devices and sessions."""
TOO_MANY = 429
NO_DEFINITE_ANSWER = frozenset({408, 425})

REFUSALS = {
    Meaning.SIGNED_OUT: InstagramAccountProblem.SIGNED_OUT,
    Meaning.PASSWORD: InstagramAccountProblem.PASSWORD_REFUSED,
    Meaning.CODE: InstagramAccountProblem.SECOND_FACTOR_REFUSED,
    Meaning.CHECKPOINT: InstagramAccountProblem.PERSON_WANTED,
    Meaning.SUSPENDED: InstagramAccountProblem.SUSPENDED,
    Meaning.ACTION_BLOCK: InstagramAccountProblem.ACTIONS_BLOCKED,
    Meaning.NETWORK: InstagramAccountProblem.NETWORK_REFUSED,
    Meaning.OUTDATED: InstagramAccountProblem.CLIENT_OUTDATED,
}
"""What is wrong with an account for which Instagram does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Holds the last answer that the client got: nothing, where none came."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, response: requests.Response | None) -> Answer:
        if response is None:
            return cls()
        try:
            loaded = response.json()
        except ValueError:
            loaded = {}
        body = loaded if isinstance(loaded, dict) else {}
        return cls(status=response.status_code, headers=response.headers, body=body)

    @property
    def is_own(self) -> bool:
        """Returns whether it has the shape of Instagram's answers. What stands in front answers in other shapes."""
        return self.body.get("status") in ("ok", "fail") or isinstance(self._debug.get("message"), str)

    @property
    def refuses(self) -> bool:
        """Returns whether Instagram says that the request was not carried out."""
        if self.status == TOO_MANY:
            return True
        return self.is_own and 400 <= (self.status or 0) < 500 and self.status not in NO_DEFINITE_ANSWER

    @property
    def is_foreign(self) -> bool:
        """Returns whether it is an error that something in front of Instagram may have answered."""
        return self.status is not None and not (200 <= self.status < 300 or self.is_own)

    @property
    def summary(self) -> str:
        """Returns what the platform says about it, shortened."""
        said = [self.body.get(name) for name in TOLD] + [self._debug.get("type"), self._debug.get("message")]
        return "; ".join(text for text in said if isinstance(text, str) and text)[:ANSWER_LENGTH]

    @property
    def id_was_used(self) -> bool:
        """Returns whether Instagram says that it has had the upload id before."""
        return self.is_own and _by_words(self) is Meaning.ID_USED

    @property
    def _debug(self) -> Mapping[str, Any]:
        """Returns where an answer to an upload says what went wrong."""
        debug = self.body.get("debug_info")
        return debug if isinstance(debug, dict) else {}


def meaning_of(error: Exception, answer: Answer) -> Meaning:
    """Returns what became of the request that ended with this error.

    Nothing but an answer in Instagram's own shape says anything about the post or the account:
    the library takes any 401 or 403 and a bare `Not Found` for a word of Instagram's.
    """
    if answer.is_foreign:
        return Meaning.WAIT if answer.status == TOO_MANY else Meaning.UNKNOWN
    meaning = next((MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS), Meaning.AS_ANSWERED)
    return _by_answer(answer) if meaning is Meaning.AS_ANSWERED else meaning


def _by_answer(answer: Answer) -> Meaning:
    meaning = _by_words(answer)
    if meaning is not None:
        return meaning
    if answer.status in STATUSES:
        return STATUSES[answer.status]
    # A refusal without a reason says nothing about the post.
    return Meaning.REJECTED if answer.refuses and answer.summary else Meaning.UNKNOWN


def _by_words(answer: Answer) -> Meaning | None:
    said = answer.summary.casefold()
    return next((meaning for word, meaning in WORDS.items() if word in said), None)


SAID_WITH_ANY_STATUS = frozenset({Meaning.UPLOAD_LOST, Meaning.ID_USED})
"""What Instagram says with status 200 as well, and what can't be said by mistake."""


ABOUT_CONTENT = frozenset({Meaning.UPLOAD_LOST, Meaning.ID_USED, Meaning.REJECTED})


def platform_error(
    error: Exception, answer: Answer, sent: SentRequest, *, channel: str, never_sent: bool, now: datetime
) -> PlatformError:
    """Returns the error that a call's end means for the delivery.

    Only a refusal says that nothing was published; a publishing request without one is
    unconfirmed, whatever the exception is called, unless it never left.
    """
    meaning = meaning_of(error, answer)
    if sent.publishing and not answer.refuses and meaning not in SAID_WITH_ANY_STATUS:
        meaning = Meaning.UNKNOWN
    if meaning is Meaning.WAIT:
        until = retry_after(answer.headers, now) or now + DEFAULT_PAUSE
        problem = _wait(sent, answer.summary or f"HTTP {answer.status}", until, now)
        return RateLimited(problem, retry_at=until, status=answer.status, answer=answer.summary)
    if meaning in REFUSALS:
        kind = ActionsRefused if meaning is Meaning.ACTION_BLOCK else CredentialsRefused
        return kind(REFUSALS[meaning](channel=channel), status=answer.status, answer=answer.summary)
    # Only what hands over a post or a picture can be refused for its sake.
    carries_content = sent.publishing or isinstance(error, ig.PhotoNotUpload)
    if meaning in ABOUT_CONTENT and not carries_content:
        meaning = Meaning.UNKNOWN
    end, problem = _end(meaning, sent, never_sent, _why(error, answer))
    return end(problem, status=answer.status, answer=answer.summary)


def _wait(sent: SentRequest, said: str, until: datetime, now: datetime) -> Problem:
    """Returns the problem of being asked to wait. `until`: as long as anybody waits for a platform, at most."""
    if is_shortened_wait(until, now):
        days = MAX_RETRY_AFTER.days
        return InstagramRequestProblem.RATE_LIMITED_FOR_LONG(step=sent.what, at=until, count=days, answer=said)
    return InstagramRequestProblem.RATE_LIMITED(step=sent.what, at=until, answer=said)


def _why(error: Exception, answer: Answer) -> Message | str:
    if answer.status:
        return answer.summary or f"HTTP {answer.status}"
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return _("this machine could not go on: {reason}", reason=error.strerror or _("no reason given"))
    return describe_failure(error)


def _end(
    meaning: Meaning, sent: SentRequest, never_sent: bool, why: Message | str
) -> tuple[type[PlatformError], Problem]:
    if meaning is Meaning.REJECTED:
        return ContentRejected, InstagramRequestProblem.REFUSED(step=sent.what, answer=why)
    if meaning is Meaning.UPLOAD_LOST:
        return MediaExpired, InstagramRequestProblem.PICTURE_LOST(step=sent.what)
    if meaning is Meaning.ID_USED and sent.publishing:
        return AlreadyPublic, InstagramRequestProblem.ALREADY_PUBLIC(step=sent.what, answer=why)
    if never_sent:
        return Unavailable, RequestProblem.NOT_REACHED(step=sent.what, why=why)
    if sent.publishing:
        return Unconfirmed, InstagramRequestProblem.OUTCOME_UNKNOWN(step=sent.what, why=why)
    return Unavailable, InstagramRequestProblem.UNREADABLE(step=sent.what, why=why)
