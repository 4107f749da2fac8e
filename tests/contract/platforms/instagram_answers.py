"""Answers in Instagram's shapes, and in shapes that only look like them."""

from __future__ import annotations

from publisher.platforms.errors import (
    ActionsRefused,
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.sandbox.wire import Answer
from tests.contract.cases import AnswerCase, ListingCase, WaitCase

PUBLISH = (
    AnswerCase(Answer.of_json(200, {}), Unconfirmed),
    AnswerCase(Answer.of_json(200, []), Unconfirmed),
    AnswerCase(Answer.of_json(200, {"status": "ok", "media": {"code": "abc"}}), Unconfirmed),
    AnswerCase(Answer.of_json(200, {"status": "fail", "message": "Something went wrong"}), Unconfirmed),
    AnswerCase(Answer.of_json(202, {"status": "fail", "message": "Transcode not finished yet."}), MediaExpired),
    AnswerCase(Answer.of_json(408, {"status": "fail", "message": "timeout"}), Unconfirmed),
    AnswerCase(
        Answer(status=307, headers={"Location": "https://i.instagram.com/api/v1/media/configure/"}), Unconfirmed
    ),
    AnswerCase(Answer(status=302, headers={"Location": "https://www.instagram.com/accounts/login/"}), Unconfirmed),
    AnswerCase(
        Answer.of_json(200, {"message": "media_needs_reupload", "error_title": "bad", "status": "ok"}), MediaExpired
    ),
    AnswerCase(Answer.of_json(400, {"status": "fail", "message": "feedback_required"}), ActionsRefused),
    AnswerCase(Answer.of_json(400, {"status": "fail", "message": "checkpoint_required"}), CredentialsRefused),
    AnswerCase(Answer.of_json(400, {"status": "fail", "message": None}), Unconfirmed),
    AnswerCase(Answer.of_json(400, {"status": "fail", "message": "Sorry, something went wrong."}), Unconfirmed),
    AnswerCase(Answer.of_json(400, {"status": "fail", "message": "counter get error"}), Unconfirmed),
    AnswerCase(Answer.of_json(400, {"status": "fail", "error_type": "needs_upgrade"}), CredentialsRefused),
    AnswerCase(Answer.of_json(404, {"status": "fail", "message": "no such endpoint"}), CredentialsRefused),
    AnswerCase(Answer.of_json(429, {"status": "fail"}), RateLimited),
    AnswerCase(Answer.of_json(422, {"status": "fail", "message": "no"}), ContentRejected),
    # These words are evidence of a post only where Instagram says them.
    AnswerCase(Answer.of_text(400, "Server got a conflicting upload id"), Unconfirmed),
)
UPLOAD = (
    AnswerCase(Answer.of_json(403, {"message": "login_required", "status": "fail"}), CredentialsRefused),
    AnswerCase(Answer.of_json(400, {"message": "challenge_required", "status": "fail"}), CredentialsRefused),
    AnswerCase(Answer.of_json(429, {"message": "Please wait a few minutes before you try again."}), RateLimited),
    AnswerCase(Answer.of_json(413, {"debug_info": {"message": "too large"}}), ContentRejected),
    AnswerCase(Answer.of_text(503, "<html>"), Unavailable),
    AnswerCase(Answer.of_text(302, ""), Unavailable),
    AnswerCase(Answer.of_json(200, {}).cut(0), Unavailable),
    AnswerCase(Answer.of_json(200, {}), Unavailable),
    AnswerCase(
        Answer.of_json(400, {"debug_info": {"type": "PartialRequestError", "message": "Partial request"}}), Unavailable
    ),
    AnswerCase(Answer.of_json(500, {"status": "fail", "message": "Transcode not finished yet."}), MediaExpired),
)
QUESTION = (
    AnswerCase(Answer.of_json(403, {"message": "login_required", "status": "fail"}), CredentialsRefused),
    AnswerCase(Answer.of_json(429, {"status": "fail"}), RateLimited),
    AnswerCase(Answer.of_text(502, "<html>"), Unavailable),
    AnswerCase(Answer.of_json(200, {"status": "ok"}).cut(0), Unavailable),
)
GONE = (
    Answer.of_json(400, {"message": "Media not found or unavailable", "status": "fail"}),
    Answer.of_json(400, {"message": "Sorry, this photo has been deleted.", "status": "fail"}),
)
PAGES: dict[str, dict[str, object]] = {
    "nothing": {},
    "no items": {"items": None, "more_available": False},
    "no end": {"items": []},
    "more without items": {"items": [], "more_available": True},
    "no time": {"items": [{"pk": "1"}], "more_available": False},
    "odd item": {"items": ["?"], "more_available": False},
    "odd picture": {"items": [{"taken_at": 1, "carousel_media": ["?"], "pk": 1}], "more_available": False},
}
LISTINGS = tuple(ListingCase(name, Answer.of_json(200, {**page, "status": "ok"})) for name, page in PAGES.items())
WAITS = tuple(
    WaitCase(name or "nothing", Answer.of_json(429, {"status": "fail"}, {"Retry-After": name}), seconds)
    for name, seconds in {
        "": 3600.0,
        "120": 120.0,
        "315360000": 2 * 86_400.0,
        "Fri, 01 Jan 2099 00:00:00 GMT": 2 * 86_400.0,
    }.items()
)
