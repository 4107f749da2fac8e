"""`publisher deliveries` and `log`: shows deliveries and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from publisher.cli.desk import desk_of
from publisher.cli.output import console, escape, json_option, print_json, print_table, styled
from publisher.cli.row_number import ROW_NUMBER
from publisher.db.models import STATES, Attempt, Delivery, Event, Pick
from publisher.db.operations import Channel
from publisher.db.problem_column import read_recorded
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.attempt_description import describe_attempt
from publisher.delivery.budget import MICROS, format_dollars, monthly_spendings
from publisher.delivery.outcomes import next_try
from publisher.delivery.problem_codes import ActProblem
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
    """List deliveries, the newest first."""
    desk = desk_of(ctx)
    if channel is not None and channel not in desk.channels:
        raise SettingsError(f"there is no channel {channel!r}; known are {', '.join(desk.channels.names())}")
    query = (
        select(Delivery)
        .join(Pick)
        .options(joinedload(Delivery.pick))
        .order_by(Pick.slot.desc(), Delivery.channel_name, Delivery.part)
        .limit(limit)
    )
    if day is not None:
        query = query.where(Pick.slot == day.date())
    if channel is not None:
        query = query.where(Delivery.channel_name == channel)
    if state is not None:
        query = query.where(Delivery.state == state)
    with desk.database.reading() as session:
        deliveries = list(session.scalars(query))
    channels = _channels(desk)
    if as_json:
        print_json([delivery_row(delivery, channels[delivery.channel_name]) for delivery in deliveries])
        return
    print_deliveries(desk, deliveries)
    for row in channels.values():
        if row.paused_at is not None:
            console().print(
                f"[red]The channel {row.name} is paused[/]: {escape(str(row.pause_problem or '').rstrip('.'))}. "
                f"Once that is mended, run: publisher resume {row.name}"
            )
    _print_spendings(desk)


def _channels(desk: Desk) -> dict[str, Channel]:
    with desk.database.reading() as session:
        return {row.name: row for row in session.scalars(select(Channel).order_by(Channel.name))}


def _print_spendings(desk: Desk) -> None:
    with desk.database.reading() as session:
        for spending in monthly_spendings(session, desk.settings, desk.now()):
            style = "yellow" if spending.nearly_spent else "dim"
            console().print(f"[{style}]The channel {spending.channel} has spent {spending.description}.[/]")


def print_deliveries(desk: Desk, deliveries: list[Delivery]) -> None:
    """Prints a table of deliveries; a hint when there are none."""
    if not deliveries:
        console().print("There are no deliveries. `publisher rehearse` shows what would go out.")
        return
    titles = {str(delivery.adapted.get("title", "")) for delivery in deliveries}
    shared = titles.pop() if len(titles) == 1 else ""
    columns = ["no.", "day", "channel", "state", "published", *([] if shared else ["title"]), "link or problem"]
    channels = _channels(desk)
    print_table(
        escape(shared),
        columns,
        (_cells(desk, delivery, channels[delivery.channel_name], with_title=not shared) for delivery in deliveries),
    )


def _cells(desk: Desk, delivery: Delivery, channel: Channel, *, with_title: bool) -> list[str]:
    return [
        str(delivery.id),
        delivery.pick.slot.isoformat(),
        delivery.place,
        styled(delivery.state),
        desk.local(delivery.published_at, "%H:%M:%S"),
        *([escape(str(delivery.adapted.get("title", "")))] if with_title else []),
        _link_or_problem(desk, delivery, channel),
    ]


def _link_or_problem(desk: Desk, delivery: Delivery, channel: Channel) -> str:
    text = str(delivery.problem or delivery.remote_url or "")
    if at := next_try(delivery, channel):
        text = f"{text} next try {local_time(desk, at)}".strip()
    return escape(text)


def local_time(desk: Desk, at: datetime) -> str:
    """Renders an instant in the outlet's time zone, with its day where that is not today."""
    today = desk.local(at, "%Y-%m-%d") == desk.local(desk.now(), "%Y-%m-%d")
    return desk.local(at, "%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")


def delivery_row(delivery: Delivery, channel: Channel) -> dict[str, Any]:
    """Renders a delivery for `--json`."""
    return {
        "id": delivery.id,
        "day": delivery.pick.slot,
        "post_id": delivery.pick.post_id,
        "title": delivery.adapted.get("title", ""),
        "channel": delivery.channel_name,
        "part": delivery.part + 1,
        "state": delivery.state,
        "scheduled_at": delivery.scheduled_at,
        "next_try_at": next_try(delivery, channel),
        "published_at": delivery.published_at,
        "url": delivery.remote_url,
        "remote_id": delivery.remote_id,
        "idempotency_key": delivery.idempotency_key,
        "problem": str(delivery.problem or ""),
    }


@click.command("log")
@click.argument("delivery", type=ROW_NUMBER)
@json_option
@click.pass_context
def log_command(ctx: click.Context, delivery: int, as_json: bool) -> None:
    """Show everything about one delivery: attempts, times, request ids, answers, next try."""
    desk = desk_of(ctx)
    with desk.database.reading() as session:
        row = session.get(Delivery, delivery, options=[joinedload(Delivery.pick)])
        if row is None:
            raise ActRefused(ActProblem.NO_DELIVERY, delivery=delivery)
        attempts = list(session.scalars(select(Attempt).where(Attempt.delivery_id == delivery).order_by(Attempt.id)))
        events = list(session.scalars(select(Event).where(Event.delivery_id == delivery).order_by(Event.id)))
    channel = _channels(desk)[row.channel_name]
    if as_json:
        print_json(
            {
                **delivery_row(row, channel),
                "caption": row.adapted.get("caption"),
                "images": row.adapted.get("images"),
                "attempts": [_attempt_row(attempt) for attempt in attempts],
                "events": [
                    {"at": event.at, "name": event.name, "actor": event.actor, "detail": event.detail}
                    for event in events
                ],
            }
        )
        return
    _print_delivery(desk, row, channel, attempts, events)


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    names = ("kind", "started_at", "ended_at", "outcome", "status", "request_id", "detail", "worker", "fence")
    problem = attempt.problem.to_json() if attempt.problem else None
    values = {name: getattr(attempt, name) for name in names}
    return {**values, "problem": problem, "cost_usd": attempt.cost_micros / MICROS}


def _print_delivery(desk: Desk, row: Delivery, channel: Channel, attempts: list[Attempt], events: list[Event]) -> None:
    say = console().print
    title = escape(str(row.adapted.get("title", "")))
    say(f"[bold]{title}[/] · {row.place} · {row.pick.slot} · {styled(row.state)}")
    for label, value in (
        ("link", row.remote_url),
        ("answers", row.adapted.get("reply_to")),
        ("problem", str(row.problem or "")),
        ("key", row.idempotency_key),
        ("scheduled", desk.local(row.scheduled_at)),
        ("too late from", desk.local(row.expires_at)),
        ("next try", local_time(desk, at) if (at := next_try(row, channel)) else None),
        (
            "cost",
            f"about {format_dollars(cost)}" if (cost := sum(attempt.cost_micros for attempt in attempts)) else None,
        ),
    ):
        if value:
            say(f"  {label}: {escape(value)}")
    lines = [(event.at, event.name, _event_detail(desk, event)) for event in events]
    lines += [
        (
            attempt.started_at,
            describe_attempt(attempt.kind, attempt.outcome),
            " ".join(
                part
                for part in (
                    f"HTTP {attempt.status}" if attempt.status else "",
                    f"request {attempt.request_id}" if attempt.request_id else "",
                    str(attempt.problem or ""),
                    attempt.detail,
                )
                if part
            ),
        )
        for attempt in attempts
    ]
    # The event is written before the request that it is about, in the same instant, so it comes first.
    print_table(
        "",
        ("time", "what", "detail"),
        (
            (desk.local(at, "%m-%d %H:%M:%S"), escape(what), escape(detail))
            for at, what, detail in sorted(lines, key=lambda line: line[0])
        ),
    )


def _event_detail(desk: Desk, event: Event) -> str:
    """Renders who acted, the problem, and the next try of an event."""
    by = f"by {event.actor}" if event.actor.startswith("cli") else ""
    due = event.detail.get("due_at")
    at = local_time(desk, datetime.fromisoformat(due)) if due else ""
    parts = (by, str(read_recorded(event.detail.get("problem")) or ""), f"next try {at}" if at else "")
    return " ".join(part for part in parts if part)
