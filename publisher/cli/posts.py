"""`publisher add`, `edit`, `approve` and `withdraw`: changes the posts of the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import DAY, console, json_option, print_json
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.messages import Message, _
from publisher.desk import Desk
from publisher.intake.post_files import ReadFile, read_file, read_folder, read_post_file
from publisher.posts.drafts import PostChanges, PostDraft, check_input
from publisher.posts.errors import PostError
from publisher.posts.problems import PostProblem, problem_to_json
from publisher.schedule.approval import Approval, NotApproved
from publisher.schedule.post_queue import PostQueue

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("add")
@click.argument("source", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--title", help="Without a SOURCE: the post's title, and the options below its other fields.")
@click.option("--standfirst", default="")
@click.option("--body", default="", help="A small Markdown.")
@click.option("--written-by", default="")
@click.option("--credit", default="")
@click.option("--licence", default="")
@click.option("--link", default="")
@click.option("--tag", "tags", multiple=True)
@click.option("--language", default="en", show_default=True)
@click.option("--image", "images", multiple=True, type=FILE)
@click.option("--alt", "alt_texts", multiple=True, help="One per --image, in their order.")
@click.option("--date", "fixed_date", type=DAY, help="Exactly this day.")
@click.option("--reserve", is_flag=True, help="Into the reserve, for days without a post.")
@click.option("--approve", "approve_too", is_flag=True, help="Approve at once what nothing blocks.")
@json_option
@click.pass_context
def add_command(
    ctx: click.Context, /, source: Path | None, title: str | None, as_json: bool, approve_too: bool, **fields: Any
) -> None:
    """Put posts into the queue: from SOURCE, a Markdown file or a folder of them, or from options."""
    desk = desk_of(ctx)
    if (source is None) == (title is None):
        raise click.UsageError(str(_("give either a file or folder, or --title and the other fields")))
    added: list[dict[str, Any]] = []
    failed = 0
    for name, read in _read_files(source) if source else [("", _read_options(title or "", fields))]:
        if read.problem is not None:
            failed += 1
            echo(f"publisher: {read.problem}", err=True)
            continue
        try:
            added.append(_add_post(desk, name, read.checked(), approve_too))
        except PostError as error:
            failed += 1
            echo(f"publisher: {name}{': ' if name else ''}{error}", err=True)
    if as_json:
        print_json(added)
    else:
        for row in added:
            echo(str(_describe_added(row)))
            for warning in row["warnings"]:
                echo(f"  {warning}")
    ctx.exit(1 if failed else 0)


def _describe_added(row: Mapping[str, Any]) -> Message:
    values = {"post": row["id"], "title": row["title"]}
    if row["state"] == "approved":
        return _("Post {post} “{title}” is approved.", **values)
    return _("Post {post} “{title}” is a draft.", **values)


def _read_files(source: Path) -> list[tuple[str, ReadFile]]:
    return [(read.path.name, read) for read in (read_folder(source) if source.is_dir() else [read_file(source)])]


def _read_options(title: str, fields: dict[str, Any]) -> ReadFile:
    images, alt_texts = fields.pop("images"), fields.pop("alt_texts")
    if len(alt_texts) > len(images):
        raise click.UsageError(str(_("there are more --alt than --image")))
    pictures = [
        {"file": image, "alt_text": alt_texts[number] if number < len(alt_texts) else ""}
        for number, image in enumerate(images)
    ]
    day: datetime | None = fields.pop("fixed_date")
    values = {"title": title, "images": pictures, "fixed_date": day and day.date(), **fields}
    return ReadFile(Path(), check_input(PostDraft, values))


def _add_post(desk: Desk, name: str, draft: PostDraft, approve_too: bool) -> dict[str, Any]:
    with console().status(str(_("Adding {name} ...", name=name or draft.title))):
        post = PostQueue(desk, actor()).add(draft)
    warnings = [str(warning) for warning in post.warnings]
    state = "a draft"
    if approve_too:
        try:
            warnings += [str(problem) for problem in PostQueue(desk, actor()).approve(post.id).remarks]
            state = "approved"
        except NotApproved as refusal:
            warnings += [str(problem) for problem in refusal.problems]
        except PostError as refusal:
            # The post is in the queue nevertheless, for example if a second person has to approve it.
            warnings.append(str(refusal))
    return {"id": post.id, "file": name, "title": draft.title, "state": state, "warnings": warnings}


@click.command("edit")
@click.argument("post", type=ROW_NUMBER)
@click.option("--title")
@click.option("--standfirst")
@click.option("--body")
@click.option("--written-by")
@click.option("--credit")
@click.option("--licence")
@click.option("--link")
@click.option("--tag", "tags", multiple=True, help="All tags anew; once per tag.")
@click.option(
    "--caption",
    "captions",
    multiple=True,
    metavar="CHANNEL=TEXT",
    help="A caption written by hand, for a channel or for lang:LANGUAGE.",
)
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
    **fields: Any,
) -> None:
    """Change a post. An approved one goes back to review; a picked one goes out as it was approved."""
    desk = desk_of(ctx)
    values = {name: value for name, value in fields.items() if value not in (None, ())}
    if captions:
        values["captions"] = dict(_parse_caption(text) for text in captions)
    if source:
        draft = read_post_file(source)
        shared = set(PostChanges.model_fields) & draft.model_fields_set
        values = {name: getattr(draft, name) for name in shared} | values
    if not values:
        raise click.UsageError(str(_("nothing to change; name a field, such as --title")))
    changes = check_input(PostChanges, values)
    result = PostQueue(desk, actor()).edit(post, changes, expected_version=expect_version)
    echo(str(_("Post {post} is changed; this is version {version}.", post=post, version=result.version)))
    if result.back_to_review:
        echo(str(_("It is in review again: approve it with publisher approve {post}", post=post)))
    if result.applies_to:
        channels = list(result.applies_to)
        echo(str(_("Until then {channels:list} will show the text that was approved.", channels=channels)))
    if result.too_late:
        echo(str(_too_late(result.too_late)))
    for warning in result.warnings:
        echo(str(warning))


def _parse_caption(text: str) -> tuple[str, str]:
    channel, separator, caption = text.partition("=")
    if not separator:
        raise click.UsageError(str(_("write --caption CHANNEL=TEXT")))
    return channel, caption


@click.command("approve")
@click.argument("posts", type=ROW_NUMBER, nargs=-1, required=True)
@json_option
@click.pass_context
def approve_command(ctx: click.Context, posts: tuple[int, ...], as_json: bool) -> None:
    """Approve posts, so that they go out when their turn comes. A post with a blocking problem stays a draft."""
    queue = PostQueue(desk_of(ctx), actor())
    results: list[dict[str, Any]] = []
    for post in posts:
        try:
            approval = queue.approve(post)
            remarks = [_problem_row(problem) for problem in approval.remarks]
            results.append({"post": post, "approved": True, "problems": remarks, **asdict(approval.reach)})
            if not as_json:
                echo(str(_("Post {post} is approved.", post=post)))
                for remark in approval.remarks:
                    echo(f"  {remark}")
                _print_reach(approval)
        except NotApproved as refusal:
            problems = [_problem_row(problem) for problem in refusal.problems]
            results.append({"post": post, "approved": False, "problems": problems})
            if not as_json:
                echo(str(_("Post {post} is not approved:", post=post)), err=True)
                for problem in refusal.problems:
                    echo(f"  {problem}", err=True)
    if as_json:
        print_json(results)
    ctx.exit(0 if all(result["approved"] for result in results) else 1)


def _problem_row(problem: PostProblem) -> dict[str, Any]:
    return {"problem": problem_to_json(problem.problem), "channels": problem.channels}


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
