"""A public post is the record of one delivery at most, and the state `processing` is gone: no platform gave it."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

INSTANT = sa.DateTime(timezone=True)
HAS_REMOTE_ID = sa.text("remote_id IS NOT NULL")
DELIVERY = sa.table(
    "delivery",
    sa.column("id", sa.Integer),
    sa.column("channel_name", sa.String),
    sa.column("state", sa.String),
    sa.column("fence", sa.Integer),
    sa.column("remote_id", sa.String),
    sa.column("remote_url", sa.Text),
    sa.column("published_at", INSTANT),
    sa.column("scheduled_at", INSTANT),
    sa.column("sent_at", INSTANT),
    sa.column("unknown_since", INSTANT),
    sa.column("verify_at", INSTANT),
    sa.column("lookups", sa.Integer),
    sa.column("clean_lookups", sa.Integer),
    sa.column("problem", sa.Text),
)
EVENT = sa.table(
    "event",
    sa.column("at", INSTANT),
    sa.column("name", sa.String),
    sa.column("delivery_id", sa.Integer),
    sa.column("actor", sa.String),
    sa.column("detail", sa.JSON),
)
STATES = "'pending', 'preparing', 'publishing', 'unconfirmed', 'published', 'held', 'failed', 'missed', 'canceled'"
SHARED = (
    "The post {url} was recorded for this delivery and for delivery {other}. It is one post, and now belongs to "
    "delivery {other}. Look whether this one is public too: publisher adopt {id} LINK if it is, "
    "publisher retry {id} --i-have-looked or publisher cancel {id} if it is not."
)


def upgrade() -> None:
    _look_up_what_was_processing()
    _hold_what_shares_a_post()
    with op.batch_alter_table("delivery") as table:
        table.drop_constraint(op.f("ck_delivery_state"), type_="check")
        table.drop_constraint(op.f("ck_delivery_key"), type_="check")
        table.create_check_constraint(op.f("ck_delivery_state"), f"state IN ({STATES})")
        table.create_check_constraint(
            op.f("ck_delivery_key"), "state NOT IN ('publishing', 'unconfirmed') OR idempotency_key IS NOT NULL"
        )
        table.drop_column("processing_id")
    op.create_index(
        "uq_delivery_remote_id",
        "delivery",
        ["channel_name", "remote_id"],
        unique=True,
        sqlite_where=HAS_REMOTE_ID,
        postgresql_where=HAS_REMOTE_ID,
    )


def _look_up_what_was_processing() -> None:
    """What a platform had accepted and did not show yet is looked up like any other unknown outcome."""
    began = sa.func.coalesce(DELIVERY.c.unknown_since, DELIVERY.c.sent_at, DELIVERY.c.scheduled_at)
    op.execute(
        DELIVERY.update()
        .where(DELIVERY.c.state == "processing")
        .values(state="unconfirmed", unknown_since=began, lookups=0, clean_lookups=0, fence=DELIVERY.c.fence + 1)
    )


def _hold_what_shares_a_post() -> None:
    """Of several deliveries of a channel with one post, all but the first wait for a person."""
    connection = op.get_bind()
    first = DELIVERY.alias("first")
    of_post = (
        sa.select(sa.func.min(first.c.id))
        .where(first.c.channel_name == DELIVERY.c.channel_name, first.c.remote_id == DELIVERY.c.remote_id)
        .scalar_subquery()
    )
    columns = (DELIVERY.c.id, DELIVERY.c.remote_id, DELIVERY.c.remote_url, DELIVERY.c.sent_at, DELIVERY.c.scheduled_at)
    owner = of_post.label("owner")
    shared = sa.select(*columns, owner).where(DELIVERY.c.remote_id.is_not(None), DELIVERY.c.id != of_post)
    now = datetime.now(UTC)
    for row in connection.execute(shared).all():
        problem = SHARED.format(url=row.remote_url or row.remote_id, other=row.owner, id=row.id)
        connection.execute(
            DELIVERY.update()
            .where(DELIVERY.c.id == row.id)
            .values(
                state="held", remote_id=None, remote_url=None, published_at=None, verify_at=None, problem=problem,
                unknown_since=row.sent_at or row.scheduled_at, fence=DELIVERY.c.fence + 1,
            )
        )  # fmt: skip
        detail = {"before": "published", "problem": problem}
        connection.execute(
            EVENT.insert().values(at=now, name="delivery held", delivery_id=row.id, actor="", detail=detail)
        )
