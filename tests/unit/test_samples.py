"""Tests that the demo outlet's pictures and posts are complete, described, and the same every time."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import pyvips

from publisher.cli import demo
from publisher.samples import canvas, figures, microscopy
from publisher.samples.draw import write_reserve, write_samples
from publisher.sandbox.x.service import DUPLICATE_MEMORY

SHAPES = {
    "cells.png": (2000, 1500, 3, "uchar"),
    "astrocytes.png": (3000, 1000, 3, "uchar"),
    "root.jpg": (1400, 2800, 3, "uchar"),
    "neuron.png": (2400, 1600, 3, "uchar"),
    "bone.tif": (1600, 1600, 1, "ushort"),
    "capsid.png": (1800, 1800, 4, "uchar"),
    "colon.jpg": (2400, 1800, 3, "uchar"),
    "colon-gland.jpg": (2400, 1800, 3, "uchar"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples = tmp_path_factory.mktemp("samples") / "demo"
    write_samples(samples)
    return samples


def front_matter(text: str) -> tuple[dict[str, Any], str]:
    empty, head, body = re.split(r"^\+\+\+$", text, maxsplit=2, flags=re.MULTILINE)
    assert empty == ""
    return tomllib.loads(head), body.strip()


def posts(folder: Path) -> list[tuple[dict[str, Any], str]]:
    return [front_matter(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.md"))]


@pytest.mark.parametrize(("name", "shape"), SHAPES.items())
def test_every_picture_decodes_whole(folder: Path, name: str, shape: tuple[int, int, int, str]) -> None:
    picture = pyvips.Image.new_from_file(str(folder / name), fail_on="warning")

    assert (picture.width, picture.height, picture.bands, picture.format) == shape
    assert picture.deviate() > 20, "it shows something"


def test_the_grey_picture_uses_twelve_of_its_bits(folder: Path) -> None:
    picture = pyvips.Image.new_from_file(str(folder / "bone.tif"))

    assert 2048 <= picture.max() <= 4095


def test_the_figure_has_clear_and_solid_parts(folder: Path) -> None:
    alpha = pyvips.Image.new_from_file(str(folder / "capsid.png"))[3]

    assert (alpha.min(), alpha.max()) == (0, 255)
    assert alpha(5, 5) == [0]


def test_the_two_panels_are_parted_by_a_pale_strip(folder: Path) -> None:
    strip = pyvips.Image.new_from_file(str(folder / "astrocytes.png")).crop(1489, 0, 22, 1000)

    assert strip.min() >= 240
    assert strip.deviate() < 4


@pytest.mark.parametrize("draw", [figures.neuron, figures.capsid, microscopy.bone, microscopy.astrocytes])
def test_a_picture_is_drawn_the_same_every_time(draw: Any) -> None:
    assert draw().write_to_memory() == draw().write_to_memory()


def test_another_seed_draws_another_picture() -> None:
    assert figures.neuron(5).write_to_memory() != figures.neuron(6).write_to_memory()


def test_labels_need_no_font() -> None:
    label = canvas.render_shapes(900, 60, [canvas.letter_strokes("dendrites soma axon terminals 50 µm", 10, 40, 20)])

    assert "<text" not in canvas.letter_strokes("soma", 0, 0, 20)
    assert label[3].max() == 255


def test_seven_posts_are_complete_and_unlike_each_other(folder: Path) -> None:
    written_posts = posts(folder)

    assert len(written_posts) == 7
    for head, body in written_posts:
        assert all(head[key] for key in ("title", "standfirst", "written_by", "credit", "licence", "tags", "images"))
        assert head["link"].startswith("https://example.org/")
        assert 60 <= len(body.split()) <= 120, head["title"]
    assert len({head["title"] for head, _ in written_posts}) == len({head["link"] for head, _ in written_posts}) == 7
    assert [len(head["images"]) for head, _ in written_posts].count(2) == 1
    assert any(re.search(r"\]\(https://example\.org/", body) for _, body in written_posts)
    assert any("*Danio rerio*" in body for _, body in written_posts)


def test_every_picture_is_shown_once_and_described(folder: Path) -> None:
    images = [image for head, _ in posts(folder) for image in head["images"]]

    assert sorted(image["file"] for image in images) == sorted(SHAPES)
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".md") == sorted(SHAPES)
    assert all(80 <= len(image["alt"]) <= 1000 for image in images)


def test_the_demo_does_not_repeat_a_text_that_x_remembers(tmp_path: Path) -> None:
    write_reserve(tmp_path)
    reserve = posts(tmp_path)
    assert demo.RESERVE_POSTS + len(reserve) > demo_no_repeat_days() >= DUPLICATE_MEMORY.days
    assert len({head["title"] for head, _ in reserve}) == len(reserve)
    for head, body in reserve:
        assert all(head[key] for key in ("title", "standfirst", "written_by", "credit", "licence", "link", "tags"))
        assert 60 <= len(body.split()) <= 120, head["title"]
        [image] = head["images"]
        assert (tmp_path / image["file"]).exists()
        assert 80 <= len(image["alt"]) <= 1000


def demo_no_repeat_days() -> int:
    days = tomllib.loads(demo.CONFIG)["reserve"]["no_repeat_days"]
    assert isinstance(days, int)
    return days


def test_the_posts_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.samples.draw.draw_samples", lambda _folder: None)
    paths = write_samples(tmp_path)

    assert [path.name[0] for path in paths] == list("1234567")
    assert all(path.parent == tmp_path for path in paths)


def test_the_package_alone_loads_no_image_library() -> None:
    code = "import sys, publisher.samples; sys.exit('pyvips' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
