"""Tests that the documents show the states of the code."""

from __future__ import annotations

from pathlib import Path

from publisher.core.states import MOVES, State, moves_diagram, moves_table

DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"


def test_the_document_lists_exactly_the_moves_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    listed = text.partition("<!-- moves -->\n")[2].partition("\n<!-- end of moves -->")[0]
    assert listed == moves_table(), "run `python -m publisher.core.states` and put its table into the document"


def test_the_document_draws_exactly_the_moves_of_the_code() -> None:
    diagram = DOCUMENT.read_text(encoding="utf-8").partition("```mermaid\n")[2].partition("\n```")[0]
    assert diagram == moves_diagram(), "run `python -m publisher.core.states` and put its diagram into the document"


def test_every_state_can_be_reached_and_only_final_ones_cannot_be_left() -> None:
    reached = {to for onward in MOVES.values() for to in onward}
    assert reached | {State.PENDING} == set(State)
    assert {state for state, onward in MOVES.items() if not onward} == {State.PUBLISHED, State.CANCELED}
