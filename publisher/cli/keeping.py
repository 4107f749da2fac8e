"""`publisher backup` and `restore`."""

from __future__ import annotations

from pathlib import Path

import click

from publisher.cli.desk import desk_of
from publisher.clock import SystemClock
from publisher.desk import Desk
from publisher.keeping.backup import make_backup
from publisher.keeping.files import make_private, plain_errors
from publisher.keeping.naming import label, read_url
from publisher.keeping.restore import RestoreReport, restore


@click.command("backup")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.pass_context
def backup_command(ctx: click.Context, folder: Path | None) -> None:
    """Keep the database, the original pictures and the configuration in a new folder below FOLDER.

    Without FOLDER it goes where storage.backups says. Secrets and sessions are never in it.
    `publisher run` may be running.
    """
    desk = desk_of(ctx)
    settings = desk.settings
    if folder is None:
        folder = settings.path(settings.storage.backups)
        with plain_errors(f"the folder {folder} can't be made"):
            make_private(folder)
    desk.database.close()
    report = make_backup(settings, folder, desk.now())
    kept = report.manifest
    size = sum(file.bytes for file in kept.files()) / 1e6
    click.echo(
        f"The backup is in {report.path}: the database (revision {kept.revision}), originals: {len(kept.originals)}, "
        f"configuration files: {len(kept.config)}, {size:.1f} MB. Secrets and sessions are not in it."
    )
    for original in report.left_out:
        click.echo(f"Not in it: the original {original}; put it back from an older backup.", err=True)


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--database", metavar="URL", help="An empty PostgreSQL database, or env:NAME for a variable with its URL."
)
def restore_command(backup: Path, folder: Path, database: str | None) -> None:
    """Bring BACKUP back into FOLDER, which must be empty or not there, after checking every file of it.

    A PostgreSQL database goes into the empty one that --database names, else the one that
    PUBLISHER__STORAGE__DATABASE or the configuration in the backup names.

    Whatever fell due since the backup may be public: it is looked up first, and goes out only
    if the platform does not have it.
    """
    url = read_url(database) if database else None
    report = restore(backup, folder, SystemClock().now(), url)
    desk = Desk(report.config)
    if url and url != desk.settings.database_url:
        click.echo(f"Set PUBLISHER__STORAGE__DATABASE, or storage.database: the database is {label(url)} now.")
    for sentence in _told(report, desk):
        click.echo(sentence)


def _told(report: RestoreReport, desk: Desk) -> list[str]:
    made = desk.local(report.manifest.created_at)
    told = [f"The backup of {made} is restored; its configuration is {report.config}."]
    if report.looked_up:
        told.append(
            f"{report.looked_up} deliveries may have gone out since: each is looked up first, and is sent only if the "
            "platform does not have it."
        )
    if days := report.gap.days:
        span = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
        told.append(
            f"What went out on {span} is not known here, so nothing more goes out for that time by itself: look at the "
            "channels, and publish by hand what is lacking."
        )
    if posts := report.gap.posts:
        names = ", ".join(f"{post.id} “{post.title}”" for post in posts)
        told.append(f"These posts may have been shown then and are drafts again; approve those that were not: {names}.")
    told.append(
        "Make sure that the lost desk runs nowhere, set the secrets, connect the channels that log in by hand; "
        f"then: publisher --config {report.config} doctor"
    )
    return told
