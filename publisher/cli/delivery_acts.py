"""`publisher retry`, `adopt`, `cancel`, `pause` and `resume`: changes deliveries and channels."""

from __future__ import annotations

import sys

import click

from publisher import retrying
from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.messages import _
from publisher.db.models import Delivery
from publisher.delivery import act_results, operate
from publisher.delivery.adopt import Adoption, AdoptionRequest, read_adoption, record_adoption


@click.command("retry")
@click.argument("delivery", type=ROW_NUMBER)
@click.option("--i-have-looked", is_flag=True, help="I looked on the platform: the post is not there.")
@click.pass_context
def retry_command(ctx: click.Context, delivery: int, i_have_looked: bool) -> None:
    """Let a delivery try again that was held, failed or missed."""
    desk = desk_of(ctx)
    retrying.retry(desk, delivery, actor=actor(), i_have_looked=i_have_looked)
    waiting = act_results.find_retry_wait(desk.database, delivery, desk.now())
    echo(str(act_results.describe_retry(waiting)))


@click.command("adopt")
@click.argument("delivery", type=ROW_NUMBER)
@click.argument("link")
@click.option("--unread", is_flag=True, help="I see the post myself: adopt it even if it can't be read just now.")
@click.option("--yes", is_flag=True, help="Don't ask when the post differs from what was to be sent.")
@click.pass_context
def adopt_command(ctx: click.Context, delivery: int, link: str, unread: bool, yes: bool) -> None:
    """Make a post that is public already the record of DELIVERY; it will not be posted again.

    LINK is the post's address in any form, or its id. The post is read first, and must be the
    channel's own.
    """
    desk = desk_of(ctx)
    request = AdoptionRequest(delivery, link, unread=unread)
    adoption = read_adoption(desk.database, desk.channels, request)
    if adoption.differences and not yes and sys.stdin.isatty():
        _ask_about(adoption)
    record_adoption(desk.database, adoption, now=desk.now(), actor=actor())
    echo(str(act_results.describe_adoption(adoption)))


def _ask_about(adoption: Adoption) -> None:
    echo(str(_("The post at {url} is not what was to be sent:", url=adoption.url)))
    for difference in adoption.differences:
        echo(f"  {difference}")
    click.confirm(str(_("Adopt it all the same?")), abort=True)


@click.command("cancel")
@click.argument("delivery", type=ROW_NUMBER)
@click.pass_context
def cancel_command(ctx: click.Context, delivery: int) -> None:
    """Give a delivery up."""
    desk = desk_of(ctx)
    may_be_public = operate.cancel(desk.database, delivery, now=desk.now(), actor=actor())
    with desk.database.reading() as session:
        platform = operate.platform_label(session.get_one(Delivery, delivery))
    echo(str(act_results.describe_cancel(delivery, may_be_public=may_be_public, platform=platform)))


@click.command("pause")
@click.argument("channel")
@click.argument("reason")
@click.pass_context
def pause_command(ctx: click.Context, channel: str, reason: str) -> None:
    """Have a channel publish nothing until somebody resumes it; the REASON is shown to whoever finds it so."""
    desk = desk_of(ctx)
    operate.pause(desk.database, channel, reason, now=desk.now(), actor=actor())
    paused = _("The channel {channel} is paused. Let it publish again: publisher resume {channel:key}", channel=channel)
    echo(str(paused))


@click.command("resume")
@click.argument("channel")
@click.pass_context
def resume_command(ctx: click.Context, channel: str) -> None:
    """Let a channel publish again that is paused, or that its platform told to wait."""
    desk = desk_of(ctx)
    end = operate.resume(desk.database, channel, now=desk.now(), actor=actor())
    echo(str(act_results.describe_resume(channel, end)))
    for delivery in act_results.held_deliveries(desk.database, channel):
        held = _("Delivery {delivery} is held; let it out with: publisher retry {delivery}", delivery=delivery)
        echo(str(held))
