"""Finds picked posts that were changed after their approval: the approved version goes out, the change waits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.states import FINAL, State
from publisher.db.models import Delivery, Pick, Post
from publisher.lifecycle import may_be_replaced


@dataclass(frozen=True, slots=True)
class LateChange:
    """Holds a change that reaches the waiting deliveries of a picked post only when somebody approves it."""

    post_id: int
    title: str
    language: str
    edited_by: str
    channels: tuple[str, ...]
    """The channels that could still get the change."""
    goes_out_at: datetime | None
    """When the first of them publishes the approved version; None: all of them wait for a person."""


CHANGEABLE = tuple(state.value for state in State if state not in FINAL)
"""Named one by one, so that the index on states is used: most deliveries are final."""


def late_changes(session: Session) -> list[LateChange]:
    """Lists every picked post whose change awaits approval and could still reach a channel, by its time."""
    query = (
        select(Post.id, Post.title, Post.language, Post.edited_by, Delivery)
        .join(Pick, Pick.post_id == Post.id)
        .join(Delivery, Delivery.pick_id == Pick.id)
        .where(Post.state.in_(("draft", "in_review")), Delivery.state.in_(CHANGEABLE), Delivery.part == 0)
        .order_by(Delivery.due_at, Delivery.id)
    )
    changes: dict[int, LateChange] = {}
    for post_id, title, language, edited_by, delivery in session.execute(query):
        if may_be_replaced(delivery):
            before = changes.get(post_id) or LateChange(post_id, title, language, edited_by, (), None)
            changes[post_id] = replace(
                before,
                channels=(*before.channels, delivery.channel_name),
                goes_out_at=before.goes_out_at or (delivery.due_at if delivery.state == State.PENDING else None),
            )
    return list(changes.values())
