"""Reads the number of a post or a delivery from the command line."""

from __future__ import annotations

from typing import Any

import click

from publisher.core.messages import _
from publisher.core.post_limits import MAX_ROW_NUMBER


class RowNumber(click.ParamType[int]):
    """Accepts whole numbers that a row can have; a greater one would be an error of the database."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = int(click.INT.convert(value, param, ctx))
        if abs(number) > MAX_ROW_NUMBER:
            text = _("{number} is greater than the number of any post or delivery.", number=str(value)[:40])
            self.fail(str(text), param, ctx)
        return number


ROW_NUMBER = RowNumber()
