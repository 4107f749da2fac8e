"""Runs the child process that opens pictures, and ends it whatever the picture does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import publisher
from publisher.core.errors import ErrorKind, UserError

WALL_SECONDS = 60
THREADS = 2
LARGE_BLOCK = 256 * 1024
"""Bytes of memory from which on a freed block goes back to the system at once (glibc; without effect elsewhere).

Left to itself it keeps more the larger the blocks were: at 4096 pixels some 40 MB of nothing.
"""

_INHERITED = (
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
    """A picture can't be used; the message is one sentence for staff: what is wrong and what to do."""

    code = "picture-unusable"
    kind = ErrorKind.INVALID


class ImageProcessFailed(RuntimeError):
    """The child process itself is broken, whatever the picture: a fault of the program or its installation."""


def run_image_process(request: dict[str, Any], *, scratch: Path) -> dict[str, Any]:
    """Let a child answer one request; `scratch` is where it may leave temporary files.

    Raises:
        ImageRefused: the child refused the picture, or the picture used up what it may take.
        ImageProcessFailed: the child could not do its work on any picture.
    """
    try:
        # The environment is not inherited whole: a child that opens foreign files must not hold secrets.
        done = subprocess.run(
            [sys.executable, "-m", "publisher.adapt.images.process"],
            input=json.dumps(request).encode(),
            capture_output=True,
            env=child_environment(scratch),
            timeout=WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageRefused("The picture takes too long to decode: export a smaller or simpler copy.") from error
    return _answer(done)


def _answer(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    if done.returncode < 0:
        raise ImageRefused("The picture takes too much time or memory to decode: export a smaller or simpler copy.")
    if done.returncode > 0:
        last_line = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ImageProcessFailed(f"The image process failed: {last_line or done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "refused" in answer:
        raise ImageRefused(answer["refused"])
    return answer


def child_environment(scratch: Path) -> dict[str, str]:
    """All that the child sees of this process's environment, and what keeps its libraries modest."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | {
        "PYTHONPATH": str(Path(publisher.__file__).parents[1]),
        "TMPDIR": str(scratch),
        "MALLOC_MMAP_THRESHOLD_": str(LARGE_BLOCK),
        "MALLOC_TRIM_THRESHOLD_": str(LARGE_BLOCK),
        "VIPS_BLOCK_UNTRUSTED": "1",
        "VIPS_CONCURRENCY": str(THREADS),
        # Pictures that can't be streamed stay in memory, where they are bounded, not in a file beside it.
        "VIPS_DISC_THRESHOLD": "4g",
    }
