"""Lists what can be wrong with a channel on Instagram and with its posts.

An answer is what Instagram said in its own words. A step is what a request was for, such as "Publishing on Instagram".
"""

from __future__ import annotations

from publisher.core.messages import _, plural_template
from publisher.core.problems import ProblemCode
from publisher.core.remedies import Remedy


class InstagramAccountProblem(ProblemCode):
    """Names why Instagram does nothing for the account, or why nobody is logged in to it."""

    NOT_LOGGED_IN = _("The channel {channel} is not logged in to Instagram."), Remedy.CONNECT_CHANNEL
    SIGNED_OUT = _("Instagram has signed the account out."), Remedy.CONNECT_CHANNEL
    PASSWORD_REFUSED = (
        _(
            "Instagram refused the user name or the password; "
            "check both, and log in once with the app on the usual network."
        ),
        Remedy.CONNECT_CHANNEL,
    )
    SECOND_FACTOR_REFUSED = (
        _("Instagram did not accept the code of the second factor; check the TOTP seed and this machine's clock."),
        Remedy.CONNECT_CHANNEL,
    )
    PERSON_WANTED = (
        _("Instagram wants to see a person: open the Instagram app on a usual device, and confirm what it asks."),
        Remedy.CONNECT_CHANNEL,
    )
    SUSPENDED = _("Instagram has suspended the account; open the Instagram app and follow what it says there.")
    ACTIONS_BLOCKED = (
        _(
            "Instagram has blocked the account's actions; "
            "look at it in the Instagram app, and leave it alone for 24 hours."
        ),
        Remedy.RESUME_CHANNEL,
    )
    NETWORK_REFUSED = (
        _("Instagram refuses this machine's network address; set a proxy with a usual address for the channel."),
        Remedy.CONNECT_CHANNEL,
    )
    CLIENT_OUTDATED = (
        _("Instagram no longer knows what this version of instagrapi asks; update it."),
        Remedy.RESUME_CHANNEL,
    )
    OTHER_ACCOUNT = (
        _(
            "The log-in is that of {name}, but the channel {channel} is for {expected}; "
            "set the right account or user name."
        ),
        Remedy.CONNECT_CHANNEL,
    )
    TOTP_SEED_UNUSABLE = _(
        "The TOTP seed of the channel {channel} is no such key; "
        "copy it from Instagram's set-up of the authenticator app."
    )
    NO_CODE_ENTERED = _("No code was entered; begin again.")
    SENT_CODE_REFUSED = _("Instagram did not accept that code; begin again, and enter the code that it sends then.")
    SESSION_BROKEN = _("{place} can't be read; remove it."), Remedy.CONNECT_CHANNEL
    SESSION_NOT_WRITTEN = _(
        "{place} could not be written on this machine ({why:clause}), so the log-in is not stored; "
        "make room or access, then connect again."
    )


class InstagramPostProblem(ProblemCode):
    """Names why a post does not go out on Instagram. Nothing was sent."""

    PICTURE_FORMAT = _("Instagram takes no {format} pictures; make it a JPEG.")
    PICTURE_COUNT = _("Instagram takes 1 to {maximum} pictures, not {pictures}; change the post.")
    PEOPLE_TAGGED = _(
        "Somebody has tagged people in the pictures of this post, and a correction would remove them. "
        "Correct it in the Instagram app."
    )
    ALT_TEXTS_STAY = _(
        "Alt texts of a published post can't be changed on Instagram by a program; change them in the Instagram app."
    )


class InstagramRequestProblem(ProblemCode):
    """Names how a request to Instagram ended badly."""

    RATE_LIMITED = _("{step}: it asks to wait until {at:moment} ({answer})")
    RATE_LIMITED_FOR_LONG = plural_template(
        "{step}: it asks to wait until {at:moment} "
        "(it asked for longer; after {count} day it is asked again) ({answer})",
        "{step}: it asks to wait until {at:moment} "
        "(it asked for longer; after {count} days it is asked again) ({answer})",
    )
    REFUSED = _("{step}: refused ({answer})")
    PICTURE_LOST = _("{step}: it lost an uploaded picture, which goes up again")
    ALREADY_PUBLIC = _("{step}: it says that a post with this upload id is there already ({answer})")
    OUTCOME_UNKNOWN = _("{step}: no answer that says what became of it ({why:clause})")
    UNREADABLE = _("{step}: no answer that can be read ({why:clause})")
    ACCOUNT_UNREADABLE = _("{step}: an answer that can't be read")
    WITHOUT_POST = _("{step}: an answer without the post")
    INCOMPLETE = _("{step}: an answer that is not complete")
    LISTING_TOO_LONG = _("{step}: more than {maximum} posts since then")
    LISTING_OUTDATED = _("{step}: the listing is older than before the post was sent")
