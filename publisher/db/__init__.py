"""Holds tables, sessions and migrations."""

from publisher.db import corrections, models, operations, staff

__all__ = ["corrections", "models", "operations", "staff"]
