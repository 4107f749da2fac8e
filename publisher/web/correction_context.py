"""Gives pages what `correct_button.html` shows: the way to a correction, and how the last ones ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from publisher.correcting import is_correctable
from publisher.delivery.correction_history import latest_corrections
from publisher.delivery.row import CorrectionRow, place_of


def correction_context(session: Session, post_id: int | None) -> dict[str, Any]:
    """Returns the context of `correct_button.html` for a post; without one, or where nothing is public: no button."""
    if post_id is None or not is_correctable(session, post_id):
        return {"correct_post_id": None, "correction_states": []}
    states = [
        (correction.delivery_id, place_of(correction.delivery), CorrectionRow.of(correction))
        for correction in latest_corrections(session, post_id)
    ]
    return {"correct_post_id": post_id, "correction_states": states}
