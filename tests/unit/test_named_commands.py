"""Tests that every command which a sentence or a document names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from publisher.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
TEXTS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("publisher/**/*.py")])
NAMED = re.compile(
    r"(?:`publisher|[Rr]un:? publisher|[Tt]hen: publisher|: publisher|, publisher) ([a-z]+(?:-[a-z]+)*)\b"
)


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_command_that_is_named_exists(file: Path) -> None:
    named = set(NAMED.findall(file.read_text(encoding="utf-8")))
    assert named <= {*COMMANDS, "sandbox"}
