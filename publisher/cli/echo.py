"""Renders and prints lines on a terminal without control characters, which a typed text may contain."""

from __future__ import annotations

from typing import Any

import click

from publisher.core.characters import make_visible
from publisher.core.messages import Message
from publisher.core.problems import Problem


def harmless(value: Any) -> Any:
    """Returns a text with its control characters as visible signs, and any other value as it is."""
    if isinstance(value, Message | Problem):
        value = str(value)
    return make_visible(value, keep="\n\t") if isinstance(value, str) else value


def echo(text: Message | Problem | str, *, err: bool = False, nl: bool = True) -> None:
    """Prints a text for the present reader, with its control characters as visible signs. `err`: on standard error."""
    click.echo(harmless(text), err=err, nl=nl)
