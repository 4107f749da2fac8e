"""Lists why a change of the webhooks is refused, and why a message of one was not accepted."""

from __future__ import annotations

from publisher.core.messages import _
from publisher.core.problems import ProblemCode
from publisher.core.remedies import Remedy


class WebhookProblem(ProblemCode):
    """Names what is wrong with a webhook that somebody adds or changes."""

    UNKNOWN_EVENT = _("There is no event “{event}”; choose from the list.")
    ADDRESS_TAKEN = _("This address has a webhook already; change that one instead.")
    TOO_MANY_WEBHOOKS = _("There are {maximum} webhooks; remove one that isn't used any more.")
    NO_WEB_ADDRESS = _("“{url}” is no web address; write it like https://example.org/hook.")
    PASSWORD_IN_ADDRESS = _(
        "The address is too long, or has a password in it; leave the password out, since each message is signed."
    )
    NOT_ENCRYPTED = _("Messages must be encrypted on their way; write an address that begins with https://.")
    ADDRESS_REFUSED = _("Nothing can be sent there: {reason:clause}.")
    PRIVATE_ADDRESS_REFUSED = _("Nothing can be sent there: {reason:clause}."), Remedy.ALLOW_PRIVATE_WEBHOOKS
    NO_SUCH_WEBHOOK = _("There is no webhook {webhook}.")


class SendProblem(ProblemCode):
    """Names why a webhook's message was not accepted, each as a clause."""

    DESTINATION_REFUSED = _("{why}")
    SECRET_UNREADABLE = _("its secret can't be read: {why:clause}")
    NO_ADDRESS = _("it has no address")
    NO_ANSWER = _("it gave no answer ({why})")
    LEADS_ELSEWHERE = _("it answered {status}, which leads elsewhere; add the address that it leads to")
    NOT_ACCEPTED = _("it answered {status}")
