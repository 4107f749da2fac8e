"""`publisher db copy`: copies the whole desk into another database."""

from __future__ import annotations

from pathlib import Path

import click

from publisher.backup.database_copy import CopyReport, TableCopy, copy_database
from publisher.backup.database_urls import read_url
from publisher.cli.desk import desk_of
from publisher.cli.output import console, escape, json_option, print_json, print_table
from publisher.core.clock import SystemClock
from publisher.health.heartbeat import HEARTBEAT_TIMEOUT
from publisher.settings import SettingsError

DESK = "desk"
WARNING = (
    "The old desk must not run again on {source}: it would post what the new one posts. On every machine set "
    "PUBLISHER__STORAGE__DATABASE, or storage.database, to the new database; then: publisher doctor"
)


@click.group("db")
def db_command() -> None:
    """Move the desk's database to another place."""


@db_command.command("copy")
@click.argument("source")
@click.argument("target")
@json_option
@click.pass_context
def copy_command(ctx: click.Context, source: str, target: str, as_json: bool) -> None:
    """Copy the whole desk from SOURCE into TARGET, each SQLite or PostgreSQL, and compare the two.

    Each is a URL, such as sqlite:///queue.db; or env:NAME, for the URL that the environment
    variable NAME holds (or the file that NAME_FILE names), so that a password needn't be
    written here; or `desk`, for the database of the configuration.

    Stop the desk first. TARGET must be empty or an earlier copy: it is replaced only if
    everything that ever happened in it is the beginning of what happened in SOURCE. Exit status
    1: the two differ, and TARGET was left as it was.
    """
    report = copy_database(
        _database_url(ctx, source),
        _database_url(ctx, target),
        now=SystemClock().now(),
        seen_within=HEARTBEAT_TIMEOUT,
        folder=_folder(ctx),
    )
    if as_json:
        print_json(_report_row(report))
    else:
        _print_report(report)
    if not report.same:
        raise click.exceptions.Exit(1)


def _database_url(ctx: click.Context, name: str) -> str:
    return desk_of(ctx).settings.database_url if name == DESK else read_url(name)


def _folder(ctx: click.Context) -> Path | None:
    """Returns the desk's folder; None: there is no configuration that names one."""
    try:
        return desk_of(ctx).settings.root
    except SettingsError:
        return None


def _print_report(report: CopyReport) -> None:
    if report.upgrade.upgraded:
        console().print(escape(report.upgrade.sentence))
    print_table("", ("table", "rows", "rows there", "hash", "equal"), (_table_cells(table) for table in report.tables))
    rows = sum(table.source.rows for table in report.tables)
    if not report.same:
        console().print(
            f"[bold red]The two differ:[/] {escape(report.target)} was left as it was. Nothing was moved; go on with "
            f"{escape(report.source)}."
        )
        return
    result = "replaced the earlier copy in" if report.replaced else "are in"
    console().print(f"{rows} rows of {escape(report.source)} {result} {escape(report.target)}, and equal.")
    console().print(escape(WARNING.format(source=report.source)))


def _table_cells(table: TableCopy) -> tuple[str, ...]:
    same = "[green]yes[/]" if table.same else "[bold red]no[/]"
    return table.name, str(table.source.rows), str(table.target.rows), table.source.hash[:12], same


def _report_row(report: CopyReport) -> dict[str, object]:
    return {
        "source": report.source,
        "target": report.target,
        "equal": report.same,
        "replaced": report.replaced,
        "upgraded_from": report.upgrade.before if report.upgrade.upgraded else None,
        "tables": [
            {
                "table": table.name,
                "equal": table.same,
                "source": {"rows": table.source.rows, "sha256": table.source.hash},
                "target": {"rows": table.target.rows, "sha256": table.target.hash},
            }
            for table in report.tables
        ],
        "warning": WARNING.format(source=report.source) if report.same else None,
    }
