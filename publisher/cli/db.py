"""`publisher db copy`: copies the whole desk into another database."""

from __future__ import annotations

from pathlib import Path

import click

from publisher.backup.database_copy import CopyReport, TableCopy, copy_database
from publisher.backup.database_urls import read_url
from publisher.cli.desk import desk_of
from publisher.cli.output import console, escape, json_option, print_json, print_table
from publisher.core.clock import SystemClock
from publisher.core.messages import Message, _, ngettext
from publisher.health.heartbeat import HEARTBEAT_TIMEOUT
from publisher.settings import SettingsError

DESK = "desk"


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
    columns = (_("table"), _("rows"), _("rows there"), _("hash"), _("equal"))
    print_table("", columns, (_table_cells(table) for table in report.tables))
    rows = sum(table.source.rows for table in report.tables)
    if not report.same:
        console().print(
            escape(
                _(
                    "The two differ: {target} was left as it was. Nothing was moved; go on with {source}.",
                    target=report.target,
                    source=report.source,
                )
            ),
            style="bold red",
        )
        return
    console().print(escape(_describe_copy(report, rows)))
    console().print(escape(_warning(report)))


def _describe_copy(report: CopyReport, rows: int) -> Message:
    if report.replaced:
        return ngettext(
            "{count} row of {source} replaced the earlier copy in {target}, and equal.",
            "{count} rows of {source} replaced the earlier copy in {target}, and equal.",
            count=rows,
            source=report.source,
            target=report.target,
        )
    return ngettext(
        "{count} row of {source} is in {target}, and equal.",
        "{count} rows of {source} are in {target}, and equal.",
        count=rows,
        source=report.source,
        target=report.target,
    )


def _warning(report: CopyReport) -> Message:
    return _(
        "The old desk must not run again on {source}: it would post what the new one posts. On every machine set "
        "PUBLISHER__STORAGE__DATABASE, or storage.database, to the new database; then: publisher doctor",
        source=report.source,
    )


def _table_cells(table: TableCopy) -> tuple[str, ...]:
    same = f"[green]{escape(_('yes'))}[/]" if table.same else f"[bold red]{escape(_('no'))}[/]"
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
        "warning": _warning(report) if report.same else None,
    }
