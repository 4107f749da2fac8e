"""Reads and writes which values of a picture staff show as black and as white: `detected`, or `200-3000`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from publisher.core.messages import _
from publisher.core.value_range import CHOICES, Number, WindowChoice

EXAMPLE = "200-3000"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*(?:\.\.|-|–)\s*({_NUMBER})")
LARGEST_WHOLE = 10**15
"""A larger value is a number with a fraction: doubles hold no larger whole number for sure."""


def read_window(value: Any) -> Any:
    """Returns the choice that a text, or a list of black and white, holds. None stays None.

    Raises:
        ValueError: it holds none; the argument is a sentence.
    """
    if value is None or value in CHOICES:
        return value
    if isinstance(value, str):
        match = _RANGE.fullmatch(value.strip())
        if match is None:
            raise ValueError(
                _(
                    "“{text}” is neither one of {choices:list} nor a range; write the values of black and of white, "
                    "such as {example}",
                    text=value[:40],
                    choices=list(CHOICES),
                    example=EXAMPLE,
                )
            )
        value = match.groups()
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError(_("a range has two numbers: the values of black and of white"))
    black, white = map(read_number, value)
    if black >= white:
        raise ValueError(
            _(
                "black is {black:number} and white is {white:number}; the value of black must be the smaller one",
                black=black,
                white=white,
            )
        )
    return black, white


def read_number(value: Any) -> Number:
    """Returns the number that somebody typed. Raises ValueError: it is none; the argument is a sentence."""
    text = str(value).strip()
    if not text:
        raise ValueError(_("a range needs both values, that of black and that of white"))
    if isinstance(value, bool) or not re.fullmatch(_NUMBER, text):
        raise ValueError(_("“{text}” is no number; write one such as 200 or 0.5", text=text[:40]))
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(_("“{text}” is too large a number", text=text[:40]))
    return _shortened(number)


def _shortened(number: Number) -> Number:
    return int(number) if number == round(number) and abs(number) <= LARGEST_WHOLE else number


def write_window(choice: WindowChoice | Sequence[Number] | None) -> str:
    """Writes a choice as `read_window` reads it, and as the address of a thumbnail has it. Empty: nothing is chosen."""
    if choice is None or isinstance(choice, str):
        return choice or ""
    # A plus sign in an address is a space.
    return "..".join(str(_shortened(number)) for number in choice).replace("e+", "e")
