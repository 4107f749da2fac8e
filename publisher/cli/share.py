"""`publisher share`: makes, lists and revokes preview links."""

from __future__ import annotations

import click

from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import escape, json_option, print_json, print_table
from publisher.cli.row_number import ROW_NUMBER
from publisher.collaboration.preview_links import DEFAULT_LIFETIME, LIFETIMES, links_of, make_link, revoke_link
from publisher.core.messages import Message, _
from publisher.db.staff import PreviewLink
from publisher.desk import Desk
from publisher.posts.post_store import load_post

SHARED_PATH = "/shared/"


@click.group("share")
def share_command() -> None:
    """Show a post to somebody without an account, by a secret link."""


@share_command.command("make")
@click.argument("post", type=ROW_NUMBER)
@click.option("--for", "name", required=True, help="For whom it is, such as the scientist whose picture it is.")
@click.option(
    "--days",
    type=click.Choice([str(days) for days in LIFETIMES]),
    default=str(DEFAULT_LIFETIME),
    show_default=True,
    help="How long it works.",
)
@json_option
@click.pass_context
def make_command(ctx: click.Context, post: int, name: str, days: str, as_json: bool) -> None:
    """Make a link to POST. It is printed once: only its hash is stored."""
    desk = desk_of(ctx)
    made = make_link(desk.database, post, name, days=int(days), now=desk.now(), actor=actor())
    url = f"{desk.settings.notify.link.rstrip('/')}{SHARED_PATH}{made.token}"
    if as_json:
        print_json({"id": made.id, "url": url, "expires_at": made.expires_at.isoformat()})
        return
    echo(url)
    values = {"at": made.expires_at, "post": post, "link": made.id}
    echo(_("It works until {at:moment}. Revoke it with: publisher share revoke {post} {link}", **values), err=True)
    if not desk.settings.notify.link:
        echo(_("Write the address of the desk's pages before it, and set it as notify.link."), err=True)


@share_command.command("list")
@click.argument("post", type=ROW_NUMBER)
@json_option
@click.pass_context
def list_command(ctx: click.Context, post: int, as_json: bool) -> None:
    """List the newest links of POST."""
    desk = desk_of(ctx)
    with desk.database.reading() as session:
        load_post(session, post)
        links = links_of(session, post)
    if as_json:
        print_json([_json(link) for link in links])
        return
    print_table(
        "",
        (_("link"), _("for"), _("made by"), _("state"), _("last visit")),
        (
            (str(link.id), escape(link.name), escape(link.made_by), escape(_state(desk, link)), escape(_visit(link)))
            for link in links
        ),
    )


@share_command.command("revoke")
@click.argument("post", type=ROW_NUMBER)
@click.argument("link", type=ROW_NUMBER)
@click.pass_context
def revoke_command(ctx: click.Context, post: int, link: int) -> None:
    """End LINK of POST at once."""
    desk = desk_of(ctx)
    revoke_link(desk.database, post, link, now=desk.now(), actor=actor())
    echo(_("The link {link} shows nothing any more.", link=link))


def _state(desk: Desk, link: PreviewLink) -> Message:
    if link.revoked_at is not None:
        return _("revoked {at:moment}", at=link.revoked_at)
    if link.expires_at <= desk.now():
        return _("ended {at:moment}", at=link.expires_at)
    return _("works until {at:moment}", at=link.expires_at)


def _visit(link: PreviewLink) -> Message:
    return _("{at:moment}", at=link.visited_at) if link.visited_at else _("none")


def _json(link: PreviewLink) -> dict[str, object]:
    times = ("created_at", "expires_at", "revoked_at", "visited_at")
    return {
        "id": link.id,
        "name": link.name,
        "made_by": link.made_by,
        **{name: value.isoformat() if (value := getattr(link, name)) else None for name in times},
    }
