"""Encodes finished pixels at the best quality that fits the channel's limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

from publisher.adapt.images.process.metadata import KEPT
from publisher.adapt.images.process.quality_metrics import is_closer
from publisher.adapt.images.process.quality_search import MAX_QUALITY, MIN_QUALITY, best_quality, highest_fitting
from publisher.adapt.images.process.sampling import SMALL_TILE, TILE, Part, has_tiles, take_tiles

SCREEN_QUALITY = 80
SUBSAMPLE_BELOW_QUALITY = 72
"""Only under this quality is halving the colour resolution the smaller harm, and only for pale pictures."""
PALE_BELOW_SHARE = 0.05
MIN_FIGURE_FLATNESS = 0.2
"""Where fewer pixels are equal to their neighbour, no PNG is smaller than a JPEG."""
TRELLIS_BELOW_QUALITY = 80
"""Under this quality trellis quantisation is tried, which takes four times as long: above, it hardly ever wins."""
MAX_TRELLIS_GAIN = 10
"""By so much the quality can rise: 3 to 7 were seen."""
FINE_QUALITY = 95
"""From this quality on a small sample tells the likeness: within 0.0005 of SSIM on eleven pictures at quality 98."""
PNG_FILTERS = ("none", "all")
PNG_COMPRESSION = 9
QUICK_QUALITY = 90
HIGH_BYTES_PER_PIXEL = 1
"""More than nearly all pictures take at the best quality: below, no sample is tried before the whole."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Holds tiles of a picture, side by side, or all of it."""

    image: Any
    tile_side: int | None
    """None: it is the whole canvas."""


@dataclass(frozen=True)
class Canvas:
    """Holds finished pixels, and takes samples of them where they are needed."""

    image: Any
    picture_part: Part
    """The picture inside its padding."""

    @cached_property
    def tiles(self) -> Any:
        """Returns tiles of the picture, or the whole image where that is small."""
        return take_tiles(self.image, self.picture_part) if self.is_sampled else self.image

    @property
    def is_sampled(self) -> bool:
        return has_tiles(self.picture_part)

    def sample_for(self, quality: int) -> Sample:
        """Returns the pixels on which the likeness of a JPEG of this quality is measured.

        A fine one is nearly as like the picture everywhere, so that a quarter of the pixels tells it.
        """
        if quality >= FINE_QUALITY and has_tiles(self.picture_part, SMALL_TILE):
            return Sample(take_tiles(self.image, self.picture_part, SMALL_TILE), SMALL_TILE)
        return Sample(self.tiles, TILE if self.is_sampled else None)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Holds an encoded picture."""

    content: bytes
    format: str
    quality: int | None
    """None: lossless."""
    sample: Sample | None = None
    """Pixels of a JPEG's canvas."""
    encoded_sample: bytes = b""
    """These pixels, encoded alike."""


def encode(canvas: Canvas, formats: list[str], max_bytes: int, *, lossless_original: bool) -> Encoded | None:
    """Encodes the canvas in the best of the formats within `max_bytes`; None if it must have fewer pixels.

    A PNG, where it is taken and smaller than a JPEG that looks the same: a line figure, scaled or not. Everything else
    is JPEG with full colour resolution: halved, the saturated colours of a fluorescence image smear at any quality.
    """
    if "png" in formats and (lossless_original or "jpeg" not in formats):
        kind = _png_filter(canvas.tiles, must_beat_jpeg="jpeg" in formats)
        content = kind and _encode_png(canvas.image, kind)
        if content and len(content) <= max_bytes:
            return Encoded(content, "png", None)
    if formats == ["webp"]:
        return _encode_webp(canvas.image, max_bytes)
    if "jpeg" not in formats:
        return None
    jpeg = _Jpeg("off")
    full = _best_jpeg(canvas, max_bytes, jpeg)
    is_low = full is None or (full.quality or 0) < SUBSAMPLE_BELOW_QUALITY
    if is_low and saturated_share(canvas.image) < PALE_BELOW_SHARE:
        halved = _best_jpeg(canvas, max_bytes, _Jpeg("on"))
        full, jpeg = (halved, _Jpeg("on")) if halved else (full, jpeg)
    if full and (full.quality or 0) < TRELLIS_BELOW_QUALITY:
        return _try_trellis(canvas, max_bytes, jpeg.subsample, full)
    return full


def _encode_webp(image: Any, max_bytes: int) -> Encoded | None:
    """Encodes a small WebP preview for the desk's own pages; no channel takes WebP."""
    content: bytes = image.webpsave_buffer(Q=SCREEN_QUALITY, effort=2, smart_subsample=True, keep=KEPT)
    return Encoded(content, "webp", SCREEN_QUALITY) if len(content) <= max_bytes else None


def _png_filter(tiles: Any, *, must_beat_jpeg: bool) -> str | None:
    """Returns the filter with which a PNG has the fewest bytes, tried on tiles.

    None, if it `must_beat_jpeg`: a JPEG in which nobody sees a difference has fewer.
    """
    if must_beat_jpeg and _flatness(tiles) < MIN_FIGURE_FLATNESS:
        return None
    size, kind = min((len(_encode_png(tiles, kind)), kind) for kind in PNG_FILTERS)
    return None if must_beat_jpeg and size > len(_Jpeg("off").encode(tiles, MAX_QUALITY)) else kind


def _flatness(tiles: Any) -> float:
    """Returns the share of pixels that are equal to their neighbour, 0 to 1."""
    left = tiles.crop(0, 0, tiles.width - 1, tiles.height)
    equal = (left == tiles.crop(1, 0, tiles.width - 1, tiles.height)).bandand()
    return float(equal.avg()) / 255


def _encode_png(image: Any, kind: str) -> bytes:
    content: bytes = image.pngsave_buffer(compression=PNG_COMPRESSION, filter=kind, keep=KEPT)
    return content


@dataclass(frozen=True, slots=True)
class _Jpeg:
    """Says how JPEGs are encoded, the quality aside."""

    subsample: str
    trellis: bool = False

    def encode(self, image: Any, quality: int) -> bytes:
        content: bytes = image.jpegsave_buffer(
            Q=quality,
            subsample_mode=self.subsample,
            trellis_quant=self.trellis,
            optimize_coding=True,
            interlace=True,
            keep=KEPT,
        )
        return content


def _best_jpeg(canvas: Canvas, max_bytes: int, jpeg: _Jpeg) -> Encoded | None:
    """Encodes a JPEG at the best quality that fits. Qualities are tried on the sample."""

    @cache
    def encode_sample(quality: int) -> bytes:
        return jpeg.encode(canvas.tiles, quality)

    @cache
    def encode_whole(quality: int) -> bytes:
        return jpeg.encode(canvas.image, quality) if canvas.is_sampled else encode_sample(quality)

    @cache
    def times_sample() -> float:
        if not canvas.is_sampled:
            return 1.0
        return _quick_size(canvas.image, jpeg.subsample) / _quick_size(canvas.tiles, jpeg.subsample)

    best = best_quality(
        encode_whole,
        lambda quality: len(encode_sample(quality)) * times_sample(),
        max_bytes,
        likely_fits=canvas.image.width * canvas.image.height * HIGH_BYTES_PER_PIXEL <= max_bytes,
    )
    if best is None:
        return None
    quality, content = best
    sample = canvas.sample_for(quality)
    encoded = encode_sample(quality) if sample.image is canvas.tiles else jpeg.encode(sample.image, quality)
    return Encoded(content, "jpeg", quality, sample, encoded)


def _try_trellis(canvas: Canvas, max_bytes: int, subsample: str, plain: Encoded) -> Encoded:
    """Returns a JPEG with trellis quantisation where its sample is closer at the same bytes; else the plain one.

    It takes fewer bytes, so that a higher quality fits. Tissue gains by it, noise and fluorescence mostly lose.
    """
    jpeg = _Jpeg(subsample, trellis=True)
    times_sample = len(plain.content) / len(plain.encoded_sample)
    encode_sample = cache(partial(jpeg.encode, canvas.tiles))
    least = plain.quality or MIN_QUALITY
    quality = highest_fitting(
        lambda quality: len(encode_sample(quality)) * times_sample, max_bytes, least, least + MAX_TRELLIS_GAIN
    )
    while quality and quality >= least and is_closer(canvas.tiles, encode_sample(quality), plain.encoded_sample):
        content = jpeg.encode(canvas.image, quality) if canvas.is_sampled else encode_sample(quality)
        if len(content) <= max_bytes:
            return Encoded(content, "jpeg", quality, plain.sample, encode_sample(quality))
        quality -= 1
    return plain


def _quick_size(image: Any, subsample: str) -> int:
    """Returns the bytes of a plain JPEG, in a sixth of the time: how two pictures compare, they tell as well."""
    return len(image.jpegsave_buffer(Q=QUICK_QUALITY, subsample_mode=subsample, keep="none"))


def saturated_share(image: Any) -> float:
    """Returns the share of pixels with a strong colour, 0 to 1."""
    hsv = image.resize(min(1.0, 256 / max(image.width, image.height))).colourspace("hsv")
    return float(((hsv[1] > 128) & (hsv[2] > 48)).avg()) / 255
