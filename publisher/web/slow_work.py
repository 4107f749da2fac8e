"""Runs work that takes seconds in queues of its own, apart from the threads that answer requests.

The threads that answer requests are few. Work that inspects pictures, asks other machines or reads a whole history
would keep them busy and stop every page. Each queue has its own threads, a limit of waiting work, a limit of one
person's share, and a deadline. When a queue is full, the request is refused at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from fastapi import Request

from publisher.core.logs import get_logger
from publisher.core.messages import _
from publisher.core.special_addresses import rate_limit_network
from publisher.web.errors import PageError

T = TypeVar("T")
P = ParamSpec("P")

RETRY_SECONDS = 5


class Refusal(Enum):
    """Says why work was not done, or its result is not known yet."""

    TOO_MUCH = auto()
    TOO_MUCH_OF_PERSON = auto()
    NOT_STARTED = auto()
    NOT_FINISHED = auto()


MESSAGES = {
    Refusal.TOO_MUCH: _("The desk has more such work than it can do at the moment. Nothing was done; try again soon."),
    Refusal.TOO_MUCH_OF_PERSON: _("The desk still works on your last request. Nothing new was started; wait for that."),
    Refusal.NOT_STARTED: _("The desk did not get to this in time. Nothing was done; try again soon."),
    Refusal.NOT_FINISHED: _("This takes longer than a page can wait. It goes on; look at the result before repeating."),
}


class WorkRefused(PageError):
    """Work was not taken, or took too long; the message is for people."""

    code = "work-refused"

    status = 503
    retry_seconds = RETRY_SECONDS

    def __init__(self, reason: Refusal) -> None:
        super().__init__(MESSAGES[reason])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """Limits one kind of work."""

    workers: int
    """Threads: so much is done at once."""
    waiting: int
    per_person: int
    """One person's share of the work that is done or waits."""
    seconds: float
    """After so long, waiting included, the request is answered without the result."""


class Capacity:
    """Limits how much goes on at once, in total and per person. Any number of threads may use it."""

    def __init__(self, total: int, per_person: int) -> None:
        self._total = total
        self._per_person = per_person
        self._taken: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    def acquire(self, person: Hashable) -> None:
        """Takes a place. Raises WorkRefused where there is none left."""
        with self._lock:
            if self._taken.total() >= self._total:
                raise WorkRefused(Refusal.TOO_MUCH)
            if self._taken[person] >= self._per_person:
                raise WorkRefused(Refusal.TOO_MUCH_OF_PERSON)
            self._taken[person] += 1

    def release(self, person: Hashable) -> None:
        """Gives a place back."""
        with self._lock:
            self._taken[person] -= 1
            if not self._taken[person]:
                del self._taken[person]

    @contextmanager
    def reserved_for(self, person: Hashable) -> Iterator[None]:
        """Takes a place while the block runs. Raises WorkRefused."""
        self.acquire(person)
        try:
            yield
        finally:
            self.release(person)


@dataclass(eq=False, slots=True)
class WaitingWork:
    """Work that has not started yet."""

    work: Callable[[], Any]
    person: Hashable
    future: Future[Any]


class WorkQueue:
    """Runs one kind of work in threads of its own. One person's work never keeps all threads busy."""

    def __init__(self, name: str, limits: WorkLimits) -> None:
        self._name = name
        self._limits = limits
        self._capacity = Capacity(limits.workers + limits.waiting, limits.per_person)
        self._max_per_person = max(1, limits.workers - 1)
        """Threads that work for one person at once, so that one is left for others."""
        self._waiting: list[WaitingWork] = []
        self._running: Counter[Hashable] = Counter()
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        """Guards the work that waits and runs, and wakes threads when there may be something to do."""

    async def run(self, work: Callable[[], T], person: Hashable, *, afterwards: Callable[[], None] = lambda: None) -> T:
        """Returns what `work` returns, or raises what it raises; meanwhile no thread of the pages waits.

        The work has its place until it is over, even when its request was answered before. `afterwards` is called
        then, or when the work does not start at all.

        Raises:
            WorkRefused: there is too much of it, or it took too long.
        """
        future: Future[T] = Future()
        future.add_done_callback(lambda _: afterwards())
        try:
            self._capacity.acquire(person)
        except WorkRefused:
            future.cancel()
            raise
        # The thread renders texts for the reader of the request.
        waiting = WaitingWork(partial(copy_context().run, work), person, future)
        future.add_done_callback(lambda _: self._forget(waiting))
        with self._changed:
            self._waiting.append(waiting)
            self._start_threads()
            self._changed.notify()
        try:
            async with asyncio.timeout(self._limits.seconds) as deadline:
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not deadline.expired():
                raise  # The work itself raised it.
            future.add_done_callback(self._note_late_failure)
            raise WorkRefused(Refusal.NOT_STARTED if future.cancelled() else Refusal.NOT_FINISHED) from None

    def _start_threads(self) -> None:
        while len(self._threads) < self._limits.workers:
            # Daemons: the program ends without waiting for them, as it would in a crash.
            thread = threading.Thread(target=self._work, name=f"slow-work-{self._name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _forget(self, waiting: WaitingWork) -> None:
        """Forgets work that is over, or that was canceled before it started."""
        self._capacity.release(waiting.person)
        with self._changed:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def _next(self) -> WaitingWork:
        """Waits for work, and returns the oldest of somebody who has a thread left."""
        with self._changed:
            while True:
                for waiting in self._waiting:
                    if self._running[waiting.person] < self._max_per_person:
                        self._waiting.remove(waiting)
                        self._running[waiting.person] += 1
                        return waiting
                self._changed.wait()

    def _work(self) -> None:
        while True:
            waiting = self._next()
            if waiting.future.set_running_or_notify_cancel():
                self._do(waiting)
            with self._changed:
                self._running[waiting.person] -= 1
                if not self._running[waiting.person]:
                    del self._running[waiting.person]
                self._changed.notify()
            del waiting

    @staticmethod
    def _do(waiting: WaitingWork) -> None:
        try:
            result = waiting.work()
        except BaseException as error:
            waiting.future.set_exception(error)
        else:
            waiting.future.set_result(result)

    def _note_late_failure(self, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            get_logger("web").warning("work failed after its request was answered", kind=self._name, error=str(error))


class SlowWork:
    """Holds the queues of slow work of one server."""

    def __init__(self) -> None:
        self.pictures = WorkQueue("pictures", WorkLimits(workers=2, waiting=8, per_person=4, seconds=50))
        """Inspects and stores uploaded pictures: up to a minute in a child process each."""
        self.picture_files = WorkQueue("picture-files", WorkLimits(workers=6, waiting=200, per_person=100, seconds=20))
        """Fetches rendered pictures for pages, from a disk or from storage elsewhere."""
        self.network = WorkQueue("network", WorkLimits(workers=4, waiting=12, per_person=4, seconds=50))
        """Asks a platform or a name server while a person waits."""
        self.previews = WorkQueue("previews", WorkLimits(workers=2, waiting=20, per_person=4, seconds=20))
        """Adapts unfinished texts for every channel, which takes a second for the longest."""
        self.approvals = WorkQueue("approvals", WorkLimits(workers=2, waiting=10, per_person=4, seconds=50))
        """Approves posts, one or many: the pictures that were not made yet take seconds each.

        What takes longer goes on, and the next page shows what came of it.
        """
        self.exports = WorkQueue("exports", WorkLimits(workers=1, waiting=6, per_person=2, seconds=50))
        """Writes exports of the whole history."""
        self.piece_files = WorkQueue("piece-files", WorkLimits(workers=3, waiting=21, per_person=6, seconds=20))
        """Writes pieces of pictures, each when nobody else works on the same picture."""
        self.log_ins = WorkQueue("log-ins", WorkLimits(workers=1, waiting=15, per_person=8, seconds=20))
        """Compares passwords from unknown browsers: each takes all processors and 64 MiB for a moment."""
        self.known_log_ins = WorkQueue("known-log-ins", WorkLimits(workers=1, waiting=7, per_person=4, seconds=20))
        """Compares passwords from known browsers, so that strangers don't keep them waiting."""
        self.bodies = Capacity(total=16, per_person=4)
        """Limits the large pictures that come in at once, each in a temporary file."""
        self.pieces = Capacity(total=24, per_person=6)
        """Limits the pieces of pictures that come in or wait at once: megabytes of memory each."""


def slow_work_of(request: Request) -> SlowWork:
    work: SlowWork = request.app.state.slow_work
    return work


def person_of(request: Request) -> Hashable:
    """Returns the person that a request's work is counted for.

    That is a person of the staff, in a browser or by a program; the network of whoever is not logged in.
    """
    holder = getattr(request.state, "holder", None)
    session = getattr(request.state, "session", None)
    person: Hashable = holder.person.id if holder else session.person_id if session else None
    if person is not None:
        return person
    return rate_limit_network(request.client.host if request.client else "")


def in_queue(
    choose: Callable[[SlowWork], WorkQueue],
) -> Callable[[Callable[P, T]], Callable[P, Coroutine[Any, Any, T]]]:
    """Runs a handler, whose request is the argument `request`, in a queue instead of a thread of the pages."""

    def wrap(handle: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(handle)
        async def queued(*arguments: P.args, **options: P.kwargs) -> T:
            request = options["request"]
            if not isinstance(request, Request):
                raise TypeError("a handler that runs in a queue takes its request by name")
            work = partial(handle, *arguments, **options)
            return await choose(slow_work_of(request)).run(work, person_of(request))

        return queued

    return wrap
