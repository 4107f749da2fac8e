"""Stores a problem in a column: its code, parameters and remedy as JSON. Faces render the text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, ColumnElement, Dialect, Text, TypeDecorator, or_
from sqlalchemy.orm import InstrumentedAttribute

from publisher.core.problems import Problem, codes_containing, recorded_problem


class ProblemColumn(TypeDecorator[Problem]):
    """Stores a problem as JSON text, in which a search finds the values; None: there is no problem."""

    impl = Text
    cache_ok = True

    def __init__(self, absent: str | None = None) -> None:
        """`absent`: what stands for no problem in a column that is never NULL."""
        super().__init__()
        self.absent = absent

    def process_bind_param(self, value: Problem | None, dialect: Dialect) -> str | None:
        return self.absent if value is None else json.dumps(value.to_json(), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Problem | None:
        return _read_stored(value) if value else None


def _read_stored(value: str) -> Problem:
    """Reads a stored problem. What is no problem is shown as it is: a row with it must be readable."""
    try:
        return Problem.from_json(json.loads(value))
    except (ValueError, TypeError, LookupError, AttributeError):
        return recorded_problem(value)


class ProblemsColumn(TypeDecorator[list[Problem]]):
    """Stores a list of problems as JSON. Older versions of the program have stored their sentences."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: list[Problem] | None, dialect: Dialect) -> list[dict[str, Any]]:
        return [problem.to_json() for problem in value or ()]

    def process_result_value(self, value: Any, dialect: Dialect) -> list[Problem]:
        return [problem for stored in value or () if (problem := read_recorded(stored))]


def read_recorded(stored: object) -> Problem | None:
    """Reads a problem from an event's detail. Older versions of the program have stored a sentence there."""
    if not stored:
        return None
    try:
        return Problem.from_json(stored) if isinstance(stored, Mapping) else recorded_problem(str(stored))
    except (ValueError, TypeError, LookupError, AttributeError):
        # A page that lists events must not fail over one of them.
        return recorded_problem(str(stored))


def problem_contains(column: InstrumentedAttribute[Problem | None], text: str) -> ColumnElement[bool]:
    """Makes the condition that a stored problem has a text in its values, or is of a kind whose text has it."""
    content = column.cast(Text)
    kinds = [content.contains(f'"code": "{code}"', autoescape=True) for code in codes_containing(text)]
    return or_(content.icontains(text, autoescape=True), *kinds)
