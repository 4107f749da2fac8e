"""Lists the limits of texts and numbers of things, for the pages, the API, the commands and the intake alike.

Texts are counted in code points. A text that was stored before a limit is shown whole, and shortened when it is
published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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

TAGS = 100
LINKS = 50
IMAGES = 30
"""More would have more fields than one form may send."""
CAPTIONS = 100
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
    """Describes in a clause how far a value is beyond its limit; None for a mistake of another kind.

    `mistake`: an error of pydantic.
    """
    context: Mapping[str, Any] = mistake.get("ctx") or {}
    match mistake["type"]:
        case "string_too_long":
            value = mistake.get("input")
            present = f"has {len(value):,} characters" if isinstance(value, str) else "is too long"
            return f"this {present}, and may have {context['max_length']:,} at most; shorten it"
        case "too_long":
            actual, maximum = context.get("actual_length"), context["max_length"]
            present = f"there are {actual:,} of these" if isinstance(actual, int) else "there are too many of these"
            return f"{present}, and {maximum:,} are possible; remove some"
    return None
