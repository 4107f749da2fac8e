"""Reads and writes how colour channels are merged, as people write it: `green, off, magenta:detected`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from publisher.core.colour_channels import (
    MAX_COLOUR_CHANNELS,
    NAMED_COLOURS,
    ColourChannel,
    MergedChannel,
)
from publisher.core.messages import Message, _
from publisher.core.value_range import Limits
from publisher.core.window_choice import read_window, write_window

LEFT_OUT, SHOWN = "off", "on"
COLOUR_NAMES: Mapping[str, Message] = {
    "grey": _("grey"),
    "red": _("red"),
    "green": _("green"),
    "blue": _("blue"),
    "cyan": _("cyan"),
    "magenta": _("magenta"),
    "yellow": _("yellow"),
    "orange": _("orange"),
}
_NAME_OF_COLOUR = {colour: name for name, colour in NAMED_COLOURS.items()}


class ChannelTextInvalid(ValueError):
    """The text does not say how colour channels are merged; the argument is a sentence."""


def parse_channels(text: str) -> list[dict[str, Any]]:
    """Reads the choices of each colour channel, with commas between them.

    Each is a colour, `off`, or nothing for what is proposed; after a colon may stand what is shown of its values.

    Raises:
        ChannelTextInvalid: it can't be read.
    """
    parts = text.split(",")
    if len(parts) > MAX_COLOUR_CHANNELS:
        raise ChannelTextInvalid(_("at most {maximum} colour channels can be merged", maximum=MAX_COLOUR_CHANNELS))
    return [_parse_channel(part.strip()) for part in parts]


def _parse_channel(text: str) -> dict[str, Any]:
    colour, _separator, window = (part.strip() for part in text.partition(":"))
    if colour in (LEFT_OUT, SHOWN):
        colour, window = "", window or colour
    written = NAMED_COLOURS.get(colour, colour).lower()
    if written and not re.fullmatch("#[0-9a-f]{6}", written):
        raise ChannelTextInvalid(
            _(
                "“{colour}” is no colour; write one like #ff8800, or one of {colours:list}",
                colour=colour,
                colours=list(NAMED_COLOURS),
            )
        )
    chosen: dict[str, Any] = {"colour": written}
    if window in (LEFT_OUT, SHOWN):
        return {**chosen, "shown": window == SHOWN}
    try:
        return {**chosen, "window": read_window(window)} if window else chosen
    except ValueError as error:
        raise ChannelTextInvalid(*error.args) from None


def write_channels(choices: Iterable[Mapping[str, Any]] | None) -> str:
    """Writes the choices as `parse_channels` reads them."""
    return ",".join(
        ":".join(filter(None, (write_colour(choice.get("colour") or ""), write_range(choice))))
        if choice.get("colour") or not write_range(choice)
        else f":{write_range(choice)}"
        for choice in choices or ()
    )


def write_range(choice: Mapping[str, Any]) -> str:
    """Writes what is shown of a channel: `off`, `on`, a choice of values such as `200..3000`, or nothing."""
    shown = choice.get("shown")
    if shown is False:
        return LEFT_OUT
    return write_window(choice.get("window")) or (SHOWN if shown else "")


def write_colour(colour: str) -> str:
    """Writes a colour by its name where it has one."""
    return _NAME_OF_COLOUR.get(colour, colour)


def colour_label(colour: str) -> Message | str:
    """Names a colour for people."""
    name = _NAME_OF_COLOUR.get(colour)
    return COLOUR_NAMES[name] if name else colour


def channel_label(channel: ColourChannel, number: int) -> Message | str:
    """Names a colour channel for people. `number`: its place in the file, from 1 on."""
    return channel.name or _("channel {number}", number=number)


def write_merged(merged: Sequence[MergedChannel]) -> str:
    """Writes exactly how channels were merged, for the address of a thumbnail."""
    return ",".join(
        f"{channel.number}~{channel.colour.removeprefix('#')}~{_plain(channel.black)}~{_plain(channel.white)}"
        for channel in merged
    )


def _plain(number: float) -> str:
    # A plus sign in an address is a space.
    return str(number).replace("e+", "e")


def parse_merged(text: str, channels: Sequence[ColourChannel]) -> tuple[MergedChannel, ...]:
    """Reads what `write_merged` has written. Raises ChannelTextInvalid: it is something else."""
    merged = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,2})~([0-9a-f]{6})~([-\d.e]{1,30})~([-\d.e]{1,30})", part)
        if match is None or not 1 <= int(match[1]) <= len(channels):
            raise ChannelTextInvalid(text)
        channel = channels[int(match[1]) - 1]
        limits = _limits(match[3], match[4])
        merged.append(MergedChannel(int(match[1]), channel.page, channel.band, f"#{match[2]}", *limits))
    return tuple(merged)


def _limits(low: str, high: str) -> Limits:
    try:
        if low.lstrip("-").isdigit() and high.lstrip("-").isdigit():
            return int(low), int(high)
        return float(low), float(high)
    except ValueError as error:
        raise ChannelTextInvalid(low) from error
