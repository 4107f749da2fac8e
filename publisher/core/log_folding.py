"""Folds log lines that repeat: a few are written, the rest are counted and told once a minute."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from publisher.core.clock import monotonic

WINDOW_SECONDS = 60.0
MAX_ALIKE = 3
"""So many lines alike are written within a window: trouble that ends and begins again is still seen."""
MAX_KINDS = 500
"""So many kinds of lines are remembered; of more, those seen first are forgotten."""
VARYING_FIELDS = frozenset({"exc_info", "reference", "stack_info", "timestamp"})
"""Lines alike may differ in these, and in every number with a fraction, such as a duration."""


@dataclass(slots=True)
class _Kind:
    """Lines alike within one window."""

    ends_at: float
    latest: logging.LogRecord
    written: int = 0
    folded: int = 0


class FoldingHandler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream, those that repeat folded."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line, or counts it. The logging module holds this handler's lock meanwhile."""
        now, key = monotonic(), _key(record)
        kind = self._kinds.get(key)
        if kind is None or (now >= kind.ends_at and not kind.folded):
            self._kinds.pop(key, None)
            kind = self._kinds[key] = _Kind(now + WINDOW_SECONDS, record)
            self._forget_the_first()
        if kind.written < MAX_ALIKE:
            kind.written += 1
            super().emit(record)
            return
        kind.folded += 1
        kind.latest = _plain(record)
        if now >= kind.ends_at:
            self._tell(kind, now)
        elif self._timer is None:
            self._start_timer()

    def close(self) -> None:
        """Tells what is counted and not told yet."""
        with self._locked():
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            for kind in self._kinds.values():
                self._tell(kind, monotonic())
            self._kinds.clear()
        super().close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _start_timer(self) -> None:
        self._timer = threading.Timer(WINDOW_SECONDS, self._tell_all_due)
        self._timer.daemon = True
        self._timer.start()

    def _tell_all_due(self) -> None:
        with self._locked():
            self._timer = None
            now = monotonic()
            for key, kind in list(self._kinds.items()):
                if now < kind.ends_at:
                    continue
                if not kind.folded:
                    del self._kinds[key]
                self._tell(kind, now)
            if any(kind.folded or kind.written >= MAX_ALIKE for kind in self._kinds.values()):
                self._start_timer()

    def _tell(self, kind: _Kind, now: float) -> None:
        """Tells how often a line came besides those written, and begins the next window."""
        if kind.folded:
            super().emit(_summary(kind))
        kind.folded, kind.ends_at = 0, now + WINDOW_SECONDS

    def _forget_the_first(self) -> None:
        if len(self._kinds) > MAX_KINDS:
            first = next(iter(self._kinds))
            self._tell(self._kinds.pop(first), monotonic())


def _key(record: logging.LogRecord) -> tuple[object, ...]:
    message = record.msg
    if isinstance(message, Mapping):
        fields = tuple(
            (name, str(value)[:200])
            for name, value in message.items()
            if name not in VARYING_FIELDS and not isinstance(value, float)
        )
        error = message.get("exc_info")
    else:
        fields = (("event", record.getMessage()[:500]),)
        error = record.exc_info[1] if record.exc_info else None
    kind_of_error = type(error).__name__ if isinstance(error, BaseException) else ""
    return record.name, record.levelno, kind_of_error, fields


def _plain(record: logging.LogRecord) -> logging.LogRecord:
    """A record without the error that led to it, whose frames would be kept in memory."""
    copy = logging.makeLogRecord(record.__dict__)
    copy.exc_info = copy.exc_text = None
    if isinstance(copy.msg, Mapping):
        copy.msg = {name: value for name, value in copy.msg.items() if name not in ("exc_info", "stack_info")}
    else:
        copy.msg, copy.args = record.getMessage(), ()
    return copy


def _summary(kind: _Kind) -> logging.LogRecord:
    record = kind.latest
    words = f"(repeated {kind.folded} times)"
    if isinstance(record.msg, Mapping):
        record.msg = {**record.msg, "event": f"{record.msg.get('event', '')} {words}", "repeated": kind.folded}
    else:
        record.msg = f"{record.msg} {words}"
    return record
