"""Lists the problems that any platform may have: with requests, and with stored log-ins.

A step is what a request was for, such as "Publishing on X": `SentRequest.what`.
"""

from __future__ import annotations

from publisher.core.messages import _
from publisher.core.problems import ProblemCode
from publisher.core.remedies import Remedy


class RequestProblem(ProblemCode):
    """Names why a request has no answer."""

    NOT_REACHED = _("{step}: not reached ({why:clause})")
    ANSWER_LOST = _("{step}: the answer was lost ({why:clause})")
    """The request publishes, and may have been carried out."""
    NO_ANSWER = _("{step}: no answer ({why:clause})")
    """The request publishes nothing."""
    CA_FILE_UNREADABLE = _("{step}: the CA file {file} can't be read ({why:clause}); nothing was sent")


class SessionProblem(ProblemCode):
    """Names why a stored log-in can't be used now. `place`: where it is stored, as people read it."""

    SESSION_UNREADABLE = _(
        "{place} could not be read on this machine ({why:clause}); the log-in stays as it is. "
        "If this lasts, check the file's owner and the machine's limits."
    )
    SESSION_DAMAGED = (
        _("{place} can't be read: it holds something else than a log-in."),
        Remedy.CONNECT_CHANNEL,
    )
    SESSION_BUSY = _("Somebody else is renewing {place} for too long; nothing was published")


class CorrectionProblem(ProblemCode):
    """Names why a published post was not corrected, or why a part of it never is."""

    NOT_OFFERED = _("A program can't change a published post there.")
    PICTURES_STAY = _(
        "The pictures of a published post stay as they are, and so does a credit that is written into a picture."
    )
    POST_GONE = _("{platform} does not show the post any more, so there is nothing to correct.")
    POST_HIDDEN = _("Followers don't see the post on {platform}: its state there is “{state}”. It was left as it is.")
    CHANGED_THERE = _(
        "{platform} shows something else than the desk sent: somebody has changed the post there. It was left as it "
        "is; correct it on {platform} by hand."
    )
    OTHER_ACCOUNT = _("The post on {platform} is not by the channel's account. It was left as it is.")
