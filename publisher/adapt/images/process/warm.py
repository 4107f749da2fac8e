"""Answers requests for as long as somebody asks, each in a process of its own that starts with everything imported.

`python -m publisher.adapt.images.process.warm SECONDS` reads one JSON request a line, `{"scratch": FOLDER, "request":
{...}}`, and writes one line for each: `{"status": EXIT_CODE, "output": TEXT}`, where a negative code is the signal that
ended the process. It ends when no request comes for so many seconds.

A request is `{"task": "inspect", "source": PATH}` or `{"task": "render", "source": PATH, "output": PATH, "spec":
{...}}`. Its output is `{"refused": PROBLEM}` or what the task reports; problems and notes are in the form of
`Problem.to_json`.

It forks for every request, before any file is opened: what a picture does to its process, by a crash or by
its use of memory and time, ends with that process. This one never reads a picture.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.process.errors import PictureRefused, is_out_of_memory
from publisher.adapt.images.process.limits import limit_loaders, limit_resources
from publisher.adapt.images.process.tasks import inspect, render
from publisher.adapt.problem_codes import PictureProblem

MAX_ANSWER_BYTES = 1 << 20


def serve_requests(idle_seconds: float) -> None:
    """Answers the requests on standard input until there are no more, or none for so long."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    # Only one request is under way at a time, so that none waits in the buffer while this waits for the pipe.
    while select.select([requests], [], [], idle_seconds)[0]:
        line = requests.readline()
        if not line:
            return
        answers.write(json.dumps(_answer_in_child(json.loads(line))).encode() + b"\n")
        answers.flush()


def _answer_in_child(message: dict[str, Any]) -> dict[str, Any]:
    output, child_output = os.pipe()
    child = os.fork()
    if child == 0:
        _run_child(message, child_output)
    os.close(child_output)
    with open(output, "rb") as pipe:
        content = pipe.read(MAX_ANSWER_BYTES)
    _, status = os.waitpid(child, 0)
    return {"status": os.waitstatus_to_exitcode(status), "output": content.decode(errors="replace")}


def _run_child(message: dict[str, Any], output: int) -> None:
    """Answers one request, writes the answer or what failed to `output`, and ends this process."""
    status = 1
    try:
        # The pipes to the desk are not for a process that opens foreign files.
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(nothing, stream)
        os.environ["TMPDIR"] = message["scratch"]
        limit_resources()
        answer = json.dumps(answer_request(message["request"]))
        status = 0
    except BaseException as error:
        # Whatever it is: this process must not go on as a second server.
        answer = f"{type(error).__name__}: {error}"
    try:
        with open(output, "wb") as pipe:
            pipe.write(answer.encode())
    finally:
        os._exit(status)


def answer_request(request: dict[str, Any]) -> dict[str, Any]:
    """Carries out a request; a refusal is an answer too."""
    try:
        if request["task"] == "inspect":
            return inspect(Path(request["source"]))
        return render(Path(request["source"]), Path(request["output"]), request["spec"])
    except PictureRefused as refusal:
        return {"refused": refusal.problem.to_json()}
    except MemoryError:
        return {"refused": PictureProblem.TOO_MUCH_MEMORY().to_json()}
    except pyvips.Error as error:
        if is_out_of_memory(error):
            return {"refused": PictureProblem.TOO_MUCH_MEMORY().to_json()}
        raise


if __name__ == "__main__":
    limit_loaders()
    serve_requests(float(sys.argv[1]))
