"""`publisher run`."""

from __future__ import annotations

import os
import sys
import threading

import click
import structlog

from publisher.cli.desk import desk_of
from publisher.cli.memory import keep_what_was_imported
from publisher.cli.service import ROLES, Service
from publisher.core.logs import configure_logs, get_logger
from publisher.core.memory import bound_arenas
from publisher.core.open_file_limit import raise_open_files_limit
from publisher.core.stop_signal import StopSignal

END_SECONDS = 120.0
"""So long after the signal the process ends, whatever hangs. A long upload is begun anew by the next one."""


@click.command("run")
@click.option(
    "--role",
    "roles",
    type=click.Choice(["all", *ROLES]),
    multiple=True,
    default=["all"],
    show_default=True,
    help="What this process is; may be given several times. Apart from each other they need PostgreSQL.",
)
@click.pass_context
def run_command(ctx: click.Context, roles: tuple[str, ...]) -> None:
    """Publish until SIGTERM or Ctrl-C: scheduler, worker, look-ups and pages in one process, or in many.

    A second `publisher run` on the same database does no harm.
    """
    configure_logs(stream=sys.stderr)
    raise_open_files_limit()
    bound_arenas()
    desk = desk_of(ctx)
    stop = StopSignal()
    wanted = ROLES if "all" in roles else tuple(role for role in ROLES if role in roles)
    service = Service(desk, wanted)
    service.start()
    keep_what_was_imported()
    log = get_logger("run").bind(role=" ".join(wanted))
    log.info("ready", outlet=desk.settings.outlet.name, channels=[*desk.settings.channels])
    stop.wait()
    log.info("stopping: finishing what is in hand")
    _end_at_last(log)
    service.stop()
    log.info("stopped")


def _end_at_last(log: structlog.stdlib.BoundLogger) -> None:
    """End the process after a while even though something in it hangs.

    That is no worse than a loss of power: whatever a publishing request comes to is looked up by
    the next process.
    """

    def end() -> None:
        log.error("something in hand did not end; leaving it to the next start", seconds=END_SECONDS)
        os._exit(1)

    timer = threading.Timer(END_SECONDS, end)
    timer.daemon = True
    timer.start()
