"""Tests that files of renditions have their metadata, are read from all formats, stored, and made again if lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from publisher.adapt.images import child_process
from publisher.adapt.images.child_process import child_environment
from publisher.adapt.images.inspection import inspect_image
from publisher.adapt.images.rendering import ImageRefused, Renderer
from publisher.adapt.images.warm_processes import WarmProcess, WarmProcesses
from publisher.core.content import RenditionSpec
from publisher.media import FolderStore
from tests import image_samples as samples
from tests.image_judge import BLOG, frames, opened, pixels, real, render, similarity

PEAK = """
import resource, runpy, sys
sys.argv[1:] = ["60"]
runpy.run_module("publisher.adapt.images.process.warm", run_name="__main__")
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""The warm process, telling the peak memory in kB of the child that made the picture."""


# --- metadata --------------------------------------------------------------------------------


def test_metadata_holds_what_staff_wrote_and_nothing_that_the_camera_knew(store: FolderStore, tmp_path: Path) -> None:
    original = samples.telling_jpeg(samples.tissue(400, 300), tmp_path / "telling.jpg", orientation=6)
    for secret in (samples.SECRET.encode(), b"SN-998877", b"Owner Name"):
        assert secret in original.read_bytes()
    words = {"creator": "Núria O’Maker", "copyright": "(c) Lab, CC BY 4.0", "description": "Cells <2 µm & more"}
    rendition = render(store, original, BLOG, **words)
    raw = rendition.path.read_bytes()
    for secret in (samples.SECRET.encode(), b"SN-998877", b"Owner Name", b"GPSLatitude", b"Maker\x00"):
        assert secret not in raw
    image = opened(rendition.path)
    assert image.getexif().get(0x0112, 1) == 1
    assert not image.getexif().get_ifd(0x8825)
    assert image.getexif()[0x8298] == "(c) Lab, CC BY 4.0"
    assert 0x013B not in image.getexif()
    assert "Núria O’Maker" in image.info["xmp"].decode()
    assert "Cells &lt;2 µm &amp; more" in image.info["xmp"].decode()
    assert (image.width, image.height) == (300, 400)


# --- other kinds of file ---------------------------------------------------------------------


def test_an_animation_keeps_its_frames_and_times(store: FolderStore, tmp_path: Path) -> None:
    original = samples.animation(tmp_path / "bar.gif", 240, 160, 9)
    facts = inspect_image(original)
    assert (facts.format, facts.frames) == ("gif", 9)
    moving = render(store, original, BLOG, animated=True, max_width=120)
    still = render(store, original, BLOG)
    image = opened(moving.path)
    assert (moving.format, image.width, image.height) == ("gif", 120, 80)
    assert frames(moving.path) == 9
    assert image.info["duration"] == 80
    assert frames(still.path) == 1


@pytest.mark.parametrize("suffix", ["avif", "webp", "heic", "tif"])
def test_other_formats_are_read_by_their_content(store: FolderStore, tmp_path: Path, suffix: str) -> None:
    master = samples.tissue(320, 240)
    path = tmp_path / f"original.{suffix}"
    if suffix == "heic":
        samples.heic(master, path)
    else:
        options = {"tif": {}, "avif": {"Q": 90}, "webp": {"Q": 90}}[suffix]
        samples.save(master, path, **options)
    named = path.rename(tmp_path / "original.jpg")
    assert inspect_image(named).format == {"tif": "tiff"}.get(suffix, suffix)
    rendition = render(store, named, BLOG)
    wanted = np.asarray(Image.frombytes("RGB", (320, 240), bytes(master.write_to_memory())), dtype=np.float64)
    assert similarity(wanted, pixels(rendition.path)) > 0.8
    assert np.abs(wanted - pixels(rendition.path)).mean() < 6


# --- recognising -----------------------------------------------------------------------------


def distance(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_a_copy_is_recognised_and_another_picture_is_not(store: FolderStore, tmp_path: Path) -> None:
    first = inspect_image(real("retina.jpg")).phash
    other = inspect_image(real("ihc.png")).phash
    copy = render(store, real("retina.jpg"), {**BLOG, "max_width": 700, "max_bytes": 40_000})
    assert len(first) == 64
    assert distance(first, inspect_image(copy.path).phash) <= 24
    assert distance(first, other) >= 80


def test_gaps_between_panels_are_found_and_gaps_between_cells_are_not(tmp_path: Path) -> None:
    panels = samples.save(samples.composite(3, 400), tmp_path / "panels.jpg", Q=80)
    single = samples.save(samples.fluorescence(900, 400), tmp_path / "single.png")
    assert inspect_image(panels).gutters == pytest.approx((406 / 1224, 818 / 1224), abs=0.01)
    assert inspect_image(single).gutters == ()
    assert inspect_image(real("ihc.png")).gutters == ()


# --- keeping and losing ----------------------------------------------------------------------


def test_a_rendition_is_made_once_and_made_again_when_its_file_is_gone(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = render(store, real("cell.png"), BLOG)
    made_at = first.path.stat().st_mtime_ns
    with monkeypatch.context() as broken:
        broken.setattr("sys.executable", "/nowhere/python")
        assert render(store, real("cell.png"), BLOG) == first
    assert first.path.stat().st_mtime_ns == made_at
    first.path.unlink()
    assert render(store, real("cell.png"), BLOG).sha256 == first.sha256
    assert first.path.is_file()


def test_a_half_written_rendition_is_not_trusted(store: FolderStore) -> None:
    first = render(store, real("cell.png"), BLOG)
    first.path.write_bytes(first.path.read_bytes()[:100])
    assert render(store, real("cell.png"), BLOG).path.stat().st_size == first.bytes
    first.path.with_suffix(".json").write_text("{")
    assert render(store, real("cell.png"), BLOG).sha256 == first.sha256


def test_sweeping_spares_what_is_kept_and_what_is_new(store: FolderStore) -> None:
    needed, old, new = (render(store, real("cell.png"), BLOG, description=text) for text in ("kept", "old", "new"))
    long_ago = time.time() - 90 * 86400
    for rendition in (needed, old):
        for path in (rendition.path, rendition.path.with_suffix(".json")):
            os.utime(path, (long_ago, long_ago))
    limit = datetime.now(UTC) - timedelta(days=30)
    assert Renderer(store).sweep({needed.path.stem}, limit) == 2
    assert [rendition.path.is_file() for rendition in (needed, old, new)] == [True, False, True]


def test_a_missing_original_is_reported(store: FolderStore) -> None:
    with pytest.raises(ImageRefused, match="not in the media store"):
        Renderer(store).render(RenditionSpec(source="00" * 32, **BLOG))


def test_the_child_holds_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_BLOG_TOKEN", "hush")
    started: list[WarmProcess] = []

    class Watched(WarmProcesses):
        def _start(self, environment: dict[str, str]) -> WarmProcess:
            started.append(super()._start(environment))
            return started[-1]

    processes = Watched()
    monkeypatch.setattr(child_process, "warm_processes", processes)
    inspect_image(real("cell.png"))
    # Those that it forks for the pictures have the same.
    environment = Path(f"/proc/{started[0].pid}/environ").read_bytes()
    processes.close()
    assert b"hush" not in environment
    assert b"VIPS_BLOCK_UNTRUSTED=1" in environment


@pytest.mark.parametrize(("side", "most_bytes"), [(1440, 8_000_000), (4096, 500_000)])
def test_a_large_picture_of_sixteen_bits_takes_little_memory(tmp_path: Path, side: int, most_bytes: int) -> None:
    row = np.linspace(0, 65535, 6000 * 3).astype(np.uint16).reshape(1, 6000, 3)
    original = samples.save(samples.from_array(row).replicate(1, 6000), tmp_path / "large.tif", compression="lzw")
    spec = RenditionSpec(source="", formats=("jpeg",), max_bytes=most_bytes, max_width=side, max_height=side)
    request = {
        "task": "render",
        "source": str(original),
        "output": str(tmp_path / "made"),
        "spec": spec.model_dump(mode="json"),
    }
    result = subprocess.run(
        [sys.executable, "-c", PEAK],
        input=json.dumps({"scratch": str(tmp_path), "request": request}) + "\n",
        capture_output=True,
        text=True,
        check=True,
        env=child_environment(),
    )
    answer, peak = result.stdout.splitlines()
    assert json.loads(answer)["status"] == 0
    assert (tmp_path / "made").is_file()
    assert int(peak) < 300_000
