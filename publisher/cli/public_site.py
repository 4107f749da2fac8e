"""`publisher site export`: writes the outlet's public pages as files for any web host."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.output import console, json_option, print_json
from publisher.core.messages import _


@click.group("site")
def site_command() -> None:
    """The outlet's public pages."""


@site_command.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--without-pictures", is_flag=True, help="Write the pages alone.")
@json_option
@click.pass_context
def export_command(ctx: click.Context, folder: Path, *, without_pictures: bool, as_json: bool) -> None:
    """Write the public pages into FOLDER as files for any web host, with a search that runs in the browser.

    The same folder again: only what has changed is written, and what is no longer public is removed. Files that the
    export has not made are never touched.
    """
    # The command line and the site never import each other: it only starts it.
    exporter = importlib.import_module("publisher.site.export").SiteExport(desk_of(ctx), folder)
    with console().status(str(_("Writing the site ..."))):
        result = exporter.write(with_pictures=not without_pictures)
    if as_json:
        print_json(result.to_json())
    else:
        echo(
            _(
                "The site is in {folder}: {written:number} files written, {kept:number} unchanged, "
                "{removed:number} removed.",
                folder=folder,
                written=result.written,
                kept=result.unchanged,
                removed=result.removed,
            )
        )
    for picture in result.pictures_missing:
        echo(_("publisher: this picture can't be made, and is missing: {picture}", picture=picture), err=True)
    ctx.exit(1 if result.pictures_missing else 0)
