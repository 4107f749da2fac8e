"""Draws sample pictures, sound and hostile ones. The same arguments always give the same bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pyvips
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

SECRET = "secret patient 12345"
_GPS, _SERIAL, _OWNER = 0x8825, 0xA431, 0xA430


# --- pictures --------------------------------------------------------------------------------


def fluorescence(width: int, height: int, *, seed: int = 1) -> Any:
    """Draws cells in three saturated dyes on black, with shot noise: 8-bit sRGB."""
    chance = np.random.default_rng(seed)
    dyes = np.zeros((height, width, 3), np.float32)
    for _ in range(60):
        _stain(dyes, chance, radius=chance.uniform(0.015, 0.06) * width, strength=chance.uniform(60, 230))
    noisy = chance.poisson(dyes / 3 + 1.5).astype(np.float32) * 3
    return from_array(np.clip(noisy, 0, 255).astype(np.uint8))


def _stain(dyes: NDArray[np.float32], chance: np.random.Generator, *, radius: float, strength: float) -> None:
    height, width, _ = dyes.shape
    x, y, dye = chance.uniform(0, width), chance.uniform(0, height), int(chance.integers(3))
    left, right = max(0, int(x - 3 * radius)), min(width, int(x + 3 * radius) + 1)
    top, bottom = max(0, int(y - 3 * radius)), min(height, int(y + 3 * radius) + 1)
    across, down = np.arange(left, right) - x, np.arange(top, bottom)[:, None] - y
    spot = np.exp(-(((across**2 + down**2) / radius**2) ** 2)) * strength
    dyes[top:bottom, left:right, dye] += spot.astype(np.float32)


def tissue(width: int, height: int, *, seed: int = 1) -> Any:
    """Draws pink and violet tissue, textured everywhere: 8-bit sRGB."""
    chance = np.random.default_rng(seed)
    x, y = np.arange(width) / width, (np.arange(height) / width)[:, None]
    waves = sum(
        np.sin(2 * np.pi * (chance.uniform(-30, 30) * x + chance.uniform(-30, 30) * y) + chance.uniform(0, 6))
        for _ in range(12)
    )
    grain = chance.normal(0, 5, (height, width))
    bands = [base + strength * waves / 4 + grain for strength, base in ((30, 205), (55, 140), (28, 180))]
    return from_array(np.clip(np.stack(bands, axis=-1), 0, 255).astype(np.uint8))


def composite(panels: int, side: int, *, gap: int = 12) -> Any:
    """Draws square panels in a row with white gaps between them."""
    parts: list[Any] = []
    for panel in range(panels):
        if panel:
            parts.append((pyvips.Image.black(gap, side, bands=3) + 255).cast("uchar"))
        parts.append(fluorescence(side, side, seed=10 * panel + 1))
    row = parts[0]
    for part in parts[1:]:
        row = row.join(part, "horizontal")
    return row.copy(interpretation="srgb").copy_memory()


def line_figure(width: int, height: int) -> Any:
    """Draws a plot: curves and bars in four colours on white."""
    picture = PillowImage.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    inks = ("black", (200, 30, 30), (20, 120, 60), (30, 60, 180))
    for number in range(24):
        x = width * (number + 1) // 26
        pen.line((x, height // 10, width - x, height - height // 10), fill=inks[number % 4], width=2)
        pen.rectangle((x, height // 3, x + 8, height // 2), fill=inks[number % 4])
    return from_array(np.asarray(picture))


def on_glass(image: Any) -> Any:
    """Adds an alpha channel to the image: whatever is white becomes transparent black."""
    white = (image == 255).bandand()
    return white.ifthenelse(0, image).bandjoin(white.invert()).copy(interpretation="srgb")


def ramp_16(width: int, height: int, *, top: int = 65535) -> Any:
    """Draws grey from 0 to `top`, from left to right, 16 bits."""
    ramp = np.linspace(0, top, width).round().astype(np.uint16)
    return from_array(np.tile(ramp, (height, 1))[:, :, None])


def corners(width: int, height: int) -> Any:
    """Draws four quarters of different colours, so that every turn and mirroring shows."""
    pixels = np.empty((height, width, 3), np.uint8)
    top, left = slice(height // 2), slice(width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    pixels[top, left], pixels[top, right] = (220, 40, 40), (40, 200, 40)
    pixels[bottom, left], pixels[bottom, right] = (40, 40, 220), (220, 220, 60)
    return from_array(pixels)


def from_array(pixels: NDArray[Any]) -> Any:
    """Makes an image of an array of rows, columns and bands: grey or sRGB, 8 or 16 bits."""
    height, width, bands = pixels.shape
    deep = pixels.dtype == np.uint16
    kind = {1: "grey16" if deep else "b-w", 3: "rgb16" if deep else "srgb"}[bands]
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, "ushort" if deep else "uchar")
    return image.copy(interpretation=kind)


# --- files -----------------------------------------------------------------------------------


def save(image: Any, path: Path, **options: Any) -> Path:
    """Writes the image in the format of the suffix of `path`."""
    image.write_to_file(str(path), **options)
    return path


def wide_gamut_jpeg(image: Any, path: Path) -> Path:
    """Writes the image in Display P3, with that profile inside."""
    return save(image.icc_transform("p3", input_profile="srgb", intent="relative"), path, Q=95, subsample_mode="off")


def ink_jpeg(image: Any, path: Path) -> Path:
    """Writes the image in CMYK, with its profile inside."""
    return save(image.icc_transform("cmyk", input_profile="srgb", intent="perceptual"), path, Q=95)


def telling_jpeg(image: Any, path: Path, *, orientation: int = 1) -> Path:
    """Writes a JPEG whose metadata gives away place, owner, camera, patient and a thumbnail of them."""
    picture = PillowImage.frombytes("RGB", (image.width, image.height), bytes(image.write_to_memory()))
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    exif[0x010F], exif[0x0131] = "Maker", SECRET
    exif.get_ifd(0x8769).update({_OWNER: "Owner Name", _SERIAL: "SN-998877"})
    exif.get_ifd(_GPS).update({1: "N", 2: (51.0, 30.0, 0.0), 3: "W", 4: (0.0, 7.0, 0.0)})
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><GPSLatitude>51,30N</GPSLatitude>{SECRET}</x:xmpmeta>'
    picture.save(path, quality=95, subsampling=0, exif=exif, comment=SECRET, xmp=xmp.encode())
    return path


def animation(path: Path, width: int, height: int, frames: int) -> Path:
    """Writes a GIF with a bar that moves, 80 ms per frame."""
    pictures = []
    for frame in range(frames):
        picture = PillowImage.new("RGB", (width, height), (20, 20, 60))
        left = frame * width // frames
        picture.paste((240, 200, 30), (left, 0, left + width // 8, height))
        pictures.append(picture)
    pictures[0].save(path, format="GIF", save_all=True, append_images=pictures[1:], duration=80, loop=0)
    return path


def heic(image: Any, path: Path) -> Path:
    """Writes the image as HEIC, as telephones do."""
    picture = PillowImage.frombytes("RGB", (image.width, image.height), bytes(image.write_to_memory()))
    pillow_heif.from_pillow(picture).save(str(path), quality=92)
    return path


# --- hostile files ---------------------------------------------------------------------------


def write_png(
    path: Path, width: int, height: int, *, depth: int, colour: int, rows: int, interlaced: bool = False
) -> Path:
    """Writes a PNG whose header claims this size and that holds `rows` rows of zeros, compressed as they come."""
    bits = depth * {0: 1, 2: 3}[colour]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header))
        for data in _zeros((width * bits + 7) // 8 + 1, rows):
            file.write(_chunk(b"IDAT", data))
        file.write(_chunk(b"IEND", b""))
    return path


def _zeros(row_bytes: int, rows: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9)
    row = bytes(row_bytes)
    for _ in range(rows):
        data = packer.compress(row)
        if data:
            yield data
    yield packer.flush()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_profile(jpeg: bytes, profile: bytes) -> bytes:
    """Puts these bytes where the JPEG's ICC profile should be."""
    body = b"ICC_PROFILE\x00\x01\x01" + profile
    return jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def claiming(jpeg: bytes, width: int, height: int) -> bytes:
    """Puts another size into the header of a progressive JPEG."""
    at = jpeg.index(b"\xff\xc2") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def cut(path: Path, target: Path, share: float) -> Path:
    """Copies the first part of a file, as a broken download leaves it."""
    content = path.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target
