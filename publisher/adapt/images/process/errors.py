"""Defines how the child process refuses a picture."""

from __future__ import annotations

from publisher.adapt.problem_codes import PictureProblem
from publisher.core.problems import Problem


class PictureRefused(Exception):
    """A picture can't be used; `problem` says to staff what is wrong and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether libvips ran out of memory. It says so in its text alone."""
    message = str(error).lower()
    return any(words in message for words in ("out of memory", "insufficient memory", "allocate"))


def decoding_refusal(error: Exception) -> PictureRefused:
    """Makes the refusal for a file that libvips can't decode to its end."""
    return PictureRefused(PictureProblem.TOO_MUCH_MEMORY() if is_out_of_memory(error) else PictureProblem.DAMAGED())
