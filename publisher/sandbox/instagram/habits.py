"""Lists Instagram's doubtful ways, by the attributes of the sandbox that hold them."""

from __future__ import annotations

from publisher.sandbox.habits import PlatformHabits, one_of, yes_or_no

CONFLICT_STATUSES = (200, 400, 500)
"""Each of them was seen."""
HABITS = PlatformHabits(
    readers={
        "recognises_upload_ids": yes_or_no,
        "echoes_upload_id": yes_or_no,
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
