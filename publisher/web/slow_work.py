"""Runs work that takes seconds apart from the threads that answer requests: few at once, few waiting, not for long.

The threads that answer requests are few. What examines pictures, asks other machines or reads a whole history
would stop every page while it keeps them busy, so it has queues of its own, each with threads, a bound of what
waits, a bound of one person's share, and a deadline. Whoever finds a queue full is told at once to come again.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ParamSpec, TypeVar

from fastapi import Request

from publisher.core.logs import get_logger
from publisher.core.special_addresses import counted_network
from publisher.web.errors import PageError

T = TypeVar("T")
P = ParamSpec("P")

RETRY_SECONDS = 5


class Refusal(Enum):
    """Why work was not done, or its outcome is not told."""

    TOO_MUCH = auto()
    TOO_MUCH_OF_ONE = auto()
    NOT_BEGUN = auto()
    NOT_ENDED = auto()


MESSAGES = {
    Refusal.TOO_MUCH: "The desk has more such work than it can do at the moment. Nothing was done; try again soon.",
    Refusal.TOO_MUCH_OF_ONE: "The desk still does what you asked for before. Nothing new was begun; wait for that.",
    Refusal.NOT_BEGUN: "The desk did not get to this in time. Nothing was done; try again soon.",
    Refusal.NOT_ENDED: "This takes longer than a page can wait. It goes on; look what came of it before you repeat it.",
}


class WorkRefused(PageError):
    """Work was not taken, or took too long; the message is for people."""

    status = 503
    retry_seconds = RETRY_SECONDS

    def __init__(self, reason: Refusal) -> None:
        super().__init__(MESSAGES[reason])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """How much of one kind of work there may be."""

    workers: int
    """Done at once, in a thread each."""
    waiting: int
    per_person: int
    """Of the work that is done or waits, one person's."""
    seconds: float
    """After so long, waiting included, the request is answered without the outcome."""


class Capacity:
    """A bounded number of places, and of one person's share of them. Any number of threads may take and leave some."""

    def __init__(self, total: int, per_person: int) -> None:
        self._total = total
        self._per_person = per_person
        self._taken: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    def take(self, person: Hashable) -> None:
        """Raises WorkRefused where there is none left."""
        with self._lock:
            if self._taken.total() >= self._total:
                raise WorkRefused(Refusal.TOO_MUCH)
            if self._taken[person] >= self._per_person:
                raise WorkRefused(Refusal.TOO_MUCH_OF_ONE)
            self._taken[person] += 1

    def leave(self, person: Hashable) -> None:
        with self._lock:
            self._taken[person] -= 1
            if not self._taken[person]:
                del self._taken[person]

    @contextmanager
    def taken_by(self, person: Hashable) -> Iterator[None]:
        """Takes a place for as long as the block lasts. Raises WorkRefused."""
        self.take(person)
        try:
            yield
        finally:
            self.leave(person)


@dataclass(eq=False, slots=True)
class WaitingWork:
    """Work that nobody has begun yet."""

    work: Callable[[], Any]
    person: Hashable
    future: Future[Any]


class WorkQueue:
    """One kind of work: what waits, and threads that do it. One person's work never keeps all threads busy."""

    def __init__(self, name: str, limits: WorkLimits) -> None:
        self._name = name
        self._limits = limits
        self._places = Capacity(limits.workers + limits.waiting, limits.per_person)
        self._most_at_once = max(1, limits.workers - 1)
        """Of one person: whoever comes next finds a thread, however long the work of others takes."""
        self._waiting: list[WaitingWork] = []
        self._at_work: Counter[Hashable] = Counter()
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        """Guards what waits and is done, and wakes threads when there may be something to do."""

    async def run(self, work: Callable[[], T], person: Hashable, *, afterwards: Callable[[], None] = lambda: None) -> T:
        """Returns what `work` returns, or raises what it raises; meanwhile no thread of the pages waits.

        A place is taken until the work is over, even when its request was answered before. `afterwards` is called
        then, or when the work is not begun at all.

        Raises:
            WorkRefused: there is too much of it, or it took too long.
        """
        future: Future[T] = Future()
        future.add_done_callback(lambda _: afterwards())
        try:
            self._places.take(person)
        except WorkRefused:
            future.cancel()
            raise
        waiting = WaitingWork(work, person, future)
        future.add_done_callback(lambda _: self._leave(waiting))
        with self._changed:
            self._waiting.append(waiting)
            self._start_threads()
            self._changed.notify()
        try:
            async with asyncio.timeout(self._limits.seconds) as deadline:
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not deadline.expired():
                raise  # The work's own.
            future.add_done_callback(self._note_late_failure)
            raise WorkRefused(Refusal.NOT_BEGUN if future.cancelled() else Refusal.NOT_ENDED) from None

    def _start_threads(self) -> None:
        while len(self._threads) < self._limits.workers:
            # Daemons: the program ends without waiting for them, as it would in a crash.
            thread = threading.Thread(target=self._work, name=f"slow-work-{self._name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _leave(self, waiting: WaitingWork) -> None:
        """Forgets work that is over, or that was given up before it began."""
        self._places.leave(waiting.person)
        with self._changed:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def _next(self) -> WaitingWork:
        """Returns the oldest work of somebody who has a thread left, as soon as there is some."""
        with self._changed:
            while True:
                for waiting in self._waiting:
                    if self._at_work[waiting.person] < self._most_at_once:
                        self._waiting.remove(waiting)
                        self._at_work[waiting.person] += 1
                        return waiting
                self._changed.wait()

    def _work(self) -> None:
        while True:
            waiting = self._next()
            if waiting.future.set_running_or_notify_cancel():
                self._do(waiting)
            with self._changed:
                self._at_work[waiting.person] -= 1
                if not self._at_work[waiting.person]:
                    del self._at_work[waiting.person]
                self._changed.notify()
            del waiting

    @staticmethod
    def _do(waiting: WaitingWork) -> None:
        try:
            outcome = waiting.work()
        except BaseException as error:
            waiting.future.set_exception(error)
        else:
            waiting.future.set_result(outcome)

    def _note_late_failure(self, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            get_logger("web").warning("work failed after its request was answered", kind=self._name, error=str(error))


class SlowWork:
    """All the queues of one server."""

    def __init__(self) -> None:
        self.pictures = WorkQueue("pictures", WorkLimits(workers=2, waiting=8, per_person=4, seconds=50))
        """Pictures that come in are examined and stored: up to a minute in a child process each."""
        self.picture_files = WorkQueue("picture-files", WorkLimits(workers=6, waiting=200, per_person=100, seconds=20))
        """Finished pictures are fetched for pages, from a disk or from storage elsewhere."""
        self.network = WorkQueue("network", WorkLimits(workers=4, waiting=12, per_person=4, seconds=50))
        """A platform or a name server is asked while a person waits."""
        self.previews = WorkQueue("previews", WorkLimits(workers=2, waiting=20, per_person=4, seconds=20))
        """Unfinished texts are adapted for every channel, which takes a second for the longest."""
        self.exports = WorkQueue("exports", WorkLimits(workers=1, waiting=6, per_person=2, seconds=50))
        """Files of a whole history."""
        self.piece_files = WorkQueue("piece-files", WorkLimits(workers=3, waiting=21, per_person=6, seconds=20))
        """Pieces of pictures are written, each when nobody else works on the same picture."""
        self.log_ins = WorkQueue("log-ins", WorkLimits(workers=1, waiting=15, per_person=8, seconds=20))
        """Passwords of browsers that nobody knows are compared: each takes all processors and 64 MiB for a moment."""
        self.known_log_ins = WorkQueue("known-log-ins", WorkLimits(workers=1, waiting=7, per_person=4, seconds=20))
        """The same for browsers that somebody logged in with before: strangers don't keep them waiting."""
        self.bodies = Capacity(total=16, per_person=4)
        """Large pictures that are coming in at once, each in a temporary file."""
        self.pieces = Capacity(total=24, per_person=6)
        """Pieces of pictures that are coming in at once, or wait until they are examined: megabytes of memory each."""


def slow_work_of(request: Request) -> SlowWork:
    work: SlowWork = request.app.state.slow_work
    return work


def person_of(request: Request) -> Hashable:
    """Returns whom a request's work is counted for.

    That is a person of the staff, in a browser or by a program; the network of whoever is not logged in.
    """
    holder = getattr(request.state, "holder", None)
    session = getattr(request.state, "session", None)
    person: Hashable = holder.person.id if holder else session.person_id if session else None
    if person is not None:
        return person
    return counted_network(request.client.host if request.client else "")


def in_queue(
    choose: Callable[[SlowWork], WorkQueue],
) -> Callable[[Callable[P, T]], Callable[P, Coroutine[Any, Any, T]]]:
    """Makes a handler, whose request is the argument `request`, run in a queue instead of in a thread of the pages."""

    def wrap(handle: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(handle)
        async def queued(*arguments: P.args, **options: P.kwargs) -> T:
            request = options["request"]
            if not isinstance(request, Request):
                raise TypeError("a handler that runs in a queue takes its request by name")
            work = functools.partial(handle, *arguments, **options)
            return await choose(slow_work_of(request)).run(work, person_of(request))

        return queued

    return wrap
