"""Gives the typed reasons for which a person's act is refused, and makes their sentences."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum, auto

from publisher.core.errors import UserError
from publisher.platforms.links import LinkFault


class Face(Enum):
    """Says who reads a sentence: each reader has other means to do what it advises."""

    COMMAND = auto()
    PAGE = auto()
    PROGRAM = auto()


class Reason(StrEnum):
    """Says why an act was refused. The value is the code that programs get."""

    NO_DELIVERY = "no-delivery"
    NO_CHANNEL = "no-channel"
    CHANGED = "changed-meanwhile"
    PUBLISHED = "already-published"
    CANCELED = "already-canceled"
    PENDING = "already-waiting"
    BEING_LOOKED_UP = "being-looked-up"
    BEING_SENT = "being-sent"
    MAY_BE_PUBLIC = "may-be-public"
    NOT_A_LINK = "not-a-link"
    OTHER_PLATFORM = "other-platform"
    OTHER_ACCOUNT = "other-account"
    NOT_A_POST = "not-a-post"
    NO_SUCH_POST = "no-such-post"
    NOT_VISIBLE = "not-visible"
    NOT_READ = "not-read"
    NOT_ALLOWED = "not-allowed-to-read"
    OTHER_DELIVERY = "other-delivery"
    CHANNEL_REMOVED = "channel-removed"
    NOT_TRANSLATED = "not-translated"
    NOT_ADAPTED = "not-adapted"
    NOT_APPROVED = "not-approved"
    NO_PAUSE_REASON = "no-pause-reason"
    ALREADY_PAUSED = "already-paused"


LINK_FAULTS: Mapping[LinkFault, Reason] = {
    LinkFault.NOT_A_LINK: Reason.NOT_A_LINK,
    LinkFault.OTHER_PLATFORM: Reason.OTHER_PLATFORM,
    LinkFault.OTHER_ACCOUNT: Reason.OTHER_ACCOUNT,
    LinkFault.NOT_A_POST: Reason.NOT_A_POST,
}

SENTENCES: Mapping[Reason, str] = {
    Reason.NO_DELIVERY: "There is no delivery {delivery}.",
    Reason.NO_CHANNEL: "There is no channel {channel}.",
    Reason.CHANGED: "Delivery {delivery} has changed since you looked: it is {state} now. Look at it again.",
    Reason.PUBLISHED: "Delivery {delivery} is published{where}; there is nothing to {act}.",
    Reason.CANCELED: "Delivery {delivery} was canceled; there is nothing to {act}.",
    Reason.PENDING: "Delivery {delivery} is waiting to go out already.",
    Reason.BEING_LOOKED_UP: "Delivery {delivery} may be public: it is being looked up on {platform}. "
    "Wait for the answer before you {act} it.",
    Reason.BEING_SENT: "Delivery {delivery} is being sent just now; wait a minute, then {act} it.",
    Reason.MAY_BE_PUBLIC: "Delivery {delivery} may already be public, and a retry could post it twice. "
    "Look on {platform} first.",
    Reason.NOT_A_LINK: "{link} is no link to a post; give the whole address, such as {example}.",
    Reason.OTHER_PLATFORM: "That link does not lead to {platform}, where {channel} publishes. "
    "Give the post's address on {platform}, such as {example}, or its id.",
    Reason.OTHER_ACCOUNT: "That post is not by {account}, the account that {channel} publishes as. "
    "Give the link of a post of {account}.",
    Reason.NOT_A_POST: "That link names no single post on {platform}. Open the post there and copy its address, "
    "such as {example}.",
    Reason.NO_SUCH_POST: "{platform} shows no such post of {account}: {url}. Check the link; a new post may need "
    "some minutes until it is shown.",
    Reason.NOT_VISIBLE: "Followers don't see the post at {url}: it is {state} on {platform}. "
    "Make it public there, then adopt it.",
    Reason.NOT_READ: "Nothing was adopted, because {platform} could not be asked for the post just now.",
    Reason.NOT_ALLOWED: "Nothing was adopted, because the post could not be read. {why}",
    Reason.OTHER_DELIVERY: "That post is the record of delivery {other} already. "
    "Give the link of the post that belongs to delivery {delivery}.",
    Reason.CHANNEL_REMOVED: "There is no channel {channel} in the desk's configuration any more: write it there again, "
    "or cancel delivery {delivery}.",
    Reason.NOT_TRANSLATED: "{channel} leaves this post out, because it is not translated; cancel delivery {delivery}.",
    Reason.NOT_APPROVED: "Nobody approved the post of delivery {delivery}, so it has no text that may go out. "
    "Have the post approved, then try again.",
    Reason.NOT_ADAPTED: "Delivery {delivery} still can't go out: {why}",
    Reason.NO_PAUSE_REASON: "Say why the channel is paused: whoever finds it so must know whether it may go on.",
    Reason.ALREADY_PAUSED: "The channel {channel} is paused already.",
}

TRY_LATER: Mapping[Face, str] = {
    Face.COMMAND: "Try again later; or, if you see the post yourself, repeat this with --unread.",
    Face.PAGE: "Try again later; or, if you see the post yourself, say so below and adopt it again.",
    Face.PROGRAM: "Try again later; or, if a person sees the post, repeat this with unread.",
}

REMEDIES: Mapping[Reason, Mapping[Face, str]] = {
    Reason.NO_DELIVERY: {
        Face.COMMAND: "List them with: publisher deliveries",
        Face.PAGE: "Look for it among the deliveries.",
        Face.PROGRAM: "List them to find the one that you mean.",
    },
    Reason.PENDING: {
        Face.COMMAND: "If its channel is paused or waits, end that with: publisher resume {channel}",
        Face.PAGE: "If its channel is paused or waits, resume it on the page Channels.",
        Face.PROGRAM: "If its channel is paused or waits, a person can resume it.",
    },
    Reason.MAY_BE_PUBLIC: {
        Face.COMMAND: "If it is there: publisher adopt {delivery} LINK. "
        "If it is not: publisher retry {delivery} --i-have-looked",
        Face.PAGE: "If it is there, adopt it by its link. If it is not, say that you have looked and try again.",
        Face.PROGRAM: "If it is there, adopt it by its link. If it is not, repeat this with i_have_looked.",
    },
    Reason.NO_SUCH_POST: {
        Face.COMMAND: "If you see the post yourself, repeat this with --unread.",
        Face.PAGE: "If you see the post yourself, say so below and adopt it again.",
        Face.PROGRAM: "If a person sees the post, repeat this with unread.",
    },
    Reason.NOT_READ: TRY_LATER,
    Reason.NOT_ALLOWED: TRY_LATER,
}


class ActRefused(UserError):
    """Says that an act isn't possible, or would risk a second copy; nothing was changed."""

    def __init__(self, reason: Reason, **parameters: object) -> None:
        super().__init__(reason.value)
        self.code = reason.value
        self.reason = reason
        self.parameters = parameters

    def __str__(self) -> str:
        return self.sentence(Face.COMMAND)

    def sentence(self, face: Face) -> str:
        """Returns what happened and what to do, for whoever reads it."""
        sentence = SENTENCES[self.reason]
        if remedy := REMEDIES.get(self.reason, {}).get(face):
            sentence = f"{sentence} {remedy}"
        return sentence.format(**self.parameters)
