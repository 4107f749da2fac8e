"""Lists what can be wrong with an item of an import, and what is told of one that is made."""

from __future__ import annotations

from publisher.core.messages import _
from publisher.core.problems import ProblemCode


class ImportProblem(ProblemCode):
    """Names why an item of a source makes no post, or what staff should know of the post that it makes."""

    UNREADABLE = _("{why:sentence}")
    """A mistake that names its place itself, as those of post files do."""
    NO_RECORD = _("This line is no object; write the fields of a post in braces, with their names.")
    NO_JSON = _("This line is no JSON: {why}; write one object on each line.")
    NO_JSON_CELL = _("A cell of this row is no JSON: {why}; leave the columns from “tags” on as they were exported.")
    NESTED_TOO_DEEPLY = _("Its values are nested too deeply; write the fields of a post.")
    FIELD_TWICE = _("The field {field} is given twice; keep one of them.")
    MORE_CELLS = _("It has {cells} cells and the first line only {columns}; put a text with a separator in quotes.")
    NUL = _("It has a NUL character, as a damaged file or another encoding has; save the file as UTF-8 text.")
    LINE_TOO_LONG = _("It is longer than {limit} characters; split it, or repair the quotes.")
    NOT_A_TEXT = _("{field}: {value} is no text; write it in quotes.")
    NOT_A_LIST = _("{field}: {value} is no list; write one.")
    NO_DATE = _("It has no date; say on which day it was published, like 2022-02-12.")
    NO_SUCH_DATE = _("{value} is no date that can be read; write it like 2022-02-12.")
    TWO_DATES = _(
        "{value} can be {one:day} or {other:day}; write it like 2022-02-12, or set dates = “day first” or “month "
        "first” for this source in {file}."
    )
    DATE_AHEAD = _("{day:day} is still to come, so that it can't have been published; correct the date.")
    SAME_KEY = _("It has the same key as {other}; give each item its own.")
    NO_ADDRESS = _("The link on {platform}, {value}, is no web address; start it with https://.")
    UNSENDABLE_ADDRESS = _("The link on {platform}, {value}, has a control character or a damaged one; write it anew.")
    PICTURE_OUTSIDE = _("The picture {name} leads out of the folder {folder}; put it there and write its name alone.")
    PICTURE_MISSING = _("There is no picture {name} in the folder {folder}.")
    PICTURE_MISSING_NEAR = _("There is no picture {name} in the folder {folder}; did you mean “{near}”?")
    PICTURE_ELSEWHERE = _("The picture {address} is not here; name the folder that has it with --pictures.")
    PICTURE_WITHOUT_ADDRESS = _("The picture {name} has no web address, and can't be fetched.")
    HTML_TOO_DEEP = _(
        "Its HTML is nested more than {limit} deep, and its text can't be read whole; take out the needless tags."
    )
    HTML_TOO_LONG = _("Its HTML is longer than {limit} MB, and its text can't be read whole; shorten it.")
    NO_TEXT_BESIDE = _("No text stands beside this picture; write {name} with its title, date and text.")

    NO_PICTURE = _("It has no picture.")
    NO_ALT_TEXT = _("Picture {picture} has no alt text.")
    NO_CREDIT = _("It has no credit.")
    LOOKS_LIKE = _("Picture {picture} looks like one of post {post} “{title}”, shown on {day:day}.")
    IS_POST = _("It is post {post} “{title}” already, shown on {day:day}.")
    IS_POST_GOT_LINKS = _("It is post {post} “{title}” already, shown on {day:day}, which got its links.")
    LOOKS_LIKE_ITEM = _("Picture {picture} looks like one of “{title}” of {day:day}, which this import makes.")
    IS_ITEM = _("It is the same post as “{title}” of {day:day}, which this import makes.")
    IS_DRAFT = _(
        "It is post {post} already, which was made when its source was watched; publish it or withdraw it here."
    )
    FROM_ANOTHER_SOURCE = _(
        "It has the key of post {post} “{title}”, which came from another source; the post stays as it is. To take "
        "over a change, edit the post."
    )
    CHANGED_ON_BOTH_SIDES = _(
        "Its source was changed, and so was post {post} “{title}” here; the post stays as it is. To take over the "
        "change, edit the post."
    )


class FetchProblem(ProblemCode):
    """Names why something at an address is not fetched, or can't be."""

    NO_WEB_ADDRESS = _("{address} is no web address that can be fetched; begin it with https:// or http://.")
    PASSWORD_IN_ADDRESS = _("{address} has a password in it; name the address without it.")
    HOST_REFUSED = _("{address} can't be fetched: {why:clause}.")
    NOT_PUBLIC = _(
        "{address} is not fetched: {why:clause}; where it is your own, set private_network = true for the source in "
        "config/sources.toml."
    )
    NOT_PRIVATE_EITHER = _("{address} is not fetched: {why:clause}.")
    ROBOTS = _("{address} is not fetched: its site asks programs in robots.txt not to; save it by hand.")
    NO_ROBOTS = _("{address} is not fetched now, because the robots.txt of its site can't be read: {why:clause}.")
    REDIRECTS = _("{address} leads on more than {limit} times; name the address where it ends.")
    NO_ANSWER = _("{address} can't be fetched: {why:clause}; try again later.")
    STATUS = _("{address} can't be fetched: its server answers {status}.")
    NOT_THERE = _("{address} is not there any more: its server answers {status}.")
    LATER = _("{address} can't be fetched now: its server answers {status} and asks to be left alone for a while.")
    TOO_LARGE = _("{address} is not fetched: it is larger than {limit} MB.")
    TOO_SLOW = _("{address} is not fetched: it takes longer than {limit} seconds.")
    WRONG_TYPE = _("{address} is not fetched: it is {found}, and no {wanted}.")
    PACKED = _("{address} can't be fetched: it comes packed in a way that can't be read ({packing}).")
    SITE_STOPPED = _(
        "At {address}, {count} tries in a row failed, and the import stopped; the same command goes on "
        "later. {why:sentence}"
    )
    NOT_A_PAGE_OF_A_POST = _(
        "{address} has no title and date that can be found, and names no feed; give its layout in config/sources.toml, "
        "with selectors or a preset, and name the source with --as."
    )
    PICTURE_NOT_FETCHED = _("Picture {picture}: {why:sentence}")


class WatchProblem(ProblemCode):
    """Names why a source that is watched brings nothing."""

    NOT_A_POST = _(
        "{address} has no feed and no post that can be found; name the address of its feed in config/sources.toml."
    )
    TOO_MANY = _(
        "It has {count} new items at once or too many in a day, and none of them was made a draft; look at it, and "
        "bring them in with publisher import."
    )
    UNREADABLE_SOURCE = _("{why:sentence}")
    FAULT = _("It can't be looked at, because the program has a fault there; its log says where.")
    ITEM_UNUSABLE = _("“{title}” can't be made a draft: {why:sentences}")
    FAILS_LONG = _("The source {source} has brought nothing since {since:moment}. {why:sentence}")
