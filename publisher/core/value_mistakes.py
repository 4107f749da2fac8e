"""Describes why a model refuses a value, in a clause for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publisher.core.messages import Message, _
from publisher.core.post_limits import limit_message

_PLAIN: Mapping[str, Message] = {
    "date_": _("this is no date; write it like 2026-05-12"),
    "datetime_": _("this is no date with a time; write it like 2026-05-12T10:00:00+01:00"),
    "timezone_aware": _("this has no time zone"),
    "string_type": _("this is no text"),
    "string_too_short": _("this is empty; write something"),
    "bool_": _("this is neither true nor false"),
    "tuple_type": _("this is no list"),
    "list_type": _("this is no list"),
    "float_": _("this is no number"),
    "int_": _("this is no whole number"),
    "extra_forbidden": _("there is no such field"),
}
"""By how the names of pydantic's kinds of errors begin."""


def describe_mistake(mistake: Mapping[str, Any]) -> Message | str:
    """Describes an error of pydantic in a clause. A validator of ours gives its own: `ValueError(_("…"))`."""
    if limit := limit_message(mistake):
        return limit
    error = (mistake.get("ctx") or {}).get("error")
    if isinstance(error, ValueError) and error.args:
        return error.args[0] if isinstance(error.args[0], Message) else str(error)
    kind = str(mistake["type"])
    plain = next((text for start, text in _PLAIN.items() if kind.startswith(start)), None)
    return plain or str(mistake["msg"])
