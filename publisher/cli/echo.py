"""Lines on a terminal in which nothing that somebody typed steers it."""

from __future__ import annotations

from typing import Any

import click

from publisher.core.characters import make_visible


def harmless(value: Any) -> Any:
    """Returns a text in which what would steer the terminal is a sign, and everything else as it is."""
    return make_visible(value, keep="\n\t") if isinstance(value, str) else value


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Prints a text; what would steer the terminal is printed as a sign. `err`: on standard error."""
    click.echo(harmless(text), err=err, nl=nl)
