"""Defines the states of a delivery and the moves between them, for code, database and documents."""

from __future__ import annotations

import sys
from enum import StrEnum


class State(StrEnum):
    """Names the states of a delivery."""

    PENDING = "pending"
    PREPARING = "preparing"
    PUBLISHING = "publishing"
    UNCONFIRMED = "unconfirmed"
    PUBLISHED = "published"
    HELD = "held"
    FAILED = "failed"
    MISSED = "missed"
    CANCELED = "canceled"


class AttemptOutcome(StrEnum):
    """Names how an attempt ended. An end by an error has the error's code; a name never changes."""

    PUBLISHED = "published"
    FOUND = "found"
    ABSENT = "absent"
    POSSIBLE_COPIES = "possible-copies"
    CANNOT_TELL = "cannot-tell"
    AS_SENT = "as-sent"
    DIFFERS = "differs"
    GONE = "gone"
    HIDDEN = "hidden"
    NOT_READABLE = "not-readable"
    LOST = "lost"
    REFUSED_ONCE = "refused-once"
    MEDIA_EXPIRED = "media-expired"
    ALREADY_PUBLIC = "already-public"
    CONTENT_UNSUPPORTED = "content-unsupported"
    CONTENT_REJECTED = "content-rejected"
    TEXT_REMEMBERED = "text-known-to-platform"
    CREDENTIALS_REFUSED = "credentials-refused"
    RATE_LIMITED = "rate-limited"
    PLATFORM_UNAVAILABLE = "platform-unavailable"
    PUBLICATION_UNCONFIRMED = "publication-unconfirmed"
    PLATFORM_FAILED = "platform-failed"
    OWN_MACHINE = "own-machine"
    BUDGET_REACHED = "budget-reached"
    UNEXPECTED = "unexpected"


class CorrectionState(StrEnum):
    """Names the states of a correction of a published post."""

    WAITING = "waiting"
    """Nothing of it was carried out."""
    SENDING = "sending"
    UNKNOWN = "unknown"
    """It may have been carried out: the post is read before anything is sent again."""
    DONE = "done"
    FAILED = "failed"
    REPLACED = "replaced"
    """Another correction took its place before it was sent."""


WAITING_CORRECTIONS = (CorrectionState.WAITING, CorrectionState.UNKNOWN)
OPEN_CORRECTIONS = (CorrectionState.WAITING, CorrectionState.SENDING, CorrectionState.UNKNOWN)

S = State
MOVES: dict[State, dict[State, str]] = {
    S.PENDING: {
        S.PREPARING: "a worker claims it",
        S.PUBLISHED: "somebody posted it by hand",
        S.HELD: "it can't go out as it is",
        S.MISSED: "too late by the outlet's rule",
        S.CANCELED: "a person decides",
    },
    S.PREPARING: {
        S.PENDING: "failed before the send, or the worker is gone",
        S.PUBLISHING: "the key is on disk, the request may go",
        S.HELD: "credentials, content or lost workers need a person",
        S.FAILED: "refused for good",
    },
    S.PUBLISHING: {
        S.PUBLISHED: "the platform said so",
        S.UNCONFIRMED: "the answer was lost, or the worker is gone",
        S.PENDING: "surely not published, may be tried later",
        S.HELD: "refused, needs a person",
        S.FAILED: "refused for good",
    },
    S.UNCONFIRMED: {
        S.PUBLISHED: "found on the platform",
        S.PENDING: "surely absent, same key again",
        S.HELD: "the platform can't tell, a person decides",
        S.CANCELED: "a person decides",
    },
    S.HELD: {
        S.PENDING: "a person lets it try again",
        S.PUBLISHED: "adopted by its link, or found later",
        S.CANCELED: "a person decides",
    },
    S.FAILED: {
        S.PENDING: "tried again after an edit",
        S.PUBLISHED: "adopted by its link, or found later",
        S.CANCELED: "a person decides",
    },
    S.MISSED: {
        S.PENDING: "a person wants it out after all",
        S.PUBLISHED: "adopted by its link, or found later",
        S.CANCELED: "a person decides",
    },
    S.PUBLISHED: {},
    S.CANCELED: {},
}
LEASED = (S.PREPARING, S.PUBLISHING)
"""A worker has it, until its lease ends. One per channel at most."""
LOOKED_UP = (S.UNCONFIRMED,)
"""It may be public, and the platform is asked at `due_at`."""
WAITING = frozenset({S.PENDING, *LOOKED_UP})
"""The states that are looked at again at `due_at`."""
BY_HAND = (S.HELD, S.FAILED, S.MISSED)
"""Nothing happens until a person decides."""
SENT = frozenset({S.PUBLISHING, S.UNCONFIRMED})
"""The states after an intent to publish."""
UNPUBLISHED = (S.FAILED, S.MISSED, S.CANCELED)
"""It did not become public, as far as is known."""
AT_REST = (S.PUBLISHED, S.HELD, *UNPUBLISHED)
"""Nothing is done by itself any more but reading from the platform."""
OPEN = (*LEASED, S.PENDING, *LOOKED_UP, S.HELD)
"""Something is still done with it, by the program or by a person."""
VERIFIED_LATE = (*BY_HAND, S.CANCELED)
"""It may become public nevertheless, or has left something on its platform: read a few times, at `verify_at`."""
FINAL = frozenset(state for state, onward in MOVES.items() if not onward)


def moves_table() -> str:
    """Returns every move as a Markdown table, for `docs/architecture.md` (`python -m publisher.core.states`)."""
    rows = [f"| {state} | {to} | {why} |" for state, onward in MOVES.items() for to, why in onward.items()]
    return "\n".join(["| from | to | when |", "| --- | --- | --- |", *rows])


def moves_diagram() -> str:
    """Returns every move as a Mermaid diagram, for the same document."""
    moves = [f"    {before} --> {to}: {why}" for before, onward in MOVES.items() for to, why in onward.items()]
    ends = [f"    {state} --> [*]" for state in MOVES if state in FINAL]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {State.PENDING}: the day's post is picked", *moves, *ends])


if __name__ == "__main__":
    sys.stdout.write(f"{moves_diagram()}\n\n{moves_table()}\n")
