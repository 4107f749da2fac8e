"""Puts a picture on its canvas, with padding around it and the credit below it."""

from __future__ import annotations

from typing import Any

import pyvips

from publisher.adapt.images.geometry import Layout
from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.problem_codes import PictureProblem, RenditionNote
from publisher.core.problems import Problem

Colour = list[float]

EDGE_PIXELS = 4
FLAT_BELOW_DEVIATION = 14.0
DARK_BELOW_MEAN = 96.0
BACKDROP_DIMMING = 0.6
"""A blurred backdrop is darker than the picture, so that nobody takes it for data."""

_WHITE: Colour = [255.0, 255.0, 255.0]
_BLACK: Colour = [0.0, 0.0, 0.0]


def frame(picture: Any, layout: Layout, padding: str, credit: str) -> tuple[Any, list[Problem]]:
    """Draws the picture on its canvas, in memory, with the credit strip below it if the layout has one."""
    colour = padding_colour(picture, layout, padding)
    block = picture
    if layout.strip_height:
        block = picture.join(_credit_strip(credit, layout.width, layout.strip_height, colour), "vertical")
    if (block.width, block.height) == (layout.canvas_width, layout.canvas_height):
        # A second copy of a large canvas would be the largest thing in memory.
        return (block if block is picture else block.copy_memory()), []
    is_above = layout.canvas_height > block.height
    if padding == "blur":
        backdrop = _blurred_backdrop(picture, layout.canvas_width, layout.canvas_height)
        canvas = backdrop.insert(block, layout.left, layout.top)
        kind = RenditionNote.PADDED_ABOVE_WITH_COPY if is_above else RenditionNote.PADDED_BESIDE_WITH_COPY
        return canvas.copy_memory(), [kind()]
    canvas = block.embed(
        layout.left, layout.top, layout.canvas_width, layout.canvas_height, extend="background", background=colour
    )
    kind = RenditionNote.PADDED_ABOVE_WITH_COLOUR if is_above else RenditionNote.PADDED_BESIDE_WITH_COLOUR
    return canvas.copy_memory(), [kind(colour="#" + "".join(f"{round(value):02x}" for value in colour))]


def padding_colour(picture: Any, layout: Layout, padding: str) -> Colour:
    """Chooses the padding colour: the one in `padding`, or that of the edges that meet the padding, if they are of
    one colour, or black for a picture with dark edges and white for one with light edges."""
    if padding.startswith("#"):
        return [float(int(padding[at : at + 2], 16)) for at in (1, 3, 5)]
    edges = _edges(picture, beside=layout.canvas_width > layout.width)
    means = [edges[band].avg() for band in range(3)]
    if max(edges[band].deviate() for band in range(3)) < FLAT_BELOW_DEVIATION:
        return [float(round(mean)) for mean in means]
    return _BLACK if sum(means) / 3 < DARK_BELOW_MEAN else _WHITE


def _edges(picture: Any, *, beside: bool) -> Any:
    width, height = picture.width, picture.height
    if beside:
        deep = min(EDGE_PIXELS, width)
        return picture.crop(0, 0, deep, height).join(picture.crop(width - deep, 0, deep, height), "horizontal")
    deep = min(EDGE_PIXELS, height)
    return picture.crop(0, 0, width, deep).join(picture.crop(0, height - deep, width, deep), "vertical")


def _blurred_backdrop(picture: Any, width: int, height: int) -> Any:
    cover = max(width / picture.width, height / picture.height)
    large = picture.resize(cover * 1.01, kernel="linear")
    cut = large.crop((large.width - width) // 2, (large.height - height) // 2, width, height)
    return (cut.gaussblur(max(width, height) / 30) * BACKDROP_DIMMING).cast("uchar").copy(interpretation="srgb")


def _credit_strip(credit: str, width: int, height: int, background: Colour) -> Any:
    margin = max(1, height // 4)
    ink = _BLACK if sum(background) / 3 > 127 else _WHITE
    try:
        letters = pyvips.Image.text(
            credit.replace("&", "&amp;").replace("<", "&lt;"),
            font="sans",
            width=width - 2 * margin,
            height=height - 2 * margin,
            align="centre",
        )
        readable = has_font()
    except pyvips.Error as error:
        raise PictureRefused(PictureProblem.NO_FONT()) from error
    if not readable:
        raise PictureRefused(PictureProblem.NO_FONT())
    size = min(1.0, (width - 2 * margin) / letters.width, (height - 2 * margin) / letters.height)
    mask = letters.resize(size).gravity("centre", width, height)
    shape = mask.new_from_image(background).copy(interpretation="srgb")
    return mask.ifthenelse(shape.new_from_image(ink), shape, blend=True).cast("uchar").copy(interpretation="srgb")


def has_font() -> bool:
    """Tells whether a font is installed: without one, every letter is the same empty box."""
    narrow, wide = pyvips.Image.text("i", font="sans"), pyvips.Image.text("W", font="sans")
    if (narrow.width, narrow.height) != (wide.width, wide.height):
        return True
    return bool((narrow - wide).abs().max() > 0)
