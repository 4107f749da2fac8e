"""Reads what a request asks of a platform's habits: which of its doubtful ways a platform follows from now on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

LONGEST_SECONDS = 7 * 86400.0
Reader = Callable[[Any], Any]
"""Returns the value of a habit. Raises ValueError with what it has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformHabits:
    """The doubtful ways of one platform, and what a proof makes of them. Values are as the control port takes them."""

    readers: Mapping[str, Reader] = field(default_factory=dict)
    """How the value of each is read."""
    usual: Mapping[str, Any] = field(default_factory=dict)
    """Their values on a day for which a proof draws none. What shows evidence is set apart, by `give_evidence`."""
    drawn: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The values that a proof draws from, with equal chance."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The values that let nothing hide a post from a look-up."""

    def as_json(self) -> dict[str, Any]:
        """What a proof needs to draw them."""
        drawn = {name: list(values) for name, values in self.drawn.items()}
        return {"usual": dict(self.usual), "drawn": drawn, "evidence": dict(self.evidence)}


def read_habits(wish: Mapping[str, Any], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return the wished habits with their values. Raises ValueError with a sentence, and then none is to be changed."""
    found = {}
    for name, value in wish.items():
        if name not in readers:
            raise ValueError(f"there is no habit {name!r}; known are {', '.join(readers) or 'none'}")
        try:
            found[name] = readers[name](value)
        except ValueError as error:
            raise ValueError(f"{name} must be {error}") from None
    return found


def yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def whole_number(least: int, most: int) -> Reader:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return read


def or_none(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def seconds(value: Any) -> timedelta:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LONGEST_SECONDS:
        raise ValueError(f"seconds, from 0 to {LONGEST_SECONDS:.0f}")
    return timedelta(seconds=value)


def one_of(*known: Any) -> Reader:
    def read(value: Any) -> Any:
        if isinstance(value, bool) or value not in known:
            raise ValueError(f"one of {', '.join(map(str, known))}")
        return value

    return read


def each(reader: Reader) -> Reader:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("a list")
        return [reader(item) for item in value]

    return read
