"""Tests that the best JPEG quality under a limit of bytes is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.adapt.images.process.quality_search import MAX_QUALITY, MIN_QUALITY, best_quality


def encoder(best_size: int, slope: float, tried: list[int]) -> Callable[[int], bytes]:
    """Makes an encoder whose sizes fall with the quantiser's scale, as those of real pictures do, with some steps."""

    def encode(quality: int) -> bytes:
        tried.append(quality)
        coarser = (200 - 2 * quality) / (200 - 2 * MAX_QUALITY)
        return bytes(max(1, round(best_size * coarser**slope * (1 - 0.01 * (quality % 3)))))

    return encode


def estimator(best_size: int, slope: float, error: float) -> Callable[[int], float]:
    """Makes an estimate of the sizes of such an encoder that is wrong by this factor, a bit more at each quality."""
    encode = encoder(best_size, slope, [])
    return lambda quality: len(encode(quality)) * error * (1 + 0.001 * (MAX_QUALITY - quality))


SIZES = st.integers(20_000, 400_000)
SLOPES = st.floats(-1.2, -0.3)
SHARES = st.floats(0.05, 1.2)


@given(best_size=SIZES, slope=SLOPES, share=SHARES, error=st.floats(0.3, 3), likely_fits=st.booleans())
def test_the_result_fits_and_little_room_is_left(
    best_size: int, slope: float, share: float, error: float, likely_fits: bool
) -> None:
    tried: list[int] = []
    encode = encoder(best_size, slope, tried)
    limit = max(1000, int(best_size * share))
    best = best_quality(encode, estimator(best_size, slope, error), limit, likely_fits=likely_fits)
    assert len(tried) <= 9
    assert len(set(tried)) == len(tried)
    if best is None:
        assert len(encode(MIN_QUALITY)) > limit
        return
    quality, content = best
    assert MIN_QUALITY <= quality <= MAX_QUALITY
    assert len(content) == len(encode(quality)) <= limit
    if quality < MAX_QUALITY:
        assert len(content) > 0.85 * limit or len(encode(quality + 1)) > limit


@given(best_size=SIZES, slope=SLOPES, share=SHARES, error=st.floats(0.93, 1.07))
def test_a_fair_estimate_saves_encodings(best_size: int, slope: float, share: float, error: float) -> None:
    tried: list[int] = []
    best_quality(encoder(best_size, slope, tried), estimator(best_size, slope, error), int(best_size * share))
    assert len(tried) <= 4


@pytest.mark.parametrize("likely_fits", [False, True])
def test_a_light_picture_is_encoded_once_at_the_best_quality(likely_fits: bool) -> None:
    tried: list[int] = []
    best = best_quality(encoder(1000, -0.6, tried), estimator(1000, -0.6, 1.2), 2000, likely_fits=likely_fits)
    assert best is not None
    assert best[0] == MAX_QUALITY
    assert tried == [MAX_QUALITY]


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.7, 0.9])
def test_few_encodings_are_enough_also_where_the_whole_is_the_sample(share: float) -> None:
    tried: list[int] = []
    sampled: list[int] = []
    whole, sample = encoder(300_000, -0.62, tried), encoder(300_000, -0.62, sampled)
    assert best_quality(whole, lambda quality: float(len(sample(quality))), int(300_000 * share)) is not None
    assert len(tried) == 1
    assert len(sampled) <= 5
