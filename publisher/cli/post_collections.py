"""`publisher collection`: makes, fills, orders, lists and removes collections of posts."""

from __future__ import annotations

import click

from publisher.archive.post_collections import (
    CollectionFields,
    Collections,
    Step,
    list_collections,
    load_collection,
    posts_of,
    version_of,
)
from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import console, escape, json_option, print_json, print_table, styled
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.messages import _, ngettext
from publisher.desk import Desk
from publisher.posts.titles import shown_title


def _changing(desk: Desk) -> Collections:
    # Whoever has the command line has every right.
    return Collections(desk, actor(), may_publish=True)


@click.group("collection")
def collection_command() -> None:
    """Make, fill, order and list named collections of posts."""


@collection_command.command("list")
@json_option
@click.pass_context
def list_command(ctx: click.Context, as_json: bool) -> None:
    """List the collections by their names."""
    with desk_of(ctx).database.reading() as session:
        listed = list_collections(session)
    if as_json:
        names = ("id", "name", "description", "is_public", "posts")
        print_json([{name: getattr(collection, name) for name in names} for collection in listed])
        return
    columns = (_("no."), _("posts"), _("public"), _("name"))
    rows = (
        (str(one.id), str(one.posts), str(_("yes") if one.is_public else _("no")), escape(one.name)) for one in listed
    )
    print_table("", columns, rows)


@collection_command.command("show")
@click.argument("collection", type=ROW_NUMBER)
@json_option
@click.pass_context
def show_command(ctx: click.Context, collection: int, as_json: bool) -> None:
    """Show the posts of a collection in their order."""
    with desk_of(ctx).database.reading() as session:
        stored = load_collection(session, collection)
        posts = posts_of(session, collection)
    if as_json:
        names = ("id", "title", "language", "state", "last_shown_on")
        listed = [{name: getattr(post, name) for name in names} for post in posts]
        fields = {name: getattr(stored, name) for name in ("id", "name", "description", "is_public")}
        print_json({**fields, "version": version_of(stored), "posts": listed})
        return
    console().print(f"[bold]{escape(stored.name)}[/] {escape(stored.description)}")
    columns = (_("place"), _("post"), _("state"), _("shown"), _("title"))
    rows = (
        (str(post.position), str(post.id), styled(post.state), str(post.last_shown_on or "–"),
         escape(shown_title(post.title)))
        for post in posts
    )  # fmt: skip
    print_table("", columns, rows)


@collection_command.command("make")
@click.argument("name")
@click.option("--description", default="")
@click.option("--public", is_flag=True, help="Everybody may see it where the outlet shows its archive.")
@click.pass_context
def make_command(ctx: click.Context, name: str, description: str, public: bool) -> None:
    """Make a collection without posts."""
    made = _changing(desk_of(ctx)).add(CollectionFields(name, description, public))
    echo(
        str(_("Collection {collection} is made. Fill it: publisher collection add {collection} POST", collection=made))
    )


@collection_command.command("change")
@click.argument("collection", type=ROW_NUMBER)
@click.option("--name")
@click.option("--description")
@click.option("--public/--for-staff", default=None, help="Who may see it.")
@click.option(
    "--expect-version", help="Refuse when somebody changed it since; `collection show --json` names the version."
)
@click.pass_context
def change_command(
    ctx: click.Context,
    /,
    collection: int,
    name: str | None,
    description: str | None,
    public: bool | None,
    expect_version: str | None,
) -> None:
    """Change the name, the description, or who may see a collection."""
    desk = desk_of(ctx)
    with desk.database.reading() as session:
        stored = load_collection(session, collection)
    fields = CollectionFields(
        stored.name if name is None else name,
        stored.description if description is None else description,
        stored.is_public if public is None else public,
    )
    _changing(desk).change(collection, fields, expected_version=expect_version or version_of(stored))
    echo(str(_("Collection {collection} is changed.", collection=collection)))


@collection_command.command("add")
@click.argument("collection", type=ROW_NUMBER)
@click.argument("posts", type=ROW_NUMBER, nargs=-1, required=True)
@click.pass_context
def add_command(ctx: click.Context, collection: int, posts: tuple[int, ...]) -> None:
    """Put posts at the end of a collection."""
    added = _changing(desk_of(ctx)).add_posts(collection, posts)
    echo(str(ngettext("{count} post was put there.", "{count} posts were put there.", count=added)))


@collection_command.command("move")
@click.argument("collection", type=ROW_NUMBER)
@click.argument("post", type=ROW_NUMBER)
@click.argument("step", type=click.Choice(["first", "up", "down", "last"]))
@click.pass_context
def move_command(ctx: click.Context, collection: int, post: int, step: Step) -> None:
    """Move a post within a collection."""
    _changing(desk_of(ctx)).move_post(collection, post, step)
    echo(str(_("Post {post} is moved.", post=post)))


@collection_command.command("take-out")
@click.argument("collection", type=ROW_NUMBER)
@click.argument("post", type=ROW_NUMBER)
@click.pass_context
def take_out_command(ctx: click.Context, collection: int, post: int) -> None:
    """Take a post out of a collection."""
    _changing(desk_of(ctx)).remove_post(collection, post)
    echo(str(_("Post {post} was taken out of the collection.", post=post)))


@collection_command.command("remove")
@click.argument("collection", type=ROW_NUMBER)
@click.pass_context
def remove_command(ctx: click.Context, collection: int) -> None:
    """Remove a collection. Its posts stay."""
    _changing(desk_of(ctx)).remove(collection)
    echo(str(_("Collection {collection} is removed; its posts stay.", collection=collection)))
