"""Tests that nothing which an operator installs is under a licence that would bind the project's own."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.M)

FREE_OF_DUTIES = re.compile(
    r"\b(MIT|MIT-0|MIT-CMU|BSD|0BSD|ISC|Zlib|PSF-2\.0|Python|Apache|CNRI-Python|Public Domain|Unlicense|HPND)\b", re.I
)
NAMED_IN_NOTICE = {
    "certifi": "MPL-2.0",
    "pi-heif": "LGPLv3",
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "psycopg-pool": "LGPL-3.0-only",
    "pyvips-binary": "LGPL-3.0-or-later",
}
"""Packages whose licence asks more than a notice, and may stand beside Apache 2.0."""
WITHOUT_METADATA = {"pytumblr": "Apache"}
"""Packages whose metadata name no licence, and the one that stands in their sources."""


def licence_of(name: str) -> str:
    """Returns what a package says of its licence: the expression, else the field and the classifiers."""
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        pytest.skip(f"{name} is not for this machine")
    if expression := metadata.get_all("License-Expression"):
        return str(expression[0])
    first_lines = [text.partition("\n")[0] for text in metadata.get_all("License") or []]
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License")]
    return "; ".join([*first_lines, *classifiers]) or WITHOUT_METADATA[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_package_may_stand_beside_our_licence(name: str) -> None:
    licence = licence_of(name)
    if name in NAMED_IN_NOTICE:
        assert NAMED_IN_NOTICE[name] in licence
        assert name in (ROOT / "NOTICE").read_text(encoding="utf-8")
        return
    assert FREE_OF_DUTIES.search(licence), licence
    assert not re.search(r"GPL|Affero|EUPL|SSPL|Commercial", licence), licence


def test_the_heic_reader_brings_no_encoder_under_the_gpl() -> None:
    files = distribution("pi-heif").files
    assert files
    libraries = [file.name for file in files if ".so" in file.name or ".dylib" in file.name]
    assert libraries
    assert not [name for name in libraries if "x265" in name]
