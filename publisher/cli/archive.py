"""`publisher archive export`: writes everything that was published into a folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from publisher.archive.export import Format, export_archive
from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.output import console, json_option, print_json
from publisher.core.messages import _


@click.group("archive")
def archive_command() -> None:
    """Everything that was published."""


@archive_command.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl", "bagit"]), default="jsonl", show_default=True)
@json_option
@click.pass_context
def export_command(ctx: click.Context, folder: Path, kind: Format, *, as_json: bool) -> None:
    """Write every public post with its pictures, its deliveries and the collections into FOLDER.

    FOLDER must be empty or not there. `publisher import FOLDER` brings the posts back: texts, translations, pictures,
    days and links. bagit adds a checksum for each file, which the import checks.
    """
    desk = desk_of(ctx)
    with console().status(str(_("Writing the archive ..."))):
        result = export_archive(desk, folder, kind)
    if as_json:
        print_json(asdict(result))
    else:
        counts = {"posts": result.posts, "pictures": result.pictures}
        echo(
            _("The archive is in {folder}: posts {posts:number}, pictures {pictures:number}.", folder=folder, **counts)
        )
    for picture in result.pictures_missing:
        echo(
            _(
                "publisher: the original of this picture is lost or damaged, and is missing there; bring it back from "
                "a backup and export again: {picture}",
                picture=picture,
            ),
            err=True,
        )
    ctx.exit(1 if result.pictures_missing else 0)
