"""Answers in Tumblr's shapes, and in shapes that only look like them."""

from __future__ import annotations

from dataclasses import replace

from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    NotPrepared,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.sandbox.wire import Answer
from tests.contract.cases import AnswerCase, ListingCase, WaitCase


def answered(status: int, body: str, **headers: str) -> Answer:
    return Answer(
        status=status, body=body.encode(), headers={name.replace("_", "-"): headers[name] for name in headers}
    )


def error(status: int, code: int = 0, detail: str = "why") -> Answer:
    return Answer.of_json(status, {"meta": {"status": status}, "errors": [{"code": code, "detail": detail}]})


CREATED = '{"meta": {"status": 201}, "response": %s}'
LISTING = '{"meta": {"status": 200}, "response": %s}'
UNREADABLE = [
    answered(201, CREATED % '{"id": "1", "state": "queued"}'),
    answered(201, '{"response": {"id": "1"}}'),
    answered(200, '{"meta": {"status": 500}, "response": {"id": "1"}}'),
    answered(200, '{"meta": "fine", "response": {"id": "1"}}'),
    answered(200, "[]"),
    answered(200, ""),
    answered(204, ""),
    answered(200, '{"meta": {"status": 201}, "respon'),
    answered(300, ""),
    answered(303, "", Location="/v2/user/info"),
    answered(302, "", Location="/v2/user/info"),
    answered(307, "", Location="/v2/blog/x/posts"),
    answered(304, ""),
    error(408),
    error(425),
    error(500, 8006),
    error(502),
    error(504),
    error(400, 0, "Hit a glitch. Try again."),
    answered(400, '{"error": "bad gateway configuration"}'),
    answered(403, '{"message": "Forbidden"}'),
]
"""Nothing of this is Tumblr's own refusal: it decides neither about the post nor about the account."""
WITHOUT_ID = [answered(201, CREATED % told) for told in ("{}", '{"id": null}', '{"id": "none"}', '"123"', "[]")]
REFUSED = (
    AnswerCase(error(503), Unavailable),
    AnswerCase(error(401, 1016), CredentialsRefused),
    AnswerCase(error(400, 8001), ContentRejected),
    AnswerCase(error(400, 8005), ContentRejected),
    AnswerCase(error(403), ContentRejected),
    AnswerCase(error(429), RateLimited),
    AnswerCase(answered(429, '{"response": {"error": "Rate Limit Exceeded"}}'), RateLimited),
    AnswerCase(answered(429, "<html>slower</html>"), RateLimited),
)
PUBLISH = (*(AnswerCase(answer, Unconfirmed) for answer in (*UNREADABLE, *WITHOUT_ID)), *REFUSED)
UPLOAD = (*(AnswerCase(answer, NotPrepared) for answer in (*UNREADABLE, *WITHOUT_ID)), *REFUSED)
"""Of the request that makes the draft: an unclear one may have made it."""
QUOTED = (
    ('{"meta": {"status": 400}, "errors": [{"title": "no array", "code": 8001}]}', r"no array \(400, code 8001\)"),
    (
        '{"meta": {}, "response": {"errors": ["Oh no.", {"code": 8001}]}}',
        r"Oh no\. \(400\); a smaller picture",
    ),
    ('{"meta": {}, "response": {"errors": [{"code": 8001, "message": "Former"}]}}', r"Former \(400, code 8001\)"),
    ('{"meta": {}, "errors": {"odd": 1}}', r"\(400\); a smaller picture often helps"),
    ('{"meta": {}, "errors": [7, {"code": "8001"}]}', r"\(400\); a smaller picture often helps"),
)
"""Tumblr's words in each of its shapes."""
UPLOAD = (*UPLOAD, *(AnswerCase(answered(400, body), ContentRejected, words) for body, words in QUOTED))
LOOK_UP = (
    AnswerCase(answered(200, "<html>"), Unavailable),
    AnswerCase(error(400), Unavailable),
    AnswerCase(error(500), Unavailable),
    AnswerCase(error(503), Unavailable),
    AnswerCase(answered(302, "", Location="/"), Unavailable),
    AnswerCase(Answer(status=200, cut_at=0), Unavailable),
    AnswerCase(error(401), CredentialsRefused),
    AnswerCase(error(404), CredentialsRefused),
    AnswerCase(error(429), RateLimited),
)
LISTINGS = tuple(
    ListingCase(name, answered(200, LISTING % body))
    for name, body in {
        "list": "[]",
        "no posts": '{"posts": null}',
        "odd post": '{"posts": ["odd"]}',
        "no time": '{"posts": [{"id": 1}]}',
        "no id": '{"posts": [{"timestamp": 1}]}',
    }.items()
)
READ = (
    AnswerCase(answered(404, "<html>"), Unavailable),
    AnswerCase(error(500), Unavailable),
    AnswerCase(answered(200, LISTING % '{"posts": []}'), Unavailable),
    AnswerCase(error(401), CredentialsRefused),
    AnswerCase(error(429), RateLimited),
)
WAITS = tuple(
    WaitCase(f"{number}", replace(error(429), headers=headers), seconds)
    for number, (headers, seconds) in enumerate(
        (
            ({}, 65),
            ({"X-Ratelimit-Perhour-Remaining": "3", "X-Ratelimit-Perhour-Reset": "900"}, 65),
            ({"X-Ratelimit-Perhour-Remaining": "0", "X-Ratelimit-Perhour-Reset": "900"}, 900),
            (
                {
                    "X-Ratelimit-Perhour-Remaining": "0", "X-Ratelimit-Perhour-Reset": "900",
                    "X-Ratelimit-Perday-Remaining": "0", "X-Ratelimit-Perday-Reset": "40000",
                },
                40000,
            ),
            ({"X-Ratelimit-Perday-Remaining": "0", "X-Ratelimit-Perday-Reset": "1777888800"}, 86400),
            ({"X-Ratelimit-Perday-Remaining": "0", "X-Ratelimit-Perday-Reset": "soon"}, 65),
            ({"X-Ratelimit-Perday-Remaining": "0"}, 65),
            ({"Retry-After": "7"}, 7),
            ({"Retry-After": "7", "X-Ratelimit-Perhour-Remaining": "0", "X-Ratelimit-Perhour-Reset": "30"}, 30),
        )
    )
)  # fmt: skip
