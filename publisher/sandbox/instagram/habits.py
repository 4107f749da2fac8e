"""Lists Instagram's uncertain behaviours, by the attributes of the sandbox that hold them."""

from __future__ import annotations

from publisher.sandbox.habits import PlatformHabits, boolean, one_of

CONFLICT_STATUSES = (200, 400, 500)
"""Statuses that were reported for an upload id that is already used."""
HABITS = PlatformHabits(
    readers={
        "recognises_upload_ids": boolean,
        "echoes_upload_id": boolean,
        "conflict_status": one_of(*CONFLICT_STATUSES),
    },
    usual={"echoes_upload_id": True, "conflict_status": 400},
    drawn={
        "recognises_upload_ids": (True, False, False, False),
        "echoes_upload_id": (True, False),
        "conflict_status": CONFLICT_STATUSES,
    },
    evidence={"recognises_upload_ids": True, "echoes_upload_id": True},
)
