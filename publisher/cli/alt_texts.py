"""`publisher alt-texts`: lists the pictures of the archive that have no alt text, and the progress by year."""

from __future__ import annotations

from typing import Any

import click

from publisher.archive.alt_texts import (
    PAGE_SIZE,
    Deadline,
    PictureWithoutAltText,
    Progress,
    YearProgress,
    alt_text_progress,
    deadline_of,
    list_missing,
)
from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.output import escape, json_option, print_json, print_table
from publisher.core.messages import Message, _, ngettext
from publisher.posts.titles import shown_title
from publisher.schedule.slots import slot_day


@click.command("alt-texts")
@click.option("--limit", default=PAGE_SIZE, show_default=True, type=click.IntRange(1), help="At most so many.")
@json_option
@click.pass_context
def alt_texts_command(ctx: click.Context, limit: int, as_json: bool) -> None:
    """List the pictures without an alt text: those of the reserve in its order, then the newest shown."""
    desk = desk_of(ctx)
    with desk.database.reading() as session:
        progress = alt_text_progress(session)
        pictures = list_missing(session, limit=limit)
    deadline = deadline_of(
        desk.settings.archive.alt_texts_until, slot_day(desk.now(), desk.settings.outlet.zone), progress.missing
    )
    if as_json:
        print_json(_as_json(progress, deadline, pictures))
        return
    if not progress.missing:
        echo(str(_("Every picture of the archive has an alt text.")))
        return
    columns = (_("post"), _("picture"), _("shown"), _("title"), _("file"))
    print_table("", columns, map(_cells, pictures))
    print_table("", (_("year"), _("pictures"), _("without an alt text")), map(_year_cells, progress.years))
    for sentence in _sentences(progress, deadline, len(pictures)):
        echo(str(sentence))


def _sentences(progress: Progress, deadline: Deadline | None, listed: int) -> list[Message]:
    sentences = [
        ngettext(
            "{count:number} of {pictures:number} pictures has no alt text.",
            "{count:number} of {pictures:number} pictures have no alt text.",
            count=progress.missing,
            pictures=progress.pictures,
        )
    ]
    if listed < progress.missing:
        sentences.append(_("{listed:number} of them are listed here; --limit lists more.", listed=listed))
    if deadline is not None and deadline.days_left < 0:
        sentences.append(_("They were to have one by {day:day}.", day=deadline.day))
    elif deadline is not None:
        sentences.append(
            ngettext(
                "{count:number} day is left until {day:day}; that makes {a_day:number} a day.",
                "{count:number} days are left until {day:day}; that makes {a_day:number} a day.",
                count=deadline.days_left,
                day=deadline.day,
                a_day=deadline.a_day,
            )
        )
    return sentences


def _cells(picture: PictureWithoutAltText) -> tuple[str, ...]:
    shown = str(picture.last_shown_on or "–")
    if picture.reserve:
        shown = f"{shown} ({_('reserve')})"
    title = escape(shown_title(picture.title))
    return str(picture.post_id), str(picture.picture), shown, title, escape(picture.file_name)


def _year_cells(year: YearProgress) -> tuple[str, ...]:
    return str(year.year or _("never shown")), str(year.pictures), str(year.missing)


def _as_json(progress: Progress, deadline: Deadline | None, pictures: list[PictureWithoutAltText]) -> dict[str, Any]:
    names = ("picture", "title", "language", "file_name", "last_shown_on", "reserve")
    return {
        "until": deadline.day if deadline else None,
        "days_left": deadline.days_left if deadline else None,
        "pictures": progress.pictures,
        "missing": progress.missing,
        "years": [{"year": year.year, "pictures": year.pictures, "missing": year.missing} for year in progress.years],
        "items": [
            {"post": picture.post_id, "media": picture.sha256, **{name: getattr(picture, name) for name in names}}
            for picture in pictures
        ],
    }
