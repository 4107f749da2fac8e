"""Renders the pictures of pages in the background, so that no page and no other request waits for them.

A request waits for a moment, while few others do; then it gets a placeholder. The picture is rendered
nevertheless, in a child process with a deadline of its own.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotReady

from cachetools import TTLCache

from publisher.adapt.images.rendering import ImageRefused
from publisher.core.clock import monotonic
from publisher.core.content import Rendition, RenditionSpec
from publisher.core.logs import get_logger

MAKER_THREADS = 2
"""Pictures that are rendered at once: publishing needs the machine too."""
MAX_QUEUED = 200
MAX_WAITING = 4
"""Requests that wait a moment for their picture; each takes a thread that other pages need."""
WAIT_SECONDS = 2.0
REFUSED_SECONDS = 600.0
"""A picture that can't be rendered is not tried again for so long."""
MAX_REFUSED = 500

Render = Callable[[RenditionSpec], Rendition]


class PictureMaker:
    """Renders pictures from a queue. Any number of threads may call it."""

    def __init__(self, render: Render, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._render = render
        self._wait_seconds = wait_seconds
        self._queue: queue.Queue[tuple[RenditionSpec, Future[Rendition]]] = queue.Queue(MAX_QUEUED)
        self._making: dict[str, Future[Rendition]] = {}
        self._refused: TTLCache[str, ImageRefused] = TTLCache(MAX_REFUSED, REFUSED_SECONDS, timer=monotonic)
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_WAITING)
        self._makers: list[threading.Thread] = []

    def make(self, spec: RenditionSpec) -> Rendition | None:
        """Returns the picture; None: it is being rendered, or will be when it is asked for again.

        Raises:
            ImageRefused: it can't be rendered.
            MediaUnreachable: its original can't be had now.
        """
        future = self.enqueue(spec)
        if future is None:
            return None
        may_wait = self._places.acquire(blocking=False)
        try:
            return future.result(self._wait_seconds if may_wait else 0)
        except NotReady:
            return None
        finally:
            if may_wait:
                self._places.release()

    def enqueue(self, spec: RenditionSpec) -> Future[Rendition] | None:
        """Adds a picture to the queue, or finds it there; None: the queue is full."""
        digest = spec.digest
        with self._lock:
            self._raise_known_refusal(digest)
            if digest in self._making:
                return self._making[digest]
            future: Future[Rendition] = Future()
            try:
                self._queue.put_nowait((spec, future))
            except queue.Full:
                return None
            self._making[digest] = future
            while len(self._makers) < MAKER_THREADS:
                # Daemons: a picture that is being rendered for a page does not keep the program from ending.
                maker = threading.Thread(target=self._work, name="picture-maker", daemon=True)
                self._makers.append(maker)
                maker.start()
        return future

    def _raise_known_refusal(self, digest: str) -> None:
        refusal = self._refused.get(digest)
        if refusal is not None:
            raise ImageRefused(refusal.problem)

    def _work(self) -> None:
        while True:
            spec, future = self._queue.get()
            try:
                rendition = self._render(spec)
            except Exception as error:
                self._finish(spec, error)
                if not isinstance(error, ImageRefused):
                    get_logger("pictures").warning("a picture could not be made", error=str(error))
                future.set_exception(error)
            else:
                self._finish(spec, None)
                future.set_result(rendition)

    def _finish(self, spec: RenditionSpec, error: Exception | None) -> None:
        with self._lock:
            self._making.pop(spec.digest, None)
            if isinstance(error, ImageRefused):
                self._refused[spec.digest] = error
