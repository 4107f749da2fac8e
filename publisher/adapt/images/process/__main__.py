"""Reads one request on standard input and writes one answer on standard output.

A request is `{"task": "inspect", "source": PATH}` or `{"task": "render", "source": PATH, "output":
PATH, "spec": {...}}`. The answer is `{"refused": PROBLEM}` or what the task reports; problems and notes
are in the form of `Problem.to_json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.process.errors import PictureRefused, is_out_of_memory
from publisher.adapt.images.process.limits import limit_loaders, limit_resources
from publisher.adapt.images.process.tasks import inspect, render
from publisher.adapt.problem_codes import PictureProblem


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
    limit_resources()
    limit_loaders()
    sys.stdout.write(json.dumps(answer_request(json.load(sys.stdin))) + "\n")
