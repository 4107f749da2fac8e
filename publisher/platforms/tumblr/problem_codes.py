"""Lists what can be wrong with a channel on Tumblr, with its posts and with their drafts.

An answer is what Tumblr said in its own words. A step is what a request was for, such as "Reading from Tumblr".
"""

from __future__ import annotations

from publisher.core.messages import _, plural_template
from publisher.core.problems import ProblemCode
from publisher.core.remedies import Remedy


class TumblrAccountProblem(ProblemCode):
    """Names why Tumblr does nothing for the account, or why nobody is logged in to it."""

    SECRET_MISSING = _("The channel {channel} lacks {secret}; set {variable}.")
    NOT_LOGGED_IN = (
        _("The channel {channel} lacks {secret}: {variable} is not set, and nobody has logged in to it."),
        Remedy.CONNECT_CHANNEL,
    )
    OTHER_ACCOUNT = _(
        "The keys of the channel {channel} belong to {blogs:list}, and its account is “{account}”; correct one of them."
    )
    WITHOUT_BLOG = _(
        "The keys of the channel {channel} belong to no blog, and its account is “{account}”; correct one of them."
    )
    KEYS_REFUSED = _("Tumblr refuses the keys: {answer}; check them and this machine's clock")
    NOT_FOUND = _("Tumblr knows no such blog or post: {answer}; check the account in the channel's settings")
    RATE_LIMITED = _("Tumblr takes no more requests for now: {answer}")
    DAILY_LIMIT = _("Tumblr takes no more posts today: {answer}")
    LOGIN_REFUSED = _(
        "Tumblr refuses the log-in ({status}); "
        "check the consumer key, its secret and this machine's clock, and begin again."
    )
    LOGIN_UNANSWERED = _("Tumblr did not answer the log-in as it should ({status}); try again later.")
    ACCESS_DENIED = _("Access was not allowed: Tumblr gave no oauth_verifier; begin again.")
    OTHER_LOGIN = _("That address belongs to another log-in; begin again and use the new one.")


class TumblrPostProblem(ProblemCode):
    """Names why a post does not go out on Tumblr as it is."""

    TAG_WITH_COMMA = _("Tumblr divides tags at commas; write the tag “{tag}” without one.")
    PICTURE_FORMAT = _("Tumblr takes no {format} pictures; picture {position} is one.")
    PICTURE_GONE = _("The file of picture {position} is gone; it is made again at the next try.")
    PICTURE_TOO_LARGE = plural_template(
        "Picture {position} has {count} byte and Tumblr takes {maximum}; make it smaller.",
        "Picture {position} has {count} bytes and Tumblr takes {maximum}; make it smaller.",
    )
    PICTURES_TOO_LARGE = plural_template(
        "The pictures have {count} byte together and Tumblr takes {maximum}; use fewer.",
        "The pictures have {count} bytes together and Tumblr takes {maximum}; use fewer.",
    )
    FILE_GONE = _("The file of {name} is gone; nothing was sent")
    FILE_NOT_READ = _("The file of {name} can't be read, because {why:clause}; nothing was sent")
    POST_REFUSED = _("Tumblr refused the post: {answer}")
    POST_REFUSED_WITHOUT_CODE = _("Tumblr refused the post: {answer}; a smaller picture often helps")
    KEPT_OTHERWISE = _("Tumblr keeps this post otherwise than it was sent: {differences:list}")
    KEPT_OTHERWISE_AGAIN = _(
        "Tumblr keeps this post otherwise than it was sent: {differences:list}. "
        "Nothing was published; change the post, or set drafts = false for this channel."
    )


class TumblrDraftProblem(ProblemCode):
    """Names what keeps a draft from being made, published or removed."""

    NOT_MADE = _("There is no draft to publish; it is made at the next try.")
    MAY_BE_COMING = _("Tumblr may still be making the draft of this post")
    NOT_SHOWN = _("Tumblr made the draft {draft} and does not show it yet")
    GONE = _("The draft {draft} is gone: it was removed, or it is public")
    FORMER_NOT_REMOVED = _(
        "The draft {draft} on {blog} has a former version of this post and could not be removed "
        "({answer:clause}); nothing was sent. Remove it on Tumblr if this lasts."
    )
    CHANGED = _(
        "The post was canceled, and {blog} still has it as {draft}, with the state “{state}”. "
        "It is not as the desk has made it, and was left there. Look at it on Tumblr; remove it by hand."
    )
    NOT_REMOVED = _(
        "The post was canceled, and its draft {draft} on {blog} could not be removed "
        "({answer:clause}). Remove it on Tumblr if this lasts."
    )


class TumblrRequestProblem(ProblemCode):
    """Names how a request to Tumblr ended badly."""

    UNAVAILABLE = _("Tumblr takes no posts for now: {answer}")
    REQUEST_REFUSED = _("{step}: {answer}")
    """Tumblr refused a request that carries no post. `answer`: how it refuses a post."""
    OUTCOME_UNKNOWN = _("{step}: the answer ({status}) does not tell what became of it")
    WITHOUT_NUMBER = _("Tumblr accepted the post and did not say under which number")
    NOT_PUBLIC = _("Tumblr took the post, and its state is “{state}” instead of “published”")
    STATE_UNCLEAR = _(
        "Tumblr has the post {post} and its state is “{state}”; "
        "it is looked at again. Publish or remove it on Tumblr if that lasts."
    )
    TRANSCODING = _("Tumblr is still working on the post; it is read again later.")
    ACCOUNT_UNREADABLE = _("Tumblr described the account in a way that can't be read")
    LISTING_UNREADABLE = _("Tumblr listed the posts in a way that can't be read")
    POST_UNREADABLE = _("Tumblr showed the post in a way that can't be read")
    TIME_MISSING = _("Tumblr lists a post without its time, so that it can't be told whether ours is there")
    LISTING_TOO_LONG = _("Tumblr lists more new posts than can be looked through; look on the blog yourself.")
