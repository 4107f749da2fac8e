"""Prints tables for people and JSON for programs; rich is imported only where a table is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import BaseModel

from publisher.cli.echo import harmless
from publisher.core.characters import escape_for_json
from publisher.core.messages import Message
from publisher.core.problems import Problem

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])

DAY = click.DateTime(["%Y-%m-%d"])

UNWRAPPED_COLUMNS = frozenset({"no.", "day", "channel", "state", "published"})
"""The columns, by the sources of their headings, whose cells are never broken into lines."""
STATE_STYLES = {
    "published": "green",
    "pending": "cyan",
    "preparing": "cyan",
    "publishing": "cyan",
    "unconfirmed": "yellow",
    "held": "bold red",
    "failed": "bold red",
    "missed": "red",
    "canceled": "dim",
    "approved": "green",
    "draft": "yellow",
    "in_review": "yellow",
    "withdrawn": "dim",
}


@cache
def console() -> Console:
    """Returns the console that tables are printed to. Without a terminal it is 200 characters wide."""
    from publisher.cli.plain_console import PlainConsole  # noqa: PLC0415

    return PlainConsole(highlight=False, width=None if sys.stdout.isatty() else 200)


def escape(text: Message | Problem | str) -> str:
    """Renders a text, and escapes its square brackets, so that they are no markup."""
    from rich.markup import escape as escape_markup  # noqa: PLC0415

    return escape_markup(str(text))


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(command)


def print_json(value: Any) -> None:
    click.echo(escape_for_json(json.dumps(value, default=_json_value, ensure_ascii=False, indent=2)))


def _json_value(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Problem):
        return value.to_json()
    if isinstance(value, Path | Message):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def styled(state: str) -> str:
    style = STATE_STYLES.get(state)
    return f"[{style}]{state}[/]" if style else state


def print_table(
    title: Message | str, columns: Sequence[Message | str], rows: Iterable[Sequence[Message | str]]
) -> None:
    """Prints a table with rich markup in its cells; the caller escapes what people wrote."""
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=harmless(title) or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns[:-1]:
        source = column.source if isinstance(column, Message) else column
        table.add_column(str(column), overflow="fold", no_wrap=source in UNWRAPPED_COLUMNS)
    table.add_column(str(columns[-1]), overflow="fold")
    for row in rows:
        table.add_row(*map(harmless, row))
    console().print(table)
