"""Combines several notices into one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from publisher.alerts.outlet_alerts import SAFE
from publisher.db.operations import Notice

MAX_LISTED = 10
MAX_CHARACTERS = 600
"""Of one notice: some services cut messages of more than a few thousand characters."""


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str
    bad: bool
    """True when a person has something to do."""


def compose(outlet: str, notices: Sequence[Notice]) -> Message:
    """Composes one message of one or more notices, those that need a person first."""
    bad = [notice for notice in notices if _is_bad(notice)]
    good = [notice for notice in notices if not _is_bad(notice)]
    texts = [_render_alert(notice) for notice in (*bad, *good)]
    if len(texts) > MAX_LISTED:
        texts = [*texts[:MAX_LISTED], f"... and {len(texts) - MAX_LISTED} more: publisher notices"]
    return Message(f"{outlet}: {_title(bad, good)}", "\n\n".join(texts), bool(bad))


def _is_bad(notice: Notice) -> bool:
    return notice.closed_at is None and notice.kind != SAFE


def _title(bad: Sequence[Notice], good: Sequence[Notice]) -> str:
    if len(bad) + len(good) == 1:
        return _headline((*bad, *good)[0])
    return ", ".join(_counts(bad, good))


def _counts(bad: Sequence[Notice], good: Sequence[Notice]) -> Iterator[str]:
    over = [notice for notice in good if notice.closed_at is not None]
    if bad:
        yield f"{len(bad)} things need a person" if len(bad) > 1 else "one thing needs a person"
    if over:
        yield f"{len(over)} are over" if len(over) > 1 else "one is over"
    if len(good) > len(over):
        yield "tomorrow is safe"


def _headline(notice: Notice) -> str:
    return f"over: {notice.title}" if notice.closed_at else notice.title


def _render_alert(notice: Notice) -> str:
    text = notice.message if len(notice.message) <= MAX_CHARACTERS else f"{notice.message[:MAX_CHARACTERS]} ..."
    return f"{'✗' if _is_bad(notice) else '✓'} {_headline(notice)}\n{text}"
