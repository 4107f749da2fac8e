"""Tests that X's refusals become the right errors, and that our post is recognised."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.core.messages import _
from publisher.core.problems import Problem, ProblemCode, recorded_problem
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
from publisher.platforms.profiles import load_profile
from publisher.platforms.transport import SentRequest
from publisher.platforms.x.answers import is_same_post, parse_instant, processing_pause
from publisher.platforms.x.problem_codes import XProblem
from publisher.platforms.x.refusals import Missing, judge_refusal, judge_refused_reply
from publisher.sandbox.x.text import as_shown, fits

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
PROBLEMS = "https://api.twitter.com/2/problems/"
NEW_PROBLEMS = "https://api.x.com/2/problems/"
DUPLICATE = {
    "detail": "You are not allowed to create a Tweet with duplicate content.",
    "type": "about:blank",
    "title": "Forbidden",
    "status": 403,
}


def answer(status: int, body: object = "", headers: dict[str, str] | None = None) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = (body if isinstance(body, str) else json.dumps(body)).encode()
    response.encoding = "utf-8"
    response.headers.update(headers or {})
    return response


def meaning(response: requests.Response, *, publishing: bool = True, reading: bool = False) -> PlatformError:
    return judge_refusal(response, SentRequest(_("Publishing on X"), publishing=publishing), reading=reading, now=NOW)


def problem(title: str, detail: str, kind: str = "about:blank") -> dict[str, str]:
    return {"title": title, "detail": detail, "type": kind}


def coded(code: int, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}]}


ENDS: list[tuple[int, object, type[PlatformError]]] = [
    (302, "", Unconfirmed),
    (400, problem("Invalid Request", "One or more parameters to your request was invalid."), ContentRejected),
    (400, {"errors": [{"message": "Your media IDs are invalid."}], "title": "Invalid Request"}, MediaExpired),
    (401, problem("Unauthorized", "Unauthorized"), CredentialsRefused),
    (401, "", Unconfirmed),
    (401, "<html>", Unconfirmed),
    (402, problem("CreditsDepleted", "No credits left."), ActionsRefused),
    (402, {"title": "CreditsDepleted"}, ActionsRefused),
    (402, "", Unconfirmed),
    (403, "<html>", Unconfirmed),
    (403, {"error": "blocked by your administrator"}, Unconfirmed),
    (403, DUPLICATE, AlreadyPublic),
    (403, coded(187, "Status is a duplicate."), AlreadyPublic),
    (403, problem("Forbidden", "You are not permitted to perform this action."), ContentRejected),
    (403, problem("Forbidden", "You have been blocked from replying to this post."), ContentRejected),
    (403, coded(185, "User is over daily status update limit."), RateLimited),
    (403, problem("Forbidden", "You have reached your daily limit for posts."), RateLimited),
    (403, problem("Forbidden", "Permissions.", f"{PROBLEMS}oauth1-permissions"), CredentialsRefused),
    (403, problem("Forbidden", "Permissions.", f"{NEW_PROBLEMS}oauth1-permissions"), CredentialsRefused),
    (
        403,
        problem("Forbidden", "Your client app is not configured.", f"{PROBLEMS}client-forbidden"),
        CredentialsRefused,
    ),
    (403, problem("Forbidden", "This account is suspended."), CredentialsRefused),
    (403, coded(326, "To protect our users, this account is temporarily locked."), CredentialsRefused),
    (403, problem("Forbidden", "The token lacks the scope tweet.write"), CredentialsRefused),
    (404, problem("Not Found", "Not Found"), ContentRejected),
    (404, "<html>", Unconfirmed),
    (405, "<html>", Unconfirmed),
    (405, problem("Method Not Allowed", "Method Not Allowed"), Unavailable),
    (408, "", Unconfirmed),
    (409, "<html>", Unconfirmed),
    (413, "", Unconfirmed),
    (413, problem("Payload Too Large", "The request is too large."), ContentRejected),
    (421, "", Unconfirmed),
    (429, "<html>", Unconfirmed),
    (429, problem("Too Many Requests", "Too Many Requests"), RateLimited),
    (429, coded(88, "Rate limit exceeded"), RateLimited),
    (429, problem("UsageCapExceeded", "Usage cap exceeded: Monthly", f"{PROBLEMS}usage-capped"), ActionsRefused),
    (500, "", Unconfirmed),
    (502, "<html>", Unconfirmed),
    (503, problem("Service Unavailable", "Service Unavailable"), Unconfirmed),
    (504, coded(89, "Invalid or expired token."), Unconfirmed),
]


@pytest.mark.parametrize(("status", "body", "expected"), ENDS)
def test_a_refused_post(status: int, body: object, expected: type[PlatformError]) -> None:
    error = meaning(answer(status, body, {"x-transaction-id": "0a1b"}))
    assert type(error) is expected
    assert (error.status, error.request_id) == (status, "0a1b")
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("status", "body"), [(status, body) for status, body, kind in ENDS if issubclass(kind, Unconfirmed)]
)
def test_what_publishes_nothing_is_never_unconfirmed(status: int, body: object) -> None:
    for reading in (False, True):
        assert not isinstance(meaning(answer(status, body), publishing=False, reading=reading), Unconfirmed)


@pytest.mark.parametrize(("status", "body"), [(status, body) for status, body, kind in ENDS if kind is ContentRejected])
def test_a_reading_that_is_refused_is_a_question_not_answered(status: int, body: object) -> None:
    error = meaning(answer(status, body), publishing=False, reading=True)
    assert type(error) is (Missing if status == 404 else Unavailable)


def test_a_404_that_x_did_not_write_does_not_mean_that_a_post_is_gone() -> None:
    assert type(meaning(answer(404, "<html>no such host</html>"), publishing=False, reading=True)) is Unavailable


@pytest.mark.parametrize(
    "body",
    [
        '{"errors": null}',
        '{"errors": "text"}',
        '{"errors": [1, null, "x", {"code": "89", "message": 5}]}',
        "[]",
        "null",
    ],
)
def test_odd_bodies_are_borne(body: str) -> None:
    assert type(meaning(answer(400, body))) is Unconfirmed


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 405, 409, 413, 421, 500, 502, 503])
def test_a_page_of_a_gateway_says_nothing_about_account_or_content(status: int) -> None:
    page = answer(status, "<html><title>suspended: unauthorized</title></html>", {"Content-Type": "text/html"})
    assert type(meaning(page)) is Unconfirmed
    for reading in (False, True):
        assert type(meaning(page, publishing=False, reading=reading)) is Unavailable


def test_x_s_own_words_in_a_page_count_for_nothing() -> None:
    forged = answer(403, problem("Forbidden", "This account is suspended."), {"Content-Type": "text/html"})
    assert type(meaning(forged)) is Unconfirmed


def test_a_limit_without_words_is_x_s_where_it_names_a_window() -> None:
    named = answer(429, "", {"x-rate-limit-reset": at(300)})
    assert type(meaning(named)) is RateLimited
    assert type(meaning(answer(429, "<html>", {"Retry-After": "60"}), publishing=False)) is RateLimited


def test_a_wait_of_ten_years_is_shortened_and_told() -> None:
    error = meaning(answer(429, problem("Too Many Requests", ""), {"Retry-After": "315360000"}))
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(days=2)
    assert error.problem.code is XProblem.RATE_LIMITED_FOR_LONG
    assert error.message == (
        "Publishing on X: X asks to wait until 09:00 on 2026-05-06 "
        "(it asked for longer; after 2 days it is asked again)"
    )


PROBLEM_CODES: list[tuple[int, object, ProblemCode, str]] = [
    (500, "", XProblem.SERVER_ERROR, "Publishing on X: X gave HTTP 500"),
    (403, "<html>", XProblem.GATEWAY_ANSWERED, "Publishing on X: X gave HTTP 403, not in its own words"),
    (
        403,
        problem("Forbidden", "You are not permitted to perform this action."),
        XProblem.REFUSED,
        "Publishing on X: X refused it (You are not permitted to perform this action)",
    ),
    (
        405,
        problem("Method Not Allowed", "Method Not Allowed"),
        XProblem.NOT_READ,
        "Publishing on X: X answered 405 (Method Not Allowed)",
    ),
    (
        400,
        {"errors": [{"message": "Your media IDs are invalid."}], "title": "Invalid Request"},
        XProblem.MEDIA_EXPIRED,
        "Publishing on X: X no longer has the pictures; they are uploaded again",
    ),
    (
        401,
        problem("Unauthorized", "Unauthorized"),
        XProblem.KEYS_REFUSED,
        "X refused this channel's keys or tokens (Unauthorized); check them, or connect the channel again",
    ),
    (
        402,
        {"title": "CreditsDepleted"},
        XProblem.CREDITS_USED_UP,
        "X takes no more posts from this app: its credits or its usage cap are used up. "
        "Add credits in X's developer console first. Run: publisher doctor",
    ),
    (
        403,
        problem("Forbidden", "This account is suspended."),
        XProblem.ACCOUNT_NOT_ALLOWED,
        "X does not let this app act for the account (This account is suspended); give the app read and write "
        "permission, see that the account is in order, then connect the channel again",
    ),
    (
        403,
        DUPLICATE,
        XProblem.TEXT_MAYBE_OURS,
        "Publishing on X: X has a post with this very text already; it may be ours",
    ),
    (
        429,
        coded(88, "Rate limit exceeded"),
        XProblem.RATE_LIMITED,
        "Publishing on X: X asks to wait until 09:15 on 2026-05-04",
    ),
]


@pytest.mark.parametrize(("status", "body", "code", "sentence"), PROBLEM_CODES, ids=lambda value: str(value)[:30])
def test_a_refusal_has_a_code_and_a_sentence(status: int, body: object, code: ProblemCode, sentence: str) -> None:
    error = meaning(answer(status, body))
    assert error.problem.code is code
    assert error.message == sentence
    stored = Problem.from_json(json.loads(json.dumps(error.problem.to_json())))
    assert str(stored) == sentence


def test_only_the_words_of_x_say_that_the_post_before_is_not_shown() -> None:
    refused = meaning(answer(403, problem("Forbidden", "That Tweet is deleted or not visible to you.")))
    assert isinstance(refused, ContentRejected)
    ends = [judge_refused_reply(refused, answered_is_old=old).problem.code for old in (False, True)]
    assert ends == [XProblem.REPLIED_POST_NOT_SHOWN_YET, XProblem.REPLIED_POST_GONE]
    ours = ContentRejected(recorded_problem("Ours says: deleted or not visible"))
    assert judge_refused_reply(ours, answered_is_old=True).problem.code is XProblem.THREAD_ENDED


def at(seconds: float) -> str:
    return str(int((NOW + timedelta(seconds=seconds)).timestamp()))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 900),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": at(300)}, 300),
        ({"x-rate-limit-reset": at(300)}, 300),
        (
            {
                "x-rate-limit-remaining": "99",
                "x-rate-limit-reset": at(300),
                "x-user-limit-24hour-remaining": "0",
                "x-user-limit-24hour-reset": at(40_000),
            },
            40_000,
        ),
        (
            {
                "x-rate-limit-remaining": "0",
                "x-rate-limit-reset": at(800),
                "x-app-limit-24hour-remaining": "0",
                "x-app-limit-24hour-reset": at(500),
            },
            800,
        ),
        ({"x-rate-limit-remaining": "3", "x-rate-limit-reset": at(300)}, 900),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": at(-10)}, 900),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "99999999999999999999"}, 900),
        ({"x-rate-limit-remaining": "none", "x-rate-limit-reset": "soon"}, 900),
        ({"x-rate-limit-remaining": "nan", "x-rate-limit-reset": "nan"}, 900),
        ({"Retry-After": "120"}, 120),
    ],
)
def test_when_the_next_request_may_go(headers: dict[str, str], seconds: float) -> None:
    error = meaning(answer(429, problem("Too Many Requests", ""), headers))
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(seconds=seconds)


def test_a_daily_limit_waits_an_hour() -> None:
    error = meaning(answer(403, coded(185, "User is over daily status update limit.")))
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(hours=1)


# --- which post is ours ----------------------------------------------------------------------


def tweet(text: str, images: int = 0, **more: Any) -> dict[str, Any]:
    keys = {"attachments": {"media_keys": [f"3_{number}" for number in range(images)]}} if images else {}
    return {"id": "1", "text": text, **keys, **more}


@pytest.mark.parametrize(
    ("caption", "images", "x_post"),
    [
        ("Cats & dogs <3", 0, tweet("Cats &amp; dogs &lt;3")),
        ("Written &amp; so", 0, tweet("Written &amp;amp; so")),
        ("cafe\u0301", 0, tweet("café")),
        ("See https://example.org/a?b=1&c=2 now", 0, tweet("See https://t.co/aB3 now")),
        ("See example.newdomain now", 0, tweet("See https://t.co/aB3 now")),
        ("A README.md that X leaves alone", 0, tweet("A README.md that X leaves alone")),
        ("Picture", 1, tweet("Picture https://t.co/pic", 1)),
        ("", 1, tweet("https://t.co/pic", 1)),
        ("Ends https://example.org", 2, tweet("Ends https://t.co/a https://t.co/pic", 2)),
        ("Ends https://example.org", 2, tweet("Ends https://t.co/a", 2)),
        ("two  spaces\n\n\nlines ", 0, tweet("two spaces\n\nlines")),
        ("x" * 400 + " end", 0, tweet("x" * 279 + "…", note_tweet={"text": "x" * 400 + " end"})),
    ],
)
def test_our_post_as_x_shows_it(caption: str, images: int, x_post: dict[str, Any]) -> None:
    assert is_same_post(caption, images, x_post)


@pytest.mark.parametrize(
    ("caption", "images", "x_post"),
    [
        ("Picture", 1, tweet("Picture")),
        ("Picture", 0, tweet("Picture https://t.co/pic", 1)),
        ("Picture", 1, tweet("Picture https://t.co/pic", 2)),
        ("Picture", 0, tweet("picture")),
        ("Picture two", 0, tweet("Picture")),
        ("Picture", 0, tweet("Picture two")),
        ("See this now", 0, tweet("See https://t.co/a later")),
        ("See that and this now", 0, tweet("See https://t.co/a now")),
        ("a.c", 0, tweet("abc")),
        ("See this now", 0, tweet("See https://t.co/a now")),
        ("Picture more", 1, tweet("Picture https://t.co/pic", 1)),
        ("Picture", 0, {"id": "1"}),
    ],
)
def test_another_post(caption: str, images: int, x_post: dict[str, Any]) -> None:
    assert not is_same_post(caption, images, x_post)


WORDS = st.sampled_from(
    ["a", "Zelle", "é", "e\u0301", "字", "&", "<b>", "&amp;", "👩‍🔬", "#tag", "(x)", "\\S+", "$1.50"]
)
LINKS = st.sampled_from(["https://example.org/a?b=1&c=2#d", "example.com", "README.md", "http://t.co/abc"])
GAPS = st.sampled_from([" ", "\n", "\n\n", "  "])


@st.composite
def captions(draw: st.DrawFn) -> str:
    pieces = draw(st.lists(st.tuples(st.one_of(WORDS, LINKS, st.text(max_size=5)), GAPS), min_size=1, max_size=8))
    return "".join(word + gap for word, gap in pieces)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(captions(), st.integers(0, 4))
def test_any_caption_is_recognised_after_x_has_rewritten_it(caption: str, images: int) -> None:
    rewritten, _links = as_shown(caption, "picture" if images else None)
    assert is_same_post(caption, images, tweet(rewritten, images))
    assert not is_same_post(f"{caption} more", images, tweet(rewritten, images))


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("a & b", "a &amp; b"),
        ("e\u0301 ", "é"),
        ("见https://example.org/x。", "见https://t.co/"),
    ],
)
def test_the_sandbox_rewrites_a_text_as_x_does(text: str, beginning: str) -> None:
    assert as_shown(text, None)[0].startswith(beginning)
    assert as_shown(text, "picture")[0].startswith(beginning)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("x" * 280, True),
        ("x" * 281, False),
        ("字" * 140, True),
        ("字" * 141, False),
        ("x" * 256 + " https://example.org/" + "y" * 300, True),
        ("x" * 257 + " https://example.org/" + "y" * 300, False),
        ("👩‍🔬" * 140, True),
        ("x" * 5000, False),
    ],
)
def test_the_sandbox_counts_as_x_does(text: str, good: bool) -> None:
    assert fits(text, 280) is good


# --- small things ----------------------------------------------------------------------------


@pytest.mark.parametrize(("wish", "seconds"), [(5, 5.0), (0, 1.0), (3600, 10.0), (None, 1.0), ("5", 1.0)])
def test_pauses_stay_within_reason(wish: object, seconds: float) -> None:
    assert processing_pause({"check_after_secs": wish}) == seconds


def test_instants() -> None:
    assert parse_instant("2026-05-04T09:00:00.000Z") == NOW
    assert parse_instant("yesterday") is None


def test_the_profile_has_prices_and_limits() -> None:
    profile = load_profile("x")
    assert (profile.text.limit, profile.text.unit, profile.tags.middle_dot) == (280, "own", True)
    assert profile.prices is not None
    assert (profile.prices.post, profile.prices.post_with_link, profile.prices.alt_text) == (0.015, 0.2, 0.005)
    assert profile.prices.newest_posts == 0.005
    assert profile.links == "priced"
    assert profile.images.maximum == 4


@pytest.mark.parametrize(
    ("text", "replied_to", "ours"),
    [
        ("A second part", "7", True),
        ("@pictures_a_day A second part", "7", True),
        ("A second part", "8", False),
        ("A second part", None, True),
        ("@pictures_a_day A third part", "7", False),
    ],
)
def test_a_reply_is_known_by_the_post_it_answers_where_x_reports_it(
    text: str, replied_to: str | None, ours: bool
) -> None:
    references = [{"type": "quoted", "id": "1"}, {"type": "replied_to", "id": replied_to}]
    x_post = {**tweet(text, 0), "referenced_tweets": references if replied_to else references[:1]}
    assert is_same_post("A second part", 0, x_post, reply_to="7") is ours


def test_a_reply_of_the_same_words_is_not_the_post_itself() -> None:
    x_post = {**tweet("A part", 0), "referenced_tweets": [{"type": "replied_to", "id": "7"}]}
    assert not is_same_post("A part", 0, x_post)
