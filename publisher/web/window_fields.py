"""Makes the form fields of the values that are black and white: a choice, and the two numbers where they are typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from publisher.core.window_choice import read_window, write_window

TYPED = "typed"
"""The choice with which the fields `black` and `white` hold the values."""
_PICTURE = "window_"
"""What the names of the fields for a whole picture begin with."""


def window_value(field: Callable[[str], str], prefix: str = _PICTURE, choice: str = "") -> Any:
    """Returns the choice that the fields hold; typed values as they were typed. None: nothing is chosen.

    `choice`: the end of the name of the field with the choice; empty: its name is `window`.
    """
    chosen = field(prefix + choice if choice else "window")
    return [field(f"{prefix}black"), field(f"{prefix}white")] if chosen == TYPED else chosen or None


def fields_of_window(window: str, prefix: str = _PICTURE, choice: str = "") -> dict[str, str]:
    """Returns the fields of a choice. `window`: as `write_window` writes it."""
    name = prefix + choice if choice else "window"
    black, separator, white = window.partition("..")
    if not separator:
        return {name: window}
    return {name: TYPED, f"{prefix}black": black, f"{prefix}white": white}


def window_of_fields(fields: Mapping[str, str], prefix: str) -> str:
    """Writes the choice that the fields hold, for the address of a thumbnail. `prefix`: such as `images-0-`.

    Empty: nothing is chosen, or no range.
    """
    with suppress(ValueError):
        return write_window(read_window(window_value(lambda name: fields.get(prefix + name, "").strip())))
    return ""
