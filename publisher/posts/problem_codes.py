"""Lists what can be wrong with a post besides its text on each channel, and with the channels it would go to."""

from __future__ import annotations

from publisher.core.messages import _
from publisher.core.problems import ProblemCode
from publisher.core.remedies import Remedy


class PostContentProblem(ProblemCode):
    """Names what staff should know about the content of a post."""

    CAPTION_FOR_UNKNOWN_CHANNEL = _("A caption was written for the channel “{channel}”, which is not there; remove it.")
    CAPTION_FOR_MISSPELT_CHANNEL = _(
        "A caption was written for the channel “{channel}”, which is not there; did you mean “{near}”?"
    )
    CAPTION_FOR_UNKNOWN_LANGUAGE = _(
        "A caption was written for channels in the language “{language}”, which are not there; remove it."
    )
    CAPTION_FOR_MISSPELT_LANGUAGE = _(
        "A caption was written for channels in the language “{language}”, which are not there; did you mean “{near}”?"
    )
    FRAMING_FOR_UNKNOWN_CHANNEL = _(
        "Picture {picture} is fitted for the channel “{channel}”, which is not there; remove that."
    )
    FRAMING_FOR_MISSPELT_CHANNEL = _(
        "Picture {picture} is fitted for the channel “{channel}”, which is not there; did you mean “{near}”?"
    )
    PICTURE_WARNING = _("Picture {picture}: {warning}")
    PICTURE_NEARLY_BLACK = (
        _(
            "Picture {picture} is nearly black over its full range, because its values go up to {high:number} of "
            "{maximum:number} only. Proposed is to show {black:number} as black and {white:number} as white; "
            "somebody has to choose."
        ),
        Remedy.CHOOSE_WINDOW,
    )
    PICTURE_NEARLY_WHITE = (
        _(
            "Picture {picture} is nearly white over its full range, because its values begin at {low:number} of "
            "{maximum:number}. Proposed is to show {black:number} as black and {white:number} as white; somebody has "
            "to choose."
        ),
        Remedy.CHOOSE_WINDOW,
    )
    PICTURE_NEARLY_EVEN = (
        _(
            "Picture {picture} is one grey area over its full range, because its values go from {low:number} to "
            "{high:number} of {maximum:number} only. Proposed is to show {black:number} as black and {white:number} as "
            "white; somebody has to choose."
        ),
        Remedy.CHOOSE_WINDOW,
    )
    PICTURE_EVEN = (
        _(
            "Every value of picture {picture} is {low:number}, so followers would see one even area over any range. "
            "Use another file, or somebody has to choose its full range, where that is meant."
        ),
        Remedy.CHOOSE_WINDOW,
    )
    PICTURE_RANGE_OPEN = (
        _(
            "Picture {picture} stores its values as {kind}, which have no black and no white of their own: they go "
            "from {low:number} to {high:number}. Proposed is to show {black:number} as black and {white:number} as "
            "white; somebody has to choose."
        ),
        Remedy.CHOOSE_WINDOW,
    )
    PICTURE_DARK = (
        _(
            "Picture {picture} is dark, because its values go up to {high:number} of {maximum:number} only. With "
            "{black:number} as black and {white:number} as white it would be lighter."
        ),
        Remedy.CHOOSE_WINDOW,
    )
    LITTLE_SEEN_AS_CHOSEN = (
        _(
            "Picture {picture} shows {black:number} as black and {white:number} as white, as somebody chose, and "
            "little can be seen of it: its values go from {low:number} to {high:number}."
        ),
        Remedy.CHOOSE_WINDOW,
    )
    COLOUR_CHANNELS_OPEN = (
        _(
            "Picture {picture} has colour channels of which little can be seen over all their values. Proposed is to "
            "show {channels:list}; somebody has to choose."
        ),
        Remedy.CHOOSE_WINDOW,
    )
    COLOUR_CHANNELS_FOUND = (
        _("Little could be seen of some colour channels of picture {picture}, so it shows {channels:list}."),
        Remedy.CHOOSE_WINDOW,
    )
    COLOUR_CHANNELS_HIDDEN = _("Little can be seen of colour channels of picture {picture}: {channels:list}.")
    COLOUR_CHANNELS_LEFT_OUT = (
        _("All colour channels of picture {picture} are left out; show at least one."),
        Remedy.CHOOSE_COLOUR_CHANNELS,
    )
    COLOUR_CHANNELS_SHOWN = (
        _("Picture {picture} is merged of colour channels: {channels:list}."),
        Remedy.CHOOSE_COLOUR_CHANNELS,
    )
    COLOUR_CHANNELS_SOME_SHOWN = (
        _("Picture {picture} is merged of colour channels: {channels:list}. Left out: {left_out:list}."),
        Remedy.CHOOSE_COLOUR_CHANNELS,
    )
    SAME_PICTURE_WAITING = _("Picture {picture} is the same as in post {post} “{title}”, which waits to be shown.")
    SAME_PICTURE_SHOWN = _("Picture {picture} is the same as in post {post} “{title}”, shown on {day:day}.")
    SAME_PICTURE_SHOWN_AT = _(
        "Picture {picture} is the same as in post {post} “{title}”, shown on {day:day} at {link}."
    )
    SAME_PICTURE_MORE = _("Picture {picture} is the same in {count} more posts.")
    SAME_TEXT_MORE = _("Its text is the same in {count} more posts.")
    SAME_PICTURE_OVER = _("Picture {picture} is the same in more than {count} other posts.")
    SAME_TEXT_OVER = _("Its text is the same in more than {count} other posts.")
    SAME_TEXT_WAITING = _("Its text is the same as that of post {post} “{title}”, which waits to be shown.")
    SAME_TEXT_SHOWN = _("Its text is the same as that of post {post} “{title}”, shown on {day:day}.")
    SAME_TEXT_SHOWN_AT = _("Its text is the same as that of post {post} “{title}”, shown on {day:day} at {link}.")
    SHOWN_BEFORE_RESTORE_ON = _(
        "This post may have been shown on {first:day}: the desk was restored from a backup that does not know those "
        "days. Look at every channel for it, and approve it only if it is on none."
    )
    SHOWN_BEFORE_RESTORE_BETWEEN = _(
        "This post may have been shown between {first:day} and {last:day}: the desk was restored from a backup that "
        "does not know those days. Look at every channel for it, and approve it only if it is on none."
    )
    MENTIONS_UNREADABLE = _("It mentions somebody, and {why:clause}.")
    LOOKS_UNLIKE_ORIGINAL = _(
        "Finished picture {picture} visibly differs from its master: its likeness is {likeness} and should be at least "
        "{likeness_minimum}; choose a fit that shows less of it at once, or raise the channel's image_bytes limit, "
        "which is {bytes:number} here."
    )
    COLOURS_UNLIKE_ORIGINAL = _(
        "Finished picture {picture} visibly differs from its master: its colour difference is {difference} and should "
        "be at most {difference_maximum}; choose a fit that shows less of it at once, or raise the channel's "
        "image_bytes limit, which is {bytes:number} here."
    )
    PICTURE_UNLIKE_ORIGINAL = _(
        "Finished picture {picture} visibly differs from its master: its likeness is {likeness} and should be at least "
        "{likeness_minimum}, its colour difference is {difference} and should be at most {difference_maximum}; choose "
        "a fit that shows less of it at once, or raise the channel's image_bytes limit, which is {bytes:number} here."
    )


class SearchProblem(ProblemCode):
    """Names why a search is refused."""

    WORDLESS = _("“{part}” holds no letter and no digit that a post could have; write a word there, or leave it out.")
    TOO_LONG = _("A search has at most {maximum} characters; leave some words out.")


class ChannelTargetProblem(ProblemCode):
    """Names why nothing can be adapted for a channel."""

    TEMPLATE_UNUSABLE = _("{why:sentence}")
    SAME_TEXT_ON_ACCOUNT = _(
        "{file}: channels.{channel:key} would publish the same text on the account {account} as channels.{other}; "
        "give it another account, language or caption."
    )
    ADAPTING_FAILED = _(
        "The program failed while it made this channel's text; its log says where. Change the post's text, or report "
        "the fault; then let it try again."
    )


class PeopleFileProblem(ProblemCode):
    """Names why nobody can be mentioned."""

    PEOPLE_UNREADABLE = _("{why:sentence}")
