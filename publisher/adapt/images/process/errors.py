"""Defines how the child process refuses a picture."""

from __future__ import annotations

DAMAGED = "The picture is damaged or incomplete: download or export it again."
UNREADABLE = (
    "The picture is damaged or stored in a way that can't be read: export it again, as a JPEG or as an 8-bit RGB PNG."
)
TOO_MUCH_MEMORY = "The picture needs more memory than one picture may take: export a smaller copy."


class PictureRefused(Exception):
    """A picture can't be used; the message is one sentence for staff: what is wrong and what to do."""


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether libvips ran out of memory. It says so in its text alone."""
    message = str(error).lower()
    return any(words in message for words in ("out of memory", "insufficient memory", "allocate"))


def decoding_refusal(error: Exception) -> PictureRefused:
    """Makes the refusal for a file that libvips can't decode to its end."""
    return PictureRefused(TOO_MUCH_MEMORY if is_out_of_memory(error) else DAMAGED)
