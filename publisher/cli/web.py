"""`publisher web`."""

from __future__ import annotations

import importlib
import sys

import click

from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.memory import keep_what_was_imported
from publisher.cli.regular import heartbeat, telling
from publisher.core.logs import configure_logs, get_logger
from publisher.core.memory import bound_arenas
from publisher.core.open_file_limit import raise_open_files_limit
from publisher.core.stop_signal import StopSignal
from publisher.delivery.owner import this_process
from publisher.health.heartbeat import WEB, leave
from publisher.scheduler import JobRunner

DEFAULT_PORT = 8080


@click.command("web")
@click.option("--host", help="The address to serve at.  [default: as configured, else 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port; 0 takes any.  [default: as configured, else 8080]"
)
@click.option("--root-path", help="The path that a proxy serves the pages under.  [default: as configured]")
@click.pass_context
def web_command(ctx: click.Context, host: str | None, port: int | None, root_path: str | None) -> None:
    """Serve the desk's pages until SIGTERM or Ctrl-C."""
    configure_logs(stream=sys.stderr)
    raise_open_files_limit()
    bound_arenas()
    desk = desk_of(ctx)
    configured = desk.settings.web
    if desk.settings.database_file is not None:
        # Of a database that is refused, the pages would show nothing but that, one by one.
        desk.history.examine()
    wanted_port = port if port is not None else configured.port if configured.port is not None else DEFAULT_PORT
    stop = StopSignal()
    # The two faces never import each other: this one only starts the other.
    server = importlib.import_module("publisher.web.server").WebServer(
        desk,
        host=host or configured.host,
        port=wanted_port,
        root_path=root_path if root_path is not None else configured.root_path,
        proxies=configured.proxies,
    )
    jobs = JobRunner([heartbeat(desk, WEB), *telling(desk)])
    server.start()
    jobs.start()
    keep_what_was_imported()
    get_logger("web").info("ready", url=server.url)
    echo(f"The desk is at {server.url}", err=True)
    stop.wait()
    jobs.stop()
    server.stop()
    leave(desk.database, this_process())
