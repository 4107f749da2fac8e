"""Lists the problems that the toy platform's answers have."""

from __future__ import annotations

from publisher.core.messages import _
from publisher.core.problems import ProblemCode


class ToyProblem(ProblemCode):
    """Names what the toy platform refused, or why the outcome of a request is not known."""

    TOKEN_REFUSED = _("The toy platform refused the token; set another one.")
    POST_REFUSED = _("The toy platform refused this post; change it.")
    RATE_LIMITED = _("The toy platform asks for a pause until {at:moment}.")
    ANSWER_UNREADABLE = _("{step}: an answer that can't be read")
    SERVER_FAILED = _("{step}: the platform failed")
