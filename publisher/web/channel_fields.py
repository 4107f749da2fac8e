"""Makes the form fields of a picture's colour channels: `channel_N_colour`, `_range`, `_black` and `_white`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from publisher.core.colour_channels import NAMED_COLOURS, is_shown, proposed_colours
from publisher.core.messages import Message, _
from publisher.core.value_range import ValueFacts
from publisher.core.window_choice import read_window
from publisher.db.models import Media
from publisher.posts.channel_texts import (
    COLOUR_NAMES,
    LEFT_OUT,
    SHOWN,
    channel_label,
    colour_label,
    write_channels,
    write_colour,
    write_range,
)
from publisher.web.window_fields import fields_of_window, window_value

_FIELD = re.compile(r"channel_(\d{1,2})_(colour|range|black|white)")


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """Holds what the form shows of one colour channel."""

    number: int
    name: Message | str
    colour: str
    """The proposed one, as `#rrggbb`."""
    colour_name: Message | str
    is_shown: bool
    """Unless somebody chooses."""
    values: ValueFacts


def channel_rows(media: Media) -> list[ChannelRow]:
    """Lists the colour channels of a picture."""
    channels = media.colour_channels
    return [
        ChannelRow(
            number,
            channel_label(channel, number),
            colour,
            colour_label(colour),
            is_shown(number, len(channels), None),
            channel.values,
        )
        for number, (channel, colour) in enumerate(zip(channels, proposed_colours(channels), strict=True), start=1)
    ]


def colour_options(chosen: str) -> list[tuple[str, Message | str]]:
    """Lists the colours that the form offers; one that is chosen and has no name is among them."""
    options: list[tuple[str, Message | str]] = list(COLOUR_NAMES.items())
    return options if not chosen or chosen in NAMED_COLOURS else [*options, (chosen, chosen)]


def chosen_colour(name: str) -> str:
    """Returns the colour that a field holds, as `#rrggbb`; empty: none, or not a colour."""
    colour = NAMED_COLOURS.get(name, name)
    return colour if re.fullmatch("#[0-9a-f]{6}", colour) else ""


def channel_values(field: Callable[[str], str], names: Sequence[str]) -> list[dict[str, Any]] | None:
    """Returns the choices that the fields of a picture hold. `names`: of all fields, after the picture's number."""
    numbers = [int(match[1]) for name in names if (match := _FIELD.fullmatch(name))]
    return [_channel(field, number) for number in range(1, max(numbers, default=0) + 1)] or None


def _channel(field: Callable[[str], str], number: int) -> dict[str, Any]:
    colour, shown = field(f"channel_{number}_colour"), field(f"channel_{number}_range")
    chosen: dict[str, Any] = {"colour": NAMED_COLOURS.get(colour, colour)}
    if shown in (LEFT_OUT, SHOWN):
        return {**chosen, "shown": shown == SHOWN}
    return {**chosen, "window": window_value(field, f"channel_{number}_", "range")}


def fields_of_channels(choices: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    """Returns the fields of the choices for colour channels."""
    fields = {}
    for number, choice in enumerate(choices or (), start=1):
        fields[f"channel_{number}_colour"] = write_colour(choice.get("colour") or "")
        fields |= fields_of_window(write_range(choice), f"channel_{number}_", "range")
    return fields


def channels_of_fields(fields: Mapping[str, str], prefix: str) -> str:
    """Writes the choices that the fields hold, for the address of a thumbnail. `prefix`: such as `images-0-`."""
    names = [name.removeprefix(prefix) for name in fields if name.startswith(prefix)]
    choices = channel_values(lambda name: fields.get(prefix + name, "").strip(), names) or []
    return write_channels(map(_without_mistakes, choices)).rstrip(",")


def _without_mistakes(choice: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {**choice, "window": read_window(choice.get("window"))}
    except ValueError:
        return {**choice, "window": None}


def channel_field_label(name: str) -> Message | None:
    """Labels a field of a colour channel. None: it is another field."""
    found = _FIELD.fullmatch(name)
    if found is None:
        return None
    number = int(found[1])
    match found[2]:
        case "colour":
            return _("Colour of channel {channel}", channel=number)
        case "black":
            return _("Black of channel {channel}", channel=number)
        case "white":
            return _("White of channel {channel}", channel=number)
    return _("What is shown of channel {channel}", channel=number)
