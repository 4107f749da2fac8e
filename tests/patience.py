"""Waits for conditions that another process fulfils, however slow the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
SETUP_PATIENCE = 600.0
"""For what many tests share: when it does not start, every one of them fails."""


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Checks a condition until it is true; fails when it never is."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.05)
