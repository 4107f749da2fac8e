"""Draws the sample pictures and writes the sample posts; they are the same every time."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pyvips

from publisher.samples import figures, microscopy


def draw_samples(folder: Path) -> None:
    """Draws every sample picture into `folder`, which must be there."""
    microscopy.cells().pngsave(str(folder / "cells.png"), compression=4)
    microscopy.astrocytes().pngsave(str(folder / "astrocytes.png"), compression=4)
    microscopy.root().jpegsave(str(folder / "root.jpg"), Q=93, subsample_mode="off")
    microscopy.bone().tiffsave(str(folder / "bone.tif"), compression="deflate", predictor="horizontal")
    figures.neuron().pngsave(str(folder / "neuron.png"))
    figures.capsid().pngsave(str(folder / "capsid.png"))
    figures.colon().jpegsave(str(folder / "colon.jpg"), Q=93, subsample_mode="off")
    figures.colon(72, magnified=2.4).jpegsave(str(folder / "colon-gland.jpg"), Q=93, subsample_mode="off")


def draw_reserve(folder: Path) -> None:
    """Draws the pictures of the reserve into `folder`, which must be there: parts of pictures with other seeds."""
    for name, picture in (
        ("neighbours", microscopy.cells(29).crop(500, 350, 1200, 900)),
        ("one-star", microscopy.astrocytes(61).crop(0, 0, 1400, 1000)),
        ("struts", _as_photograph(microscopy.bone(61).crop(300, 300, 1000, 1000))),
        ("goblets", figures.colon(79, magnified=2.0).crop(300, 250, 1500, 1100)),
        ("growing-tip", microscopy.root(41).crop(0, 1300, 1400, 1500).rot270()),
        ("negative", microscopy.cells(83).colourspace("b-w").invert()),
    ):
        picture.jpegsave(str(folder / f"{name}.jpg"), Q=93, subsample_mode="off")


def _as_photograph(picture: pyvips.Image) -> pyvips.Image:
    """Returns a picture of 12 bits as one of 8."""
    return (picture / 16).cast("uchar").copy(interpretation="b-w")


def write_samples(folder: Path) -> list[Path]:
    """Writes the sample posts and their pictures into `folder`, and returns the posts in their order.

    A post is a Markdown file that begins with TOML between lines of `+++`; it names its
    pictures, which lie beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw_samples(folder)
    return _write_posts("posts", folder)


def write_reserve(folder: Path) -> list[Path]:
    """Writes further posts and their pictures into `folder`, for a reserve that does not soon repeat itself."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_reserve(folder)
    return _write_posts("reserve", folder)


def _write_posts(kind: str, folder: Path) -> list[Path]:
    posts = resources.files("publisher.samples") / kind
    written = []
    for name in sorted(entry.name for entry in posts.iterdir() if entry.name.endswith(".md")):
        target = folder / name
        target.write_text((posts / name).read_text(encoding="utf-8"), encoding="utf-8")
        written.append(target)
    return written
