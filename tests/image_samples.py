"""Draws sample pictures, sound and hostile ones. The same arguments always give the same bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

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


def write_tiff(
    path: Path,
    pixels: NDArray[Any],
    *,
    tile: int = 128,
    compression: int = 8,
    photometric: int = 2,
    extra_samples: tuple[int, ...] | None = None,
    garbage: bool = False,
) -> Path:
    """Writes a tiled TIFF with its tags in front, so that what is cut off is tiles.

    `compression` is written as it is; the tiles are plain for 1, and deflated for any other code.
    `garbage` fills the tiles of the lower half with noise.
    """
    height, width, bands = pixels.shape
    rows, columns = -(-height // tile), -(-width // tile)
    padded = np.zeros((rows * tile, columns * tile, bands), pixels.dtype)
    padded[:height, :width] = pixels
    chance = np.random.default_rng(1)
    tiles = []
    for row in range(rows):
        for column in range(columns):
            part = padded[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile].tobytes()
            packed = part if compression == 1 else zlib.compress(part)
            tiles.append(chance.bytes(len(packed)) if garbage and row >= rows // 2 else packed)
    tags: dict[int, tuple[int, tuple[int, ...]]] = {
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, (8 * pixels.itemsize,) * bands),
        259: (3, (compression,)),
        262: (3, (photometric,)),
        277: (3, (bands,)),
        284: (3, (1,)),
        322: (3, (tile,)),
        323: (3, (tile,)),
        324: (4, (0,) * len(tiles)),
        325: (4, tuple(map(len, tiles))),
    }
    if extra_samples is not None:
        tags[338] = (3, extra_samples)
    starts = _tiff_tags(tags)
    offsets = [len(starts) + sum(map(len, tiles[:number])) for number in range(len(tiles))]
    tags[324] = (4, tuple(offsets))
    path.write_bytes(_tiff_tags(tags) + b"".join(tiles))
    return path


def _tiff_tags(tags: dict[int, tuple[int, tuple[int, ...]]]) -> bytes:
    entries, values = b"", b""
    first = 8 + 2 + 12 * len(tags) + 4
    for tag, (kind, numbers) in sorted(tags.items()):
        data = struct.pack(f"<{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        place = data.ljust(4, b"\x00")
        if len(data) > 4:
            place = struct.pack("<I", first + len(values))
            values += data + bytes(len(data) % 2)
        entries += struct.pack("<HHI", tag, kind, len(numbers)) + place
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags)) + entries + bytes(4) + values


def twelve_bit(jpeg: bytes) -> bytes:
    """Says in the header of a JPEG that its values have 12 bits."""
    at = next(jpeg.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in jpeg)
    return jpeg[: at + 4] + b"\x0c" + jpeg[at + 5 :]


def write_number_tiff(
    path: Path,
    values: NDArray[Any],
    *,
    order: Literal["<", ">"] = "<",
    description: str = "",
    deflated: bool = False,
    packed: bytes | None = None,
) -> Path:
    """Writes a TIFF of one strip with these values, of whatever kind, as they are.

    `packed`: what stands in place of the deflated values.
    """
    written = values.astype(values.dtype.newbyteorder(order))
    data = packed or (zlib.compress(written.tobytes()) if deflated else written.tobytes())
    bands = values.shape[2] if values.ndim == 3 else 1
    sample_format = {"u": 1, "i": 2, "f": 3, "c": 6}[values.dtype.kind]
    text = description.encode() + b"\x00"
    entries = [
        (256, 4, [values.shape[1]]),
        (257, 4, [values.shape[0]]),
        (258, 3, [8 * values.itemsize] * bands),
        (259, 3, [8 if deflated else 1]),
        (262, 3, [2 if bands == 3 else 1]),
        (273, 4, [0]),
        (277, 3, [bands]),
        (278, 4, [values.shape[0]]),
        (279, 4, [len(data)]),
        (339, 3, [sample_format] * bands),
    ]
    first = 8 + 2 + 12 * (len(entries) + 1) + 4
    lists = b"".join(
        struct.pack(f"{order}{len(numbers)}H", *numbers).ljust(8, b"\x00")
        for _, _, numbers in entries
        if len(numbers) > 2
    )
    at_data = first + len(lists) + len(text)
    tags, place = b"", first
    for tag, kind, numbers in entries:
        if len(numbers) > 2:
            value, place = struct.pack(order + "I", place), place + 8
        elif tag == 273:
            value = struct.pack(order + "I", at_data)
        else:
            value = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers).ljust(4, b"\x00")
        tags += struct.pack(order + "HHI", tag, kind, len(numbers)) + value
        if tag == 262:
            short = text.ljust(4, b"\x00")
            value = struct.pack(order + "I", first + len(lists)) if len(text) > 4 else short[:4]
            tags += struct.pack(order + "HHI", 270, 2, len(text)) + value
    head = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "I", 8)
    path.write_bytes(head + struct.pack(order + "H", len(entries) + 1) + tags + bytes(4) + lists + text + data)
    return path


def ome(names: list[str], colours: list[int | None], *, sizes: str = "", order: str = "XYZCT", inner: str = "") -> str:
    """Writes the metadata of an OME-TIFF with these channels. `sizes`: attributes besides, such as `SizeZ="3"`."""
    channels = "".join(
        f'<Channel ID="Channel:0:{number}" Name="{name}"' + ("" if colour is None else f' Color="{colour}"') + "/>"
        for number, (name, colour) in enumerate(zip(names, colours, strict=True))
    )
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        "<Pixels "
        f'ID="Pixels:0" DimensionOrder="{order}" Type="uint16" SizeC="{len(names)}" {sizes}>{channels}{inner}'
        "</Pixels></Image></OME>"
    )


def write_pages_tiff(
    path: Path, pages: list[NDArray[Any]], description: str = "", *, luts: list[str] | None = None
) -> Path:
    """Writes a TIFF with one page for each array. `luts`: the colours that ImageJ gives its channels, as `rrggbb`."""
    content = bytearray(b"II*\x00\x08\x00\x00\x00")
    for number, values in enumerate(pages):
        bands = values.shape[2] if values.ndim == 3 else 1
        data = values.tobytes()
        tags: list[tuple[int, int, bytes, int]] = [
            _number(256, values.shape[1]),
            _number(257, values.shape[0]),
            (258, 3, struct.pack(f"<{bands}H", *[8 * values.itemsize] * bands), bands),
            _number(259, 1),
            _number(262, 1),
            _number(273, 0),
            _number(277, bands),
            _number(278, values.shape[0]),
            _number(279, len(data)),
            (339, 3, struct.pack(f"<{bands}H", *[{"u": 1, "i": 2, "f": 3}[values.dtype.kind]] * bands), bands),
        ]
        if bands > 1:
            tags.insert(9, (338, 3, bytes(2 * (bands - 1)), bands - 1))
        if number == 0 and description:
            text = description.encode() + b"\x00"
            tags.insert(5, (270, 2, text, len(text)))
        if number == 0 and luts:
            tables = [_lookup_table(colour) for colour in luts]
            head = b"JIJI" + b"stul" + struct.pack("<I", len(tables))
            sizes = [len(head), *map(len, tables)]
            body = head + b"".join(tables)
            tags += [(50838, 4, struct.pack(f"<{len(sizes)}I", *sizes), len(sizes)), (50839, 1, body, len(body))]
        content += _page(tags, data, len(content), is_last=number == len(pages) - 1)
    path.write_bytes(content)
    return path


def _number(tag: int, value: int) -> tuple[int, int, bytes, int]:
    return tag, 4, struct.pack("<I", value), 1


def _lookup_table(colour: str) -> bytes:
    return b"".join(bytes(int(colour[at : at + 2], 16) * step // 255 for step in range(256)) for at in (0, 2, 4))


def _page(tags: list[tuple[int, int, bytes, int]], data: bytes, start: int, *, is_last: bool) -> bytes:
    at_values = start + 2 + 12 * len(tags) + 4
    at_data = at_values + sum(len(value) for _, _, value, _ in tags if len(value) > 4)
    end = at_data + len(data)
    entries, values = b"", b""
    for tag, kind, value, count in tags:
        if len(value) > 4:
            place = struct.pack("<I", at_values + len(values))
            values += value
        else:
            place = struct.pack("<I", at_data) if tag == 273 else value.ljust(4, b"\x00")
        entries += struct.pack("<HHI", tag, kind, count) + place
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0 if is_last else end) + values + data
