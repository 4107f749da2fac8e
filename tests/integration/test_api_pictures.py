"""Tests that the API tells which values pictures have, and which of them are shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from publisher.desk import Desk
from tests.api_client import Program, program
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_site
from tests.image_samples import fluorescence, from_array, ome, save, write_number_tiff, write_pages_tiff

TIFF = {"Content-Type": "image/tiff"}


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    desk = Desk(write_desk(tmp_path / "desk"))
    with open_site(desk) as opened:
        yield opened
    desk.database.close()


@pytest.fixture
def editor(site: Site) -> Program:
    return program(site, "editor")


def dyes(top: int) -> Any:
    return (fluorescence(480, 320).numpy().astype(np.float64) / 255 * top).astype(np.uint16)


def upload(editor: Program, file: Path) -> dict[str, Any]:
    answer = editor.post("/images?name=picture", data=file.read_bytes(), headers=TIFF)
    assert answer.status_code == 201, answer.text
    facts: dict[str, Any] = answer.json()
    assert editor.get(f"/images/{facts['sha256']}").json() == facts
    return facts


def post_with(editor: Program, picture: dict[str, Any], **choices: Any) -> dict[str, Any]:
    images = [{"media": picture["sha256"], "alt_text": "Cells on black.", "choices": choices}]
    answer = editor.post("/posts", json={"title": "Cells", "credit": "Ada", "images": images})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_the_values_of_a_picture_with_16_bits_are_told(editor: Program, tmp_path: Path) -> None:
    grey = dyes(4095).max(axis=2, keepdims=True)
    picture = upload(editor, save(from_array(grey), tmp_path / "grey.tif"))
    values = picture["values"]
    assert (values["kind"], values["minimum"], values["maximum"]) == ("uint16", int(grey.min()), int(grey.max()))
    assert (values["full"], values["detected"]) == ([0, 65535], [0, 4095])
    assert values["needs_choice"]
    assert picture["colour_channels"] == []
    (shown,) = post_with(editor, picture)["images"][0]["shown_values"]
    assert shown == {"number": 1, "colour": "", "black": 0, "white": 4095, "chosen": None}
    (shown,) = post_with(editor, picture, window="full")["images"][0]["shown_values"]
    assert shown == {"number": 1, "colour": "", "black": 0, "white": 65535, "chosen": "full"}


def test_floating_point_values_are_told(editor: Program, tmp_path: Path) -> None:
    picture = upload(editor, write_number_tiff(tmp_path / "n.tif", (dyes(1000)[:, :, 0] / 8 - 20).astype(np.float32)))
    assert picture["values"]["kind"] == "float32"
    assert picture["values"]["minimum"] == -20
    assert picture["values"]["full"] == [-20, picture["values"]["maximum"]]


def test_a_picture_with_8_bits_has_none(editor: Program, tmp_path: Path) -> None:
    picture = upload(editor, save(fluorescence(300, 200), tmp_path / "plain.tif"))
    assert picture["values"] is None
    assert post_with(editor, picture)["images"][0]["shown_values"] == []


def test_colour_channels_are_told_and_chosen(editor: Program, tmp_path: Path) -> None:
    planes = [dyes(4095)[:, :, dye].copy() for dye in range(3)]
    text = ome(["DAPI", "GFP", ""], [0x0000FFFF, 0x00FF00FF, None])
    picture = upload(editor, write_pages_tiff(tmp_path / "three.tif", planes, text))
    channels = [(channel["name"], channel["colour"]) for channel in picture["colour_channels"]]
    assert channels == [("DAPI", "#0000ff"), ("GFP", "#00ff00"), ("", "#00ffff")]
    assert [channel["values"]["detected"] for channel in picture["colour_channels"]] == [[0, 4095]] * 3
    chosen = [{"colour": "#ffffff", "window": "full"}, {"shown": False}]
    made = post_with(editor, picture, colour_channels=chosen)
    assert made["images"][0]["shown_values"] == [
        {"number": 1, "colour": "#ffffff", "black": 0, "white": 65535, "chosen": "full"},
        {"number": 3, "colour": "#00ffff", "black": 0, "white": 4095, "chosen": None},
    ]
    told = editor.get(f"/posts/{made['id']}/problems").json()
    assert any("Left out: GFP" in problem["message"] for problem in told)
    wrong = [{"media": picture["sha256"], "choices": {"colour_channels": [{"colour": "mauve"}]}}]
    assert editor.post("/posts", json={"title": "x", "images": wrong}).status_code == 422


def test_typed_values_of_colour_channels_are_taken(editor: Program, tmp_path: Path) -> None:
    planes = [dyes(4095)[:, :, dye].copy() for dye in range(3)]
    text = ome(["DAPI", "GFP", "RFP"], [0x0000FFFF, 0x00FF00FF, -0x00FFFF01])
    picture = upload(editor, write_pages_tiff(tmp_path / "typed.tif", planes, text))
    chosen = [{"window": [200, 3000]}, {"window": "10-900.5"}]
    made = post_with(editor, picture, colour_channels=chosen, window=[5, 4000])
    assert [(one["black"], one["white"], one["chosen"]) for one in made["images"][0]["shown_values"]] == [
        (200, 3000, [200, 3000]), (10, 900.5, [10, 900.5]), (5, 4000, [5, 4000]),
    ]  # fmt: skip
    wrong = [{"media": picture["sha256"], "choices": {"colour_channels": [{"window": [3000, 200]}]}}]
    answer = editor.post("/posts", json={"title": "x", "images": wrong})
    assert answer.status_code == 422
    assert "Black is 3,000 and white is 200; the value of black must be the smaller one" in answer.text
