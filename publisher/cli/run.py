"""`publisher run`: runs scheduler, worker and pages until it is stopped."""

from __future__ import annotations

import os
import sys
import threading
from datetime import date

import click
import structlog

from publisher.cli.desk import desk_of
from publisher.cli.memory import exempt_imports_from_collection
from publisher.cli.service import ROLES, Service, own_roles
from publisher.core.logs import configure_logs, get_logger
from publisher.core.memory import bound_arenas
from publisher.core.messages import Message, _
from publisher.core.open_file_limit import raise_open_files_limit
from publisher.core.stop_signal import StopSignal
from publisher.desk import Desk
from publisher.health import SCHEDULER
from publisher.schedule.first_day import FirstDay, find_first_day

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
@click.option(
    "--publish-today",
    is_flag=True,
    help="A new desk: publish today's post at once, although its hour is past.",
)
@click.pass_context
def run_command(ctx: click.Context, roles: tuple[str, ...], publish_today: bool) -> None:
    """Publish until SIGTERM or Ctrl-C: scheduler, worker, look-ups and pages in one process, or in many.

    A second `publisher run` on the same database does no harm. A desk that has published nothing yet
    asks before it publishes for a day whose hour is past; without a terminal it waits for the next day.
    """
    configure_logs(stream=sys.stderr)
    raise_open_files_limit()
    bound_arenas()
    desk = desk_of(ctx)
    stop = StopSignal()
    chosen = own_roles(desk.settings, ROLES if "all" in roles else roles)
    held_day = None if publish_today or SCHEDULER not in chosen else _held_day(desk)
    service = Service(desk, chosen, held_day=held_day)
    service.start()
    exempt_imports_from_collection()
    log = get_logger("run").bind(role=" ".join(chosen))
    log.info("ready", outlet=desk.settings.outlet.name, channels=[*desk.settings.channels])
    stop.wait()
    log.info("stopping: finishing the work that was begun")
    _end_after_timeout(log)
    service.stop()
    log.info("stopped")


def _held_day(desk: Desk) -> date | None:
    """Returns the day for which a new desk publishes nothing, because its hour is past and nobody wants it to."""
    with desk.database.reading() as session:
        first = find_first_day(session, desk.settings, desk.now())
    if first is None:
        return None
    if sys.stdin.isatty() and sys.stderr.isatty() and click.confirm(str(_question(first)), default=False, err=True):
        return None
    get_logger("run").error(
        "nothing goes out today: this desk has published nothing yet, and the day's hour is past; "
        "publisher run --publish-today publishes today's post at once",
        slot=first.day.isoformat(),
    )
    return first.day


def _question(first: FirstDay) -> Message:
    if first.title:
        return _(
            "This desk has published nothing yet, and today's hour was {opened:clock}. Shall “{title}” go out at once? "
            "If not, the first post is tomorrow's.",
            opened=first.opened_at,
            title=first.title,
        )
    return _(
        "This desk has published nothing yet, and today's hour was {opened:clock}. Shall a post that is approved today "
        "still go out today, at once? If not, the first post is tomorrow's.",
        opened=first.opened_at,
    )


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
