"""Tests that the built wheel holds everything, and does the main job from outside the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.waiting import SETUP_TIMEOUT

ROOT = Path(__file__).parents[2]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the wheel from a copy of the sources, so that nothing is written into the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    shutil.copytree(ROOT / "publisher", sources / "publisher", ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, sources)
    build = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    ended = subprocess.run(
        [*build, "--wheel-dir", str(folder), str(sources)],
        capture_output=True,
        text=True,
        timeout=SETUP_TIMEOUT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """Unpacks the wheel, as an installer would."""
    folder = wheel.with_name("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command of the unpacked wheel in a folder that knows nothing of the tree."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "publisher", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=SETUP_TIMEOUT,
        check=False,
    )


def test_the_wheel_holds_each_file_of_the_package(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "publisher"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("publisher/")}
    assert held == set(tracked.stdout.splitlines())


def test_the_wheel_names_its_licence_and_what_it_needs(installed: Path) -> None:
    (info,) = installed.glob("*.dist-info")
    assert (info / "licenses" / "LICENSE").is_file()
    assert (info / "licenses" / "NOTICE").is_file()
    lines = (info / "METADATA").read_text(encoding="utf-8").splitlines()
    assert "License-Expression: Apache-2.0" in lines
    for extra in ("postgresql", "s3", "sandbox"):
        assert f"Provides-Extra: {extra}" in lines
    needed = [line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert not [line for line in needed if "psycopg" in line or "boto3" in line or "hypercorn" in line]


def test_the_wheel_does_the_main_job(installed: Path, tmp_path: Path) -> None:
    told = run_installed(installed, tmp_path, "--version", "--json")
    assert json.loads(told.stdout)["version"]
    script = "import publisher; print(publisher.__file__)"
    place = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(place.stdout.strip()).is_relative_to(installed)
    shown = run_installed(installed, tmp_path, "demo", "--once")
    assert shown.returncode == 0, shown.stderr
    assert "each platform holds exactly one copy" in shown.stdout


def test_a_new_desk_can_be_made_by_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert run_installed(installed, tmp_path, "init").returncode == 0
    assert {"config", "queue.db"} <= {path.name for path in tmp_path.iterdir()}
    queue = run_installed(installed, tmp_path, "queue")
    assert (queue.returncode, queue.stdout) == (0, "The queue is empty. Put a post into it: publisher add FILE\n")
