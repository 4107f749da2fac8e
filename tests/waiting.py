"""Waits for conditions that another process fulfils, however slow the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMEOUT = 120.0
SETUP_TIMEOUT = 600.0
"""For what many tests share: when it does not start, every one of them fails."""


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Checks a condition until it is true; fails when it never is."""
    end = time.monotonic() + TIMEOUT
    while not true():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.05)
