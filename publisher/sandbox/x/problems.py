"""Makes the error answers of X, in X's own formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publisher.sandbox.wire import Answer

PROBLEMS = "https://api.twitter.com/2/problems/"
NOT_PERMITTED = "You are not permitted to perform this action."
NOT_VISIBLE = "You attempted to reply to a Tweet that is deleted or not visible to you."
NO_REPLIES = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the "
    "author of the post you are replying to."
)
NO_WRITING = "Your client app is not configured with the appropriate oauth1 app permissions for this endpoint."
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


class Refusal(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def problem(
    status: int, title: str, detail: str, kind: str = "about:blank", headers: Mapping[str, str] | None = None
) -> Answer:
    problem_type = kind if kind.startswith("about:") else PROBLEMS + kind
    return _problem_answer(status, {"title": title, "detail": detail, "type": problem_type, "status": status}, headers)


def invalid(message: str, parameter: str = "", value: object = "") -> Answer:
    """Refuses a request that X does not understand, or that names something that does not exist."""
    error: dict[str, Any] = {"message": message}
    if parameter:
        error["parameters"] = {parameter: [str(value)]}
    body = {
        "errors": [error],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{PROBLEMS}invalid-request",
    }
    return _problem_answer(400, body)


def not_found(resource: str, number: str) -> Answer:
    """Answers 200 with an error inside, as X does for a single resource that does not exist."""
    error = {
        "value": number,
        "detail": f"Could not find {resource} with id: [{number}].",
        "title": "Not Found Error",
        "resource_type": resource,
        "parameter": "id",
        "resource_id": number,
        "type": f"{PROBLEMS}resource-not-found",
    }
    return Answer.of_json(200, {"errors": [error]})


def unauthorized() -> Answer:
    return problem(401, "Unauthorized", "Unauthorized")


def forbidden(detail: str) -> Answer:
    return problem(403, "Forbidden", detail)


def _problem_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    return Answer.of_json(status, body, {"Content-Type": "application/problem+json", **(headers or {})})
