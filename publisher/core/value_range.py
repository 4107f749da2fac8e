"""Describes the values of a picture with more than 8 bits, and chooses which are shown as black and as white."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Literal, Self, get_args

MAX_VALUE = 65535
FULL_RANGE = (0, MAX_VALUE)

Number = int | float
Limits = tuple[int, int] | tuple[float, float]
"""The values shown as black and as white."""
NamedWindow = Literal["full", "detected", "percentile"]
CHOICES: tuple[NamedWindow, ...] = get_args(NamedWindow)
WindowChoice = NamedWindow | Limits
"""What staff can choose: every value, the range that the desk found, the 0.1 and 99.9 percentiles, or two values that
they type."""
Window = Literal["full", "percentile"] | Limits
"""What is rendered: every value, the values shown as black and white, or percentiles that are found anew each time,
as older versions of the program did."""

ValueKind = Literal["uint8", "uint16", "int8", "int16", "int32", "uint32", "float32", "float64"]
"""How a file stores its values."""
_SCREEN_RANGES: Mapping[str, tuple[int, int]] = {"uint8": (0, 255), "uint16": FULL_RANGE}
"""The kinds that have a black and a white of their own."""
_FLOAT_KINDS = ("float32", "float64")
_UNIT_RANGE = (0.0, 1.0)

MIN_LIGHT, MAX_DARK = 64, 191
"""On a scale to 255. A picture whose lightest pixels stay below the first looks black; one whose darkest stay above the
second looks white."""
MIN_CONTRAST = 32
"""With less between its darkest and its lightest pixels, a picture looks like one grey area."""
MIN_GOOD_LIGHT = 156
"""A picture whose lightest pixels stay below this looks dark, though it can be seen."""


class Appearance(Enum):
    """Names how a picture looks in which little can be seen."""

    BLACK = "black"
    WHITE = "white"
    FLAT = "flat"


@dataclass(frozen=True, slots=True)
class ValueFacts:
    """Holds which values the original of a picture has, found once on all its pixels."""

    minimum: Number
    maximum: Number
    low: Number
    high: Number
    """The 0.1 and 99.9 percentiles over all channels."""
    declared: Limits | None = None
    """The range that the file itself says is to be shown, or that its significant bits span."""
    kind: ValueKind = "uint16"
    unusable: int = 0
    """How many values are no finite numbers; they count for none of the others."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        declared = stored.get("declared")
        return cls(
            minimum=stored["minimum"],
            maximum=stored["maximum"],
            low=stored["low"],
            high=stored["high"],
            declared=(declared[0], declared[1]) if declared else None,
            kind=stored.get("kind", "uint16"),
            unusable=int(stored.get("unusable", 0)),
        )

    @property
    def bits(self) -> int:
        """Returns how many bits the largest value needs; at least 8."""
        return max(8, int(self.maximum).bit_length())

    @property
    def is_even(self) -> bool:
        """Tells whether all values are equal, so that no range shows more than another."""
        return self.minimum == self.maximum

    @property
    def has_screen_range(self) -> bool:
        """Tells whether the values have a black and a white of their own, as signed ones have not."""
        return self.kind in _SCREEN_RANGES

    @property
    def detected(self) -> Limits:
        """Returns the range that the desk proposes.

        That is what the file says, else what its significant bits span, else 0 to 1 where all numbers lie there; if
        little could be seen then, the percentiles.
        """
        if self.is_even:
            return self.full
        natural = self._natural_range()
        for candidate in (self.declared, natural, self.percentiles, (self.minimum, self.maximum)):
            if candidate is not None and candidate[0] < candidate[1] and self.appearance(candidate) is None:
                return candidate
        return natural or (self.minimum, self.minimum + 1)

    def _natural_range(self) -> Limits | None:
        if self.minimum < 0:
            return None
        if self.kind in _FLOAT_KINDS:
            return _UNIT_RANGE if self.maximum <= 1 else None
        return 0, 2**self.bits - 1

    @property
    def full(self) -> Limits:
        """Returns what is shown with every value: black and white of their own, or the least and greatest value."""
        own = _SCREEN_RANGES.get(self.kind)
        if own is not None:
            return own
        return (self.minimum, self.maximum) if self.minimum < self.maximum else (self.minimum, self.minimum + 1)

    @property
    def percentiles(self) -> Limits:
        return self.low, self.high

    def appearance(self, window: Limits | None = None) -> Appearance | None:
        """Returns how the picture looks in this range, or over every value; None: it can be seen."""
        window = window or self.full
        return appearance_between(_shown(self.low, window), _shown(self.high, window))

    @property
    def needs_choice(self) -> bool:
        """Tells whether somebody has to choose: little is seen over every value, or they have no black and white."""
        return not self.has_screen_range or self.appearance() is not None

    @property
    def looks_dark(self) -> bool:
        """Tells whether the picture is dark over the full range, though it can be seen."""
        return self.appearance() is None and _shown(self.high, self.full) < MIN_GOOD_LIGHT


def appearance_between(dark: float, light: float) -> Appearance | None:
    """Returns how a picture with these darkest and lightest pixels looks, on a scale to 255; None: it can be seen."""
    if light < MIN_LIGHT:
        return Appearance.BLACK
    if dark > MAX_DARK:
        return Appearance.WHITE
    return Appearance.FLAT if light - dark < MIN_CONTRAST else None


def _shown(value: Number, window: Limits) -> float:
    """Returns how light a value is shown, from 0 to 255."""
    low, high = window
    # Halves, because the difference of two floating-point numbers may be too large for one.
    span = high / 2 - low / 2
    return min(255.0, max(0.0, (value / 2 - low / 2) / (span or 0.5) * 255))


def window_of(choice: WindowChoice | None, facts: ValueFacts | None) -> Window:
    """Returns what is rendered: the same on every channel and in every thumbnail.

    Where nobody has chosen, that is the full range; if little could be seen then, what the desk proposes.
    `facts`: None for a picture with 8 bits, or one of which they are not known.
    """
    if facts is None:
        if isinstance(choice, tuple):
            return choice
        return "full" if choice in (None, "full") else "percentile"
    limits = limits_of(choice, facts)
    return "full" if limits == FULL_RANGE and facts.kind == "uint16" else limits


def limits_of(choice: WindowChoice | None, facts: ValueFacts) -> Limits:
    """Returns the values that are shown as black and white."""
    if isinstance(choice, tuple):
        return choice
    if choice is None:
        choice = "detected" if facts.needs_choice else "full"
    return {"full": facts.full, "detected": facts.detected, "percentile": facts.percentiles}[choice]
