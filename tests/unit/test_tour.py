"""Tests that each file and each name in docs/tour.md exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOP = re.compile(r"`(publisher/[\w/]+\.py)`\s+`(\w+)`(?: or `(\w+)`)?")


def names_in(file: Path) -> set[str]:
    return {
        node.name
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }


def test_the_tour_names_only_what_is_there() -> None:
    text = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    stops = STOP.findall(text)
    assert len(stops) >= len(re.findall(r"`publisher/", text)) > 20, "a file without a name beside it"
    missing = [(file, name) for file, *names in stops for name in names if name and name not in names_in(ROOT / file)]
    assert missing == []
