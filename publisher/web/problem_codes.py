"""Lists why a request of a program is refused before anything is done. docs/errors.md lists the short codes."""

from __future__ import annotations

from publisher.core.messages import _
from publisher.core.problems import ProblemCode


class RequestProblem(ProblemCode):
    """Names what is wrong with a request to the API."""

    TOKEN_MISSING = _(
        "Send a token in the header Authorization, as “Bearer TOKEN”; make one on the page of your account."
    )
    TOKEN_UNUSABLE = _("This token is unknown, revoked or too old; make another on the page of your account.")
    SCOPE_MISSING = _(
        "This token does not have the scope “{scope}”; make one that has it on the page of your tokens.",
    )
    ROLE_MISSING = _("The roles of {person} don't allow “{scope}” any more; ask an admin of the desk.")
    TOO_MANY_REQUESTS = _("This token asked too often; ask again in {seconds} seconds.")
    RESPONSE_TYPE_NOT_ACCEPTED = _("Only {type} can be answered here; accept it in the header Accept.")
    BODY_TYPE_NOT_TAKEN = _("The body must be {type}; say so in the header Content-Type.")
    BODY_NOT_A_PICTURE = _("The body must be a picture: image/* or {type} in the header Content-Type.")
    BODY_TOO_LARGE = _("The body has more than {megabytes} MB; send less.")
    BODY_NOT_JSON = _("The body is not JSON; correct it and ask again.")
    BODY_INTERRUPTED = _("The connection was lost; send the picture again.")
    REQUEST_UNREADABLE = _("The request can't be read; look at its body.")
    NO_SUCH_ADDRESS = _("There is nothing at this address; the list of all is in openapi.json.")
    METHOD_NOT_ALLOWED = _("{method} can't be done here; the header Allow names what can.")
    FIELDS_UNUSABLE = _("These can't be used: {fields:list}; correct them and ask again.")
    NOTHING_TO_CHANGE = _("There is nothing to change; give a field, such as title.")
    VERSION_NEEDED = _("Say in the header If-Match which version you saw; the present one is {version}.")
    VERSION_CHANGED = _("It was changed meanwhile: the present version is {version}; read it again.")
    IDEMPOTENCY_KEY_REUSED = _(
        "This Idempotency-Key was used with another body; make a new key for a new request.",
    )
    FIRST_REQUEST_RUNNING = _(
        "The first request with this Idempotency-Key is still being answered; ask again in a moment.",
    )
    TOO_MANY_DAYS = _("{last:day} is not within {count} days after {first:day}; ask for fewer days.")
    PICTURE_UNKNOWN = _("There is no picture {picture}; upload it first.")
    OVERLOADED = _("The desk has more to do than it can at the moment. Wait a few seconds, then try again.")
    UNEXPECTED_FAILURE = _("Something went wrong; tell your operator the reference {reference}.")
    REQUEST_REFUSED = _("The request can't be answered: {why:clause}.")
