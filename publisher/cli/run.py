"""`publisher run`."""

from __future__ import annotations

import signal
import sys
import threading

import click

from publisher.cli.desk import desk_of
from publisher.cli.service import Service
from publisher.logs import configure_logs, get_logger


@click.command("run")
@click.pass_context
def run_command(ctx: click.Context) -> None:
    """Publish: scheduler, worker and look-ups in one process, until SIGTERM or Ctrl-C.

    A second `publisher run` on the same database does no harm.
    """
    configure_logs(stream=sys.stderr)
    desk = desk_of(ctx)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    service = Service(desk)
    service.start()
    log = get_logger("run")
    log.info("ready", outlet=desk.settings.outlet.name, channels=[*desk.settings.channels])
    stop.wait()
    log.info("stopping: finishing what is in hand")
    service.stop()
    log.info("stopped")
