"""Names what an import did with an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.intake.items import ImportedItem
from publisher.intake.problem_codes import ImportProblem


class Outcome(StrEnum):
    """Names how an item ended; the values are for programs, and never change."""

    MADE = "made"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SAME = "same"
    """It is a post that the desk has already."""
    KEPT = "kept"
    """Its source was changed, and its post here, too; the post stays as it is."""
    WRONG = "wrong"


OUTCOME_NAMES: Mapping[Outcome, Message] = {
    Outcome.MADE: _("made"),
    Outcome.UPDATED: _("updated"),
    Outcome.UNCHANGED: _("unchanged"),
    Outcome.SAME: _("here already"),
    Outcome.KEPT: _("changed here too"),
    Outcome.WRONG: _("wrong"),
}
PREVIEW_NAMES: Mapping[Outcome, Message] = {
    **OUTCOME_NAMES,
    Outcome.MADE: _("would be made"),
    Outcome.UPDATED: _("would be updated"),
}
NEEDS_A_PERSON = frozenset({Outcome.WRONG, Outcome.KEPT})


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """Holds what became of one item."""

    item: ImportedItem
    outcome: Outcome
    post_id: int | None = None
    problems: tuple[Problem, ...] = ()
    """What is wrong with it, or what staff should know."""


def sentences_of(outcome: ItemOutcome) -> list[str]:
    """Returns what is told of an item, each with its place; a mistake of a post file names its line itself."""
    told = [
        str(problem) if problem.code is ImportProblem.UNREADABLE else f"{outcome.item.place}: {problem}"
        for problem in outcome.problems
    ]
    return [*told, *map(str, outcome.item.hints)]
