"""`publisher web`: serves the desk's pages."""

from __future__ import annotations

import importlib
import sys

import click

from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.memory import exempt_imports_from_collection
from publisher.cli.regular import alert_jobs, heartbeat_job
from publisher.core.logs import configure_logs, get_logger
from publisher.core.memory import bound_arenas
from publisher.core.messages import _
from publisher.core.open_file_limit import raise_open_files_limit
from publisher.core.stop_signal import StopSignal
from publisher.delivery.lease_owner import owner_name
from publisher.health.heartbeat import WEB, delete_heartbeat
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
        # If the database is refused, every page would show only that.
        desk.history.examine()
    chosen_port = port if port is not None else configured.port if configured.port is not None else DEFAULT_PORT
    stop = StopSignal()
    # The command line and the pages never import each other: it only starts them.
    server = importlib.import_module("publisher.web.server").WebServer(
        desk,
        host=host or configured.host,
        port=chosen_port,
        root_path=root_path if root_path is not None else configured.root_path,
        proxies=configured.proxies,
    )
    jobs = JobRunner([heartbeat_job(desk, WEB), *alert_jobs(desk)])
    server.start()
    jobs.start()
    exempt_imports_from_collection()
    get_logger("web").info("ready", url=server.url)
    echo(_("The desk is at {url}", url=server.url), err=True)
    stop.wait()
    jobs.stop()
    server.stop()
    delete_heartbeat(desk.database, owner_name())
