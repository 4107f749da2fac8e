"""Requests that a platform carries out later than it answered them."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from publisher.sandbox.wire import Request


@dataclass(frozen=True, slots=True, order=True)
class LateRequest:
    due_at: datetime
    """By the ledger's clock."""
    number: int
    request: Request = field(compare=False)


class LateRequests:
    """Requests in the order in which they come due."""

    def __init__(self) -> None:
        self._waiting: list[LateRequest] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, request: Request, due_at: datetime) -> None:
        self._count += 1
        bisect.insort(self._waiting, LateRequest(due_at, self._count, request))

    def due(self, now: datetime) -> Iterator[LateRequest]:
        """Take out those that are due, the earliest first."""
        while self._waiting and self._waiting[0].due_at <= now:
            yield self._waiting.pop(0)

    def clear(self) -> None:
        self._waiting.clear()
