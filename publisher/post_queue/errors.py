"""What goes wrong with a post, in sentences for the people who write it."""

from __future__ import annotations


class PostError(Exception):
    """Something can't be done with a post; the message is one sentence for a person."""


class NoPost(PostError):
    """There is no such post."""


class StaleEdit(PostError):
    """Somebody else changed the post since it was opened; nothing was changed."""
