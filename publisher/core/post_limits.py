"""Lists the limits of texts and numbers of things, for the pages, the API, the commands and the intake alike.

Texts are counted in code points. A text that was stored before a limit is shown whole, and shortened when it is
published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publisher.core.messages import Message, _, ngettext

TITLE = 500
STANDFIRST = 2_000
BODY = 20_000
WRITTEN_BY = 500
CREDIT = 4_000
LICENCE = 500
ALT_TEXT = 5_000
CAPTION = 20_000
ADDRESS = 2_000
LINK_LABEL = 500
TAG = 150
CHANNEL_NAME = 100
COLLECTION_NAME = 200

TAGS = 100
LINKS = 50
IMAGES = 30
"""More would have more fields than one form may send."""
CAPTIONS = 100
COLLECTION_POSTS = 2_000
TRANSLATIONS = 30
PADDING = 20
COMMENT = 4_000
PERSON_NAME = 120
TOKEN_NAME = 80
OUTLET_NAME = 200
ACCOUNT_NAME = 200
CHOICE_NAME = 60
"""For a role, a scope or an event that is ticked in a list."""
CHOICES = 100
BOXES = 50
"""For protected parts of one picture, and for borders between its panels."""

FIELD_LENGTHS: Mapping[str, int] = {
    "title": TITLE,
    "standfirst": STANDFIRST,
    "body": BODY,
    "written_by": WRITTEN_BY,
    "credit": CREDIT,
    "licence": LICENCE,
    "link": ADDRESS,
}
"""For a post's own texts."""

MAX_ROW_NUMBER = 2**31 - 1
"""No row of the database has a greater one, and some databases can't even be asked for one."""

FORM_BYTES = 1 << 20
"""For all the texts of one form."""


def describe_limit(mistake: Mapping[str, Any]) -> str | None:
    """Renders what `limit_message` says for the present reader."""
    message = limit_message(mistake)
    return None if message is None else str(message)


def limit_message(mistake: Mapping[str, Any]) -> Message | None:
    """Describes in a clause how far a value is beyond its limit; None for a mistake of another kind.

    `mistake`: an error of pydantic.
    """
    context: Mapping[str, Any] = mistake.get("ctx") or {}
    match mistake["type"]:
        case "string_too_long":
            value = mistake.get("input")
            maximum = context["max_length"]
            if not isinstance(value, str):
                return _("this is too long, and may have {maximum:number} at most; shorten it", maximum=maximum)
            return ngettext(
                "this has {count:number} character, and may have {maximum:number} at most; shorten it",
                "this has {count:number} characters, and may have {maximum:number} at most; shorten it",
                count=len(value),
                maximum=maximum,
            )
        case "too_long":
            actual, maximum = context.get("actual_length"), context["max_length"]
            if not isinstance(actual, int):
                return _("there are too many of these, and {maximum:number} are possible; remove some", maximum=maximum)
            return ngettext(
                "there is {count:number} of these, and {maximum:number} are possible; remove some",
                "there are {count:number} of these, and {maximum:number} are possible; remove some",
                count=actual,
                maximum=maximum,
            )
    return None
