"""Defines the errors of posts; each message is a sentence for the people who write them."""

from __future__ import annotations

from publisher.core.errors import ErrorKind, UserError
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import Message, _


class PostError(UserError):
    """Says why something can't be done with a post, in one sentence for a person."""

    code = "post-refused"


class MachineError(PostError):
    """Says that this machine can't do it now, whatever the post is like; nothing was changed."""

    code = "machine-problem"
    kind = ErrorKind.MACHINE


class PostNotFound(PostError):
    """Says that there is no such post."""

    code = "post-not-found"
    kind = ErrorKind.NOT_FOUND


class StaleEdit(PostError):
    """Says that somebody else changed the post since it was opened; nothing was changed."""

    code = "stale-edit"
    kind = ErrorKind.CHANGED


class SearchRefused(PostError):
    """Says that nothing can be searched for with what was typed."""

    code = "search-refused"
    kind = ErrorKind.INVALID


def unreadable_file(name: Message | str, error: OSError) -> PostError:
    """Returns the error for a file that can't be read; a `MachineError` where the machine is the cause."""
    if problem := reading_problem(error):
        return MachineError(
            _(
                "{name} can't be read, because {why}; nothing was changed, try again when it is mended",
                name=name,
                why=problem,
            )
        )
    return PostError(_("{name} can't be read: {why}", name=name, why=error.strerror or str(error)))
