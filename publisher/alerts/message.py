"""Renders alerts for the present reader, and combines several into one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from publisher.alerts.outlet_alerts import is_good_news
from publisher.core.messages import ENGLISH_READER, Message, _, as_sentence, ngettext, render, render_with_keys
from publisher.core.problems import Problem
from publisher.db.operations import Alert

MAX_LISTED = 10
MAX_CHARACTERS = 600
"""Of the sentences of one alert: some services cut messages of more than a few thousand characters."""


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """Holds what is sent to an address."""

    title: str
    body: str
    bad: bool
    """True when a person has something to do."""


def compose(outlet: str, alerts: Sequence[Alert], link: str = "") -> AlertMessage:
    """Composes one message of one or more alerts, those that need a person first.

    `link`: the address of the desk's pages; without one, commands are named.
    """
    bad = [alert for alert in alerts if _is_bad(alert)]
    good = [alert for alert in alerts if not _is_bad(alert)]
    texts = [_render_alert(alert, link) for alert in (*bad, *good)]
    if len(texts) > MAX_LISTED:
        texts = [*texts[:MAX_LISTED], str(_("... and {more} more: publisher alerts", more=len(texts) - MAX_LISTED))]
    title = str(_("{outlet}: {parts:list}", outlet=outlet, parts=[*_title_parts(bad, good)]))
    return AlertMessage(title, "\n\n".join(texts), bool(bad))


def _is_bad(alert: Alert) -> bool:
    return alert.closed_at is None and not is_good_news(alert)


def _title_parts(bad: Sequence[Alert], good: Sequence[Alert]) -> Iterator[Message | str]:
    if len(bad) + len(good) == 1:
        yield render_headline((*bad, *good)[0])
        return
    over = [alert for alert in good if alert.closed_at is not None]
    if bad:
        yield ngettext("one thing needs a person", "{count} things need a person", count=len(bad))
    if over:
        yield ngettext("one is over", "{count} are over", count=len(over))
    if len(good) > len(over):
        yield _("tomorrow is safe")


def render_headline(alert: Alert) -> str:
    """Renders in a few words what is wrong, or that it is over."""
    headline = "" if alert.headline is None else str(alert.headline.message)
    return str(_("over: {headline}", headline=headline)) if alert.closed_at else headline


def render_details(problem: Problem, link: str = "") -> str:
    """Renders what is wrong as sentences, and on the next line the page or the command that mends it."""
    text = str(problem.message)
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]} ..."
    where = _render_remedy(problem, link)
    return f"{as_sentence(text)}\n→ {where}" if where else text


def _render_remedy(problem: Problem, link: str) -> str:
    remedy = problem.remedy
    if remedy is None:
        return ""
    if link and remedy.path:
        # An address has no language.
        return link.rstrip("/") + render(Message(remedy.path, problem.parameters), ENGLISH_READER)
    return render_with_keys(remedy.command.fill(problem.parameters))


def _render_alert(alert: Alert, link: str) -> str:
    present = alert.problem if alert.closed_at is None else alert.ending
    details = "" if present is None else render_details(present, link)
    return f"{'✗' if _is_bad(alert) else '✓'} {render_headline(alert)}\n{details}"
