"""The first tables.

There is no way back: a database without them holds nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
IN_FLIGHT = sa.text("state IN ('preparing', 'publishing')")
DUE = sa.text("state IN ('pending', 'unconfirmed', 'processing')")
APPROVED = sa.text("state = 'approved'")
WAITING = sa.text("state = 'approved' AND NOT reserve AND fixed_date IS NULL AND last_shown_on IS NULL")


def upgrade() -> None:
    _channel()
    _media()
    _post()
    _post_image()
    _pick()
    _delivery()
    _attempt()
    _event()


def _channel() -> None:
    op.create_table(
        "channel",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("platform", sa.String(20), nullable=False),
        sa.Column("paused_at", INSTANT),
        sa.Column("pause_reason", sa.Text(), nullable=False),
        sa.Column("next_publish_at", INSTANT),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channel")),
    )


def _media() -> None:
    op.create_table(
        "media",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("bits", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("phash", sa.String(64)),
        sa.Column("gutters", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_media")),
    )


def _post() -> None:
    op.create_table(
        "post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Double(), nullable=False),
        sa.Column("reserve", sa.Boolean(), nullable=False),
        sa.Column("fixed_date", sa.Date()),
        sa.Column("embargo_until", INSTANT),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("standfirst", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("links", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("captions", sa.JSON(), nullable=False),
        sa.Column("translations", sa.JSON(), nullable=False),
        sa.Column("last_shown_on", sa.Date()),
        sa.Column("approved_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("state IN ('draft', 'approved', 'withdrawn')", name=op.f("ck_post_state")),
        sa.CheckConstraint("(state = 'approved') = (approved_at IS NOT NULL)", name=op.f("ck_post_approved")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
    )
    op.create_index("ix_post_ready", "post", ["reserve", "position"], sqlite_where=APPROVED, postgresql_where=APPROVED)
    op.create_index("ix_post_waiting", "post", ["position", "id"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_index("ix_post_fixed_date", "post", ["fixed_date"])


def _post_image() -> None:
    op.create_table(
        "post_image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("media_sha256", sa.String(64), nullable=False),
        sa.Column("alt_text", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_post_image_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["media_sha256"], ["media.sha256"], name=op.f("fk_post_image_media_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_image")),
        sa.UniqueConstraint("post_id", "position", name=op.f("uq_post_image_post_id_position")),
    )
    op.create_index(op.f("ix_post_image_media_sha256"), "post_image", ["media_sha256"])


def _pick() -> None:
    op.create_table(
        "pick",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Date(), nullable=False),
        sa.Column("post_id", sa.Integer()),
        sa.Column("reason", sa.String(10), nullable=False),
        sa.Column("picked_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "reason IN ('fixed date', 'queue', 'reserve', 'empty', 'missed')", name=op.f("ck_pick_reason")
        ),
        sa.CheckConstraint("(reason IN ('empty', 'missed')) = (post_id IS NULL)", name=op.f("ck_pick_post")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_pick_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pick")),
        sa.UniqueConstraint("slot", name=op.f("uq_pick_slot")),
    )
    op.create_index(op.f("ix_pick_post_id"), "pick", ["post_id"])


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pick_id", sa.Integer(), nullable=False),
        sa.Column("channel_name", sa.String(40), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(120)),
        sa.Column("lease_until", INSTANT),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("scheduled_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("token", sa.String(12), nullable=False),
        sa.Column("idempotency_key", sa.String(120)),
        sa.Column("adapted", sa.JSON(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lookups", sa.Integer(), nullable=False),
        sa.Column("clean_lookups", sa.Integer(), nullable=False),
        sa.Column("lost_requests", sa.Integer(), nullable=False),
        sa.Column("unknown_since", INSTANT),
        sa.Column("verify_at", INSTANT),
        sa.Column("sent_at", INSTANT),
        sa.Column("remote_id", sa.String(120)),
        sa.Column("remote_url", sa.Text()),
        sa.Column("published_at", INSTANT),
        sa.Column("processing_id", sa.String(120)),
        sa.Column("problem", sa.Text(), nullable=False),
        *_delivery_checks(),
        sa.ForeignKeyConstraint(["pick_id"], ["pick.id"], name=op.f("fk_delivery_pick_id")),
        sa.ForeignKeyConstraint(["channel_name"], ["channel.name"], name=op.f("fk_delivery_channel_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("pick_id", "channel_name", "part", name=op.f("uq_delivery_pick_id_channel_name_part")),
        sa.UniqueConstraint("token", name=op.f("uq_delivery_token")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_delivery_idempotency_key")),
    )
    op.create_index(
        "uq_delivery_in_flight",
        "delivery",
        ["channel_name"],
        unique=True,
        sqlite_where=IN_FLIGHT,
        postgresql_where=IN_FLIGHT,
    )
    op.create_index("ix_delivery_due", "delivery", ["channel_name", "due_at"], sqlite_where=DUE, postgresql_where=DUE)
    op.create_index(
        "ix_delivery_lease", "delivery", ["lease_until"], sqlite_where=IN_FLIGHT, postgresql_where=IN_FLIGHT
    )
    op.create_index("ix_delivery_state", "delivery", ["state"])
    op.create_index(op.f("ix_delivery_verify_at"), "delivery", ["verify_at"])


def _delivery_checks() -> list[sa.CheckConstraint]:
    checks = {
        "state": "state IN ('pending', 'preparing', 'publishing', 'processing', 'unconfirmed', 'published', "
        "'held', 'failed', 'missed', 'canceled')",
        "lease": "(state IN ('preparing', 'publishing')) = (lease_until IS NOT NULL)",
        "owner": "(lease_until IS NULL) = (lease_owner IS NULL)",
        "remote_id": "(state = 'published') = (remote_id IS NOT NULL)",
        "key": "state NOT IN ('publishing', 'processing', 'unconfirmed') OR idempotency_key IS NOT NULL",
    }
    return [sa.CheckConstraint(rule, name=op.f(f"ck_delivery_{name}")) for name, rule in checks.items()]


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(120), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("outcome", sa.String(24)),
        sa.Column("status", sa.Integer()),
        sa.Column("request_id", sa.String(120)),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('send', 'lookup', 'verify')", name=op.f("ck_attempt_kind")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_attempt_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index(op.f("ix_attempt_delivery_id"), "attempt", ["delivery_id"])


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("delivery_id", sa.Integer()),
        sa.Column("post_id", sa.Integer()),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_event_delivery_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_event_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_at"), "event", ["at"])
    op.create_index(op.f("ix_event_delivery_id"), "event", ["delivery_id"])
    op.create_index(op.f("ix_event_post_id"), "event", ["post_id"])
