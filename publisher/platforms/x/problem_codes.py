"""Lists the problems that X's answers and a log-in at X may have.

A step is what a request was for, such as "Publishing on X". An answer is what X said in its own words.
"""

from __future__ import annotations

from publisher.core.messages import _, plural_template
from publisher.core.problems import ProblemCode
from publisher.core.remedies import Remedy


class XProblem(ProblemCode):
    """Names what X refused, or why the outcome of a request is not known."""

    ANIMATION_NOT_ALONE = _("X shows an animated GIF only alone; leave it or the other pictures out")
    TOO_MANY_IMAGES = _("X takes {maximum} pictures, not {images}")

    CORRECTED_BY_HAND_ONLY = _(
        "The desk does not correct posts on X: X gives a corrected post a new number and allows that for half an hour, "
        "to some accounts only, and a correction that goes wrong would be a second post. Correct it in the X app, "
        "or leave it."
    )
    REFUSED = _("{step}: X refused it ({answer})")
    NOT_READ = _("{step}: X answered {status} ({answer})")
    SERVER_ERROR = _("{step}: X gave HTTP {status}")
    GATEWAY_ANSWERED = _("{step}: X gave HTTP {status}, not in its own words")
    ANSWER_UNREADABLE = _("{step}: X gave an answer that can't be read")

    RATE_LIMITED = _("{step}: X asks to wait until {at:moment}")
    RATE_LIMITED_FOR_LONG = plural_template(
        "{step}: X asks to wait until {at:moment} (it asked for longer; after {count} day it is asked again)",
        "{step}: X asks to wait until {at:moment} (it asked for longer; after {count} days it is asked again)",
    )
    CREDITS_USED_UP = (
        _(
            "X takes no more posts from this app: its credits or its usage cap are used up. "
            "Add credits in X's developer console first."
        ),
        Remedy.RUN_DOCTOR,
    )
    KEYS_REFUSED = _("X refused this channel's keys or tokens ({answer}); check them, or connect the channel again")
    ACCOUNT_NOT_ALLOWED = _(
        "X does not let this app act for the account ({answer}); give the app read and write "
        "permission, see that the account is in order, then connect the channel again"
    )

    MEDIA_EXPIRED = _("{step}: X no longer has the pictures; they are uploaded again")
    MEDIA_WITHOUT_ID = _("{step}: an answer without the picture's id")
    MEDIA_STILL_PROCESSING = _("{step}: X was still processing it after {seconds} seconds")
    MEDIA_NOT_PROCESSED = _("{step}: X could not process it; export it again in another way")

    POST_WITHOUT_ID = _("{step}: an answer without the post's id")
    POST_MISSING_IN_ANSWER = _("{step}: an answer without the post")
    ACCOUNT_UNREADABLE = _("{step}: an answer that can't be read")
    LISTING_INCOMPLETE = _("{step}: an answer that is not complete")
    LISTED_POST_WITHOUT_ID = _("{step}: a post without an id")
    LISTING_TOO_LONG = _("{step}: more than {maximum} posts since then")

    TEXT_MAYBE_OURS = _("{step}: X has a post with this very text already; it may be ours")
    TEXT_POSTED_BEFORE = _(
        "X has a post with this very text and takes it no second time. It is an older one, unless the account shows "
        "it as new by now: look there first, then change the caption"
    )
    REPLIED_POST_GONE = _(
        "X does not show the post before this reply any more: it was deleted, or hidden. The thread ends there"
    )
    REPLIED_POST_NOT_SHOWN_YET = _("{refusal:clause}; the reply waits until X shows the post before it")
    THREAD_ENDED = _("{refusal:clause}; what was posted before it stands, and the thread ends there")


class XLoginProblem(ProblemCode):
    """Names what a log-in at X lacks, or why it ended badly."""

    APP_KEYS_MISSING = _("The channel {channel} lacks the keys of its X app; set {variables:list}.")
    APP_KEYS_MISSING_FOR_LOGIN = _(
        "The channel {channel} lacks the keys of its X app; set {variables:list}, or {client_id} for OAuth 2."
    )
    ACCESS_TOKEN_MISSING = (
        _("The channel {channel} has no access token; set {variables:list}, or connect the channel."),
        Remedy.CONNECT_CHANNEL,
    )
    NOT_CONNECTED = _("The channel {channel} is not connected."), Remedy.CONNECT_CHANNEL
    KEYS_MAY_ONLY_READ = _(
        "These keys may only read @{account}, so X would refuse every post. Give the X app read and write permission, "
        "then make the access token anew: one made earlier goes on to read only"
    )
    LOGIN_ENDED = _("The X log-in has ended."), Remedy.CONNECT_CHANNEL
    LOGIN_REFUSED = _("X refused the log-in ({status})."), Remedy.CONNECT_CHANNEL
    LOGIN_RATE_LIMITED = _("X asks to wait until {at:moment} before the next log-in")
    LOGIN_NOT_ANSWERED = _("Logging in to X: HTTP {status}")
    LOGIN_ANSWER_UNREADABLE = _("{step}: an answer that can't be read")
    LOGIN_NOT_CONFIRMED = _("X did not confirm the log-in; allow it in the settings of the X app.")
    LOGIN_NOT_ALLOWED = _("X did not allow the log-in; begin again.")
    LOGIN_DENIED = _("X did not allow the log-in ({answer}); begin again.")
    OTHER_LOGIN = _("That address does not belong to this log-in; begin again with the new one.")
    OTHER_ACCOUNT = (
        _(
            "X knows that browser as @{name}, but the channel {channel} is @{expected}. "
            "Log in to X as @{expected} first."
        ),
        Remedy.CONNECT_CHANNEL,
    )
    TOKENS_NOT_STORED = _("The renewed X tokens can't be stored ({why:clause})")
