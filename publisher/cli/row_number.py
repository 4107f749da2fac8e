"""The number of a post or a delivery as a command takes it."""

from __future__ import annotations

from typing import Any

import click

from publisher.core.post_limits import LARGEST_NUMBER


class RowNumber(click.ParamType[int]):
    """A whole number that a row can have: the database can't be asked for a greater one."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = int(click.INT.convert(value, param, ctx))
        if abs(number) > LARGEST_NUMBER:
            self.fail(f"{str(value)[:40]} is greater than the number of any post or delivery.", param, ctx)
        return number


ROW_NUMBER = RowNumber()
