"""Runs the child process that decodes and encodes pictures, with limits of time and memory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import publisher
from publisher.adapt.images.warm_processes import Answer, ProcessEnded, warm_processes
from publisher.adapt.problem_codes import PictureProblem
from publisher.core.errors import ErrorKind, UserError
from publisher.core.problems import Problem

TIMEOUT_SECONDS = 60
THREADS = 2
LARGE_BLOCK = 256 * 1024
"""Bytes of memory from which on a freed block goes back to the system at once (glibc; without effect elsewhere).

By default glibc keeps more the larger the blocks were: some 40 MB unused for a picture of 4096 pixels.
"""

_INHERITED_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "XDG_CACHE_HOME",
)


class ImageRefused(UserError):
    """A picture can't be used; the problem says to staff what is wrong and what to do."""

    code = "picture-unusable"
    kind = ErrorKind.INVALID

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class ImageProcessFailed(RuntimeError):
    """The child process failed for a reason other than the picture: the program or its installation is at fault."""


def run_image_process(request: dict[str, Any], *, scratch: Path) -> dict[str, Any]:
    """Has one request answered by a child of its own; `scratch` is its folder for temporary files.

    Raises:
        ImageRefused: the child refused the picture, or the picture used up what it may take.
        ImageProcessFailed: the child could not do its work on any picture.
    """
    # The environment is not inherited whole: a child that opens foreign files must not hold secrets.
    environment = child_environment()
    try:
        answer = warm_processes.ask(request, environment, scratch=scratch, timeout_seconds=TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise ImageRefused(PictureProblem.TOO_MUCH_TIME()) from error
    except ProcessEnded as error:
        answer = Answer(error.returncode, f"it ended with {error.returncode}")
    return _read_answer(answer)


def _read_answer(answer: Answer) -> dict[str, Any]:
    if answer.status < 0:
        raise ImageRefused(PictureProblem.TOO_MUCH_TIME_OR_MEMORY())
    if answer.status > 0 or not answer.output.startswith("{"):
        raise ImageProcessFailed(f"The image process failed: {answer.output}")
    report: dict[str, Any] = json.loads(answer.output)
    if "refused" in report:
        raise ImageRefused(Problem.from_json(report["refused"]))
    return report


def child_environment() -> dict[str, str]:
    """Returns the environment of the child: a few of our variables, and limits for its libraries."""
    inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    return inherited | {
        "PYTHONPATH": str(Path(publisher.__file__).parents[1]),
        "MALLOC_MMAP_THRESHOLD_": str(LARGE_BLOCK),
        "MALLOC_TRIM_THRESHOLD_": str(LARGE_BLOCK),
        # NumPy, which only carries pixels here, would set memory aside for a thread of each processor.
        "OPENBLAS_NUM_THREADS": "1",
        "VIPS_BLOCK_UNTRUSTED": "1",
        "VIPS_CONCURRENCY": str(THREADS),
        # Pictures that can't be streamed stay in memory, where they are bounded, not in a file beside it.
        "VIPS_DISC_THRESHOLD": "4g",
    }
