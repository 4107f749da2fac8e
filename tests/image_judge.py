"""Renders test pictures and looks at the results with libraries that the renderer does not use."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from skimage.metrics import structural_similarity

from publisher.adapt.images.rendering import Renderer
from publisher.core.content import Rendition, RenditionSpec
from publisher.media import MediaStore

GRID: dict[str, Any] = {
    "formats": ("jpeg",), "max_bytes": 8_000_000, "max_width": 1440, "max_height": 1800, "canvas_ratio": 0.8,
}  # fmt: skip
BLOG: dict[str, Any] = {
    "formats": ("jpeg", "png", "gif"),
    "max_bytes": 10_000_000,
    "max_width": 2048,
    "max_height": 3072,
}
TIGHT: dict[str, Any] = {"formats": ("jpeg", "png"), "max_bytes": 150_000, "max_width": 2000, "max_height": 2000}
JUDGE: Any = structural_similarity
REAL = ("retina.jpg", "ihc.png", "cell.png", "microaneurysms.png")


def render(store: MediaStore, original: Path, settings: dict[str, Any], **more: Any) -> Rendition:
    spec = RenditionSpec(source=store.put(original.read_bytes()), **(settings | more))
    return Renderer(store).render(spec)


def real(name: str) -> Path:
    return Path(str(resources.files("skimage"))) / "data" / name


def pixels(path: Path) -> NDArray[np.float64]:
    """Returns the picture's pixels upright, in sRGB, on white, as an independent library decodes them."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"), dtype=np.float64)


def opened(path: Path) -> Any:
    """Returns the decoded file with its metadata; the file is closed."""
    with Image.open(path) as image:
        image.load()
    return image


def frames(path: Path) -> int:
    with Image.open(path) as image:
        return int(getattr(image, "n_frames", 1))


def similarity(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(JUDGE(first.mean(-1), second.mean(-1), data_range=255, gaussian_weights=True))


def content(rendition: Rendition, width: int, height: int) -> NDArray[np.float64]:
    left, top = (rendition.width - width) // 2, (rendition.height - height) // 2
    return pixels(rendition.path)[top : top + height, left : left + width]
