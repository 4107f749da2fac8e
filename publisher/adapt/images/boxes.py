"""Arithmetic of rectangles in fractions of a picture."""

from __future__ import annotations

from publisher.core.content import Box

_HAIR = 1e-6


def column(left: float, right: float) -> Box:
    return Box(left=left, top=0.0, width=right - left, height=1.0)


def placed(start: float, length: float, kept: list[tuple[float, float]]) -> float:
    """Where a window of this length starts: as near to `start` as the kept intervals and the edges allow."""
    if kept:
        first, last = min(low for low, _ in kept), max(high for _, high in kept)
        if last - first <= length:
            start = min(max(start, last - length), first)
    return min(max(start, 0.0), 1.0 - length)


def inside(outer: Box, inner: Box) -> bool:
    return (
        outer.left <= inner.left + _HAIR
        and outer.top <= inner.top + _HAIR
        and inner.left + inner.width <= outer.left + outer.width + _HAIR
        and inner.top + inner.height <= outer.top + outer.height + _HAIR
    )


def apart(first: Box, second: Box) -> bool:
    return (
        first.left + first.width <= second.left + _HAIR
        or second.left + second.width <= first.left + _HAIR
        or first.top + first.height <= second.top + _HAIR
        or second.top + second.height <= first.top + _HAIR
    )
