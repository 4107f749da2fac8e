"""Describes the colour channels of a picture, and how they are merged into red, green and blue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

from publisher.core.value_range import Number, ValueFacts, WindowChoice, limits_of

MAX_COLOUR_CHANNELS = 32
MAX_SHOWN_UNASKED = 7
FEW_SHOWN_UNASKED = 3
"""Of more channels than the first number, only so many are shown unless somebody chooses others."""

NAMED_COLOURS: Mapping[str, str] = {
    "grey": "#ffffff",
    "red": "#ff0000",
    "green": "#00ff00",
    "blue": "#0000ff",
    "cyan": "#00ffff",
    "magenta": "#ff00ff",
    "yellow": "#ffff00",
    "orange": "#ff8000",
}
_TWO_COLOURS = ("green", "magenta")
_MORE_COLOURS = ("cyan", "magenta", "yellow", "green", "red", "blue", "grey")
"""Colours that people with defective colour vision tell apart, as far as there are enough of them."""


@dataclass(frozen=True, slots=True)
class ColourChannel:
    """Describes one colour channel of an original."""

    name: str
    """As the file names it. Empty: it does not."""
    colour: str
    """The colour that the file gives it, as `#rrggbb`. Empty: none."""
    page: int
    band: int
    """Where its values are stored."""
    values: ValueFacts

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "values": ValueFacts.from_json(stored["values"])})


@dataclass(frozen=True, slots=True)
class MergedChannel:
    """Specifies how a rendition shows one colour channel."""

    number: int
    """Its place in the file, from 1 on."""
    page: int
    band: int
    colour: str
    """As `#rrggbb`: what its largest values look like."""
    black: Number
    white: Number


class ChannelChoice(Protocol):
    """Holds what staff chose for one colour channel."""

    @property
    def colour(self) -> str: ...
    @property
    def shown(self) -> bool | None: ...
    @property
    def window(self) -> WindowChoice | None: ...


def proposed_colours(channels: Sequence[ColourChannel]) -> list[str]:
    """Returns a colour for each channel: the file's own, else one of a list that is not used yet."""
    names = _TWO_COLOURS if len(channels) <= len(_TWO_COLOURS) else _MORE_COLOURS
    own = {channel.colour for channel in channels}
    free = [NAMED_COLOURS[name] for name in names if NAMED_COLOURS[name] not in own] or [NAMED_COLOURS["grey"]]
    colours, given = [], 0
    for channel in channels:
        colours.append(channel.colour or free[given % len(free)])
        given += not channel.colour
    return colours


def is_shown(number: int, count: int, choice: ChannelChoice | None) -> bool:
    """Tells whether a channel is shown. `number`: its place, from 1 on. `count`: of all channels of the file."""
    if choice is not None and choice.shown is not None:
        return choice.shown
    if choice is not None and (choice.colour or choice.window):
        return True
    return number <= (count if count <= MAX_SHOWN_UNASKED else FEW_SHOWN_UNASKED)


def merge_of(
    channels: Sequence[ColourChannel], choices: Sequence[ChannelChoice] = (), window: WindowChoice | None = None
) -> tuple[MergedChannel, ...]:
    """Returns how the channels are merged: the same on every channel of the outlet and in every thumbnail.

    `choices`: one for each colour channel, in their order; what is missing is as proposed. `window`: for those colour
    channels without one of their own.
    """
    merged = []
    for number, (channel, colour) in enumerate(zip(channels, proposed_colours(channels), strict=True), start=1):
        choice = choices[number - 1] if number <= len(choices) else None
        if is_shown(number, len(channels), choice):
            black, white = limits_of((choice.window if choice else None) or window, channel.values)
            chosen = choice.colour if choice else ""
            merged.append(MergedChannel(number, channel.page, channel.band, chosen or colour, black, white))
    return tuple(merged)
