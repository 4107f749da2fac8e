"""Tests that the pictures of the README are those that `make screenshots` takes, and small."""

from __future__ import annotations

import re
from pathlib import Path

from tests.browser.screenshots import README, prepare_folders

ROOT = Path(__file__).parents[2]
MAX_BYTES = 300_000


def test_the_readme_shows_the_pictures_that_are_taken() -> None:
    shown = re.findall(r"\]\(docs/pictures/([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    stored = {file.name: file.stat().st_size for file in (ROOT / "docs" / "pictures").iterdir()}
    assert set(shown) == set(stored) == {f"{screenshot.name}.webp" for screenshot in README}
    assert 3 <= len(shown) <= 4
    assert {name: size for name, size in stored.items() if size > MAX_BYTES} == {}


def test_the_folders_of_screenshots_are_made(tmp_path: Path) -> None:
    folders = (tmp_path / "screenshots", tmp_path / "docs" / "pictures")
    for _again in range(2):
        prepare_folders(*folders)
    assert all(folder.is_dir() for folder in folders)
