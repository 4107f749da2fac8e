"""Defines the console that tables and coloured lines are printed to."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from publisher.cli.echo import harmless


class PlainConsole(Console):
    """Prints typed texts without the control characters in them."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(harmless(value) for value in objects), **options)
