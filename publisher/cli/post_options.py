"""Defines the options with the texts of a post, which several commands take alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option("--title"),
    click.option("--standfirst"),
    click.option("--body"),
    click.option("--written-by"),
    click.option("--credit"),
    click.option("--licence"),
    click.option("--link"),
    click.option("--tag", "tags", multiple=True, help="All tags anew; once per tag."),
    click.option(
        "--caption",
        "captions",
        multiple=True,
        metavar="CHANNEL=TEXT",
        help="A caption written by hand, for a channel or for lang:LANGUAGE.",
    ),
)


def changed_texts(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that change the texts of a stored post to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
