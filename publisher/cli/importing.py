"""`publisher import`: makes posts of what was published before this desk, and takes an import back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import console, escape, json_option, print_json, print_table
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.messages import Message, _
from publisher.db.imports import Import
from publisher.desk import Desk
from publisher.intake.importing import Importer, ImportPlaces
from publisher.intake.items import ImportedItem
from publisher.intake.outcomes import NEEDS_A_PERSON, OUTCOME_NAMES, PREVIEW_NAMES, ItemOutcome, Outcome, sentences_of
from publisher.intake.runs import ImportRequest, is_file, open_import
from publisher.intake.undoing import STAYS, TakenBack, UndoResult, count_items, list_imports, undo_import
from publisher.schedule.slots import slot_day

_NAME = re.compile(r"[\w.-]{1,60}")


class SourceArgument(click.Path):
    """Takes a file or folder that is there, an address, or a channel."""

    def __init__(self) -> None:
        super().__init__(exists=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(super().convert(value, param, ctx)) if is_file(str(value)) else value


@click.command("import")
@click.argument("source", required=False, type=SourceArgument())
@click.option("--dry-run", is_flag=True, help="Show item by item what would be made, and make nothing.")
@click.option("--as", "name", help="A name for the source: it stays the same source when it is moved.")
@click.option("--pictures", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Their folder.")
@click.option("--undo", type=ROW_NUMBER, metavar="IMPORT", help="Take a whole import back.")
@click.option("--list", "list_them", is_flag=True, help="List the imports.")
@json_option
@click.pass_context
def import_command(
    ctx: click.Context, /, source: str | None, undo: int | None, list_them: bool, as_json: bool, **options: Any
) -> None:
    """Bring in what was published before this desk: it is in the archive, and no queue has it.

    SOURCE is a folder of pictures with post files or texts beside them, a saved site, a CSV or JSON Lines file, a
    saved feed or a WordPress export; the address of a feed, a page or a site; or channel:NAME, what a channel's
    account has shown. The same source again goes on where it stopped, makes nothing twice, and brings changes to what
    was not edited here.
    """
    if sum((source is not None, undo is not None, list_them)) != 1:
        raise click.UsageError(str(_("give one of these: a SOURCE, --undo IMPORT, or --list")))
    desk = desk_of(ctx)
    if list_them:
        _list_imports(desk, as_json=as_json)
    elif undo is not None:
        ctx.exit(_undo(desk, undo, as_json=as_json))
    elif source is not None:
        ctx.exit(_import(desk, source, as_json=as_json, **options))


def _import(desk: Desk, source: str, *, name: str | None, pictures: Path | None, dry_run: bool, as_json: bool) -> int:
    if name is not None and not _NAME.fullmatch(name):
        raise click.UsageError(str(_("--as takes a name of letters, digits, dots and dashes, such as old-site")))
    places = ImportPlaces(desk.database, desk.store, desk.clock, slot_day(desk.now(), desk.settings.outlet.zone))
    opened = open_import(desk.settings, places, ImportRequest(source, actor(), name or "", pictures, dry_run))
    importer = opened.importer
    with console().status(str(_("Reading {source} ...", source=opened.source.name))):
        items = opened.read()
    outcomes = []
    for outcome in _with_progress(importer.run(items), len(items), hidden=as_json):
        outcomes.append(outcome)
        if not as_json:
            _tell(outcome, is_preview=dry_run)
    opened.forget_pages()
    for hint in opened.source.hints:
        echo(f"publisher: {hint}", err=True)
    if as_json:
        print_json({"import": importer.import_id, "items": [_row(outcome) for outcome in outcomes]})
    else:
        _tell_counts(importer)
    return 1 if any(outcome.outcome in NEEDS_A_PERSON for outcome in outcomes) else 0


def _with_progress(outcomes: Iterator[ItemOutcome], total: int, *, hidden: bool) -> Iterator[ItemOutcome]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True, disable=hidden or not console().is_terminal) as bar:
        task = bar.add_task("", total=total)
        for outcome in outcomes:
            yield outcome
            bar.advance(task)


def _tell(outcome: ItemOutcome, *, is_preview: bool) -> None:
    names = PREVIEW_NAMES if is_preview else OUTCOME_NAMES
    needs_a_person = outcome.outcome in NEEDS_A_PERSON
    if is_preview or outcome.outcome not in (Outcome.UNCHANGED, Outcome.MADE) or outcome.problems:
        echo(str(_line(outcome.item, names[outcome.outcome])), err=needs_a_person)
    for sentence in sentences_of(outcome):
        echo(f"  {sentence}", err=needs_a_person)


def _line(item: ImportedItem, outcome: Message) -> Message:
    values = {"place": item.place, "title": item.title, "day": item.published_on, "outcome": outcome}
    if not item.title:
        return _("{outcome}: {place}", **values)
    if item.published_on is None:
        return _("{outcome}: {place} “{title}”", **values)
    return _("{outcome}: {place} “{title}”, {day:day}", **values)


def _tell_counts(importer: Importer) -> None:
    names = PREVIEW_NAMES if importer.preview else OUTCOME_NAMES
    counted = [
        _("{outcome} {count:number}", outcome=names[outcome], count=importer.counts[outcome])
        for outcome in Outcome
        if importer.counts[outcome]
    ]
    if importer.preview:
        echo(str(_("Preview: {counts:list}. Nothing was written.", counts=counted or [_("no items")])))
    else:
        echo(
            str(
                _(
                    "Import {number}: {counts:list}. To take it back: publisher import --undo {number}",
                    number=importer.import_id,
                    counts=counted or [_("no items")],
                )
            )
        )


def _row(outcome: ItemOutcome) -> dict[str, Any]:
    return {
        "place": outcome.item.place,
        "key": outcome.item.key,
        "title": outcome.item.title,
        "published_on": outcome.item.published_on,
        "outcome": outcome.outcome.value,
        "post": outcome.post_id,
        "problems": [problem.to_json_with_text() for problem in outcome.problems],
    }


def _undo(desk: Desk, number: int, *, as_json: bool) -> int:
    total = count_items(desk.database, number)
    with console().status(str(_("Taking back {count:number} items ...", count=total))):
        taken = list(undo_import(desk.database, number, now=desk.now(), actor=actor()))
    kept = [item for item in taken if item.result in STAYS]
    if as_json:
        rows = [{"post": item.post_id, "title": item.title, "result": item.result.value} for item in taken]
        print_json({"import": number, "posts": rows})
        return 1 if kept else 0
    for item in kept:
        echo(str(_why_it_stays(item)), err=True)
    removed, restored = (
        sum(item.result is result for item in taken) for result in (UndoResult.REMOVED, UndoResult.RESTORED)
    )
    echo(
        str(_("Import {number} was taken back: posts removed {removed:number}, given their former text "
              "{restored:number}, kept {kept:number}.",
              number=number, removed=removed, restored=restored, kept=len(kept)))
    )  # fmt: skip
    return 1 if kept else 0


def _why_it_stays(item: TakenBack) -> Message:
    values = {"post": item.post_id, "title": item.title}
    if item.result is UndoResult.CHANGED_LATER:
        return _("Post {post} “{title}” stays: a later import changed it again; take that one back first.", **values)
    return _("Post {post} “{title}” stays: somebody worked on it here.", **values)


def _list_imports(desk: Desk, *, as_json: bool) -> None:
    with desk.database.reading() as session:
        runs = list_imports(session)
    if as_json:
        print_json([_import_row(run) for run in runs])
        return
    columns = (_("no."), _("source"), _("state"), _("begun"), _("items"))
    print_table("", columns, [_cells(desk, run) for run in runs])


def _cells(desk: Desk, run: Import) -> Sequence[str]:
    counts = ", ".join(f"{OUTCOME_NAMES[Outcome(name)]} {count}" for name, count in run.counts.items())
    return str(run.id), escape(run.source), str(STATES[run.state]), desk.local(run.started_at), counts


def _import_row(run: Import) -> dict[str, Any]:
    names = ("id", "source", "state", "actor", "started_at", "finished_at", "counts")
    return {name: getattr(run, name) for name in names}


STATES = {
    "running": _("interrupted or running; the same command goes on"),
    "finished": _("finished"),
    "undone": _("taken back"),
}
