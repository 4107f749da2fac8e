"""`publisher run`: runs scheduler, worker and pages until it is stopped."""

from __future__ import annotations

import os
import sys
import threading

import click
import structlog

from publisher.cli.desk import desk_of
from publisher.cli.memory import exempt_imports_from_collection
from publisher.cli.service import ROLES, Service
from publisher.core.logs import configure_logs, get_logger
from publisher.core.memory import bound_arenas
from publisher.core.open_file_limit import raise_open_files_limit
from publisher.core.stop_signal import StopSignal

MAX_STOP_SECONDS = 120.0
"""The process ends so long after the signal even if something hangs. The next one repeats an unfinished upload."""


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
    own_roles = ROLES if "all" in roles else tuple(role for role in ROLES if role in roles)
    service = Service(desk, own_roles)
    service.start()
    exempt_imports_from_collection()
    log = get_logger("run").bind(role=" ".join(own_roles))
    log.info("ready", outlet=desk.settings.outlet.name, channels=[*desk.settings.channels])
    stop.wait()
    log.info("stopping: finishing the work that was begun")
    _end_after_timeout(log)
    service.stop()
    log.info("stopped")


def _end_after_timeout(log: structlog.stdlib.BoundLogger) -> None:
    """Ends the process after a while even if something in it hangs.

    That is like a loss of power: the next process looks up the outcome of a publishing request.
    """

    def end() -> None:
        log.error("some work did not end; the next start goes on with it", seconds=MAX_STOP_SECONDS)
        os._exit(1)

    timer = threading.Timer(MAX_STOP_SECONDS, end)
    timer.daemon = True
    timer.start()
