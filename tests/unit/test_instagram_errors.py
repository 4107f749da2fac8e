"""Tests that each end of an instagrapi call becomes the right error."""

from __future__ import annotations

import errno
import inspect
import itertools
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
import requests
from curl_cffi import CurlECode
from curl_cffi.requests import Response
from curl_cffi.requests.exceptions import RequestException as CurlError
from instagrapi import exceptions as ig

from publisher.core.messages import Face, _
from publisher.core.problems import Problem, ProblemCode
from publisher.core.remedies import Remedy
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
from publisher.platforms.instagram.answers import REFUSALS, Answer, platform_error
from publisher.platforms.instagram.client import never_sent
from publisher.platforms.instagram.meanings import MEANINGS, STATUSES, WORDS, Meaning
from publisher.platforms.instagram.problem_codes import InstagramAccountProblem, InstagramRequestProblem
from publisher.platforms.transport import SentRequest

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
READING = SentRequest(_("Reading"))
PUBLISHING = SentRequest(_("Publishing"), publishing=True)
ROOTS = {ig.ClientError, ig.PrivateError}
LIBRARY = [
    error
    for error in vars(ig).values()
    if inspect.isclass(error) and issubclass(error, Exception) and error.__module__ == ig.__name__
]


def ended(
    error: Exception, answer: Answer, sent: SentRequest = PUBLISHING, *, unsent: bool = False, now: datetime = NOW
) -> PlatformError:
    return platform_error(error, answer, sent, channel="pictures", never_sent=unsent, now=now)


def new_error(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, "a message")
    return error


def answer_of(code: int | None, /, **body: object) -> Answer:
    return Answer(status=code, body=body)


def refused(status: int, /, **body: object) -> Answer:
    """Makes a refusal in Instagram's own shape."""
    return answer_of(status, status="fail", **body)


def test_there_is_something_to_enumerate() -> None:
    assert len(LIBRARY) > 80


@pytest.mark.parametrize("kind", LIBRARY, ids=lambda kind: kind.__name__)
def test_every_exception_of_the_library_has_a_meaning_of_its_own(kind: type[Exception]) -> None:
    # The two roots catch everything, so what only they cover was never thought about.
    assert kind in ROOTS or [base for base in kind.__mro__ if base in MEANINGS and base not in ROOTS]


@pytest.mark.parametrize("kind", LIBRARY, ids=lambda kind: kind.__name__)
def test_without_a_refusal_a_publishing_request_is_unconfirmed(kind: type[Exception]) -> None:
    for status in (None, 200, 202, 302, 408, 425, 500, 502, 504):
        assert type(ended(new_error(kind), answer_of(status))) is Unconfirmed


@pytest.mark.parametrize("kind", LIBRARY, ids=lambda kind: kind.__name__)
def test_an_error_of_a_harmless_request_is_never_unconfirmed(kind: type[Exception]) -> None:
    for status in (None, 200, 400, 408, 502):
        assert not isinstance(ended(new_error(kind), answer_of(status), READING), Unconfirmed)


@pytest.mark.parametrize(
    "error",
    [requests.Timeout(), requests.ConnectionError(), requests.TooManyRedirects(), KeyError("media"), TypeError("x")],
    ids=repr,
)
def test_a_lost_answer_is_unconfirmed_only_for_what_publishes(error: Exception) -> None:
    assert type(ended(error, Answer())) is Unconfirmed
    assert type(ended(error, Answer(), READING)) is Unavailable
    assert type(ended(error, Answer(), unsent=True)) is Unavailable


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refused(400, message="Uploaded image isn't in an allowed aspect ratio"), ContentRejected),
        (answer_of(413, debug_info={"type": "FileTooLargeError", "message": "too large"}), ContentRejected),
        (refused(401), CredentialsRefused),
        (refused(403), CredentialsRefused),
        (refused(429), RateLimited),
        (answer_of(429), RateLimited),
        (refused(403, message="login_required"), CredentialsRefused),
        (refused(400, message="challenge_required"), CredentialsRefused),
        (refused(400, message="checkpoint_required"), CredentialsRefused),
        (refused(400, message="consent_required"), CredentialsRefused),
        (refused(400, message="feedback_required", feedback_message="Try again later"), ActionsRefused),
        (refused(400, error_type="rate_limit_error"), RateLimited),
        (refused(400, message="Please wait a few minutes before you try again."), RateLimited),
        (answer_of(200, message="media_needs_reupload", status="ok"), MediaExpired),
        (refused(202, message="Transcode not finished yet."), MediaExpired),
        (refused(200, message="Server got a conflicting upload id"), AlreadyPublic),
        (refused(400, message="Server got a conflicting upload id"), AlreadyPublic),
        (refused(500, message="Server got a conflicting upload id"), AlreadyPublic),
        (refused(200, message="no reason"), Unconfirmed),
        (refused(400), Unconfirmed),
        (refused(400, message="There was an error with your request. Please try again."), Unconfirmed),
    ],
)
def test_where_the_error_class_is_unclear_the_answer_decides(answer: Answer, expected: type[PlatformError]) -> None:
    for error in (ig.ClientError("x"), ig.PhotoNotUpload("x"), TypeError("x")):
        assert type(ended(error, answer)) is expected


@pytest.mark.parametrize("kind", LIBRARY, ids=lambda kind: kind.__name__)
def test_what_stands_in_front_of_instagram_decides_nothing(kind: type[Exception]) -> None:
    for status in (301, 302, 307, 400, 401, 403, 404, 405, 407, 409, 413, 421, 451, 500, 502, 503, 504):
        for answer in (
            answer_of(status),
            answer_of(status, message="Forbidden"),
            answer_of(status, message="login_required"),
        ):
            assert type(ended(new_error(kind), answer)) is Unconfirmed
            assert type(ended(new_error(kind), answer, READING)) is Unavailable


def test_an_id_that_was_used_says_nothing_about_what_only_reads() -> None:
    answer = refused(400, message="Server got a conflicting upload id")

    assert answer.id_was_used
    assert not answer_of(400, message="Server got a conflicting upload id").id_was_used
    assert type(ended(ig.ClientError("x"), answer, READING)) is Unavailable


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EACCES])
def test_an_error_of_this_machine_is_reported_as_that(number: int) -> None:
    outcome = ended(OSError(number, os.strerror(number)), Answer(), READING)

    assert type(outcome) is Unavailable
    assert f"this machine could not go on: {os.strerror(number)}" in outcome.message


def test_every_refusal_names_the_way_out_in_one_sentence() -> None:
    for code in REFUSALS.values():
        problem = code(channel="pictures")
        assert str(problem.message).endswith(".")
        assert problem.remedy in (Remedy.CONNECT_CHANNEL, Remedy.RESUME_CHANNEL) or "Instagram app" in str(problem)
        assert len(str(problem)) < 200


@pytest.mark.parametrize("code", REFUSALS.values(), ids=lambda code: code.short_code)
def test_a_page_names_no_command_for_a_refused_account(code: ProblemCode) -> None:
    problem = code(channel="pictures")
    text = problem.text_for(Face.PAGE)
    assert "publisher " not in text
    assert problem.remedy is None or "the page Channels" in text


@pytest.mark.parametrize(
    ("error", "answer", "sent", "code"),
    [
        (ig.BadPassword("x"), refused(400), READING, InstagramAccountProblem.PASSWORD_REFUSED),
        (ig.ClientError("x"), refused(400, message="login_required"), READING, InstagramAccountProblem.SIGNED_OUT),
        (ig.ClientError("x"), refused(429), READING, InstagramRequestProblem.RATE_LIMITED),
        (ig.ClientError("x"), refused(422, message="no"), PUBLISHING, InstagramRequestProblem.REFUSED),
        (ig.ClientError("x"), refused(422, message="no"), READING, InstagramRequestProblem.UNREADABLE),
        (ig.ClientError("x"), refused(500), PUBLISHING, InstagramRequestProblem.OUTCOME_UNKNOWN),
        (OSError(errno.EMFILE, "full"), Answer(), READING, InstagramRequestProblem.UNREADABLE),
    ],
)
def test_an_end_has_a_code_and_can_be_stored(
    error: Exception, answer: Answer, sent: SentRequest, code: ProblemCode
) -> None:
    problem = ended(error, answer, sent).problem
    assert problem.code is code
    again = Problem.from_json(json.loads(json.dumps(problem.to_json())))
    assert (again.code, again.remedy, str(again)) == (problem.code, problem.remedy, str(problem))


def test_every_meaning_is_used() -> None:
    used = set(itertools.chain(MEANINGS.values(), WORDS.values(), STATUSES.values()))

    assert used | {Meaning.REJECTED} == set(Meaning)


@pytest.mark.parametrize(
    ("header", "wait"),
    [({}, timedelta(hours=1)), ({"Retry-After": "90"}, timedelta(seconds=90))],
)
def test_being_asked_to_wait_has_an_end(header: dict[str, str], wait: timedelta) -> None:
    outcome = ended(ig.PleaseWaitFewMinutes("x"), Answer(status=429, headers=header))

    assert isinstance(outcome, RateLimited)
    assert outcome.retry_at == NOW + wait


def test_a_person_is_told_when_a_wait_is_shorter_than_asked_for() -> None:
    answer = Answer(status=429, headers={"Retry-After": "9999999"})
    problem = ended(ig.PleaseWaitFewMinutes("x"), answer).problem
    assert problem.code is InstagramRequestProblem.RATE_LIMITED_FOR_LONG
    assert str(problem) == (
        "Publishing: it asks to wait until 09:00 on 2026-05-06 "
        "(it asked for longer; after 2 days it is asked again) (HTTP 429)"
    )


def test_of_an_answer_only_what_people_need_is_kept() -> None:
    answer = refused(
        400, message="checkpoint_required", checkpoint_url="https://i.instagram.com/challenge/1/secret/", token="secret"
    )

    outcome = ended(ig.UnknownError("x"), answer)

    assert outcome.answer == "checkpoint_required"
    assert "secret" not in outcome.message
    assert "secret" not in json.dumps(outcome.problem.to_json())


def test_a_long_answer_is_shortened() -> None:
    assert len(ended(ig.ClientError("x"), refused(400, message="x" * 5000)).answer) == 300


def raised_by_the_library(size: int | None) -> Exception:
    """Makes the error of a connection that was lost after so many bytes of the request."""
    response = Response()
    response.request_size = size or 0
    connection_error = requests.ConnectionError("lost")
    connection_error.__cause__ = CurlError("lost", CurlECode.RECV_ERROR, None if size is None else response)
    error: Exception = ig.ClientConnectionError("lost")
    error.__context__ = connection_error
    return error


@pytest.mark.parametrize(("size", "unsent"), [(0, True), (1, False), (None, False)])
def test_the_error_of_curl_shows_whether_anything_was_sent(size: int | None, unsent: bool) -> None:
    assert never_sent(raised_by_the_library(size)) is unsent


def test_an_error_of_another_origin_does_not_mean_that_nothing_was_sent() -> None:
    assert not never_sent(requests.ConnectTimeout("urllib3"))
    assert not never_sent(ValueError("anything"))
