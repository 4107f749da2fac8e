"""Holds requests that a platform carries out later than it answers them."""

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
    """Holds requests in the order in which they come due."""

    def __init__(self) -> None:
        self._requests: list[LateRequest] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Request, due_at: datetime) -> None:
        self._count += 1
        bisect.insort(self._requests, LateRequest(due_at, self._count, request))

    def take_due(self, now: datetime) -> Iterator[LateRequest]:
        """Removes and yields the requests that are due, earliest first."""
        while self._requests and self._requests[0].due_at <= now:
            yield self._requests.pop(0)

    def clear(self) -> None:
        self._requests.clear()
