"""Finds the best quality under a limit of bytes, with few encodings of the whole picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

MAX_QUALITY, MIN_QUALITY = 98, 50

_TYPICAL_SLOPE = -0.62
_MAX_PREDICTED = 4
"""After so many encodings whose sizes were predicted wrongly, the range is halved instead."""

EncodeAt = Callable[[int], bytes]
EstimateAt = Callable[[int], float]


def best_quality(
    encode_at: EncodeAt, estimate_at: EstimateAt, max_bytes: int, *, likely_fits: bool = False
) -> tuple[int, bytes] | None:
    """Finds the highest quality at which the encoding fits; None if none does.

    `estimate_at` returns about how many bytes there will be at a quality. What it is wrong by is learned from the
    first encoding, and is nearly the same at the next qualities: the second encoding is mostly the last one.
    `likely_fits`: the best quality of all is tried first.
    """
    estimate = cache(estimate_at)
    too_low, too_high = MIN_QUALITY - 1, MAX_QUALITY + 1
    quality: int | None = MAX_QUALITY if likely_fits else highest_fitting(estimate, max_bytes, MIN_QUALITY, MAX_QUALITY)
    best: tuple[int, bytes] | None = None
    tries = 0
    while too_high - too_low > 1:
        quality = too_low + 1 if quality is None else quality
        content = encode_at(quality)
        if len(content) <= max_bytes:
            too_low, best = quality, (quality, content)
        else:
            too_high = quality
        tries += 1
        if tries >= _MAX_PREDICTED:
            quality = (too_low + too_high) // 2
        elif too_high - too_low > 1:
            correction = len(content) / estimate(quality)
            if best is not None and estimate(too_low + 1) * correction > max_bytes:
                return best
            quality = highest_fitting(estimate, max_bytes / correction, too_low + 1, too_high - 1)
    return best


def highest_fitting(estimate: EstimateAt, max_bytes: float, first: int, last: int) -> int | None:
    """Finds the highest quality from `first` to `last` whose estimate fits; None if none does.

    The logarithm of the size is nearly linear in the logarithm of the quantiser's scale, so a secant there is near it
    at once.
    """
    if estimate(last) <= max_bytes:
        return last
    fits, exceeds = first - 1, last
    slope, tries = _TYPICAL_SLOPE, 0
    while exceeds - fits > 1:
        guess = (fits + exceeds) // 2
        if tries < _MAX_PREDICTED:
            aim = _log_quantiser_scale(exceeds) - math.log(estimate(exceeds) / max_bytes) / slope
            guess = min(max(math.floor((200 - math.exp(aim)) / 2), fits + 1), exceeds - 1)
        known = exceeds
        if estimate(guess) <= max_bytes:
            fits = guess
        else:
            exceeds = guess
        slope = _slope(estimate, guess, known)
        tries += 1
    return fits if fits >= first else None


def _slope(estimate: EstimateAt, first: int, second: int) -> float:
    run = _log_quantiser_scale(second) - _log_quantiser_scale(first)
    slope = math.log(estimate(second) / estimate(first)) / run
    return slope if slope < 0 else _TYPICAL_SLOPE


def _log_quantiser_scale(quality: int) -> float:
    """Returns the logarithm of libjpeg's quantiser scale, for qualities from 50 on."""
    return math.log(200 - 2 * quality)
