"""`publisher correct`: corrects a published post wherever its platform allows it."""

from __future__ import annotations

import sys
from typing import Any

import click

from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import console, escape, json_option, print_json
from publisher.cli.post_options import changed_texts
from publisher.cli.posts import parse_caption
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.messages import _
from publisher.correcting import (
    MAX_NOTE_LENGTH,
    CorrectionRequest,
    correct_post,
    describe_result,
    plan_correction,
    refuse_blocked,
)
from publisher.correction_plan import CorrectionPlan
from publisher.delivery.corrected_parts import PartChange, describe_part
from publisher.desk import Desk
from publisher.posts.drafts import PostChanges, check_input
from publisher.posts.post_store import load_post
from publisher.posts.versions import content_of


@click.command("correct")
@click.argument("post", type=ROW_NUMBER)
@changed_texts
@click.option("--alt", "alt_texts", multiple=True, metavar="NUMBER=TEXT", help="The alt text of a picture, from 1.")
@click.option("--note", default="", help=f"What was wrong, for the history; at most {MAX_NOTE_LENGTH} characters.")
@click.option("--yes", is_flag=True, help="Correct it without asking. Else the differences are shown first.")
@json_option
@click.pass_context
def correct_command(ctx: click.Context, /, post: int, note: str, yes: bool, as_json: bool, **fields: Any) -> None:
    """Correct a post that is published: POST itself, and what followers read wherever the platform allows it.

    Shows what would change on each channel, what can't be changed there and why, then asks. Without a
    field it sends what the post says by now. A correction never publishes a second post.
    """
    desk = desk_of(ctx)
    own_values = _own_values(desk, post, fields.pop("alt_texts"), fields.pop("captions"))
    values = {name: value for name, value in fields.items() if value not in (None, ())} | own_values
    request = CorrectionRequest(post, check_input(PostChanges, values), note=note)
    plan = plan_correction(desk, request)
    if as_json:
        print_json(plan.to_json())
    else:
        _print_plan(plan)
    refuse_blocked(plan)
    if not yes and not _confirmed(as_json=as_json):
        return
    seen = CorrectionRequest(post, request.changes, note=note, expected_version=plan.version, seen=plan.digest)
    result = correct_post(desk, seen, actor=actor())
    if not as_json:
        for text in describe_result(result):
            echo(str(text))


def _own_values(desk: Desk, post: int, alt_texts: tuple[str, ...], captions: tuple[str, ...]) -> dict[str, Any]:
    """Returns the fields that are a part of what the post has already: its captions, and its pictures' texts."""
    with desk.database.reading() as session:
        content = content_of(load_post(session, post))
    values: dict[str, Any] = {}
    if captions:
        values["captions"] = {**content.captions, **dict(parse_caption(text) for text in captions)}
    if alt_texts:
        new_texts = dict(_parse_alt_text(text, len(content.images)) for text in alt_texts)
        values["images"] = [
            {
                "media": image.media,
                "alt_text": new_texts.get(number, image.alt_text),
                "credit": image.credit,
                "licence": image.licence,
            }
            for number, image in enumerate(content.images, start=1)
        ]
    return values


def _parse_alt_text(text: str, pictures: int) -> tuple[int, str]:
    number, separator, alt_text = text.partition("=")
    if not separator or not number.isdecimal() or not 1 <= int(number[:9]) <= pictures:
        raise click.UsageError(
            str(_("write --alt NUMBER=TEXT, with the number of a picture from 1 to {pictures}", pictures=pictures))
        )
    return int(number), alt_text


def _confirmed(*, as_json: bool) -> bool:
    """Asks the person at the terminal. Where there is none, nothing is corrected."""
    if as_json or not sys.stdin.isatty():
        echo(str(_("Nothing is corrected yet. To correct it, repeat this with --yes.")), err=as_json)
        return False
    return click.confirm(str(_("Correct it now?")))


def _print_plan(plan: CorrectionPlan) -> None:
    say = console().print
    for channel in plan.channels:
        say(f"[bold]{escape(channel.place)}[/] · {channel.day}")
        for change in channel.sent:
            _print_change(change)
        if not channel.changes:
            say(f"  {escape(_('nothing changes'))}")
        for reason in channel.reasons:
            say(f"  [yellow]{escape(reason)}[/]")
    for remark in plan.remarks:
        say(escape(remark))


def _print_change(change: PartChange) -> None:
    say = console().print
    say(f"  {escape(describe_part(change))}:")
    say(f"    [red]- {escape(change.before)}[/]")
    say(f"    [green]+ {escape(change.after)}[/]")
