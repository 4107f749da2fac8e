"""Tests that broken, false and hostile files are refused with one true sentence, or rendered harmlessly."""

from __future__ import annotations

import signal
import struct
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from publisher.adapt.images import child_process
from publisher.adapt.images.child_process import ImageProcessFailed, run_image_process
from publisher.adapt.images.inspection import ImageRefused, inspect_image
from publisher.adapt.images.rendering import Renderer
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


def tiff(image: pyvips.Image) -> Draw:
    return lambda path: image.tiffsave(str(path))


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
    "WebP cut at half": (cut("webp", 0.5), "damaged"),
    "floating-point TIFF": (tiff(samples.tissue(200, 200).cast("float")), "float.*8- or 16-bit"),
    "signed TIFF": (tiff(samples.tissue(200, 200).cast("short")), "short.*8- or 16-bit"),
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
