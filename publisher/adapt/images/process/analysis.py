"""Analyses a picture: its perceptual hash, and the gaps between the panels of a composite."""

from __future__ import annotations

import math
from array import array
from typing import Any

_SIDE = 64
_WAVES = 16

FLAT_BELOW_SPREAD = 6.0
MIN_GUTTER_WIDTH, MAX_GUTTER_WIDTH = 0.002, 0.08
BORDER_MARGIN = 0.04
"""A flat column this near to the border is a border, not a gap."""
EDGE_DISTANCE = 3
"""So many columns past the end of a gap its surroundings are compared: beyond a softened edge."""
MIN_JUMP = 24.0


def perceptual_hash(image: Any) -> str:
    """Computes the 256-bit pHash of an sRGB image, as 64 hexadecimal digits.

    It is the sign, against their median, of the 16 x 16 lowest cosine waves of a 64 x 64 grey copy.
    Copies of one picture differ in at most 24 bits, different pictures in about 100 or more.
    """
    grey = image.colourspace("b-w").resize(_SIDE / image.width, vscale=_SIDE / image.height, kernel="lanczos3")
    pixels = bytes(grey.cast("uchar").write_to_memory())
    waves = [[math.cos(math.pi * wave * (2 * x + 1) / (2 * _SIDE)) for x in range(_SIDE)] for wave in range(_WAVES)]
    rows = [pixels[start : start + _SIDE] for start in range(0, _SIDE * _SIDE, _SIDE)]
    across = [[sum(map(float.__mul__, wave, map(float, row))) for wave in waves] for row in rows]
    columns = list(zip(*across, strict=True))
    values = [sum(map(float.__mul__, wave, column)) for wave in waves for column in columns]
    ordered = sorted(values)
    median = (ordered[len(ordered) // 2 - 1] + ordered[len(ordered) // 2]) / 2
    bits = "".join("1" if value > median else "0" for value in values)
    return f"{int(bits, 2):0{len(bits) // 4}x}"


def find_gutters(image: Any) -> list[float]:
    """Finds the x positions, in fractions of the width, of gaps between panels.

    A gap is a narrow band of columns, each of one colour from top to bottom, with a sharp change at
    both its sides: the empty background between two cells has no such edges.
    """
    grey = image.colourspace("b-w").cast("float")
    means = [total / grey.height for total in _column_sums(grey)]
    squares = [total / grey.height for total in _column_sums(grey * grey)]
    spreads = [math.sqrt(max(0.0, square - mean * mean)) for mean, square in zip(means, squares, strict=True)]
    width = grey.width
    return [
        round((start + end) / 2 / width, 4)
        for start, end in _flat_runs(means, spreads)
        if MIN_GUTTER_WIDTH * width <= end - start <= MAX_GUTTER_WIDTH * width
        and BORDER_MARGIN * width < start < end < (1 - BORDER_MARGIN) * width
        and all(
            _has_sharp_edge(means, spreads, (start + end) // 2, outside)
            for outside in (start - EDGE_DISTANCE, end - 1 + EDGE_DISTANCE)
        )
    ]


def _has_sharp_edge(means: list[float], spreads: list[float], inside: int, outside: int) -> bool:
    jump = abs(means[outside] - means[inside]) > MIN_JUMP
    return jump or spreads[outside] > 4 * spreads[inside] + 2 * FLAT_BELOW_SPREAD


def _column_sums(image: Any) -> array[float]:
    columns, _ = image.project()
    return array("d", bytes(columns.cast("double").write_to_memory()))


def _flat_runs(means: list[float], spreads: list[float]) -> list[tuple[int, int]]:
    """Finds runs of neighbouring columns of one colour: start and end, the end excluded."""
    runs = []
    start = 0
    while start < len(means):
        end = start
        while (
            end < len(means) and spreads[end] < FLAT_BELOW_SPREAD and abs(means[end] - means[start]) < FLAT_BELOW_SPREAD
        ):
            end += 1
        if end > start:
            runs.append((start, end))
        start = max(end, start + 1)
    return runs
