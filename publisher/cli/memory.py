"""What a process that runs for months does about its memory."""

from __future__ import annotations

import gc


def keep_what_was_imported() -> None:
    """Let the garbage collector look at nothing that was there when the work began.

    Some two hundred thousand objects of modules are never garbage. To look at all of them takes a
    quarter of a second, and all that while no page is answered.
    """
    gc.collect()
    gc.freeze()
