"""`publisher alerts` and `publisher preflight`: shows open alerts, and examines a post before its day."""

from __future__ import annotations

from datetime import datetime, timedelta

import click
from rich.console import Console
from sqlalchemy import select

from publisher.alerts import URLS_VARIABLE, PreflightLine, preflight, read_addresses
from publisher.alerts.message import render_details, render_headline
from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.output import DAY, console, escape, json_option, print_json, print_table
from publisher.core.messages import Message, _, channel_name, reading_as
from publisher.db.operations import IS_OPEN_ALERT, Alert
from publisher.desk import Desk
from publisher.schedule.slots import slot_day
from publisher.settings import SettingsError
from publisher.settings.alert_reader import alert_reader, operator_reader


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
        query = select(Alert).where(IS_OPEN_ALERT, Alert.problem.is_not(None)).order_by(Alert.id)
        open_alerts = list(session.scalars(query))
    with reading_as(alert_reader(desk.settings)):
        _show(desk, open_alerts, as_json)


def _show(desk: Desk, open_alerts: list[Alert], as_json: bool) -> None:
    link = desk.settings.notify.link
    if as_json:
        print_json([_alert_row(alert, link) for alert in open_alerts])
    elif not open_alerts:
        echo(str(_("Nothing needs a person.")))
    else:
        print_table(
            "",
            (str(_("since")), str(_("sent")), str(_("what"))),
            (
                (desk.local(alert.opened_at), _sent_at(desk, alert), escape(_render_alert(alert, link)))
                for alert in open_alerts
            ),
        )


def _render_alert(alert: Alert, link: str) -> str:
    return f"{render_headline(alert)}\n{_render_problem(alert, link)}"


def _render_problem(alert: Alert, link: str) -> str:
    return "" if alert.problem is None else render_details(alert.problem, link)


def _alert_row(alert: Alert, link: str) -> dict[str, object]:
    columns = ("kind", "channel", "day", "opened_at", "sent_at")
    row = {column: getattr(alert, column) for column in columns}
    row |= {"send_error": str(alert.send_error or "")}
    row |= {"channel": alert.channel or None, "delivery": alert.delivery_id or None}
    row |= {"title": render_headline(alert), "message": _render_problem(alert, link)}
    headline = {} if alert.headline is None else {"headline": alert.headline.to_json()}
    return row | headline | ({} if alert.problem is None else alert.problem.to_json())


def _sent_at(desk: Desk, alert: Alert) -> str:
    return f"[red]{escape(alert.send_error)}[/]" if alert.send_error else desk.local(alert.sent_at)


def _send_test_message(desk: Desk) -> bool:
    """Sends a test message to every address, prints which accepted it, and returns whether all did."""
    addresses = read_addresses()
    if not addresses:
        raise SettingsError(_("no address is set; set {variable}, then try again", variable=URLS_VARIABLE))
    with reading_as(alert_reader(desk.settings)):
        title = str(_("{outlet}: a test", outlet=desk.settings.outlet.name))
        body = str(_("This is a test. Alerts about whatever needs a person will come here."))
    reasons = {address.name: address.send(title, body, bad=False) for address in addresses}
    accepted = [name for name, reason in reasons.items() if not reason]
    failed = "; ".join(
        str(_("{address} because {reason}", address=name, reason=reason)) for name, reason in reasons.items() if reason
    )
    echo(str(_test_result(accepted, failed)))
    return not failed


def _test_result(accepted: list[str], failed: str) -> Message:
    values = {"accepted": accepted, "failed": failed, "variable": URLS_VARIABLE}
    if not failed:
        return _("The test message was accepted by {accepted:list}.", **values)
    if not accepted:
        return _("The test message was not accepted by {failed}: mend {variable}.", **values)
    return _("The test message was accepted by {accepted:list}, not accepted by {failed}: mend {variable}.", **values)


@click.command("preflight")
@click.option("--day", type=DAY, help="Which day's post; tomorrow's if not given.")
@json_option
@click.pass_context
def preflight_command(ctx: click.Context, day: datetime | None, as_json: bool) -> None:
    """Examine tomorrow's post now, while it can be mended: a green or red line for each thing it needs.

    It makes the pictures and checks credentials and links; nothing is published. A yellow line is a
    warning: the post goes out, but a person should look. The exit status is
    1 when anything is red.
    """
    desk = desk_of(ctx)
    tomorrow = slot_day(desk.now(), desk.settings.outlet.zone) + timedelta(days=1)
    with Console(stderr=True).status(str(_("Examining ..."))):
        result = preflight(desk, day.date() if day else tomorrow)
    with reading_as(operator_reader(desk.settings)):
        if as_json:
            print_json({"day": result.day, "good": result.good, "lines": [line.to_json() for line in result.lines]})
        else:
            console().print(f"[bold]{_('{day:weekday}', day=result.day)}[/]")
            for line in result.lines:
                _print_line(line)
    ctx.exit(0 if result.good else 1)


def _print_line(line: PreflightLine) -> None:
    mark = ("[yellow]![/]" if line.warning else "[green]✓[/]") if line.good else "[bold red]✗[/]"
    what = f"{channel_name(line.channel)} {line.what.label}".strip()
    console().print(f"{mark} [bold]{what}[/] {escape(line.message)}")
