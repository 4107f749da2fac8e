"""`publisher queue`, `show` and `move`: shows the queue and a post, and changes the order."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import click

from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import DAY, console, escape, json_option, print_json, print_table, styled
from publisher.cli.post_problems import styled_problem
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.content import ImageChoices
from publisher.core.field_names import FIELD_NAMES
from publisher.core.messages import Message, _, ngettext
from publisher.core.window_choice import write_window
from publisher.db.models import Post
from publisher.posts.channel_texts import write_channels
from publisher.posts.post_store import last_pick, load_post
from publisher.posts.published_links import published_links
from publisher.posts.titles import shown_title
from publisher.schedule.approval import every_problem
from publisher.schedule.listing import LISTED, QueueRow, place_of, queue_listing
from publisher.schedule.order import After, Before, FixedDate, Front, Place, Position, Reserve
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.projection import HORIZON_DAYS
from publisher.schedule.waiting import QueuePart, WaitingPost, count_places

PLACE_NAMES: Mapping[QueuePart, Message] = {
    "fixed date": _("fixed date"),
    "queue": _("queue"),
    "reserve": _("reserve"),
}


OTHER_FIELD_NAMES: Mapping[str, Message] = {
    "id": _("no."),
    "state": _("state"),
    "version": _("version"),
    "reserve": _("reserve"),
    "fixed_date": _("fixed date"),
    "last_shown_on": _("last shown on"),
    "published_elsewhere_on": _("published elsewhere on"),
    "published_links": _("published at"),
    "file": _("file"),
    "sha256": _("hash"),
    "pixels": _("pixels"),
    "alt_text": _("alt text"),
    "choices": _("choices"),
    "label": _("label"),
    "url": _("address"),
}
"""Besides those that sentences name."""


@click.command("queue")
@click.option(
    "--limit",
    default=LISTED,
    show_default=True,
    type=click.IntRange(1),
    help="At most so many with a fixed date, of the queue and of the reserve.",
)
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@json_option
@click.pass_context
def queue_command(ctx: click.Context, limit: int, everything: bool, as_json: bool) -> None:
    """Show the queue: fixed dates, order, reserve, the day each post would get, days of cover, problems."""
    desk = desk_of(ctx)
    with desk.database.reading() as session:
        # None of them is left out, whatever their number.
        most = sys.maxsize if everything else limit
        listing = queue_listing(session, desk.settings, desk.targets, desk.people, now=desk.now(), limit=most)
        waiting = count_places(session)
    rows, cover = listing.rows, listing.cover
    left_out = {place: number - sum(1 for row in rows if row.place == place) for place, number in waiting.items()}
    if as_json:
        print_json(
            {
                "days_of_cover": cover.days,
                "days_from_reserve": cover.from_reserve,
                "days_looked_at": HORIZON_DAYS,
                "left_out": left_out,
                "posts": [_queue_row(row) for row in rows],
            }
        )
        return
    if not rows:
        console().print(str(_("The queue is empty. Put a post into it: publisher add FILE")))
        return
    _print_queue(rows)
    for sentence in (*_left_out(left_out), cover.sentence):
        console().print(escape(sentence))


def _print_queue(rows: Sequence[QueueRow]) -> None:
    print_table(
        "",
        tuple(map(str, (_("post"), _("place"), _("day"), _("state"), _("title"), _("problems")))),
        (
            (
                str(row.post.id),
                _describe_place(row),
                str(_("{day:short_weekday}", day=row.projected)) if row.projected else "–",
                styled(row.post.state),
                escape(shown_title(row.post.title)),
                "\n".join(map(styled_problem, row.problems)),
            )
            for row in rows
        ),
    )


def _queue_row(row: QueueRow) -> dict[str, Any]:
    return {
        "id": row.post.id,
        "title": row.post.title,
        "state": row.post.state,
        "place": row.place,
        "number": row.number,
        "day": row.projected,
        "problems": [problem.to_json() for problem in row.problems],
    }


def _left_out(numbers: Mapping[QueuePart, int]) -> Iterator[Message]:
    """Says how many posts of each place the list leaves out, and how to get them."""
    for place, number in numbers.items():
        if number > 0:
            yield ngettext(
                "{count} more is not listed here ({place}): publisher queue --all",
                "{count} more are not listed here ({place}): publisher queue --all",
                count=number,
                place=PLACE_NAMES[place],
            )


def _describe_place(row: QueueRow) -> str:
    name = PLACE_NAMES[row.place]
    return str(name) if row.place == "fixed date" else f"{name} {row.number}"


@click.command("show")
@click.argument("post", type=ROW_NUMBER)
@json_option
@click.pass_context
def show_command(ctx: click.Context, post: int, as_json: bool) -> None:
    """Show one post: every field, its pictures, its place, its problems."""
    desk = desk_of(ctx)
    with desk.database.reading() as session:
        row = load_post(session, post)
        pick = last_pick(session, row)
        problems = every_problem(session, row, desk)
        fields = {**_post_fields(row), "published_links": published_links(session, row.id)}
    if as_json:
        print_json(
            {
                **fields,
                "picked_for": pick.slot if pick else None,
                "problems": [problem.to_json() for problem in problems],
            }
        )
        return
    for image in fields["images"]:
        image["choices"] = _written_choices(image["choices"])
    for name, value in fields.items():
        if value not in ("", None, [], {}):
            console().print(f"[bold]{_name_of(name)}[/]: {escape(_render_value(value))}")
    if pick:
        console().print(f"[bold]{_('picked for')}[/]: {pick.slot}")
    for problem in problems:
        console().print(styled_problem(problem))


def _written_choices(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is chosen for a picture; what is shown of its values, as the options of `publisher edit` read it."""
    chosen = ImageChoices.model_validate(stored).model_dump(mode="json", exclude_defaults=True)
    writers = {"window": write_window, "colour_channels": write_channels}
    return {name: writers[name](value) if name in writers else value for name, value in chosen.items()}


def _post_fields(post: Post) -> dict[str, Any]:
    names = (
        "id", "state", "version", "title", "standfirst", "body", "written_by", "credit", "licence", "link", "links",
        "tags", "language", "reserve", "fixed_date", "embargo_until", "captions", "translations", "last_shown_on",
        "published_elsewhere_on",
    )  # fmt: skip
    images = [
        {
            "file": image.media.file_name,
            "sha256": image.media_sha256,
            "pixels": f"{image.media.width} × {image.media.height}",
            "alt_text": image.alt_text,
            "credit": image.credit,
            "licence": image.licence,
            "choices": image.choices,
        }
        for image in post.images
    ]
    return {name: getattr(post, name) for name in names} | {"images": images}


def _name_of(field: str) -> Message | str:
    return FIELD_NAMES.get(field) or OTHER_FIELD_NAMES.get(field) or field


def _render_value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_render_value(field)}" for key, field in value.items() if field)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        lines = (
            "\n    ".join(f"{_name_of(key)}: {_render_value(field)}" for key, field in item.items() if field)
            for item in value
        )
        return "".join(f"\n  - {line}" for line in lines)
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@click.command("move")
@click.argument("post", type=ROW_NUMBER)
@click.option("--front", is_flag=True, help="Before all others.")
@click.option("--position", type=click.IntRange(1), help="The place with this number.")
@click.option("--before", type=ROW_NUMBER, metavar="POST")
@click.option("--after", type=ROW_NUMBER, metavar="POST")
@click.option("--date", "day", type=DAY, help="Exactly this day.")
@click.option("--reserve", is_flag=True, help="Into the reserve.")
@click.pass_context
def move_command(ctx: click.Context, /, post: int, day: datetime | None, **places: Any) -> None:
    """Change a post's place in the queue, give it a fixed date, or put it into the reserve."""
    desk = desk_of(ctx)
    PostQueue(desk, actor()).move(post, _read_place(day, **places))
    with desk.database.reading() as session:
        waiting, projected = place_of(session, desk.settings, post, now=desk.now())
    echo(str(_describe_move(waiting, projected)))


def _describe_move(post: WaitingPost, projected: date | None) -> Message:
    place = PLACE_NAMES[post.place]
    if projected is None:
        return _("Post {post} is now at {place} {number}.", post=post.id, place=place, number=post.number)
    return _(
        "Post {post} is now at {place} {number}, for {day:weekday}.",
        post=post.id,
        place=place,
        number=post.number,
        day=projected,
    )


def _read_place(
    day: datetime | None, front: bool, position: int | None, before: int | None, after: int | None, reserve: bool
) -> Place:
    places: list[Place | None] = [
        Front() if front else None,
        Position(position) if position else None,
        Before(before) if before else None,
        After(after) if after else None,
        FixedDate(day.date()) if day else None,
        Reserve() if reserve else None,
    ]
    named = [place for place in places if place is not None]
    if len(named) != 1:
        raise click.UsageError(str(_("name one place: --front, --position, --before, --after, --date or --reserve")))
    return named[0]
