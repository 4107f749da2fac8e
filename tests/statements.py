"""Reports every statement that a database driver is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect


@contextmanager
def statements_watched(note: Callable[[str, Any], object]) -> Iterator[None]:
    """Calls `note` with the text and the parameters of each statement, of all engines."""
    carry_out: Callable[..., None] = DefaultDialect.do_execute

    def do_execute(self: DefaultDialect, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        note(statement, parameters)
        carry_out(self, cursor, statement, parameters, context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultDialect, "do_execute", do_execute)
        yield
