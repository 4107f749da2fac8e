"""The one way in which the child says no."""

from __future__ import annotations

DAMAGED = "The picture is damaged or incomplete: download or export it again."
UNREADABLE = (
    "The picture is damaged or stored in a way that can't be read: export it again, as a JPEG or as an 8-bit RGB PNG."
)
TOO_HUNGRY = "The picture needs more memory than one picture may take: export a smaller copy."


class Refused(Exception):
    """One sentence for staff: what is wrong with the file and what to do."""


def out_of_memory(error: Exception) -> bool:
    """Whether libvips failed for want of memory."""
    said = str(error).lower()
    return any(words in said for words in ("out of memory", "insufficient memory", "allocate"))


def explain(error: Exception) -> Refused:
    """A sentence for what libvips says about a file that can't be decoded to its end."""
    return Refused(TOO_HUNGRY if out_of_memory(error) else DAMAGED)
