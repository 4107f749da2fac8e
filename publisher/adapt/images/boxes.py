"""Computes with rectangles in fractions of a picture."""

from __future__ import annotations

from publisher.core.content import Box

_TOLERANCE = 1e-6


def column_box(left: float, right: float) -> Box:
    """Makes a box as high as the picture."""
    return Box(left=left, top=0.0, width=right - left, height=1.0)


def place_window(start: float, length: float, intervals: list[tuple[float, float]]) -> float:
    """Returns the start of a window of this length, as near to `start` as the intervals and the edges allow."""
    if intervals:
        first, last = min(low for low, _ in intervals), max(high for _, high in intervals)
        if last - first <= length:
            start = min(max(start, last - length), first)
    return min(max(start, 0.0), 1.0 - length)


def is_inside(outer: Box, inner: Box) -> bool:
    return (
        outer.left <= inner.left + _TOLERANCE
        and outer.top <= inner.top + _TOLERANCE
        and inner.left + inner.width <= outer.left + outer.width + _TOLERANCE
        and inner.top + inner.height <= outer.top + outer.height + _TOLERANCE
    )


def are_apart(first: Box, second: Box) -> bool:
    return (
        first.left + first.width <= second.left + _TOLERANCE
        or second.left + second.width <= first.left + _TOLERANCE
        or first.top + first.height <= second.top + _TOLERANCE
        or second.top + second.height <= first.top + _TOLERANCE
    )
