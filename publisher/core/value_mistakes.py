"""Describes why a model refuses a value, in a clause for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publisher.core.messages import Message
from publisher.core.post_limits import limit_message


def describe_mistake(mistake: Mapping[str, Any]) -> Message | str:
    """Describes an error of pydantic in a clause. A validator of ours gives its own: `ValueError(_("…"))`."""
    if limit := limit_message(mistake):
        return limit
    error = (mistake.get("ctx") or {}).get("error")
    if isinstance(error, ValueError) and error.args:
        return error.args[0] if isinstance(error.args[0], Message) else str(error)
    return str(mistake["msg"])
