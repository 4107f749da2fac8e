"""Tests that no text which somebody types steers a terminal, a calendar or a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.cli.echo import echo
from publisher.cli.output import console, print_json, print_table
from publisher.core.characters import (
    escape_for_json,
    guard_cell,
    make_visible,
    remove_control_characters,
    remove_control_characters_from_json,
    spreadsheet_cell,
    unguard_cell,
)
from publisher.core.logs import _without_control_characters
from publisher.intake.post_files import read_post_file
from publisher.posts.drafts import PostChanges, PostDraft

CLEAR = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eexe"


def test_control_characters_are_removed_where_a_text_enters() -> None:
    draft = PostDraft.model_validate(
        {
            "title": f"Cells{CLEAR}",
            "tags": ["a\x1bb"],
            "captions": {"x": "one\x0btwo\x00"},
            "translations": {"ca": {"title": "t\x1b", "alt_texts": ["a\u202db"]}},
            "images": [{"media": "0" * 64, "alt_text": "a\x85b"}],
            "links": [{"label": "a\x1bb", "url": "https://example.org/\x1b"}],
        }
    )
    assert draft.title == "Cells]0;owned[2J31mexe"
    assert draft.tags == ("ab",)
    assert draft.captions == {"x": "one\ntwo"}
    assert draft.translations["ca"].alt_texts == ("ab",)
    assert draft.images[0].alt_text == "a\nb"
    assert draft.links[0].url == "https://example.org/"
    assert PostChanges(title="a\x1b").title == "a"


def test_a_title_of_control_characters_is_none() -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        PostDraft(title="\x1b\x07")


def test_control_characters_are_removed_from_a_post_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text('+++\ntitle = "a\\u001Bb"\n+++\nbo\x07dy\u202e', encoding="utf-8")
    draft = read_post_file(tmp_path / "a.md")
    assert (draft.title, draft.body) == ("ab", "body")


@pytest.mark.parametrize("text", ["a\tb\nc", "é\u0301 \u200f\u2067שלום\u2069", "👩\u200d🔬", "नमस्\u200dते", "a\u00adb"])
def test_what_a_text_needs_stays(text: str) -> None:
    assert remove_control_characters(text) == text


def test_what_is_nested_too_deep_is_left_out() -> None:
    deep: Any = "a"
    for _ in range(5000):
        deep = [deep]
    assert json.dumps(remove_control_characters_from_json(deep)).count("[") == 8


def test_nothing_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.cache_clear()
    echo(f"Post 1 “{CLEAR}”")
    echo(CLEAR, err=True)
    console().print(CLEAR)
    print_table(CLEAR, ("no.", "title"), [("1", CLEAR)])
    print_json({"title": CLEAR})
    console.cache_clear()
    output = capsys.readouterr()
    for text in (output.out, output.err):
        assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e"}
        assert "owned" in text
    assert make_visible("a\x1bb") == "a␛b"


def test_bytes_that_are_no_text_become_a_sign() -> None:
    draft = PostDraft.model_validate({"title": "a\udcffb", "tags": ["\ud800"], "captions": {"x": "\udfff"}})
    assert (draft.title, draft.tags, draft.captions) == ("a\ufffdb", ("\ufffd",), {"x": "\ufffd"})
    draft.model_dump_json()


def test_json_keeps_its_meaning_where_it_is_escaped() -> None:
    value = {"title": CLEAR, "body": "a\nb\tc"}
    escaped = escape_for_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(escaped) == value
    assert not set(escaped) & {"\x9b", "\u202e"}


def test_nothing_steers_the_terminal_through_a_log_line() -> None:
    event = _without_control_characters(None, "info", {"event": CLEAR, "title": f"a{CLEAR}", "post": 1})
    assert not set(f"{event}") & {"\x1b", "\x9b", "\u202e"}
    assert event["post"] == 1


FORMULA_SIGNS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "\ufe661"]
)
def test_a_cell_is_no_formula(text: str) -> None:
    assert spreadsheet_cell(text).lstrip().startswith("'")


@pytest.mark.parametrize("before", ["\n", " ", "\u200b", "\ufeff", '"', '""', "x;", 'x;"', "x\t", "x\n", "x; ", 'x,"'])
def test_no_part_of_a_cell_is_a_formula_where_another_separator_is_used(before: str) -> None:
    assert spreadsheet_cell(f"{before}=1+1;y").endswith("'=1+1;y")


@given(
    rows=st.lists(
        st.lists(st.text(alphabet=FORMULA_SIGNS + ",;\"'\n 1a\u200b", max_size=12), min_size=1, max_size=4),
        min_size=1,
        max_size=4,
    ),
    separator=st.sampled_from(",;\t"),
)
@settings(max_examples=400, deadline=None)
def test_no_spreadsheet_finds_a_formula_in_a_table(rows: list[list[str]], separator: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([[7, *map(spreadsheet_cell, row)] for row in rows])
    table = csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=separator)
    cells = [cell for row in table for cell in row]
    assert [cell for cell in cells if cell.lstrip(" \n\u200b")[:1] in tuple(FORMULA_SIGNS)] == []


def test_a_cell_grows_by_one_sign_for_each_place_at_most() -> None:
    """A quadratic expression would take minutes for it. The test has no limit of time."""
    assert spreadsheet_cell(";=" * 100_000) == ";'=" * 100_000
    assert spreadsheet_cell(" " * 200_000) == " " * 200_000


@pytest.mark.parametrize("text", ["Cells, and more", "a=b; c", "e-mail", "1 - 2", "https://example.org/?a=b&c=d"])
def test_an_ordinary_cell_stays_as_it_is(text: str) -> None:
    assert spreadsheet_cell(text) == text


@given(st.text(alphabet=st.sampled_from("=+-@',;\t\n\" a\u200b＝")))
def test_a_guarded_cell_gives_its_text_back_and_begins_no_formula(text: str) -> None:
    guarded = guard_cell(text)
    assert unguard_cell(guarded) == text
    for cell in re.split('[,;\t\r\n"]', guarded):
        assert cell.strip("\u200b ")[:1] not in {"=", "+", "-", "@", "＝"}
