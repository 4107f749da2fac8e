"""Holds tables, sessions and migrations."""

from publisher.db import models, operations, staff

__all__ = ["models", "operations", "staff"]
