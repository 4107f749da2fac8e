"""Folds log lines that repeat: writes a few, counts the rest, and logs their number once a minute."""

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
"""So many equal lines are written within a window: an outage that ends and begins again is still seen."""
MAX_REMEMBERED = 500
"""So many different lines are remembered; the oldest ones are forgotten first."""
VARYING_FIELDS = frozenset({"exc_info", "reference", "stack_info", "timestamp"})
"""Equal lines may differ in these, and in every number with a fraction, such as a duration."""


@dataclass(slots=True)
class _RepeatedLine:
    """Counts equal lines within one window."""

    ends_at: float
    latest: logging.LogRecord
    written: int = 0
    folded: int = 0


class FoldingHandler(logging.StreamHandler[TextIO]):
    """Writes log lines to a stream, and folds those that repeat."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: dict[tuple[object, ...], _RepeatedLine] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line, or counts it. The logging module holds this handler's lock meanwhile."""
        now, key = monotonic(), _line_key(record)
        line = self._lines.get(key)
        if line is None or (now >= line.ends_at and not line.folded):
            self._lines.pop(key, None)
            line = self._lines[key] = _RepeatedLine(now + WINDOW_SECONDS, record)
            self._forget_oldest()
        if line.written < MAX_ALIKE:
            line.written += 1
            super().emit(record)
            return
        line.folded += 1
        line.latest = _without_error(record)
        if now >= line.ends_at:
            self._summarize(line, now)
        elif self._timer is None:
            self._start_timer()

    def close(self) -> None:
        """Logs the counts that are not logged yet."""
        with self._locked():
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            for line in self._lines.values():
                self._summarize(line, monotonic())
            self._lines.clear()
        super().close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _start_timer(self) -> None:
        self._timer = threading.Timer(WINDOW_SECONDS, self._summarize_all_due)
        self._timer.daemon = True
        self._timer.start()

    def _summarize_all_due(self) -> None:
        with self._locked():
            self._timer = None
            now = monotonic()
            for key, line in list(self._lines.items()):
                if now < line.ends_at:
                    continue
                if not line.folded:
                    del self._lines[key]
                self._summarize(line, now)
            if any(line.folded or line.written >= MAX_ALIKE for line in self._lines.values()):
                self._start_timer()

    def _summarize(self, line: _RepeatedLine, now: float) -> None:
        """Logs how often a line came besides those written, and begins the next window."""
        if line.folded:
            super().emit(_summary_record(line))
        line.folded, line.ends_at = 0, now + WINDOW_SECONDS

    def _forget_oldest(self) -> None:
        if len(self._lines) > MAX_REMEMBERED:
            oldest = next(iter(self._lines))
            self._summarize(self._lines.pop(oldest), monotonic())


def _line_key(record: logging.LogRecord) -> tuple[object, ...]:
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


def _without_error(record: logging.LogRecord) -> logging.LogRecord:
    """Copies a record without its error, whose frames would be kept in memory."""
    copy = logging.makeLogRecord(record.__dict__)
    copy.exc_info = copy.exc_text = None
    if isinstance(copy.msg, Mapping):
        copy.msg = {name: value for name, value in copy.msg.items() if name not in ("exc_info", "stack_info")}
    else:
        copy.msg, copy.args = record.getMessage(), ()
    return copy


def _summary_record(line: _RepeatedLine) -> logging.LogRecord:
    record = line.latest
    words = f"(repeated {line.folded} times)"
    if isinstance(record.msg, Mapping):
        record.msg = {**record.msg, "event": f"{record.msg.get('event', '')} {words}", "repeated": line.folded}
    else:
        record.msg = f"{record.msg} {words}"
    return record
