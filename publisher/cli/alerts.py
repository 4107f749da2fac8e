"""`publisher alerts` and `publisher preflight`: shows open alerts, and examines a post before its day."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import click
from rich.console import Console
from sqlalchemy import select

from publisher.alerts import URLS_VARIABLE, Line, preflight, read_addresses
from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.output import DAY, console, escape, json_option, print_json, print_table
from publisher.db.operations import IS_OPEN_NOTICE, Alert
from publisher.desk import Desk
from publisher.schedule.slots import slot_day
from publisher.settings import SettingsError


@click.command("alerts")
@click.option("--test", "test", is_flag=True, help="Send a test message to every address instead.")
@json_option
@click.pass_context
def alerts_command(ctx: click.Context, test: bool, as_json: bool) -> None:
    """Show the open alerts, or send a test message to every address.

    With --test the exit status is 1 when an address did not accept the message.
    """
    desk = desk_of(ctx)
    if test:
        ctx.exit(0 if _send_test_message(desk) else 1)
    with desk.database.reading() as session:
        open_alerts = list(session.scalars(select(Alert).where(IS_OPEN_NOTICE, Alert.message != "").order_by(Alert.id)))
    if as_json:
        print_json([_alert_row(alert) for alert in open_alerts])
    elif not open_alerts:
        echo("Nothing needs a person.")
    else:
        print_table(
            "",
            ("since", "sent", "what"),
            (
                (desk.local(alert.opened_at), _sent_at(desk, alert), escape(f"{alert.title}\n{alert.message}"))
                for alert in open_alerts
            ),
        )


def _alert_row(alert: Alert) -> dict[str, object]:
    columns = ("subject", "kind", "title", "message", "opened_at", "told_at", "trouble")
    return {column: getattr(alert, column) for column in columns}


def _sent_at(desk: Desk, alert: Alert) -> str:
    return f"[red]{escape(alert.trouble)}[/]" if alert.trouble else desk.local(alert.told_at)


def _send_test_message(desk: Desk) -> bool:
    """Sends a test message to every address, prints which accepted it, and returns whether all did."""
    addresses = read_addresses()
    if not addresses:
        raise SettingsError(f"no address is set; set {URLS_VARIABLE}, then try again")
    outlet = desk.settings.outlet.name
    body = "This is a test. Alerts about whatever needs a person will come here."
    reasons = {address.name: address.send(f"{outlet}: a test", body, bad=False) for address in addresses}
    failed = [f"{name} because {reason}" for name, reason in reasons.items() if reason]
    accepted = [name for name, reason in reasons.items() if not reason]
    parts = [f"accepted by {', '.join(accepted)}"] if accepted else []
    parts += [f"not accepted by {'; '.join(failed)}: mend {URLS_VARIABLE}"] if failed else []
    echo(f"The test message was {', '.join(parts)}.")
    return not failed


@click.command("preflight")
@click.option("--day", type=DAY, help="Which day's post; tomorrow's if not given.")
@json_option
@click.pass_context
def preflight_command(ctx: click.Context, day: datetime | None, as_json: bool) -> None:
    """Examine tomorrow's post now, while it can be mended: a green or red line for each thing it needs.

    It makes the pictures and checks credentials and links; nothing is published. The exit status is
    1 when anything is red.
    """
    desk = desk_of(ctx)
    tomorrow = slot_day(desk.now(), desk.settings.outlet.zone) + timedelta(days=1)
    with Console(stderr=True).status("Examining ..."):
        result = preflight(desk, day.date() if day else tomorrow)
    if as_json:
        print_json({"day": result.day, "good": result.good, "lines": [asdict(line) for line in result.lines]})
    else:
        console().print(f"[bold]{result.day:%A %Y-%m-%d}[/]")
        for line in result.lines:
            _print_line(line)
    ctx.exit(0 if result.good else 1)


def _print_line(line: Line) -> None:
    mark = "[green]✓[/]" if line.good else "[bold red]✗[/]"
    what = f"{line.channel} {line.what}".strip()
    console().print(f"{mark} [bold]{what}[/] {escape(line.told)}")
