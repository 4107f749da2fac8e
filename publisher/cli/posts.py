"""`publisher edit`, `approve` and `withdraw`: changes the posts of the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import console, json_option, print_json
from publisher.cli.picture_windows import Merges, Windows, channels_option, choose_windows, window_option
from publisher.cli.post_options import changed_texts
from publisher.cli.post_problems import echo_problems, merge_problems, problem_rows, problems_of
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.messages import Message, _
from publisher.desk import Desk
from publisher.intake.post_files import read_file
from publisher.intake.sources import identify_source
from publisher.posts.drafts import PostChanges, PostContent, PostDraft, check_input
from publisher.posts.post_store import load_post
from publisher.posts.posts import EditOutcome
from publisher.posts.problems import PostProblem
from publisher.posts.sources import store_source
from publisher.posts.versions import content_of
from publisher.schedule.approval import Approval, NotApproved
from publisher.schedule.post_queue import PostQueue

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("edit")
@click.argument("post", type=ROW_NUMBER)
@changed_texts
@window_option
@channels_option
@click.option("--from", "source", type=FILE, help="Everything anew from this post file.")
@click.option("--expect-version", type=ROW_NUMBER, help="Refuse when somebody else changed it since.")
@click.pass_context
def edit_command(
    ctx: click.Context,
    /,
    post: int,
    source: Path | None,
    expect_version: int | None,
    captions: tuple[str, ...],
    windows: Windows,
    **fields: Any,
) -> None:
    """Change a post. An approved one goes back to review; a picked one goes out as it was approved."""
    desk = desk_of(ctx)
    colour_channels: Merges = fields.pop("colour_channels")
    values = {name: value for name, value in fields.items() if value not in (None, ())}
    if captions:
        values["captions"] = dict(parse_caption(text) for text in captions)
    draft: PostDraft | None = None
    if source:
        read = read_file(source)
        draft = read.checked()
        for hint in read.hints:
            echo(str(hint), err=True)
        shared = set(PostChanges.model_fields) & draft.model_fields_set
        values = {name: getattr(draft, name) for name in shared} | values
    if windows or colour_channels:
        stored = _content(desk, post)
        values["images"] = choose_windows(values.get("images", stored.images), windows, colour_channels)
    if not values:
        raise click.UsageError(str(_("nothing to change; name a field, such as --title")))
    changes = check_input(PostChanges, values)
    result = PostQueue(desk, actor()).edit(post, changes, expected_version=expect_version)
    if source and draft and (identity := identify_source(source, draft)):
        with desk.database.writing() as session:
            store_source(session, post, identity)
    _print_edit(desk, post, result)


def _print_edit(desk: Desk, post: int, result: EditOutcome) -> None:
    echo(str(_("Post {post} is changed; this is version {version}.", post=post, version=result.version)))
    if result.back_to_review:
        echo(str(_("It is in review again: approve it with publisher approve {post}", post=post)))
    if result.applies_to:
        channels = list(result.applies_to)
        echo(str(_("Until then {channels:list} will show the text that was approved.", channels=channels)))
    if result.too_late:
        echo(str(_too_late(result.too_late)))
    echo_problems(problems_of(desk, post))


def _content(desk: Desk, post_id: int) -> PostContent:
    with desk.database.reading() as session:
        return content_of(load_post(session, post_id))


def parse_caption(text: str) -> tuple[str, str]:
    """Reads `CHANNEL=TEXT`. Raises UsageError."""
    channel, separator, caption = text.partition("=")
    if not separator:
        raise click.UsageError(str(_("write --caption CHANNEL=TEXT")))
    return channel, caption


@click.command("approve")
@click.argument("posts", type=ROW_NUMBER, nargs=-1, required=True)
@click.option("--repeat-meant", is_flag=True, help="Also those that show a picture or a text of another post again.")
@json_option
@click.pass_context
def approve_command(ctx: click.Context, posts: tuple[int, ...], repeat_meant: bool, as_json: bool) -> None:
    """Approve posts, so that they go out when their turn comes. A post with a blocking problem stays a draft."""
    desk = desk_of(ctx)
    queue = PostQueue(desk, actor())
    results: list[dict[str, Any]] = []
    for post in posts:
        # The approval itself ends some of them, such as that the post may have been shown before a restore.
        problems = problems_of(desk, post)
        try:
            with console().status(str(_("Making the pictures of post {post} ...", post=post))):
                approval = queue.approve(post, repeat_is_meant=repeat_meant)
            problems = _as_approved(problems, approval)
            results.append(
                {"post": post, "approved": True, "problems": problem_rows(problems), **asdict(approval.reach)}
            )
            if not as_json:
                echo(str(_("Post {post} is approved.", post=post)))
                echo_problems(problems)
                _print_reach(approval)
        except NotApproved as refusal:
            problems = merge_problems(problems, refusal.problems)
            results.append({"post": post, "approved": False, "problems": problem_rows(problems)})
            if not as_json:
                echo(str(_("Post {post} is not approved:", post=post)), err=True)
                echo_problems(problems, err=True)
    if as_json:
        print_json(results)
    ctx.exit(0 if all(result["approved"] for result in results) else 1)


def _as_approved(problems: Sequence[PostProblem], approval: Approval) -> tuple[PostProblem, ...]:
    """Returns the remarks of an approval, after those that it has ended."""
    ended = (problem for problem in problems if not problem.problem.blocking)
    return tuple(dict.fromkeys((*ended, *approval.remarks)))


def _too_late(channels: Sequence[str]) -> Message:
    return _("It is too late for {channels:list}: they have the post as it was.", channels=list(channels))


def _print_reach(approval: Approval) -> None:
    if approval.reach.applies_to:
        channels = list(approval.reach.applies_to)
        echo(str(_("{channels:list} will show it as it is now.", channels=channels)))
    if approval.reach.too_late:
        echo(str(_too_late(approval.reach.too_late)))


@click.command("withdraw")
@click.argument("post", type=ROW_NUMBER)
@click.pass_context
def withdraw_command(ctx: click.Context, post: int) -> None:
    """Take a post out of the queue or the reserve; approving it brings it back."""
    PostQueue(desk_of(ctx), actor()).withdraw(post)
    echo(str(_("Post {post} is withdrawn.", post=post)))
