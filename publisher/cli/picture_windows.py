"""Reads what of pictures is shown: `--window 2=detected`, `--colour-channels green,off`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from publisher.core.messages import _
from publisher.core.value_range import WindowChoice
from publisher.core.window_choice import read_window
from publisher.posts.channel_texts import ChannelTextInvalid, parse_channels
from publisher.posts.drafts import PictureContent

Windows = tuple[tuple[int | None, WindowChoice], ...]
"""Numbers of pictures, from 1 on, with the choice for each. None: for every picture."""

Merges = tuple[tuple[int | None, list[dict[str, Any]]], ...]
"""Numbers of pictures, from 1 on, with the choice for each of their colour channels. None: for every picture."""


def window_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the option `--window` to a command."""
    return click.option(
        "--window",
        "windows",
        multiple=True,
        metavar="[PICTURE=]CHOICE",
        callback=lambda _ctx, _option, texts: tuple(map(_parse_window, texts)),
        help="What a 16-bit picture shows as black to white: detected, percentile, full, or two values: 200-3000. "
        "Without PICTURE: each of them.",
    )(command)


def channels_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the option `--colour-channels` to a command."""
    return click.option(
        "--colour-channels",
        "colour_channels",
        multiple=True,
        metavar="[PICTURE=]LIST",
        callback=lambda _ctx, _option, texts: tuple(map(_parse_channels, texts)),
        help="How the colour channels of a picture are merged, in their order: green,off,#ff8800:detected. Each is "
        "a colour, off, or empty for what is proposed; after a colon: detected, percentile, full, or the values of "
        "black and of the colour: green:200-3000.",
    )(command)


def _parse_channels(text: str) -> tuple[int | None, list[dict[str, Any]]]:
    number, separator, channels = text.rpartition("=")
    if separator and not (number.isascii() and number.isdigit() and int(number)):
        raise click.UsageError(str(_("write --colour-channels LIST, or --colour-channels 2=LIST")))
    try:
        return int(number) if separator else None, parse_channels(channels)
    except ChannelTextInvalid as error:
        raise click.UsageError(str(error)) from None


def _parse_window(text: str) -> tuple[int | None, WindowChoice]:
    number, _separator, name = text.rpartition("=")
    if not (number == "" or (number.isascii() and number.isdigit() and int(number))):
        raise click.UsageError(str(_("write --window CHOICE, or --window 2=CHOICE")))
    try:
        return int(number) if number else None, read_window(name)
    except ValueError as error:
        raise click.UsageError(str(error.args[0])) from None


def choose_windows(
    pictures: Sequence[PictureContent], windows: Windows, colour_channels: Merges = ()
) -> list[dict[str, Any]]:
    """Returns the pictures of a post with these choices, as they are handed in. Raises UsageError."""
    values = [picture.model_dump(exclude_unset=True) for picture in pictures]
    chosen = [(number, "window", choice) for number, choice in windows]
    for number, name, choice in [*chosen, *((number, "colour_channels", merge) for number, merge in colour_channels)]:
        if number is not None and number > len(values):
            raise click.UsageError(str(_("the post has no picture {number}", number=number)))
        for picture in values if number is None else [values[number - 1]]:
            picture["choices"] = {**picture.get("choices", {}), name: choice}
    return values
