"""`publisher add`: puts posts into the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import DAY, console, json_option, print_json
from publisher.cli.picture_windows import Merges, Windows, channels_option, choose_windows, window_option
from publisher.cli.post_problems import merge_problems, problem_rows, problems_of
from publisher.cli.posts import FILE
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.intake.post_files import ReadFile, read_file, read_folder
from publisher.intake.sources import identify_source
from publisher.posts.creation import AlsoWrite
from publisher.posts.drafts import PostDraft, check_input
from publisher.posts.errors import PostError
from publisher.posts.problems import PostProblem
from publisher.posts.sources import AddedBefore, PostSource, find_added_before, store_first_source, store_source
from publisher.schedule.approval import NotApproved
from publisher.schedule.post_queue import PostQueue

_HOW = ("approve_too", "repeat_meant", "again", "windows", "colour_channels")
"""The options that say how posts are added, not what they hold."""


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
@window_option
@channels_option
@click.option("--date", "fixed_date", type=DAY, help="Exactly this day.")
@click.option("--reserve", is_flag=True, help="Into the reserve, for days without a post.")
@click.option("--approve", "approve_too", is_flag=True, help="Approve at once what nothing blocks.")
@click.option("--repeat-meant", is_flag=True, help="With --approve: also what shows a picture or a text again.")
@click.option("--again", is_flag=True, help="Add it although it was added before.")
@json_option
@click.pass_context
def add_command(ctx: click.Context, /, source: Path | None, title: str | None, as_json: bool, **fields: Any) -> None:
    """Put posts into the queue: from SOURCE, a Markdown file or a folder of them, or from options.

    A file that was added before is not added again.
    """
    adding = _Adding(desk_of(ctx), **{name: fields.pop(name) for name in _HOW})
    if (source is None) == (title is None):
        raise click.UsageError(str(_("give either a file or folder, or --title and the other fields")))
    rows: list[dict[str, Any]] = []
    failed = 0
    files = _read_files(source) if source else [("", _read_options(title or "", fields))]
    if not files:
        raise PostError(_("{folder} holds no post files, which end in .md; name another one", folder=str(source)))
    for name, read in files:
        for hint in read.hints:
            echo(f"publisher: {hint}", err=True)
        try:
            row = _add_file(adding, name, read)
        except PostError as error:
            failed += 1
            at = f"{name}: " if name and read.problem is None else ""
            echo(f"publisher: {at}{error}", err=True)
        else:
            rows.append(row)
            failed += row["changed_since"]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            echo(str(_describe_added(row)), err=row["changed_since"])
            for warning in row["warnings"]:
                echo(f"  {warning}")
    ctx.exit(1 if failed else 0)


def _describe_added(row: Mapping[str, Any]) -> Message:
    values = {"post": row["id"], "title": row["title"]}
    if not row["added"]:
        return _describe_added_before(row, values)
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


def _describe_added_before(row: Mapping[str, Any], values: Mapping[str, Any]) -> Message:
    values = {**values, "file": row["file"]}
    if row["changed_since"]:
        return _(
            "{file} was added as post {post} “{title}” and was changed since; it is not added again. To change that "
            "post: publisher edit {post} --from {file}. To add another one: publisher add {file} --again",
            **values,
        )
    if row["state"] == "withdrawn":
        return _(
            "{file} is post {post} “{title}” already, which is withdrawn; it is not added again. To bring it back: "
            "publisher approve {post}",
            **values,
        )
    return _("{file} is post {post} “{title}” already; it is not added again.", **values)


@dataclass(frozen=True, slots=True)
class _Adding:
    """Holds how posts are added."""

    desk: Desk
    approve_too: bool
    repeat_meant: bool
    again: bool
    """Also what was added before."""
    windows: Windows
    colour_channels: Merges


def _add_file(adding: _Adding, name: str, read: ReadFile) -> dict[str, Any]:
    """Adds a file, or finds the post that was added from it before. Raises PostError."""
    draft = read.checked()
    source = identify_source(read.path, draft) if name else None
    if adding.windows or adding.colour_channels:
        images = choose_windows(draft.images, adding.windows, adding.colour_channels)
        draft = check_input(PostDraft, {**dict(draft), "images": images})
    if source is None:
        return _add_post(adding, name, draft, None)
    if not adding.again and (former := _find_former(adding.desk, source)):
        return _former_row(str(read.path), former)

    def write_source(session: Session, post: Post, _warnings: Sequence[Problem]) -> None:
        (store_source if adding.again else store_first_source)(session, post.id, source)

    try:
        return _add_post(adding, name, draft, write_source)
    except IntegrityError:
        # It was added twice at the same moment.
        former = _find_former(adding.desk, source)
        if former is None:
            raise
        return _former_row(str(read.path), former)


def _find_former(desk: Desk, source: PostSource) -> AddedBefore | None:
    with desk.database.reading() as session:
        return find_added_before(session, source)


def _former_row(file: str, former: AddedBefore) -> dict[str, Any]:
    return {
        "id": former.post_id,
        "file": file,
        "title": former.title,
        "state": former.state,
        "added": False,
        "changed_since": not former.is_same,
        "warnings": [],
        "problems": [],
    }


def _add_post(adding: _Adding, name: str, draft: PostDraft, also_write: AlsoWrite | None) -> dict[str, Any]:
    desk = adding.desk
    with console().status(str(_("Adding {name} ...", name=name or draft.title))):
        post = PostQueue(desk, actor()).add(draft, also_write=also_write)
    state, refusals = "a draft", []
    of_approval: tuple[PostProblem, ...] = ()
    if adding.approve_too:
        try:
            of_approval = PostQueue(desk, actor()).approve(post.id, repeat_is_meant=adding.repeat_meant).remarks
            state = "approved"
        except NotApproved as refusal:
            # The problems say why.
            state, of_approval = "a draft", refusal.problems
        except PostError as refusal:
            # The post is in the queue nevertheless, for example if a second person has to approve it.
            refusals = [str(refusal)]
    problems = merge_problems(problems_of(desk, post.id), of_approval)
    return {
        "id": post.id,
        "file": name,
        "title": draft.title,
        "state": state,
        "added": True,
        "changed_since": False,
        "warnings": [*map(str, problems), *refusals],
        "problems": problem_rows(problems),
    }
