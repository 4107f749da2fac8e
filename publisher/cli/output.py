"""Tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from publisher.core.characters import escape_for_json, make_visible

Command = TypeVar("Command", bound=Callable[..., Any])

DAY = click.DateTime(["%Y-%m-%d"])

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


class _PlainConsole(Console):
    """A console in which a text that somebody typed never steers the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(_harmless(value) for value in objects), **options)


def _harmless(value: Any) -> Any:
    return make_visible(value, keep="\n\t") if isinstance(value, str) else value


@cache
def console() -> Console:
    """Where tables go. Without a terminal nobody's window is too narrow for them."""
    return _PlainConsole(highlight=False, width=None if sys.stdout.isatty() else 200)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(command)


def print_json(value: Any) -> None:
    click.echo(escape_for_json(json.dumps(value, default=_plain, ensure_ascii=False, indent=2)))


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def styled(state: str) -> str:
    style = STATE_STYLES.get(state)
    return f"[{style}]{state}[/]" if style else state


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table with rich markup in its cells; escape what people wrote."""
    table = Table(title=_harmless(title) or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns[:-1]:
        table.add_column(column, overflow="fold", no_wrap=column in ("no.", "day", "channel", "state", "published"))
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*map(_harmless, row))
    console().print(table)
