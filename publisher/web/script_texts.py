"""Holds the texts that the pages' scripts show; a page brings those of its scripts, in its reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from babel import Locale

from publisher.core.messages import Message, _, current_reader, locale_name, plural_template
from publisher.core.translations import translations

SAMPLE_COUNTS = (*range(200), 1000, 1_000_000)
"""Numbers among which each plural form of every language has one."""

TOO_LONG_TO_PASTE = _("Not pasted: it has {length} characters, and there is room for {free}.")
SCRIPT_TEXTS: Mapping[str, Mapping[str, Message]] = {
    "session.js": {
        "log_in_to_go_on": _("You are logged out. What you typed is kept; log in, and go on where you were."),
        "log_in_to_stay": _("Log in once more, and go on where you were."),
        "log_in_failed": _("The desk could not log you in. What you typed is kept; try it again in a moment."),
        "log_in_unreachable": _("The desk can't be reached. What you typed is kept; try it again in a moment."),
        "other_person": _("{name} is logged in in this browser now. Log in as yourself to go on here."),
        "session_ends": plural_template(
            "You will be logged out in {count} minute.", "You will be logged out in {count} minutes."
        ),
        "stay_logged_in": _("Stay logged in"),
        "log_in_again": _("Log in again"),
    },
    "unsaved.js": {
        "too_long_to_send": _(
            "Not sent: this form holds {count} characters more than the desk takes. Shorten it; nothing is lost."
        ),
        "unreachable": _("Not sent: the desk can't be reached. What you typed is kept here; try it again in a moment."),
        "not_sent": _("What you typed here at {at} was not sent."),
        "put_back": _("Put it back"),
        "forget_it": _("Forget it"),
        "text_found": _("A text that you typed and did not save was found in this browser."),
        "go_on_with_it": _("Go on with it"),
    },
    "waiting.js": {"no_picture": _("no picture")},
    "channels.js": {"one_moment": _("One moment …")},
    "queue.js": {
        "in_line": _("{place} of {places} on this page of the line"),
        "in_reserve": _("{place} of {places} on this page of the reserve"),
        "back": _("{post} is back where it was."),
        "last": _("{post} is last on this page."),
        "first": _("{post} is first on this page."),
        "moved": _("{post}: {where}. Enter keeps it there, Escape takes it back."),
        "saved": _("Saved."),
    },
    "calendar.js": {
        "swap": _("They change places"),
        "shared": _("Both wait for this day"),
        "taken": _("Another post has this day"),
    },
    "ticks.js": {"ticked": plural_template("{count} post is ticked", "{count} posts are ticked")},
    "editor.js": {
        "no_preview": _("The preview could not be reached; what you type is kept here."),
        "not_reached": _("Kept in this browser: the desk can't be reached. It is tried again by itself."),
        "kept_nowhere": _("Not kept: the desk can't be reached, and this browser keeps nothing. Leave the page open."),
        "kept_here": _("Kept in this browser only; save it to hear why the desk does not take it."),
        "too_long_to_keep": _("Kept in this browser only: it is longer than the desk takes. Shorten it."),
        "kept_as_draft": _("Kept as a draft."),
        "kept": _("Kept at {at}, not saved yet."),
        "kept_beside": _(
            "Kept at {at}. {person} has saved this post meanwhile: you will see both texts when you save."
        ),
        "logged_out": _("Kept in this browser: you are logged out."),
    },
    "preview_tabs.js": {
        "channels": _("Channels"),
        "has_problem": _("has a problem"),
    },
    "formatting.js": {
        "toolbar": _("Formatting"),
        "tool_bold": _("Bold"),
        "tool_italic": _("Italic"),
        "tool_link": _("Link"),
        "tool_bullets": _("List"),
        "tool_numbers": _("Numbered list"),
        "tool_quote": _("Quotation"),
        "tool_sub": _("Subscript"),
        "tool_super": _("Superscript"),
        "select_first": _("Select the letters or digits first."),
        "no_subscript": _("Not every character of “{text}” has a subscript form; it stays as it is."),
        "no_superscript": _("Not every character of “{text}” has a superscript form; it stays as it is."),
        "unscripted": _("No raised or lowered form of these characters exists, so they are plain now: {texts}."),
        "pictures_left": plural_template(
            "{count} picture was left out: add it under Pictures.",
            "{count} pictures were left out: add them under Pictures.",
        ),
        "too_long_to_paste": TOO_LONG_TO_PASTE,
    },
    "paste_limits.js": {"too_long_to_paste": TOO_LONG_TO_PASTE},
    "mentions.js": {"people": _("People of the desk")},
    "pictures.js": {
        "picture_moved": _("The picture is now number {place} of {places}."),
        "removed": _("Picture {place} is removed. Put it back"),
        "characters": _("{length} of {limit} characters."),
        "earlier": _("Earlier"),
        "later": _("Later"),
        "remove": _("Remove"),
        "which_picture": _("picture {place}"),
        "here_already": _("{name} is in this post already."),
        "here_now": _("{name} is here. It needs an alt text."),
    },
    "picture_undo.js": {
        "undo": _("Undo"),
        "redo": _("Redo"),
        "undone": _("Undone: {what}."),
        "redone": _("Done again: {what}."),
        "choice_of_picture": _("{choice} (picture {place})"),
    },
    "uploads.js": {
        "not_taken": _("The desk could not take it; try it again, and tell your operator if that does not help."),
        "pasted": _("pasted picture"),
        "progress": _("{name}: sent"),
        "waits": _("waits"),
        "cancel": _("Cancel"),
        "cancel_which": _("Cancel {name}"),
        "cancel_pasted": _("Cancel the pasted picture"),
        "percent": _("{percent} %"),
        "examined": _("is examined"),
        "dismiss": _("Dismiss"),
        "dismiss_which": _("Dismiss the message about {name}"),
        "upload_logged_out": _("You are logged out: log in, and it goes on by itself."),
        "busy": _("The desk examines other pictures first; it goes on by itself."),
        "connection_lost": _("The connection is lost; it goes on by itself."),
        "one_on_its_way": _("{name} on the way."),
        "a_picture": _("A picture"),
        "on_their_way": plural_template("{count} picture on the way.", "{count} pictures on the way."),
        "saved_later": _("It is saved when the pictures are here."),
        "not_saved": _("Not saved: a picture could not be taken. Look above, then save again."),
        "unfinished": _("{name}: {percent} % is here. Choose the same file again, and it goes on."),
    },
    "drawing.js": {
        "draw": _("Draw on the picture"),
        "crop_box": _("Crop"),
        "crop_box_set": _("Crop (set)"),
        "crop_box_add": _("Add a crop box"),
        "crop_box_help": _("Draw the part that is shown there. Other channels are not changed."),
        "shown_on": _("Shown on"),
        "every_channel": _("every channel without a part of its own"),
        "crop_box_which": _("Crop box"),
        "focal_point": _("Focal point"),
        "focal_point_set": _("Focal point (set)"),
        "focal_point_add": _("Add a focal point"),
        "focal_point_help": _(
            "Point at what must stay in view there, if another shape is needed. A crop box comes before it."
        ),
        "focal_point_which": _("Focal point"),
        "protected": _("Protected parts"),
        "protected_set": _("Protected parts (set)"),
        "protected_add": _("Add a protected part"),
        "protected_help": _("Draw around what must never be cut, such as a scale bar."),
        "protected_which": _("Protected part {number}"),
        "gutters": _("Cuts"),
        "gutters_set": _("Cuts (set)"),
        "gutters_add": _("Add a cut"),
        "gutters_help": _("Point at the gaps between panels: a picture that is split is cut there."),
        "gutters_which": _("Cut {number}"),
        "corner_nw": _("{shape}, upper left corner"),
        "corner_ne": _("{shape}, upper right corner"),
        "corner_sw": _("{shape}, lower left corner"),
        "corner_se": _("{shape}, lower right corner"),
        "remove_all": _("Remove all"),
        "remove_it": _("Remove it"),
        "done": _("Done"),
        "keys": _("With the keyboard: arrow keys move a handle, with Shift in larger steps; Delete removes it."),
        "take_cuts": _("Take the desk's cuts"),
        "cut_nowhere": _("Cut nowhere"),
        "shape_where": _("{shape}: {where}."),
        "no_effect": _("It has no effect while the picture is set to “{fit}”."),
        "is_cut_nowhere": _("It is cut nowhere."),
        "no_gaps": _("The desk found no gaps."),
        "one_gap": _("The desk found a gap, {places} from the left, and would cut there."),
        "gaps": plural_template(
            "The desk found {count} gap, {places} from the left, and would cut there.",
            "The desk found {count} gaps, {places} from the left, and would cut there.",
        ),
        "box": _("{width} wide and {height} high, from {left} left, {top} top"),
        "from_left": _("{x} from the left"),
        "from_left_and_top": _("{x} from the left, {y} from the top"),
    },
}
"""The texts of each script by their names in it. A script fills the fields itself, and chooses the plural form."""


def texts_of_scripts(scripts: Iterable[str]) -> dict[str, object]:
    """Returns the texts of these scripts in the present reader's language, as `texts.js` reads them."""
    language = current_reader().language
    texts = {
        name: _plural_forms(text, language) if text.plural else translations(language).gettext(text.source)
        for script in scripts
        for name, text in SCRIPT_TEXTS.get(script, {}).items()
    }
    return {"language": language, "texts": texts}


def _plural_forms(text: Message, language: str) -> dict[str, str]:
    """Returns the forms of a text with a number by the names of the Unicode CLDR, such as `one` and `other`."""
    category = Locale.parse(locale_name(language)).plural_form
    samples = {category(count): count for count in reversed(SAMPLE_COUNTS)}
    return {name: translations(language).ngettext(text.source, text.plural, count) for name, count in samples.items()}
