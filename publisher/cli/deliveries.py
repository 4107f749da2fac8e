"""`publisher deliveries` and `log`: shows deliveries and their history."""

from __future__ import annotations

from datetime import datetime

import click
from sqlalchemy import select

from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.output import console, escape, json_option, print_json, print_table, styled
from publisher.cli.row_number import ROW_NUMBER
from publisher.core.event_names import event_sentence
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.db.models import STATES
from publisher.db.operations import Channel
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.attempt_description import describe_attempt
from publisher.delivery.budget import MICROS, format_dollars, monthly_spendings
from publisher.delivery.listing import DeliveryFilter, DeliveryHistory, find_deliveries, load_delivery_history
from publisher.delivery.problem_codes import ActProblem, PausedChannelProblem
from publisher.delivery.row import AttemptRow, DeliveryRow, EventRow
from publisher.desk import Desk
from publisher.settings import SettingsError


@click.command("deliveries")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Only this day's.")
@click.option("--channel", help="Only this channel's.")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@json_option
@click.pass_context
def deliveries_command(
    ctx: click.Context, day: datetime | None, channel: str | None, state: str | None, limit: int, as_json: bool
) -> None:
    """List deliveries, the newest day first."""
    desk = desk_of(ctx)
    if channel is not None and channel not in desk.channels:
        raise SettingsError(
            _(
                "there is no channel “{channel}”; known are {known:list}",
                channel=channel,
                known=list(desk.channels.names()),
            )
        )
    criteria = DeliveryFilter(day.date() if day else None, channel or "", (state,) if state else ())
    with desk.database.reading() as session:
        found = find_deliveries(session, criteria, limit=limit + 1)
    rows, more = found[:limit], len(found) > limit
    if as_json:
        print_json([row.to_json() for row in rows])
    else:
        print_deliveries(desk, rows)
    if more:
        # Apart from the output of programs, whose list stays one.
        text = _("These are the newest {limit}; there are more: publisher deliveries --limit NUMBER", limit=limit)
        echo(str(text), err=as_json)
    if as_json:
        return
    _print_pauses(desk)
    _print_spendings(desk)


def _print_pauses(desk: Desk) -> None:
    query = select(Channel).where(Channel.paused_at.is_not(None)).order_by(Channel.name)
    with desk.database.reading() as session:
        problems = [_paused_problem(channel) for channel in session.scalars(query)]
    for problem in problems:
        console().print(f"[red]{escape(str(problem))}[/]")


def _paused_problem(channel: Channel) -> Problem:
    why = channel.pause_problem or _("no reason was given")
    return PausedChannelProblem.CHANNEL_PAUSED(channel=channel.name, why=why)


def _print_spendings(desk: Desk) -> None:
    with desk.database.reading() as session:
        for spending in monthly_spendings(session, desk.settings, desk.now()):
            style = "yellow" if spending.nearly_spent else "dim"
            text = _(
                "The channel {channel} has spent {spending}.", channel=spending.channel, spending=spending.description
            )
            console().print(f"[{style}]{escape(text)}[/]")


def print_deliveries(desk: Desk, rows: list[DeliveryRow]) -> None:
    """Prints a table of deliveries; a hint when there are none."""
    if not rows:
        console().print(escape(_("There are no deliveries. `publisher rehearse` shows what would go out.")))
        return
    titles = {row.title for row in rows}
    shared = titles.pop() if len(titles) == 1 else ""
    columns = [_("no."), _("day"), _("channel"), _("state"), _("published")]
    columns += [*([] if shared else [_("title")]), _("link or problem")]
    print_table(escape(shared), columns, [_cells(desk, row, with_title=not shared) for row in rows])


def _cells(desk: Desk, row: DeliveryRow, *, with_title: bool) -> list[str]:
    return [
        str(row.id),
        row.day.isoformat(),
        str(row.place),
        styled(row.state),
        desk.local(row.published_at, "%H:%M:%S"),
        *([escape(row.title)] if with_title else []),
        escape(_link_or_problem(desk, row)),
    ]


def _link_or_problem(desk: Desk, row: DeliveryRow) -> str:
    parts = (str(row.problem or row.url or ""), _next_try(desk, row.next_try_at))
    return " ".join(part for part in parts if part)


def _next_try(desk: Desk, at: datetime | None) -> str:
    return str(_("next try {at}", at=local_time(desk, at))) if at else ""


def local_time(desk: Desk, at: datetime) -> str:
    """Renders an instant in the outlet's time zone, with its day where that is not today."""
    today = desk.local(at, "%Y-%m-%d") == desk.local(desk.now(), "%Y-%m-%d")
    return desk.local(at, "%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")


@click.command("log")
@click.argument("delivery", type=ROW_NUMBER)
@json_option
@click.pass_context
def log_command(ctx: click.Context, delivery: int, as_json: bool) -> None:
    """Show everything about one delivery: attempts, times, request ids, answers, next try."""
    desk = desk_of(ctx)
    with desk.database.reading() as session:
        history = load_delivery_history(session, delivery)
    if history is None:
        raise ActRefused(ActProblem.NO_DELIVERY, delivery=delivery)
    if as_json:
        print_json(history.to_json())
    else:
        _print_history(desk, history)


def _print_history(desk: Desk, history: DeliveryHistory) -> None:
    say, row = console().print, history.row
    say(f"[bold]{escape(row.title)}[/] · {row.place} · {row.day} · {styled(row.state)}")
    cost = sum(attempt.cost_usd for attempt in history.attempts)
    for label, value in (
        (_("link"), row.url),
        (_("answers"), history.adapted.get("reply_to")),
        (_("problem"), row.problem),
        (_("key"), row.idempotency_key),
        (_("scheduled"), desk.local(row.scheduled_at)),
        (_("too late from"), desk.local(row.expires_at)),
        (_("next try"), local_time(desk, row.next_try_at) if row.next_try_at else None),
        (_("cost"), _("about {cost}", cost=format_dollars(round(cost * MICROS))) if cost else None),
    ):
        if value:
            say(f"  {label}: {escape(str(value))}")
    lines = [
        (event.at, str(event_sentence(event.name, row.place)), _event_detail(desk, event)) for event in history.events
    ]
    lines += [
        (attempt.started_at, str(describe_attempt(attempt.kind, attempt.outcome)), _attempt_detail(attempt))
        for attempt in history.attempts
    ]
    # The event is written before the request that it is about, in the same instant, so it comes first.
    print_table(
        "",
        (_("time"), _("what"), _("detail")),
        (
            (desk.local(at, "%m-%d %H:%M:%S"), escape(what), escape(detail))
            for at, what, detail in sorted(lines, key=lambda line: line[0])
        ),
    )


def _attempt_detail(attempt: AttemptRow) -> str:
    parts = (
        f"HTTP {attempt.status}" if attempt.status else "",
        str(_("request {request_id}", request_id=attempt.request_id)) if attempt.request_id else "",
        str(attempt.problem or ""),
        attempt.detail,
    )
    return " ".join(part for part in parts if part)


def _event_detail(desk: Desk, event: EventRow) -> str:
    """Renders who acted, the problem, and the next try of an event."""
    by = str(_("by {actor}", actor=event.actor)) if event.actor.startswith("cli") else ""
    due = event.detail.get("due_at")
    parts = (by, str(event.problem or ""), _next_try(desk, datetime.fromisoformat(due) if due else None))
    return " ".join(part for part in parts if part)
