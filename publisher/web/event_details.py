"""Names the details of recorded events for people, and renders their values; the stored ones are for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from publisher.core.date_format import format_moment, format_number
from publisher.core.messages import Message, _, channel_name
from publisher.core.problems import Problem, value_from_json
from publisher.db.problem_column import read_recorded
from publisher.health.failing import job_title
from publisher.web.actor_names import actor_name
from publisher.web.field_labels import label_of
from publisher.web.value_names import DELIVERY_STATES, POST_STATES, role_name

DETAIL_NAMES: Mapping[str, Message] = {
    "account": _("account"),
    "act": _("what was undone"),
    "address": _("address"),
    "after": _("after"),
    "applies_to": _("reaches"),
    "approved_before": _("version approved before"),
    "before": _("before"),
    "channel": _("channel"),
    "channels": _("channels"),
    "collection": _("collection"),
    "days": _("days"),
    "detail": _("what it says"),
    "draft": _("draft"),
    "due_at": _("due at"),
    "import": _("import"),
    "fields": _("fields"),
    "first": _("first"),
    "from": _("from"),
    "id": _("number"),
    "idempotency_key": _("key"),
    "job": _("job"),
    "knows everything until": _("knows everything until"),
    "late": _("late"),
    "lease_owner": _("worker"),
    "may have been shown from": _("may have been shown from"),
    "may have been shown on": _("may have been shown on"),
    "may have been shown until": _("may have been shown until"),
    "name": _("name"),
    "note": _("note"),
    "owner": _("process"),
    "person": _("person"),
    "problem": _("problem"),
    "reason": _("reason"),
    "remote_url": _("link"),
    "restored": _("after a restore"),
    "roles": _("roles"),
    "scopes": _("scopes"),
    "second": _("second"),
    "seconds": _("seconds"),
    "since": _("since"),
    "source": _("source"),
    "slot": _("day"),
    "state": _("state"),
    "title": _("title"),
    "to": _("to"),
    "too_late": _("too late for"),
    "url": _("link"),
    "version": _("version"),
    "waited_until": _("would have waited until"),
    "warnings": _("warnings"),
    "was approved": _("was approved"),
    "was_read": _("was read"),
    "webhook": _("webhook"),
}
"""By the key under which an event has it."""
UNNAMED_DETAILS = frozenset({"fence"})
"""Details that tell people nothing: they are for programs that read the events."""
REASONS: Mapping[str, Message] = {
    "fixed date": _("fixed date"),
    "queue": _("queue"),
    "reserve": _("reserve"),
    "no translation": _("no translation"),
    "mistake": _("mistake"),
    "outage": _("outage"),
    "unexpected": _("unexpected"),
}
ACTS: Mapping[str, Message] = {"state": _("a change of its state"), "move": _("a change of its place")}
INSTANTS = frozenset({"due_at", "since", "waited_until", "knows everything until"})
DAYS = frozenset({"slot", "may have been shown from", "may have been shown on", "may have been shown until"})
CHANNELS = frozenset({"channel", "channels", "applies_to", "too_late"})
PROCESSES = frozenset({"lease_owner", "owner"})
TEXTS = frozenset({"detail", "to", "warnings"})
"""Details that are texts or problems; older versions have stored sentences there."""


def event_details(detail: Mapping[str, Any]) -> list[tuple[Message, str]]:
    """Returns the details of an event that have a value, each with its name, for the present reader."""
    return [
        (detail_name(key), ", ".join(_render_value(key, value)))
        for key, value in detail.items()
        if value and key not in UNNAMED_DETAILS
    ]


def detail_name(key: str) -> Message:
    """Names a detail; one of another version of the program is called as it is stored."""
    return DETAIL_NAMES.get(key) or Message("{key}", {"key": key.replace("_", " ")})


def _render_value(key: str, value: Any) -> Iterator[str]:
    if key == "problem":
        yield str(read_recorded(value))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _render_value(key, item)
    elif key in TEXTS:
        yield _text_of(value)
    elif value is True:
        yield str(_("yes"))
    elif isinstance(value, int | float):
        yield format_number(value)
    else:
        yield _word(key, str(value))


def _text_of(value: Any) -> str:
    try:
        text = value_from_json(value)
    except (LookupError, TypeError, ValueError):
        text = value
    return str(text) if isinstance(text, Message | Problem) else str(value)


def _word(key: str, value: str) -> str:
    """Renders a stored word: names of states, roles and the like, and instants."""
    if key in INSTANTS or key in DAYS:
        return _moment(value, is_day=key in DAYS)
    if key in CHANNELS:
        return channel_name(value)
    if key == "fields":
        return str(label_of(value))
    if key in PROCESSES:
        return str(actor_name(value))
    if key == "job":
        return str(job_title(value))
    words: Mapping[str, Message] = {
        "reason": REASONS,
        "act": ACTS,
        "state": POST_STATES,
        "before": DELIVERY_STATES,
    }.get(key, {})
    # `before` has roles where roles were changed.
    return str(words.get(value) or (role_name(value) if key in ("roles", "before", "after") else value))


def _moment(value: str, *, is_day: bool) -> str:
    try:
        return format_moment(date.fromisoformat(value), "date") if is_day else _instant(value)
    except ValueError:
        return value


def _instant(value: str) -> str:
    return format_moment(datetime.fromisoformat(value), "second")
