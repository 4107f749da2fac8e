"""What is wrong with a delivery, an attempt and a channel is data, and an attempt's end is a code."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

CODES = {
    "possible copies": "possible-copies",
    "cannot tell": "cannot-tell",
    "as sent": "as-sent",
    "not readable": "not-readable",
    "RefusedOnce": "refused-once",
    "MediaExpired": "media-expired",
    "AlreadyPublic": "already-public",
    "UnsupportedContent": "content-unsupported",
    "ContentRejected": "content-rejected",
    "CredentialsRefused": "credentials-refused",
    "RateLimited": "rate-limited",
    "Unavailable": "platform-unavailable",
    "Unconfirmed": "publication-unconfirmed",
    "PlatformError": "platform-failed",
    "own machine": "own-machine",
    "BudgetReached": "budget-reached",
}
"""How an attempt's end was called before, and its code. Other ends keep their name."""
LOST_WORKER = "the worker was gone before it recorded an answer"
"""What `lost` says by itself."""
DELIVERY = sa.table("delivery", sa.column("id", sa.Integer), sa.column("problem", sa.Text))
NEW_DELIVERY = sa.table("delivery", sa.column("id", sa.Integer), sa.column("problem_data", sa.Text))
CHANNEL = sa.table(
    "channel",
    sa.column("name", sa.String),
    sa.column("paused_by", sa.String),
    sa.column("pause_reason", sa.Text),
    sa.column("pause_problem", sa.Text),
)
ATTEMPT = sa.table("attempt", sa.column("outcome", sa.String), sa.column("detail", sa.Text))


def upgrade() -> None:
    """Adds each new column beside the old one: a table that is copied would lose time on a long history."""
    op.add_column("delivery", sa.Column("problem_data", sa.Text()))
    _convert_deliveries()
    op.drop_column("delivery", "problem")
    op.alter_column("delivery", "problem_data", new_column_name="problem")
    op.add_column("channel", sa.Column("pause_problem", sa.Text()))
    _convert_channels()
    op.drop_column("channel", "pause_reason")
    op.add_column("attempt", sa.Column("problem", sa.Text()))
    _convert_attempts()


def _convert_deliveries() -> None:
    connection = op.get_bind()
    with_problem = sa.select(DELIVERY.c.id, DELIVERY.c.problem).where(DELIVERY.c.problem != "")
    for row in connection.execute(with_problem).all():
        change = NEW_DELIVERY.update().where(NEW_DELIVERY.c.id == row.id)
        connection.execute(change.values(problem_data=_recorded(row.problem)))


def _convert_channels() -> None:
    """What a person gave as the reason of a pause stays theirs."""
    connection = op.get_bind()
    columns = (CHANNEL.c.name, CHANNEL.c.paused_by, CHANNEL.c.pause_reason)
    for row in connection.execute(sa.select(*columns).where(CHANNEL.c.pause_reason != "")).all():
        by_person = _stored("delivery.paused-by-person", reason=row.pause_reason)
        problem = by_person if row.paused_by else _recorded(row.pause_reason)
        connection.execute(CHANNEL.update().where(CHANNEL.c.name == row.name).values(pause_problem=problem))


def _convert_attempts() -> None:
    """An older attempt keeps in `detail` what was wrong together with the platform's answer: both are one text."""
    connection = op.get_bind()
    code = sa.case(CODES, value=ATTEMPT.c.outcome, else_=ATTEMPT.c.outcome)
    connection.execute(ATTEMPT.update().where(ATTEMPT.c.outcome.in_(CODES)).values(outcome=code))
    lost = ATTEMPT.update().where(ATTEMPT.c.outcome == "lost", ATTEMPT.c.detail == LOST_WORKER)
    connection.execute(lost.values(detail=""))


def _recorded(sentence: str) -> str:
    return _stored("core.recorded", sentence=sentence)


def _stored(code: str, **parameters: str) -> str:
    """Returns a problem as the column stores it."""
    return json.dumps({"code": code, "parameters": parameters, "remedy": None}, ensure_ascii=False)
