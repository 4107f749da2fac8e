"""Defines empty jobs for Celery; `python celery_jobs.py COUNT` enqueues them. It needs `celery[redis]`."""

from __future__ import annotations

import os
import sys

import celery  # type: ignore[import-not-found]

app = celery.Celery("celery_jobs", broker=os.environ["BROKER"])
app.conf.update(task_ignore_result=True, task_acks_late=True)


@app.task  # type: ignore[untyped-decorator]
def nothing() -> None:
    """Does nothing, so that only the engine is measured."""


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        nothing.delay()
