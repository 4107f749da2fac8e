"""What goes wrong with a post, in sentences for the people who write it."""

from __future__ import annotations

from publisher.core.machine_errors import reading_problem


class PostError(Exception):
    """Something can't be done with a post; the message is one sentence for a person."""


class MachineTrouble(PostError):
    """This machine can't do it now, whatever the post is like; nothing was changed."""


class NoPost(PostError):
    """There is no such post."""


class StaleEdit(PostError):
    """Somebody else changed the post since it was opened; nothing was changed."""


def unreadable(name: str, error: OSError) -> PostError:
    """Returns what to raise for a file that can't be read, told as the machine's fault where it is that."""
    if problem := reading_problem(error):
        return MachineTrouble(
            f"{name} can't be read, because {problem}; nothing was changed, try again when it is mended"
        )
    return PostError(f"{name} can't be read: {error.strerror or error}")
