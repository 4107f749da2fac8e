"""Tests that a move which the table of moves does not have can't even be written down."""

from __future__ import annotations

import pytest

from publisher.core.states import MOVES, State
from publisher.lifecycle import Move


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("to", State)
def test_only_the_moves_of_the_table_can_be_made(before: State, to: State) -> None:
    if to in MOVES[before]:
        assert Move(before, to).sources == (before,)
    else:
        with pytest.raises(ValueError, match=f"can't go from {before} to {to}"):
            Move(before, to)


def test_one_state_without_the_move_refuses_all() -> None:
    assert State.FAILED in MOVES[State.PUBLISHING]
    with pytest.raises(ValueError, match="can't go from pending to failed"):
        Move((State.PUBLISHING, State.PENDING), State.FAILED)
