"""Empty jobs for Celery, run by a Python that has `celery[redis]`: `python celery_jobs.py HOW_MANY` hands them in."""

from __future__ import annotations

import os
import sys

import celery  # type: ignore[import-not-found]

app = celery.Celery("celery_jobs", broker=os.environ["BROKER"])
app.conf.update(task_ignore_result=True, task_acks_late=True)


@app.task  # type: ignore[untyped-decorator]
def nothing() -> None:
    """What an engine does when there is nothing to do."""


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        nothing.delay()
