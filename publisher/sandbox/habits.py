"""Reads the habits that a request sets: the uncertain behaviours that a platform follows from now on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

MAX_SECONDS = 7 * 86400.0
Reader = Callable[[Any], Any]
"""Reads the value of a habit. Raises ValueError with what it has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformHabits:
    """Lists the uncertain behaviours of one platform for a proof. Values are as the control port takes them."""

    readers: Mapping[str, Reader] = field(default_factory=dict)
    """The reader of each value."""
    usual: Mapping[str, Any] = field(default_factory=dict)
    """The values of a day for which a proof draws none. `set_evidence` sets what shows evidence."""
    drawn: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The values that a proof draws from, with equal chance."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The values that let nothing hide a post from a look-up."""

    def as_json(self) -> dict[str, Any]:
        """Returns what a proof needs to draw them."""
        drawn = {name: list(values) for name, values in self.drawn.items()}
        return {"usual": dict(self.usual), "drawn": drawn, "evidence": dict(self.evidence)}


def read_habits(values: Mapping[str, Any], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Returns the habits with their values. Raises ValueError with a sentence when one of them is wrong."""
    habits = {}
    for name, value in values.items():
        if name not in readers:
            raise ValueError(f"there is no habit {name!r}; known are {', '.join(readers) or 'none'}")
        try:
            habits[name] = readers[name](value)
        except ValueError as error:
            raise ValueError(f"{name} must be {error}") from None
    return habits


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def whole_number(minimum: int, maximum: int) -> Reader:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return value

    return read


def optional(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def duration(value: Any) -> timedelta:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= MAX_SECONDS:
        raise ValueError(f"seconds, from 0 to {MAX_SECONDS:.0f}")
    return timedelta(seconds=value)


def one_of(*known: Any) -> Reader:
    def read(value: Any) -> Any:
        if isinstance(value, bool) or value not in known:
            raise ValueError(f"one of {', '.join(map(str, known))}")
        return value

    return read


def list_of(reader: Reader) -> Reader:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("a list")
        return [reader(item) for item in value]

    return read
