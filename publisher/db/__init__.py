"""Holds tables, sessions and migrations."""

from publisher.db import corrections, imports, models, operations, post_collections, staff, webhooks

__all__ = ["corrections", "imports", "models", "operations", "post_collections", "staff", "webhooks"]
