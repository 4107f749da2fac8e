"""Tests that markup which followers can't be shown is told with its place."""

from __future__ import annotations

import pytest

from publisher.adapt.markup_problems import markup_problems
from publisher.core.content import SourcePost


@pytest.mark.parametrize(
    ("markup", "words"),
    [("[the paper]()", "the paper"), ("[the *paper*](<>)", "the paper"), ('<a href="">the paper</a>', "the paper")],
)
def test_a_link_without_an_address_is_told_with_its_line(markup: str, words: str) -> None:
    (problem,) = markup_problems(SourcePost(title="Cells", body=f"First.\n\nRead {markup} first."), "")
    assert problem.field == "body"
    assert f"line 3: “{words}” is written as a link without an address" in str(problem.problem)


@pytest.mark.parametrize(
    "text",
    [
        "call f() and g(), [1] and [2]",
        "call f[i]() and g(x)[0]()",
        '<a name="place">words</a>',
        "[a](https://example.org)",
    ],
)
def test_what_is_no_link_without_an_address_is_not_told(text: str) -> None:
    assert markup_problems(SourcePost(title="Cells", body=text), "") == ()
