"""Defines the table of corrections of published posts."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from publisher.core.problems import Problem
from publisher.core.states import OPEN_CORRECTIONS, WAITING_CORRECTIONS, CorrectionState
from publisher.db.base import Base, Index, one_of
from publisher.db.models import Delivery
from publisher.db.problem_column import ProblemColumn

STATES = tuple(state.value for state in CorrectionState)
OPEN = text(one_of("state", tuple(state.value for state in OPEN_CORRECTIONS)))
FAILED = text("state = 'failed'")
WAITING = text(one_of("state", tuple(state.value for state in WAITING_CORRECTIONS)))


class Correction(Base):
    """Holds what a published post is to say instead, on one channel. A correction never makes a post."""

    __tablename__ = "correction"
    __table_args__ = (
        CheckConstraint(one_of("state", STATES), name="state"),
        CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint("(lease_until IS NULL) = (lease_owner IS NULL)", name="owner"),
        CheckConstraint("(state IN ('done', 'failed', 'replaced')) = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("(state = 'failed') <= (problem IS NOT NULL)", name="problem"),
        Index("uq_correction_open", "delivery_id", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_correction_due", "channel_name", "due_at", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_correction_failed", "ended_at", sqlite_where=FAILED, postgresql_where=FAILED),
        Index("ix_correction_delivery_id", "delivery_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"))
    channel_name: Mapped[str] = mapped_column(ForeignKey("channel.name"))
    post_version: Mapped[int]
    """The stored version of the post that it was made from."""
    actor: Mapped[str] = mapped_column(String(120))
    """Who decided it, as the history names people."""
    note: Mapped[str] = mapped_column(Text, default="")
    """Why, in this person's words."""
    created_at: Mapped[datetime]
    before: Mapped[dict[str, Any]]
    """The `AdaptedPost` that followers had until then."""
    after: Mapped[dict[str, Any]]
    """The `AdaptedPost` that they are to have."""
    state: Mapped[str] = mapped_column(String(8), default=CorrectionState.WAITING.value)
    fence: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None]
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    """How often a worker has begun to send it."""
    lost_at: Mapped[datetime | None]
    """When a request for it was last begun whose answer is not known: it may be carried out late."""
    ended_at: Mapped[datetime | None]
    problem: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """Why the last try did not correct the post. None: it did, or there was none."""

    delivery: Mapped[Delivery] = relationship()
