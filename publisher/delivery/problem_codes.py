"""Lists what can be wrong with a delivery, an attempt or a channel, and why an act upon one is refused."""

from __future__ import annotations

from collections.abc import Sequence

from publisher.core.messages import Message, _, plural_template
from publisher.core.problems import Problem, ProblemCode
from publisher.core.remedies import Remedy


class DeliveryProblem(ProblemCode):
    """Names what is wrong with a delivery."""

    BLOCKED = _("{problems:sentences}")
    """What blocks the post on this channel: it could not be adapted."""
    PICTURE_REFUSED = _("{why}")
    MEDIA_UNREACHABLE = _("Nothing was sent: {why}")
    TEXT_UNREADABLE = (
        _("Nothing was sent: this version of the program can't read the text that is stored for this channel."),
        Remedy.ADAPT_AGAIN,
    )
    CHANNEL_REMOVED = (
        _("The channel {channel} is not in the configuration any more, so nothing was sent."),
        Remedy.RESTORE_CHANNEL,
    )
    CHANNEL_CHANGED = _("The channel is gone, or has another account by now")
    QUOTA_USED_UP = _("Nothing was sent: too little is left of the quota “{quota}” of {platform}")
    BUDGET_REACHED = (
        _(
            "Nothing was sent: the channel {channel} has spent {spending}, and this post would cost about {cost} more; "
            "raise channels.{channel:key}.monthly_budget, or wait for {ends:day}."
        ),
        Remedy.RETRY_DELIVERY,
    )
    OWN_MACHINE_FAILED = _(
        "Nothing was sent, because {why:clause}. This is about the desk's own machine, not the post or the platform; "
        "it goes out as soon as that is mended."
    )
    KEY_TAKEN = _("Another post took this one's key at the same moment; it gets one of its own")
    MACHINE_TOO_SLOW = _("This machine was too slow; nothing was sent")
    UNEXPECTED = _("Something unexpected happened, and the log has its details")
    LOST_REPEATEDLY = (
        plural_template(
            "{count} worker was gone while it prepared it; nothing was sent. "
            "Look at what the log says last of delivery {delivery}.",
            "{count} workers in a row were gone while they prepared it; nothing was sent. "
            "Look at what the log says last of delivery {delivery}.",
        ),
        Remedy.RETRY_DELIVERY,
    )
    MISSED = _("It could not go out in time."), Remedy.RETRY_OR_CANCEL
    MISSED_AFTER_TROUBLE = (
        _("It could not go out in time; the last trouble was: {trouble:clause}."),
        Remedy.RETRY_OR_CANCEL,
    )
    MISSED_OR_LATE = (
        _(
            "It did not go out in time, as far as is known. A request whose answer was lost may still make it public: "
            "it is looked for now, and over the next three days."
        ),
        Remedy.RETRY_OR_CANCEL,
    )
    MISSED_OR_LATE_AFTER_TROUBLE = (
        _(
            "It did not go out in time, as far as is known; the last trouble was: {trouble:clause}. A request whose "
            "answer was lost may still make it public: it is looked for now, and over the next three days."
        ),
        Remedy.RETRY_OR_CANCEL,
    )
    MISSED_WITH_DRAFT = (
        _("{missed} Its draft {draft} stays on {platform}: a retry publishes it, and cancel removes it."),
        Remedy.RETRY_OR_CANCEL,
    )
    RESTORED = _("The desk was restored from a backup; it is looked up whether this went out before.")


class UnknownOutcomeProblem(ProblemCode):
    """Names why it is not known whether a post is public, and what was found out. `look`: what a person looks for."""

    MAY_BE_PUBLIC = (
        _("It is not known whether the post is public: look for “{title}” on {platform}."),
        Remedy.LOOK_THEN_SETTLE,
    )
    MAY_BE_PUBLIC_SINCE = (
        _("It is not known whether the post is public: look for “{title}”, sent at {sent_at:moment}, on {platform}."),
        Remedy.LOOK_THEN_SETTLE,
    )
    LOST_WHILE_SENDING = _(
        "The worker was gone before it recorded the platform's answer; looking whether the post is there."
    )
    NO_CLEAR_ANSWER = _("{answer:clause}; looking whether the post is there.")
    REPLY_MAY_BE_PUBLIC = _(
        "Nothing was sent: the post before this reply was found, so the reply may be public already"
    )
    CHANNEL_REMOVED_SINCE = (
        _(
            "{look} The channel {channel} is not in the configuration any more: write it there again, and restart the "
            "desk."
        ),
        Remedy.LOOK_THEN_SETTLE,
    )
    CANNOT_BE_LOOKED_UP = _(
        "It may be public, and can't be looked up, because the channel {channel} is not in the configuration any more. "
        "Look on the platform."
    )
    ACCOUNT_CHANGED = (
        _("It was sent for the account {before}, and the channel's account is {now} by now. {look}"),
        Remedy.LOOK_THEN_SETTLE,
    )
    OTHER_RECORD = (
        _("The post that looks like this one is the record of delivery {other} already: {url}. {look}"),
        Remedy.LOOK_THEN_SETTLE,
    )
    POSSIBLE_COPIES = (
        _(
            "The desk was restored from a backup, and the account shows what this database does not know of: "
            "{links:list}. One of these posts may be this one, with another text. {look}"
        ),
        Remedy.LOOK_THEN_SETTLE,
    )
    MANY_POSSIBLE_COPIES = (
        _(
            "The desk was restored from a backup, and the account shows what this database does not know of: "
            "{links:list}, and {more} more. One of these posts may be this one, with another text. {look}"
        ),
        Remedy.LOOK_THEN_SETTLE,
    )
    CHANGED_BEFORE_RESTORE = (
        _(
            "The desk was restored from a backup. After the backup was made, this had been sent, or canceled by a "
            "person, and the platform does not show the post. {look}"
        ),
        Remedy.LOOK_THEN_SETTLE,
    )
    DRAFT_GONE = (
        _("The platform's draft of the post is gone, and its list does not show the post. {look}"),
        Remedy.LOOK_THEN_SETTLE,
    )
    COPY_NOT_LISTED = (
        _("The platform refused the post as a copy of one that it has, and its list does not show that one. {look}"),
        Remedy.LOOK_THEN_SETTLE,
    )
    NOT_LISTED = (
        _("The platform's list does not show the post, {lag} after it was sent. {look}"),
        Remedy.LOOK_THEN_SETTLE,
    )
    LOST_REQUESTS = (
        plural_template(
            "{count} request got no answer, and no post came of it. {look}",
            "{count} requests got no answer, and no post came of them. {look}",
        ),
        Remedy.LOOK_THEN_SETTLE,
    )
    SURELY_ABSENT = plural_template(
        "The platform was asked {count} time over {duration} and does not have the post.",
        "The platform was asked {count} times over {duration} and does not have the post.",
    )
    NOT_MADE_PUBLIC = _("The platform has the post and did not make it public when it was asked to.")


class RefusalProblem(ProblemCode):
    """Names what a refusal means after a second look. `answer`: what the platform said."""

    REFUSED_ONCE = _(
        "The platform refused one request and accepts the account otherwise, so that the post is tried again. "
        "It answered: {answer}"
    )
    REFUSED_REPEATEDLY = plural_template(
        "The platform refused the account {count} time for this post, and accepts it otherwise: {answer}",
        "The platform refused the account {count} times for this post, and accepts it otherwise: {answer}",
    )
    PICTURES_FORGOTTEN = plural_template(
        "The pictures were uploaded {count} time, and the platform did not know them afterwards: {answer}",
        "The pictures were uploaded {count} times, and the platform did not know them afterwards: {answer}",
    )


class ChannelProblem(ProblemCode):
    """Names why a channel is paused, publishes nothing for now, or can't be opened."""

    PAUSED_BY_PERSON = _("{reason}")
    """In the person's own words."""
    POSTS_REFUSED = plural_template(
        "{count} post in a row was refused, the last one with: {answer:clause}. Look whether the account is in order.",
        "{count} posts in a row were refused, the last one with: {answer:clause}. Look whether the account is in "
        "order.",
    )
    ASKED_TO_WAIT_LONG = _(
        "The platform asked to wait until {until:day}, which is too long to be meant; "
        "it is asked again after two days, or as soon as a person resumes the channel"
    )
    NO_ANSWERS = plural_template(
        "{count} try in a row got no answer; one is made from time to time until one does",
        "{count} tries in a row got no answer; one is made from time to time until one does",
    )
    NOT_IN_BROWSER = _("{channel} can't be connected in a browser."), Remedy.CONNECT_CHANNEL
    SECRET_MISSING = _("The channel {channel} lacks {secret}; set {variable} or {variable}_FILE.")
    SECRET_UNREADABLE = _("A secret can't be read, because {why:clause}; nothing was sent.")
    SECRET_UNUSABLE = _("{why:clause}.")
    LOGIN_NOT_STORED = _("The log-in of {channel} can't be stored, because {why:clause}; begin again.")
    NO_FREE_CONNECTION = _("Not reached: the session of {channel} in the database (no connection was free)")
    SESSION_IN_USE = _(
        "Somebody else is renewing the session of {channel} in the database for too long; nothing was published"
    )
    DATABASE_SILENT = _("Not reached: the session of {channel} in the database (the database did not answer)")
    POST_NOT_READABLE = _("{platform} can't be asked for a post")


class PublicPostProblem(ProblemCode):
    """Names what is wrong with a post that is public, or with what was left on its platform."""

    CANCELED_AND_PUBLIC = _(
        "It was canceled, and is public nevertheless: {link}. Remove it there if nobody is to see it."
    )
    FIRST_PART_CANCELED = _(
        "The post before it was canceled and is public nevertheless; retry this reply to continue it, or cancel it."
    )
    POST_WITHDRAWN = _(
        "The post was withdrawn, so this reply does not go out. Have the post approved, which brings it back, and "
        "retry the reply; or cancel it."
    )
    TWO_COPIES = _("There are two copies: {first} and {second}; remove one by hand.")
    SEVERAL_COPIES = plural_template(
        "There is {count} copy: {links:list} and {last}; remove all but one by hand.",
        "There are {count} copies: {links:list} and {last}; remove all but one by hand.",
    )
    GONE = _(
        "{platform} does not show the post any more: it was removed, or is hidden. Look at it there. "
        "It is not posted again."
    )
    HIDDEN = _(
        "Followers don't see the post: it is hidden on {platform}. Make it public there. It is not posted again."
    )
    HIDDEN_AS = _(
        "Followers don't see the post: it is {state} on {platform}. Make it public there. It is not posted again."
    )
    DIFFERS = _(
        "Followers see something else than was sent: {differences:clauses}. Correct it there; it is not posted again."
    )
    ADOPTED_UNREAD = _("The post was not read: the person said that they see it.")
    ADOPTED_AND_DIFFERS = _("{differences:clauses}")
    DRAFT_NOT_REMOVED = _(
        "It was canceled, and it could not be found out whether a draft of it is left on {platform}: {why:clause}. "
        "Look there."
    )
    DRAFT_NOT_NEEDED = _(
        "The draft {draft} (“{slug}”) is left on {platform}, and delivery {delivery} does not need it. "
        "If it is still there, remove it by hand: whoever published it would show the post once more."
    )
    DRAFT_UNKNOWN = _(
        "The draft {draft} (“{slug}”) is left on {platform}, and no delivery of this desk waits for it. "
        "If it is still there, remove it by hand: whoever published it would show the post once more."
    )


class DifferenceProblem(ProblemCode):
    """Names a part of a post that is shown otherwise than it was sent. Each text is a part of a sentence."""

    OTHER_PICTURES = _("{shown} of {sent} pictures are shown")
    NO_ALT_TEXT = _("picture {number} has no alt text")
    OTHER_ALT_TEXT = _("the alt text of picture {number} differs: sent was “{sent}”, shown is “{shown}”")
    OTHER_TEXT = _("the text differs: sent was “{sent}”, shown is “{shown}”")
    TEXT_ENDS_EARLY = _("the text ends early: “{sent}” is missing")
    TEXT_GOES_ON = _("the text goes on after its end with “{shown}”")
    NO_CREDIT = _("the credit “{credit}” is missing")
    OTHER_TAGS = _("the tags differ: sent were {sent:list}, shown are {shown:list}")
    NO_TAGS = _("the tags differ: sent were {sent:list}, shown are none")
    TAGS_ADDED = _("the tags differ: sent were none, shown are {shown:list}")


class CorrectionTrouble(ProblemCode):
    """Names why a correction of a published post is not carried out yet, or was given up."""

    CORRECTING_WORKER_LOST = _("The worker was gone before it recorded the platform's answer; the post is read again.")
    CORRECTING_WITHOUT_ANSWER = _("{answer:clause}; the post is read before anything is sent again.")
    CORRECTING_GIVEN_UP = _(
        "It was tried for a day in vain; the last trouble was: {trouble:clause}. Correct the post again once that is "
        "over."
    )
    CORRECTING_WITHOUT_CHANNEL = _(
        "The channel {channel} is not in the configuration any more, so its post is not corrected."
    )
    CORRECTING_WITHOUT_TRANSLATION = _(
        "{channel} leaves posts out that are not translated, and this one has no translation for it now."
    )
    CORRECTING_WITHOUT_PART = _(
        "The corrected text has no part {part} any more, and a public reply is not removed: remove it by hand."
    )
    CORRECTING_UNDER_WAY = _("An earlier correction is being sent; correct it again in some minutes.")


class MachineProblem(ProblemCode):
    """Names what this machine's database lacks, as a part of a sentence."""

    DATABASE_LOCKED = _("something else kept the database locked for too long")
    DISK_FULL = _("the database's disk is full")
    NOT_WRITABLE = _("the database's file can't be written; allow this user to write it")
    DISK_FAILED = _("the database's disk failed to read or write")
    NOT_OPENED = _("the database's file can't be opened; allow this user to read and write it")
    NO_DATABASE_ANSWER = _("the database did not answer")


class ActProblem(ProblemCode):
    """Names why a person's act was refused. docs/errors.md lists the short codes.

    The full codes begin with `act`, because what is wrong with a delivery has some of the short codes, too.
    """

    NO_DELIVERY = _("There is no delivery {delivery}."), Remedy.LIST_DELIVERIES
    NO_CHANNEL = _("There is no channel {channel}.")
    CHANGED_MEANWHILE = _("Delivery {delivery} has changed since you looked: it is {state} now. Look at it again.")
    ALREADY_PUBLISHED = _("Delivery {delivery} is published: {post}. Nothing is left to do.")
    ALREADY_CANCELED = _("Delivery {delivery} was canceled; nothing is left to do.")
    ALREADY_WAITING = _("Delivery {delivery} is waiting to go out already."), Remedy.END_WAIT_IF_ANY
    BEING_LOOKED_UP = _("Delivery {delivery} may be public: it is being looked up on {platform}. Wait for the answer.")
    BEING_SENT = _("Delivery {delivery} is being sent just now; wait a minute, then do this again.")
    MAY_BE_PUBLIC = (
        _(
            "Delivery {delivery} may already be public, and a retry could post it twice. Look on {platform} first.",
        ),
        Remedy.LOOK_THEN_SETTLE,
    )
    NOT_A_LINK = _("“{link}” is no link to a post; give the whole address, such as {example}.")
    OTHER_PLATFORM = _(
        "That link does not lead to {platform}, where {channel} publishes. "
        "Give the post's address on {platform}, such as {example}, or its id."
    )
    OTHER_ACCOUNT = _(
        "That post is not by {account}, the account that {channel} publishes as. Give the link of a post of {account}."
    )
    NOT_A_POST = _(
        "That link names no single post on {platform}. Open the post there and copy its address, such as {example}."
    )
    NO_SUCH_POST = (
        _(
            "{platform} shows no such post of {account}: {url}. "
            "Check the link; a new post may need some minutes until it is shown."
        ),
        Remedy.ADOPT_UNREAD,
    )
    NOT_VISIBLE = _(
        "Followers don't see the post at {url}: it is {state} on {platform}. Make it public there, then adopt it."
    )
    NOT_READ = (
        _("Nothing was adopted, because {platform} could not be asked for the post just now."),
        Remedy.ADOPT_LATER_OR_UNREAD,
    )
    NOT_ALLOWED_TO_READ = (
        _("Nothing was adopted, because the post could not be read. {why}"),
        Remedy.ADOPT_LATER_OR_UNREAD,
    )
    OTHER_DELIVERY = _(
        "That post is the record of delivery {other} already. "
        "Give the link of the post that belongs to delivery {delivery}."
    )
    CHANNEL_REMOVED = _(
        "There is no channel {channel} in the desk's configuration any more: write it there again, "
        "or cancel delivery {delivery}."
    )
    NOT_TRANSLATED = _("{channel} leaves this post out, because it is not translated; cancel delivery {delivery}.")
    NOT_ADAPTED = _("Delivery {delivery} still can't go out: {why}")
    NOT_APPROVED = _(
        "Nobody approved the post of delivery {delivery}, so it has no text that may go out. "
        "Have the post approved, then try again."
    )
    POST_WITHDRAWN = _(
        "The post of delivery {delivery} was withdrawn, so it does not go out. Have the post approved, which brings it "
        "back, then try again; or cancel the delivery."
    )
    NO_PAUSE_REASON = _("Say why the channel is paused: whoever finds it so must know whether it may go on.")
    ALREADY_PAUSED = _("The channel {channel} is paused already.")

    @property
    def code(self) -> str:
        return f"act.{self.short_code}"


class PausedChannelProblem(ProblemCode):
    """Says that a channel is paused, where channels are listed."""

    CHANNEL_PAUSED = _("The channel {channel} is paused: {why:clause}."), Remedy.RESUME_CHANNEL


class RetriedProblem(ProblemCode):
    """Names what keeps a delivery back that a person has let out again."""

    RETRIED_ON_PAUSED_CHANNEL = (
        _("Delivery {delivery} waits, because the channel {channel} is paused."),
        Remedy.END_WAIT,
    )
    RETRIED_ON_WAITING_CHANNEL = (
        _("Delivery {delivery} goes out at {until:moment}: until then {channel} waits."),
        Remedy.END_WAIT,
    )


def blocked(problems: Sequence[Problem | Message]) -> Problem | None:
    """Makes the problem of a delivery whose post can't go out on its channel as it is; None: nothing blocks it."""
    return DeliveryProblem.BLOCKED(problems=list(problems)) if problems else None
