"""Asks a platform whether a post is there, and holds what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from publisher.core.content import Absence, Publication
from publisher.core.errors import UserError
from publisher.core.problems import Problem
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.unknown_outcomes import what_to_look_for
from publisher.platforms.abilities import SupportsLookup
from publisher.platforms.base import PlatformAdapter


class LookUpImpossible(UserError):
    """Says that the platform offers no way to find out; the problem says what to look for, and where."""

    code = "publication-unknown"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class PossibleCopies:
    """Holds posts that a restored database does not know; the one that is looked for may be among them."""

    posts: Sequence[Publication]


@dataclass(frozen=True, slots=True)
class LookUpAnswer:
    """Holds how one question to the platform ended."""

    answer: Publication | PossibleCopies | Absence | Exception
    cost: int
    """Of the posts that were read, in micros."""


def find_post(adapter: PlatformAdapter, claimed: ClaimedDelivery) -> Publication | Absence:
    """Asks the platform once for the post. Raises LookUpImpossible, and what the adapter raises."""
    if not isinstance(adapter, SupportsLookup) or claimed.idempotency_key is None:
        raise LookUpImpossible(what_to_look_for(claimed))
    return adapter.find_publication(
        claimed.adapted,
        idempotency_key=claimed.idempotency_key,
        since=claimed.sent_at or claimed.seed.created_at,
        preparation=claimed.preparation,
    )
