"""Tests that broken, false and hostile files are refused with one true sentence, or rendered harmlessly."""

from __future__ import annotations

import signal
import struct
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image as PillowImage
from PIL import ImageCms

from publisher.adapt.images import child_process
from publisher.adapt.images.child_process import ImageProcessFailed, run_image_process
from publisher.adapt.images.inspection import ImageRefused, inspect_image
from publisher.adapt.images.rendering import Renderer
from publisher.adapt.images.warm_processes import WarmProcesses
from publisher.core.content import RenditionSpec
from publisher.media import FolderStore
from tests import image_samples as samples

Draw = Callable[[Path], object]


def content_writer(content: bytes) -> Draw:
    return lambda path: path.write_bytes(content)


def cut(suffix: str, share: float) -> Draw:
    def draw(path: Path) -> None:
        whole = samples.save(samples.tissue(600, 400), path.with_name(f"whole.{suffix}"))
        samples.cut(whole, path, share)
        whole.unlink()

    return draw


def numbers(kind: str) -> Draw:
    return lambda path: samples.write_number_tiff(path, np.ones((80, 100), kind))


def tiff(image: pyvips.Image) -> Draw:
    return lambda path: image.tiffsave(str(path))


def tiled_tiff(**options: Any) -> Draw:
    return lambda path: samples.write_tiff(path, samples.tissue(600, 400).numpy(), **options)


def cut_tiles(path: Path) -> None:
    whole = samples.write_tiff(path.with_name("whole.tif"), samples.tissue(600, 400).numpy())
    samples.cut(whole, path, 0.6)
    whole.unlink()


def noisy_tail_jpeg(path: Path) -> None:
    sound: bytes = samples.tissue(600, 400).jpegsave_buffer(Q=90)
    start = len(sound) * 9 // 10
    noise = np.random.default_rng(1).bytes(len(sound) - 2 - start)
    path.write_bytes(sound[:start] + noise + sound[-2:])


def noisy_gif(path: Path) -> None:
    """Makes an animation whose later frames are noise; the first is sound."""
    content = samples.animation(path, 200, 160, 6).read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + np.random.default_rng(1).bytes(60) + content[middle + 60 :])


def cut_gif(path: Path) -> None:
    samples.cut(samples.animation(path.with_name("whole.gif"), 200, 160, 6), path, 0.9)
    path.with_name("whole.gif").unlink()


def twelve_bit_jpeg(path: Path) -> None:
    path.write_bytes(samples.twelve_bit(samples.tissue(300, 200).jpegsave_buffer()))


def zero_gif(path: Path) -> None:
    path.write_bytes(
        b"GIF89a\x00\x00\x00\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x02\x44\x01\x00\x3b"
    )


def vast_animation(path: Path) -> None:
    """Makes 80 frames of 4000 x 1500 pixels by their headers, with almost no content."""
    size = struct.pack("<HH", 4000, 1500)
    frame = b"\x2c\x00\x00\x00\x00" + size + b"\x80\x00\x00\x00\xff\xff\xff\x02\x02\x44\x01\x00"
    path.write_bytes(b"GIF89a" + size + b"\x00\x00\x00" + frame * 80 + b"\x3b")


def vast_progressive_jpeg(path: Path) -> None:
    small = samples.tissue(300, 300).jpegsave_buffer(interlace=True, subsample_mode="off")
    path.write_bytes(samples.claiming(small, 13_000, 13_000))


REFUSED: dict[str, tuple[Draw, str]] = {
    "one-bit bomb": (lambda p: samples.write_png(p, 50_000, 50_000, depth=1, colour=0, rows=50_000), "200 megapixels"),
    "gigapixel header": (lambda p: samples.write_png(p, 60_000, 40_000, depth=8, colour=2, rows=2), "200 megapixels"),
    "vast progressive JPEG": (vast_progressive_jpeg, "13000 × 13000.*progressive JPEG.*opened whole"),
    "vast interlaced PNG": (
        lambda p: samples.write_png(p, 13_000, 13_000, depth=16, colour=2, rows=1, interlaced=True),
        "13000 × 13000.*interlaced PNG.*opened whole",
    ),
    "zero width": (lambda p: samples.write_png(p, 0, 300, depth=8, colour=2, rows=2), "can't be read|at least 64"),
    "zero-size GIF": (zero_gif, "can't be read|at least 64"),
    "too small": (lambda p: samples.write_png(p, 20, 20, depth=8, colour=2, rows=20), "20 × 20"),
    "ribbon": (lambda p: samples.write_png(p, 4000, 100, depth=8, colour=2, rows=100), "20 times"),
    "fewer rows than told": (lambda p: samples.write_png(p, 500, 500, depth=8, colour=2, rows=40), "damaged"),
    "JPEG cut at half": (cut("jpg", 0.5), "damaged"),
    "JPEG cut near its end": (cut("jpg", 0.97), "damaged"),
    "JPEG of a header": (cut("jpg", 0.01), "damaged"),
    "PNG cut at half": (cut("png", 0.5), "damaged"),
    "TIFF cut at half": (cut("tif", 0.5), "damaged"),
    "tiled TIFF cut": (cut_tiles, "damaged"),
    "tiled TIFF with noise": (tiled_tiff(garbage=True), "damaged"),
    "JPEG 2000 TIFF": (tiled_tiff(compression=33003), "a JPEG 2000 TIFF, which"),
    "LERC TIFF": (tiled_tiff(compression=34887), "a LERC TIFF, which"),
    "PNG TIFF": (tiled_tiff(compression=34933), "a PNG TIFF, which"),
    "ZSTD TIFF": (tiled_tiff(compression=50000), "a ZSTD TIFF, which"),
    "TIFF of no known kind": (tiled_tiff(compression=12345), "compression 12345"),
    "12-bit JPEG": (twelve_bit_jpeg, "a 12-bit JPEG, which"),
    "JPEG with a tail of noise": (noisy_tail_jpeg, "damaged"),
    "animation with noise": (noisy_gif, "damaged"),
    "animation cut": (cut_gif, "damaged"),
    "WebP cut at half": (cut("webp", 0.5), "damaged"),
    "complex TIFF": (numbers("complex64"), "TIFF of complex numbers"),
    "TIFF of large whole numbers": (numbers("int64"), "64 bits for each value"),
    "five-channel TIFF": (
        tiff(pyvips.Image.black(200, 200, bands=5).copy(interpretation="multiband")),
        "5 channels.*merge",
    ),
    "vast animation": (vast_animation, "80 frames.*shorter"),
    "empty": (content_writer(b""), "empty"),
    "all zeros": (content_writer(bytes(5000)), "empty"),
    "text": (content_writer(b"Dear all, the picture is attached.\n"), "not a picture"),
    "SVG": (content_writer(b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'), "SVG"),
    "SVG with a prologue": (content_writer(b'<?xml version="1.0"?>\n<!-- x --><svg width="9" height="9"/>'), "SVG"),
    "web page": (content_writer(b"<!DOCTYPE html><html><img src=x></html>"), "web page"),
    "PDF": (content_writer(b"%PDF-1.7\n1 0 obj\n"), "PDF"),
    "PostScript": (content_writer(b"%!PS-Adobe-3.0 EPSF-3.0\n(/tmp/pwned) (w) file\n"), "PostScript"),
    "Photoshop": (content_writer(b"8BPS\x00\x01" + bytes(100)), "Photoshop"),
    "ZIP": (content_writer(b"PK\x03\x04" + bytes(100)), "ZIP"),
    "video": (content_writer(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100)), "video"),
    "hollow AVIF": (content_writer(b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf" + bytes(200)), "damaged"),
    "hollow HEIC": (content_writer(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)), "damaged"),
    "hollow JPEG": (content_writer(b"\xff\xd8\xff\xe0" + bytes(3000)), "damaged"),
}


@pytest.fixture(autouse=True)
def own_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a folder for temporary files that must be empty again afterwards."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return scratch


@pytest.fixture
def own_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[WarmProcesses]:
    """Starts with no process that renders pictures, and ends those that the test has started."""
    processes = WarmProcesses()
    monkeypatch.setattr(child_process, "warm_processes", processes)
    yield processes
    processes.close()


def leftovers(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() or path.name.startswith(".")]


@pytest.mark.parametrize("kind", REFUSED)
def test_a_hostile_file_is_refused_with_a_sentence_and_leaves_nothing(
    kind: str, tmp_path: Path, own_scratch: Path
) -> None:
    draw, sentence = REFUSED[kind]
    path = tmp_path / "holiday.jpg"
    draw(path)
    with pytest.raises(ImageRefused, match=sentence) as refusal:
        inspect_image(path)
    message = str(refusal.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 200
    assert leftovers(own_scratch) == []


@pytest.mark.parametrize("kind", ["JPEG cut at half", "PNG cut at half", "TIFF cut at half", "one-bit bomb", "empty"])
def test_rendering_refuses_it_too_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "original"
    REFUSED[kind][0](path)
    store = FolderStore(tmp_path / "media")
    spec = RenditionSpec(
        source=store.put(path.read_bytes()), formats=("jpeg",), max_bytes=10**6, max_width=900, max_height=900
    )
    with pytest.raises(ImageRefused):
        Renderer(store).render(spec)
    assert leftovers(tmp_path / "media" / "renditions") == []


def test_a_large_picture_that_can_not_be_streamed_is_not_called_damaged(tmp_path: Path) -> None:
    plain = pyvips.Image.black(7000, 6500, bands=3).copy(interpretation="srgb")
    path = samples.save(plain, tmp_path / "large.webp", lossless=True, effort=0)
    facts = inspect_image(path)
    assert (facts.width, facts.height, facts.format) == (7000, 6500, "webp")


def test_a_name_says_nothing_about_the_content(tmp_path: Path) -> None:
    path = tmp_path / "really.jpg[page=3,n=-1]"
    samples.save(samples.tissue(300, 200), tmp_path / "x.png").rename(path)
    assert inspect_image(path).format == "png"


def test_what_hangs_on_a_picture_does_not_travel(tmp_path: Path) -> None:
    path = samples.save(samples.line_figure(300, 200), tmp_path / "figure.png")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("payload.exe", b"MZ malicious")
    assert b"payload.exe" in path.read_bytes()
    store = FolderStore(tmp_path / "media")
    spec = RenditionSpec(
        source=store.put(path.read_bytes()), formats=("png",), max_bytes=10**6, max_width=900, max_height=900
    )
    rendition = Renderer(store).render(spec)
    assert rendition.format == "png"
    assert b"payload.exe" not in rendition.path.read_bytes()


@pytest.mark.parametrize("profile", [b"", b"\x00" * 200, b"acsp" * 3000], ids=["none", "zeros", "absurd"])
def test_an_absurd_colour_profile_harms_nothing(tmp_path: Path, profile: bytes) -> None:
    fair = samples.save(samples.tissue(300, 200), tmp_path / "fair.jpg", Q=90)
    odd = tmp_path / "odd.jpg"
    odd.write_bytes(samples.with_profile(fair.read_bytes(), profile))
    assert inspect_image(odd).phash == inspect_image(fair).phash


def test_a_picture_of_several_pages_is_reported(tmp_path: Path) -> None:
    pages = pyvips.Image.arrayjoin([samples.tissue(200, 200), samples.fluorescence(200, 200)], across=1)
    path = tmp_path / "stack.tif"
    pages.tiffsave(str(path), page_height=200)
    facts = inspect_image(path)
    assert (facts.width, facts.height, facts.frames) == (200, 200, 2)
    assert any("2 pages" in str(warning) for warning in facts.warnings)


@pytest.mark.usefixtures("own_processes")
def test_a_picture_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_scratch: Path) -> None:
    children: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *command: Any, **options: Any) -> None:
            super().__init__(*command, **options)
            children.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    monkeypatch.setattr(child_process, "TIMEOUT_SECONDS", 0.01)
    path = samples.save(samples.tissue(300, 200), tmp_path / "fair.jpg")
    with pytest.raises(ImageRefused, match="too long"):
        inspect_image(path)
    assert leftovers(own_scratch) == []
    assert [child.returncode for child in children] == [-signal.SIGKILL]


@pytest.mark.usefixtures("own_processes")
def test_a_child_without_memory_is_a_refusal_and_the_desk_lives_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    path = samples.save(samples.tissue(300, 200), tmp_path / "fair.jpg")
    with monkeypatch.context() as broken:
        broken.setattr("sys.executable", str(program))
        with pytest.raises(ImageRefused, match="too much time or memory"):
            inspect_image(path)
    assert inspect_image(path).width == 300


def test_a_fault_of_the_program_is_not_blamed_on_the_picture(tmp_path: Path) -> None:
    with pytest.raises(ImageProcessFailed, match="KeyError"):
        run_image_process({"nothing": "asked"}, scratch=tmp_path)


def test_sixteen_bit_transparency_is_flattened(tmp_path: Path) -> None:
    grey = np.full((200, 200, 1), 30_000, np.uint16)
    image = samples.from_array(grey).bandjoin(samples.from_array(np.zeros_like(grey))).copy(interpretation="grey16")
    facts = inspect_image(samples.save(image, tmp_path / "clear.png"))
    assert facts.bits == 16
    assert any("white" in str(warning) for warning in facts.warnings)


def render_png(path: Path, store: FolderStore) -> pyvips.Image:
    spec = RenditionSpec(
        source=store.put(path.read_bytes()), formats=("png",), max_bytes=10**7, max_width=900, max_height=900
    )
    return pyvips.Image.new_from_file(str(Renderer(store).render(spec).path))


@pytest.mark.parametrize("declared", [(0,), None], ids=["unspecified", "not named"])
def test_an_undeclared_fourth_channel_is_not_transparency(tmp_path: Path, declared: tuple[int, ...] | None) -> None:
    tissue = samples.tissue(300, 200)
    pixels = np.concatenate([tissue.numpy(), np.zeros((200, 300, 1), np.uint8)], axis=2)
    path = samples.write_tiff(tmp_path / "stain.tif", pixels, extra_samples=declared)
    assert any("does not call transparency" in str(warning) for warning in inspect_image(path).warnings)
    assert (render_png(path, FolderStore(tmp_path / "media")) - tissue).abs().max() == 0


def test_a_declared_fourth_channel_is_transparency(tmp_path: Path) -> None:
    pixels = np.concatenate([samples.tissue(300, 200).numpy(), np.zeros((200, 300, 1), np.uint8)], axis=2)
    path = samples.write_tiff(tmp_path / "glass.tif", pixels, extra_samples=(2,))
    assert any("white" in str(warning) for warning in inspect_image(path).warnings)
    assert render_png(path, FolderStore(tmp_path / "media")).min() == 255


@pytest.mark.parametrize(
    ("level", "expected"),
    [(3, "nearly black"), (250, "nearly white"), (128, "one colour nearly all over"), (None, "nearly white")],
)
def test_a_picture_in_which_little_can_be_seen_is_told(tmp_path: Path, level: int | None, expected: str) -> None:
    pixels = np.full((200, 300, 3), level or 90, np.uint8)
    pixels[:4, :4] = 255 - pixels[0, 0]
    drawn = samples.from_array(pixels)
    facts = inspect_image(samples.save(drawn if level else drawn.bandjoin(0), tmp_path / "dim.png"))
    assert any(expected in str(warning) for warning in facts.warnings)


def test_a_picture_that_can_be_seen_is_not_told_to_be_dark(tmp_path: Path) -> None:
    for number, drawn in enumerate(
        (samples.tissue(300, 200), samples.fluorescence(300, 200), samples.line_figure(300, 200))
    ):
        facts = inspect_image(samples.save(drawn, tmp_path / f"{number}.png"))
        assert not any("nearly" in str(warning) for warning in facts.warnings)


def test_an_animated_png_is_told_to_be_shown_still(tmp_path: Path) -> None:
    gif = samples.animation(tmp_path / "moving.gif", 200, 200, 3)
    with PillowImage.open(gif) as moving:
        moving.save(tmp_path / "moving.png", save_all=True)
    assert any("animated PNG" in str(warning) for warning in inspect_image(tmp_path / "moving.png").warnings)
    still = samples.save(samples.tissue(300, 200), tmp_path / "still.png")
    assert not any("animated" in str(warning) for warning in inspect_image(still).warnings)


def test_a_picture_that_is_nowhere_opaque_is_told(tmp_path: Path) -> None:
    deep = samples.from_array(samples.tissue(300, 200).numpy().astype(np.uint16) * 16)
    for name, image in (("pale", samples.tissue(300, 200).bandjoin(128)), ("deep", deep.bandjoin(4095))):
        facts = inspect_image(samples.save(image, tmp_path / f"{name}.png"))
        assert any("No part of the picture is opaque" in str(warning) for warning in facts.warnings)


def test_values_are_spread_before_they_are_mixed_with_white(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "media")
    alpha = np.full((200, 300, 1), 65535, np.uint16)
    alpha[:100] = 32768
    grey = samples.from_array(np.zeros_like(alpha)).bandjoin(samples.from_array(alpha)).copy(interpretation="grey16")
    source = store.put(samples.save(grey, tmp_path / "soft.png").read_bytes())
    spec = RenditionSpec(
        source=source, formats=("png",), max_bytes=10**7, max_width=900, max_height=900, window=(0, 4095)
    )
    shown = pyvips.Image.new_from_file(str(Renderer(store).render(spec).path))
    assert abs(shown.getpoint(150, 40)[0] - 127) < 2
    assert shown.getpoint(150, 150)[0] == 0


def lab_tiff(path: Path, colours: pyvips.Image, model: int, compression: str) -> Path:
    """Writes 8-bit L*a*b*, with a* and b* signed (model 8) or with an offset (9), as Pillow converts to it."""
    picture = PillowImage.frombytes("RGB", (colours.width, colours.height), colours.write_to_memory())
    lab = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    if model == 8:
        lab.save(path, compression=compression)
        return path
    offset = PillowImage.merge("RGB", lab.split())
    offset.save(path, compression=compression, tiffinfo={262: model})
    return path


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("model", [8, 9])
def test_lab_of_8_bits_has_the_colours_of_its_maker(tmp_path: Path, model: int, compression: str) -> None:
    cells = samples.fluorescence(300, 200)
    path = lab_tiff(tmp_path / "cells.tif", cells, model, compression)
    assert inspect_image(path).bits == 8
    assert (render_png(path, FolderStore(tmp_path / "media")) - cells).abs().avg() < 2


@pytest.mark.parametrize("depth", [8, 16])
def test_lab_of_16_bits_and_of_numbers_is_read(tmp_path: Path, depth: int) -> None:
    tissue = samples.tissue(300, 200)
    path = tmp_path / "tissue.tif"
    # Relative to D50, as other programs write it.
    lab = tissue.icc_import(input_profile="srgb", pcs="lab", intent="perceptual")
    (lab.colourspace("labs") if depth == 16 else lab).tiffsave(str(path))
    assert (render_png(path, FolderStore(tmp_path / "media")) - tissue).abs().avg() < 2


def test_damaged_lab_is_refused(tmp_path: Path) -> None:
    path = lab_tiff(tmp_path / "cells.tif", samples.fluorescence(300, 200), 8, "tiff_lzw")
    samples.cut(path, tmp_path / "cut.tif", 0.6)
    with pytest.raises(ImageRefused):
        inspect_image(tmp_path / "cut.tif")


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits", "jpeg", "webp"])
@pytest.mark.parametrize("tile", [False, True], ids=["strips", "tiles"])
def test_a_sound_tiff_is_not_refused(tmp_path: Path, compression: str, tile: bool) -> None:
    path = tmp_path / "sound.tif"
    samples.tissue(300, 200).tiffsave(str(path), compression=compression, tile=tile)
    assert inspect_image(path).format == "tiff"


@pytest.mark.parametrize("tail", [slice(None, -1), slice(None)], ids=["without its trailer", "with bytes behind it"])
def test_an_animation_with_an_odd_end_is_not_refused(tmp_path: Path, tail: slice) -> None:
    path = samples.animation(tmp_path / "odd.gif", 200, 160, 6)
    content = path.read_bytes()
    path.write_bytes(content[tail] + (bytes(99) if tail.stop is None else b""))
    assert inspect_image(path).frames == 6
