"""A worker process that is killed at a milestone: `python -m tests.doomed_worker CONFIG CHANNEL [MILESTONE]`."""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from publisher.delivery.due import recover_lost
from publisher.delivery.owner import is_surely_gone, this_process
from publisher.delivery.worker import Worker
from publisher.desk import Desk


def main(config: str, channel: str, doom: str = "") -> None:
    desk = Desk(Path(config))

    def reach(milestone: str) -> None:
        if milestone == doom:
            os.kill(os.getpid(), signal.SIGKILL)

    recover_lost(desk.database, desk.now(), timedelta(seconds=0.1), is_surely_gone)
    Worker(
        desk.database,
        desk.channels,
        desk.renderer,
        desk.clock,
        desk.settings.delivery,
        owner=this_process(),
        milestone=reach,
    ).drain(channel)


if __name__ == "__main__":
    main(*sys.argv[1:])
