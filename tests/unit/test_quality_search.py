"""Tests that the best JPEG quality under a limit of bytes is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.adapt.images.process.encoding import MAX_QUALITY, MIN_QUALITY, best_quality


def encoder(best_size: int, slope: float, tried: list[int]) -> Callable[[int], bytes]:
    """Makes an encoder whose sizes fall with the quantiser's scale, as those of real pictures do, with some steps."""

    def encode(quality: int) -> bytes:
        tried.append(quality)
        coarser = (200 - 2 * quality) / (200 - 2 * MAX_QUALITY)
        return bytes(max(1, round(best_size * coarser**slope * (1 - 0.01 * (quality % 3)))))

    return encode


@given(best_size=st.integers(20_000, 400_000), slope=st.floats(-1.2, -0.3), share=st.floats(0.05, 1.2))
def test_the_result_fits_and_little_room_is_left(best_size: int, slope: float, share: float) -> None:
    tried: list[int] = []
    encode = encoder(best_size, slope, tried)
    limit = max(1000, int(best_size * share))
    best = best_quality(encode, limit)
    assert len(tried) <= 9
    if best is None:
        assert len(encode(MIN_QUALITY)) > limit
        return
    quality, content = best
    assert MIN_QUALITY <= quality <= MAX_QUALITY
    assert len(content) == len(encode(quality)) <= limit
    if quality < MAX_QUALITY:
        assert len(content) > 0.85 * limit or len(encode(quality + 1)) > limit


def test_a_light_picture_is_encoded_once_at_the_best_quality() -> None:
    tried: list[int] = []
    best = best_quality(encoder(1000, -0.6, tried), 2000)
    assert best is not None
    assert best[0] == MAX_QUALITY
    assert tried == [MAX_QUALITY]


@pytest.mark.parametrize("share", [0.35, 0.5, 0.7, 0.9])
def test_few_encodings_are_enough(share: float) -> None:
    tried: list[int] = []
    assert best_quality(encoder(300_000, -0.62, tried), int(300_000 * share)) is not None
    assert len(tried) <= 5
