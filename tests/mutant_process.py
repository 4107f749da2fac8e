"""Runs a proof's processes without one of their guards: `MUTANT=NAME python -m tests.mutant_process CONFIG`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from publisher.db.history import History
from publisher.proving.outlet import ProvingOutlet
from publisher.proving.process import main, shared_clock
from tests import mutants


def side_by_side() -> None:
    config = Path(sys.argv[1])
    database = ProvingOutlet(config, shared_clock(config)).database
    mutants.without_index(database)
    database.close()
    mutants.without_busy_check()


def any_database() -> None:
    """Stops the desk from comparing its database with what it last knew."""

    def examine(self: History) -> None:
        """Accepts the database as it is."""

    History.examine = examine  # type: ignore[method-assign]


MUTANTS = {
    "any database": any_database,
    "corrections that are not sent": mutants.corrections_that_are_not_sent,
    "intent after the send": mutants.intent_after_the_send,
    "retry after a lost answer": mutants.retry_after_a_lost_answer,
    "side by side": side_by_side,
    "without fence": mutants.without_fence,
}

if __name__ == "__main__":
    MUTANTS[os.environ["MUTANT"]]()
    sys.exit(main())
