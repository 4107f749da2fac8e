"""Lines on a terminal in which nothing that somebody typed steers it."""

from __future__ import annotations

import click

from publisher.core.characters import make_visible


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Prints a text; what would steer the terminal is printed as a sign. `err`: on standard error."""
    click.echo(make_visible(text, keep="\n\t"), err=err, nl=nl)
