"""Alerts hold what they are about as data: kind, channel, delivery, day, and problems in place of sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

OPEN_WITHOUT_DAY = sa.text("closed_at IS NULL AND day IS NULL")
OPEN_ON_DAY = sa.text("closed_at IS NULL AND day IS NOT NULL")
UNSENT = sa.text("sent_at IS NULL OR (closed_at IS NOT NULL AND end_sent_at IS NULL)")
RENAMED = {"told_at": "sent_at", "recovery_told_at": "end_sent_at", "trouble": "send_error"}
ALERT = sa.table(
    "alert",
    sa.column("id", sa.Integer),
    sa.column("kind", sa.String),
    sa.column("channel", sa.String),
    sa.column("delivery_id", sa.Integer),
    sa.column("day", sa.Date),
    sa.column("occurrence", sa.String),
    sa.column("headline", sa.Text),
    sa.column("problem", sa.Text),
    sa.column("ending", sa.Text),
)
OLD_ALERT = sa.table(
    "alert",
    *(
        sa.column(name)
        for name in ("id", "subject", "kind", "title", "message", "closed_at", "recovery_told_at", "tries")
    ),
)
DELIVERY = sa.table("delivery", sa.column("id"), sa.column("channel_name"), sa.column("pick_id"))
PICK = sa.table("pick", sa.column("id"), sa.column("slot", sa.Date))
EVENT = sa.table("event", sa.column("id"), sa.column("delivery_id"), sa.column("detail", sa.JSON))

Values = dict[str, Any]


def upgrade() -> None:
    """Reads each subject once, and keeps the sentences of old alerts as they are."""
    connection = op.get_bind()
    old_alerts = connection.execute(sa.select(OLD_ALERT).order_by(OLD_ALERT.c.id)).mappings().all()
    op.drop_index("uq_alert_open", "alert")
    op.drop_index("ix_alert_unsent", "alert")
    op.add_column("alert", sa.Column("channel", sa.String(40), nullable=False, server_default=""))
    op.add_column("alert", sa.Column("delivery_id", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("alert", sa.Column("day", sa.Date()))
    op.add_column("alert", sa.Column("occurrence", sa.String(80), nullable=False, server_default=""))
    for name in ("headline", "problem", "ending"):
        op.add_column("alert", sa.Column(name, sa.Text()))
    for name in ("subject", "title", "message"):
        op.drop_column("alert", name)
    for before, after in RENAMED.items():
        op.alter_column("alert", before, new_column_name=after)
    for alert in old_alerts:
        values = _identity(connection, dict(alert)) | _texts(dict(alert))
        connection.execute(sa.update(ALERT).where(ALERT.c.id == alert["id"]).values(**values))
    identity = ["kind", "channel", "delivery_id"]
    for index, columns, where in (
        ("uq_alert_open", [*identity, "occurrence"], OPEN_WITHOUT_DAY),
        ("uq_alert_open_on_day", [*identity, "day", "occurrence"], OPEN_ON_DAY),
    ):
        op.create_index(index, "alert", columns, unique=True, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_alert_unsent", "alert", ["next_try_at"], sqlite_where=UNSENT, postgresql_where=UNSENT)


def _texts(alert: Mapping[str, Any]) -> Values:
    """Returns the texts as recorded problems. An end that was or will be sent had replaced the message."""
    has_ending = alert["closed_at"] is not None and (alert["recovery_told_at"] is None or alert["tries"] > 0)
    return {
        "headline": _headline(alert),
        "problem": None if has_ending else _recorded(alert["message"]),
        "ending": _recorded(alert["message"]) if has_ending else None,
    }


def _headline(alert: Mapping[str, Any]) -> str | None:
    """Returns the title. Only that of good news is known by its code, because no person is needed there."""
    word, _, day = alert["subject"].partition(" ")
    if alert["kind"] == "safe" and word == "preflight" and alert["title"]:
        return json.dumps({"code": "alerts.tomorrow-safe", "parameters": {"day": day}, "remedy": None})
    return _recorded(alert["title"])


def _recorded(sentence: str) -> str | None:
    if not sentence:
        return None
    stored = {"code": "core.recorded", "parameters": {"sentence": sentence}, "remedy": None}
    return json.dumps(stored, ensure_ascii=False)


def _identity(connection: sa.Connection, alert: Mapping[str, Any]) -> Values:
    """Returns what an alert is about. One with a subject of an unknown form keeps it as its occurrence."""
    word, _, rest = alert["subject"].partition(" ")
    reader = READERS.get(word)
    try:
        return reader(connection, alert["kind"], rest) if reader else _unknown(alert)
    except ValueError:
        return _unknown(alert)


def _unknown(alert: Mapping[str, Any]) -> Values:
    return {"kind": alert["kind"], "occurrence": alert["subject"]}


def _of_delivery(connection: sa.Connection, kind: str, rest: str) -> Values:
    delivery, event = map(int, rest.split())
    return {"kind": kind, "occurrence": str(event), **_delivery(connection, delivery)}


def _of_event(connection: sa.Connection, kind: str, rest: str) -> Values:
    values: Values = {"kind": "second-copy" if kind == "second copy" else kind, "occurrence": str(int(rest))}
    event = connection.execute(sa.select(EVENT).where(EVENT.c.id == int(rest))).mappings().first()
    if event is None:
        return values
    if kind == "draft":
        return values | {"channel": str((event["detail"] or {}).get("channel") or "")}
    return values | _delivery(connection, event["delivery_id"] or 0)


def _delivery(connection: sa.Connection, delivery: int) -> Values:
    query = sa.select(DELIVERY.c.channel_name, PICK.c.slot).join(PICK, PICK.c.id == DELIVERY.c.pick_id)
    found = connection.execute(query.where(DELIVERY.c.id == delivery)).first()
    return {"delivery_id": delivery} | ({"channel": found[0], "day": found[1]} if found else {})


def _of_day_and_channel(_connection: sa.Connection, kind: str, rest: str) -> Values:
    day, channel = rest.split()
    return {"kind": kind, "channel": channel, "day": date.fromisoformat(day)}


def _of_channel(_connection: sa.Connection, kind: str, rest: str) -> Values:
    channel, occurrence = rest.split()
    return {"kind": kind, "channel": channel, "occurrence": occurrence}


def _of_month(_connection: sa.Connection, kind: str, rest: str) -> Values:
    channel, month = rest.split()
    return {"kind": kind, "channel": channel, "day": date.fromisoformat(f"{month}-01")}


def _of_change(_connection: sa.Connection, kind: str, rest: str) -> Values:
    day, channel, change = rest.split()
    return {"kind": kind, "channel": channel, "day": date.fromisoformat(day), "occurrence": change}


def _of_person(_connection: sa.Connection, kind: str, rest: str) -> Values:
    person, day = rest.split()
    return {"kind": kind, "day": date.fromisoformat(day), "occurrence": person}


def _of_day(kind: str) -> Callable[[sa.Connection, str, str], Values]:
    return lambda _connection, _kind, rest: {"kind": kind, "day": date.fromisoformat(rest)}


def _of_occurrence(kind: str) -> Callable[[sa.Connection, str, str], Values]:
    return lambda _connection, _kind, rest: {"kind": kind, "occurrence": rest}


def _of_caption(_connection: sa.Connection, kind: str, rest: str) -> Values:
    return {"kind": kind, "channel": rest}


READERS: Mapping[str, Callable[[sa.Connection, str, str], Values]] = {
    "delivery": _of_delivery,
    "event": _of_event,
    "late": _of_day_and_channel,
    "paused": _of_channel,
    "silent": _of_channel,
    "budget": _of_month,
    "changed": _of_change,
    "codes": _of_person,
    "missed": _of_day("missed-day"),
    "empty": _of_day("empty"),
    "preflight": _of_day("preflight"),
    "restored-queue": _of_occurrence("restored-queue"),
    "cover": _of_occurrence("cover"),
    "job": _of_occurrence("job"),
    "clock": _of_occurrence("clock"),
    "clockset": _of_occurrence("clock-set"),
    "caption": _of_caption,
}
"""By the first word of the subject."""
