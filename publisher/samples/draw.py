"""Draws the sample pictures and writes the sample posts; they are the same every time."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

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


def write_samples(folder: Path) -> list[Path]:
    """Writes the sample posts and their pictures into `folder`, and returns the posts in their order.

    A post is a Markdown file that begins with TOML between lines of `+++`; it names its
    pictures, which lie beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw_samples(folder)
    posts = resources.files("publisher.samples") / "posts"
    written = []
    for name in sorted(entry.name for entry in posts.iterdir() if entry.name.endswith(".md")):
        target = folder / name
        target.write_text((posts / name).read_text(encoding="utf-8"), encoding="utf-8")
        written.append(target)
    return written
