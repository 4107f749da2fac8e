"""`publisher backup` and `restore`: makes a backup, and brings one back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click

from publisher.backup.database_urls import database_label, read_url
from publisher.backup.files import BackupError, as_backup_errors
from publisher.backup.in_place import accept_present_database, begin_with_empty_queue, restore_in_place
from publisher.backup.restore import RestoreReport, restore, restore_copy
from publisher.backup.whole_backup import make_backup
from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.core.clock import SystemClock
from publisher.core.messages import Message, _, ngettext
from publisher.core.private_files import make_private_folder
from publisher.desk import Desk
from publisher.health.heartbeat import HEARTBEAT_TIMEOUT

MAX_NAMES = 20
"""At most so many originals are listed."""


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
        with as_backup_errors(_("the folder {folder} can't be made", folder=folder)):
            make_private_folder(folder)
    desk.database.close()
    report = make_backup(settings, folder, desk.now())
    manifest = report.manifest
    size = sum(file.bytes for file in manifest.files()) / 1e6
    echo(
        _(
            "The backup is in {folder}: the database (revision {revision}), originals: {originals}, "
            "configuration files: {files}, {megabytes:number} MB. Secrets and sessions are not in it.",
            folder=report.path,
            revision=manifest.revision,
            originals=len(manifest.originals),
            files=len(manifest.config),
            megabytes=round(size, 1),
        )
    )
    for original in report.left_out:
        text = _("Not in it: the original {original}; put it back from an older backup.", original=original)
        echo(text, err=True)


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path), required=False)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--database", metavar="URL", help="An empty PostgreSQL database, or env:NAME for a variable with its URL."
)
@click.option(
    "--accept-this-database",
    "accept",
    is_flag=True,
    help="Go on with the present database; posts that fell due since its last entry are looked up first.",
)
@click.option("--begin-empty", "empty", is_flag=True, help="Begin with an empty queue if the database was lost.")
@click.pass_context
def restore_command(
    ctx: click.Context, backup: Path | None, folder: Path | None, database: str | None, accept: bool, empty: bool
) -> None:
    """Bring BACKUP back: into FOLDER, which must be empty or not there; without FOLDER, into the desk's own place.

    BACKUP is a folder that `publisher backup` wrote, or a copy that `publisher run` makes every day
    in backups/daily. A daily copy holds the database alone: configuration and original pictures are
    taken from the desk that --config names. In the desk's own place only the database is exchanged,
    and the present one is kept beside it. Stop the desk first.

    A PostgreSQL database goes into the empty one that --database names, else the one that
    PUBLISHER__STORAGE__DATABASE or the configuration names.

    Whatever fell due since the backup may be public: it is looked up first, and goes out only
    if the platform does not have it.
    """
    now = SystemClock().now()
    if accept or empty:
        if backup is not None or database is not None or accept == empty:
            raise click.UsageError(str(_("--accept-this-database and --begin-empty are used alone, without a backup")))
        (_accept_database if accept else _begin_empty)(desk_of(ctx), now)
        return
    if backup is None:
        text = _("name a backup: a folder that publisher backup wrote, or a file in backups/daily")
        raise click.UsageError(str(text))
    url = read_url(database) if database else None
    report = _restore(desk_of(ctx), backup, folder, now, url)
    desk = Desk(report.config)
    if url and url != desk.settings.database_url:
        echo(
            _(
                "Set PUBLISHER__STORAGE__DATABASE, or storage.database: the database is {database} now.",
                database=database_label(url),
            )
        )
    for sentence in _restore_report(report, desk, in_place=folder is None):
        echo(sentence)


def _restore(desk: Desk, backup: Path, folder: Path | None, now: datetime, url: str | None) -> RestoreReport:
    if folder is None:
        return restore_in_place(backup, desk.settings, now=now, seen_within=HEARTBEAT_TIMEOUT, database=url)
    if backup.is_dir():
        return restore(backup, folder, now, url)
    if not desk.config.exists():
        raise BackupError(
            _(
                "{backup} holds a database alone, and the configuration {config} is not there: name the desk's with "
                "publisher --config FILE restore, or make a new one with publisher init and restore into its place",
                backup=backup,
                config=desk.config,
            )
        )
    if url is not None:
        raise BackupError(_("{backup} goes into a file; restore it without --database", backup=backup))
    return restore_copy(backup, desk.settings, folder, now)


def _accept_database(desk: Desk, now: datetime) -> None:
    report = accept_present_database(desk.settings, now=now, seen_within=HEARTBEAT_TIMEOUT)
    echo(
        _(
            "The desk goes on with {database}, whose last entry is of {made:moment}.",
            database=_database_label(desk),
            made=report.made_at,
        )
    )
    for text in [*_uncertain_posts(report), _what_next(report)]:
        echo(text)


def _begin_empty(desk: Desk, now: datetime) -> None:
    aside = begin_with_empty_queue(desk.settings, now=now)
    desk.database.close()
    echo(_("{database} was made with an empty queue.", database=_database_label(desk)))
    if aside:
        echo(_("The rest of the lost one is in {folder}.", folder=aside))
    echo(_("It does not know the posts that were shown before: add none of them again."))


def _database_label(desk: Desk) -> Message | str:
    return database_label(desk.settings.database_url)


def _restore_report(report: RestoreReport, desk: Desk, *, in_place: bool = False) -> Iterator[Message]:
    if in_place:
        yield _(
            "The database of {made:moment} is in {database}; configuration and originals are the desk's own.",
            made=report.made_at,
            database=_database_label(desk),
        )
    else:
        yield _(
            "The backup of {made:moment} is restored; its configuration is {config}.",
            made=report.made_at,
            config=report.config,
        )
    if report.kept_aside is not None:
        yield _("The former database is kept in {folder}; remove it when all is well.", folder=report.kept_aside)
    if report.missing:
        yield _missing_originals(report.missing)
    yield from _uncertain_posts(report)
    if not in_place:
        yield _(
            "Make sure that the lost desk runs nowhere, set the secrets, and connect the channels that log in by hand."
        )
    yield _what_next(report)


def _what_next(report: RestoreReport) -> Message:
    return _("Then: publisher --config {config} doctor", config=report.config)


def _missing_originals(names: Sequence[Message | str]) -> Message:
    if len(names) <= MAX_NAMES:
        return _(
            "These originals are missing, and posts that show them can't go out: {names:list}. Bring them back from a "
            "whole backup, or upload them again.",
            names=names,
        )
    return _(
        "These originals are missing, and posts that show them can't go out: {names:list} and {more} more. Bring them "
        "back from a whole backup, or upload them again.",
        names=names[:MAX_NAMES],
        more=len(names) - MAX_NAMES,
    )


def _uncertain_posts(report: RestoreReport) -> Iterator[Message]:
    if report.looked_up:
        yield ngettext(
            "{count} delivery may have gone out since: each is looked up first, and is sent only if the platform does "
            "not have it.",
            "{count} deliveries may have gone out since: each is looked up first, and is sent only if the platform "
            "does not have it.",
            count=report.looked_up,
        )
    if days := report.gap.days:
        span = days[0] if len(days) == 1 else _("{first:day} to {last:day}", first=days[0], last=days[-1])
        yield _(
            "What went out on {days} is not known here, so nothing more goes out for that time by itself: look at the "
            "channels, and publish by hand what is missing. Posts that were added since the backup are not here: if "
            "one of them was shown, don't add it again.",
            days=span,
        )
    if posts := report.gap.posts:
        yield _(
            "These posts may have been shown then and are drafts again; approve those that were not: {posts:list}.",
            posts=[f"{post.id} “{post.title}”" for post in posts],
        )
    if others := report.gap.others:
        yield _(
            "All other approved posts are drafts again, too, because somebody may have changed the order after the "
            "backup. Until you approve them, nothing goes out by itself. Look at the channels, leave out what was "
            "shown, then: publisher approve {posts}",
            posts=" ".join(str(post.id) for post in others),
        )
