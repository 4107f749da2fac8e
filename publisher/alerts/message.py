"""Combines several alerts into one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from publisher.alerts.outlet_alerts import SAFE
from publisher.db.operations import Alert

MAX_LISTED = 10
MAX_CHARACTERS = 600
"""Of one alert: some services cut messages of more than a few thousand characters."""


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str
    bad: bool
    """True when a person has something to do."""


def compose(outlet: str, alerts: Sequence[Alert]) -> Message:
    """Composes one message of one or more alerts, those that need a person first."""
    bad = [alert for alert in alerts if _is_bad(alert)]
    good = [alert for alert in alerts if not _is_bad(alert)]
    texts = [_render_alert(alert) for alert in (*bad, *good)]
    if len(texts) > MAX_LISTED:
        texts = [*texts[:MAX_LISTED], f"... and {len(texts) - MAX_LISTED} more: publisher alerts"]
    return Message(f"{outlet}: {_title(bad, good)}", "\n\n".join(texts), bool(bad))


def _is_bad(alert: Alert) -> bool:
    return alert.closed_at is None and alert.kind != SAFE


def _title(bad: Sequence[Alert], good: Sequence[Alert]) -> str:
    if len(bad) + len(good) == 1:
        return _headline((*bad, *good)[0])
    return ", ".join(_counts(bad, good))


def _counts(bad: Sequence[Alert], good: Sequence[Alert]) -> Iterator[str]:
    over = [alert for alert in good if alert.closed_at is not None]
    if bad:
        yield f"{len(bad)} things need a person" if len(bad) > 1 else "one thing needs a person"
    if over:
        yield f"{len(over)} are over" if len(over) > 1 else "one is over"
    if len(good) > len(over):
        yield "tomorrow is safe"


def _headline(alert: Alert) -> str:
    return f"over: {alert.title}" if alert.closed_at else alert.title


def _render_alert(alert: Alert) -> str:
    text = alert.message if len(alert.message) <= MAX_CHARACTERS else f"{alert.message[:MAX_CHARACTERS]} ..."
    return f"{'✗' if _is_bad(alert) else '✓'} {_headline(alert)}\n{text}"
