"""`publisher preview` and `publisher rehearse`: shows what would go out, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from publisher.adapt.text.rich_html import describe_length
from publisher.cli.desk import desk_of, reader_of
from publisher.cli.echo import echo
from publisher.cli.output import console, escape, json_option, print_json, print_table
from publisher.cli.post_problems import styled_problem
from publisher.cli.preview_page import Header, preview_page
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.content import AdaptedPost, Rendition
from publisher.core.field_names import describe_field
from publisher.core.messages import Message, _, channel_name, reading_as
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.media import write_atomically
from publisher.posts.picture_values import examine_pictures
from publisher.posts.post_store import load_post
from publisher.posts.preview import RenderedPost, preview
from publisher.posts.problems import PostProblem, problem_to_json
from publisher.posts.thumbnails import WindowSample, window_samples
from publisher.schedule.approval import problems_of_post
from publisher.schedule.rehearsal import RehearsedChannel, RehearsedDay, rehearse
from publisher.schedule.slots import slot_day
from publisher.settings import SettingsError

REASONS: Mapping[str, Message] = {
    "fixed date": _("fixed date"),
    "queue": _("queue"),
    "reserve": _("reserve"),
    "empty": _("empty"),
    "missed": _("missed"),
}
"""Why a post is picked, or none."""


@click.command("preview")
@click.argument("post", type=ROW_NUMBER)
@click.option("--channel", help="Only this one.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write one page with every channel's preview, for mail or print.",
)
@json_option
@click.pass_context
def preview_command(ctx: click.Context, post: int, channel: str | None, page: Path | None, as_json: bool) -> None:
    """Show exactly what each channel will get: caption with its count, pictures, alt texts, problems."""
    desk = desk_of(ctx)
    if channel is not None and channel not in desk.targets:
        raise SettingsError(
            _(
                "there is no channel “{channel}”; known are {known:list}",
                channel=channel,
                known=list(desk.targets),
            )
        )
    targets = {name: target for name, target in desk.targets.items() if channel in (None, name)}
    with desk.database.reading() as session:
        pictures = [image.media_sha256 for image in load_post(session, post).images]
    examine_pictures(desk.database, desk.store, pictures)
    with desk.database.reading() as session:
        row = load_post(session, post)
        of_post = problems_of_post(session, row, desk)
    with Console(stderr=True).status(str(_("Making the pictures ..."))):
        rendered = preview(row, targets, desk.people, desk.renderer)
        windows = window_samples(row, desk.renderer)
    if page:
        with reading_as(reader_of(desk)):
            write_atomically(page, _render_page(desk, row, rendered, of_post).encode())
    if as_json:
        print_json([_preview_row(channel_preview, of_post, windows) for channel_preview in rendered])
        return
    if page:
        echo(str(_("Wrote {file}.", file=str(page))))
    else:
        for channel_preview in rendered:
            _print_preview(channel_preview)
        for sample in windows:
            console().print(escape(str(_describe_window(sample))))
        for problem in of_post:
            console().print(styled_problem(problem))
    problems = [problem for channel_preview in rendered for problem in channel_preview.problems]
    is_blocked = any(problem.blocking for problem in (*problems, *(known.problem for known in of_post)))
    ctx.exit(1 if is_blocked else 0)


def _render_page(desk: Desk, post: Post, rendered: Sequence[RenderedPost], of_post: Sequence[PostProblem]) -> str:
    outlet = desk.settings.outlet
    about = _(
        "{outlet} · post {post}, {state} · made {at} ({zone})",
        outlet=outlet.name,
        post=post.id,
        state=post.state,
        at=desk.local(desk.now()),
        zone=outlet.time_zone,
    )
    headers = {
        name: Header(desk.settings.channels[name].account, target.profile.label)
        for name, target in desk.targets.items()
    }
    own = [problem.problem for problem in of_post]
    return preview_page(post.title, str(about), rendered, headers, own)


def _describe_window(sample: WindowSample) -> Message:
    if sample.limits is None:
        return _(
            "picture {picture} with its colour channels merged ({choice}): {file}",
            picture=sample.picture,
            choice=sample.window,
            file=str(sample.rendition.path),
        )
    return _(
        "picture {picture} with {black:number} as black and {white:number} as white ({choice}): {file}",
        picture=sample.picture,
        black=sample.limits[0],
        white=sample.limits[1],
        choice=sample.window,
        file=str(sample.rendition.path),
    )


def _window_row(sample: WindowSample) -> dict[str, Any]:
    return {
        "picture": sample.picture,
        "window": sample.window,
        "black": sample.limits and sample.limits[0],
        "white": sample.limits and sample.limits[1],
        "path": str(sample.rendition.path),
    }


def _preview_row(
    rendered: RenderedPost, of_post: Sequence[PostProblem], windows: Sequence[WindowSample]
) -> dict[str, Any]:
    return {
        "channel": rendered.channel,
        "adapted": rendered.adapted and _adapted_row(rendered.adapted),
        "renditions": [rendition and _rendition_row(rendition) for rendition in rendered.renditions],
        "problems": [problem_to_json(problem) for problem in rendered.problems],
        "problems_of_post": [problem.to_json() for problem in of_post],
        "windows": [_window_row(sample) for sample in windows],
    }


def _adapted_row(adapted: AdaptedPost) -> dict[str, Any]:
    problems = [problem_to_json(problem) for problem in adapted.problems]
    left_out = [str(remark) for remark in adapted.left_out]
    return adapted.model_dump(mode="json") | {"problems": problems, "left_out": left_out}


def _rendition_row(rendition: Rendition) -> dict[str, Any]:
    return rendition.model_dump(mode="json") | {"notes": [str(note) for note in rendition.notes]}


def _print_preview(rendered: RenderedPost) -> None:
    say, name = console().print, f"[bold]{escape(channel_name(rendered.channel))}[/]"
    if rendered.adapted is None:
        say(str(_("{channel} leaves this post out: it is not translated.", channel=name)))
        return
    adapted = rendered.adapted
    say(
        Panel(
            Text(adapted.caption),
            title=name,
            title_align="left",
            subtitle=_describe_length(adapted),
        )
    )
    for number, part in enumerate(adapted.thread, start=1):
        say(
            Panel(
                Text(part),
                title=str(_("reply {number} of {count}", number=number, count=len(adapted.thread))),
                title_align="left",
            )
        )
    if adapted.tags:
        say("  " + escape(str(_("tags: {tags:list}", tags=adapted.tags))))
    if adapted.link and adapted.blocks:
        say("  " + escape(str(_("source link: {link}", link=adapted.link))))
    for piece in adapted.left_out:
        say(f"  [yellow]{_('left out:')}[/] {escape(str(piece))}")
    for number, (image, rendition) in enumerate(zip(adapted.images, rendered.renditions, strict=True), start=1):
        made = _describe_picture(rendition)
        say("  " + escape(str(_("picture {number}: {made}", number=number, made=made))))
        alt_text = escape(image.alt_text) or f"[red]{_('none')}[/]"
        say("    " + str(_("alt text: {alt_text}", alt_text=alt_text)))
    for problem in rendered.problems:
        colour = "bold red" if problem.blocking else "yellow"
        say(f"  [{colour}]{escape(problem.message)}[/] ({escape(str(describe_field(problem.field)))})")


def _describe_length(adapted: AdaptedPost) -> str:
    length = describe_length(adapted)
    if adapted.cost_usd is None:
        return length
    return str(_("{length} · about ${cost}", length=length, cost=f"{adapted.cost_usd:.3f}"))


def _describe_picture(rendition: Rendition | None) -> str:
    if rendition is None:
        return str(_("not made"))
    parts = [
        f"{rendition.width} × {rendition.height} {rendition.format}",
        f"{rendition.bytes / 1000:.0f} kB",
        str(_("quality {quality}", quality=rendition.quality) if rendition.quality else _("lossless")),
        str(_("likeness {likeness}", likeness=f"{rendition.ssim:.3f}")) if rendition.ssim is not None else "",
        *map(str, rendition.notes),
        str(rendition.path),
    ]
    return " · ".join(part for part in parts if part)


@click.command("rehearse")
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 3660))
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="The first day; today if not given.")
@json_option
@click.pass_context
def rehearse_command(ctx: click.Context, days: int, start: datetime | None, as_json: bool) -> None:
    """Show which post would go out when: the real picking over a virtual clock; nothing is sent or changed."""
    desk = desk_of(ctx)
    first = start.date() if start else slot_day(desk.now(), desk.settings.outlet.zone)
    rehearsed = rehearse(desk, start=first, days=days)
    if as_json:
        print_json([_day_row(day) for day in rehearsed])
        return
    _print_days(rehearsed)


def _print_days(rehearsed: Sequence[RehearsedDay]) -> None:
    print_table(
        "",
        tuple(map(str, (_("day"), _("picked at"), _("why"), _("post"), _("channels")))),
        (
            (
                str(_("{day:short_weekday}", day=day.slot)),
                day.local.strftime("%H:%M %Z"),
                str(REASONS[day.reason]) if day.post_id else f"[red]{REASONS[day.reason]}[/]",
                escape(f"{day.post_id} {day.title}") if day.post_id else f"[red]{_('no post')}[/]",
                escape(", ".join(map(_describe_channel, day.channels))),
            )
            for day in rehearsed
        ),
    )


def _describe_channel(channel: RehearsedChannel) -> str:
    at = f"{channel_name(channel.name)} {channel.local:%H:%M}"
    return str(_("{at} held: {why}", at=at, why=channel.problem)) if channel.problem else at


def _day_row(day: RehearsedDay) -> dict[str, Any]:
    return {
        "day": day.slot,
        "picked_at": day.instant,
        "local": day.local.isoformat(),
        "reason": day.reason,
        "post": day.post_id,
        "title": day.title,
        "channels": [
            {
                "channel": channel.name,
                "due_at": channel.due_at,
                "local": channel.local.isoformat(),
                "problem": str(channel.problem or ""),
                **(channel.problem.to_json() if channel.problem else {}),
            }
            for channel in day.channels
        ],
    }
