"""Makes the C library return memory to the system after a busy moment."""

from __future__ import annotations

import ctypes
from functools import cache

M_ARENA_MAX = -8
MAX_ARENAS = 2
"""Regions that threads allocate from. By default there are eight for each processor, and each keeps its memory."""


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def bound_arenas() -> None:
    """Bounds the regions that threads allocate from, where the C library is glibc. Call it before threads begin."""
    if mallopt := getattr(_c_library(), "mallopt", None):
        mallopt(M_ARENA_MAX, MAX_ARENAS)


def give_back_memory() -> None:
    """Returns free memory to the system, where the C library is glibc."""
    if malloc_trim := getattr(_c_library(), "malloc_trim", None):
        malloc_trim(0)
