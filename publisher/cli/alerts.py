"""`publisher notices` and `publisher preflight`: what people were told of, and what tomorrow needs."""

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
from publisher.db.operations import OPEN, Notice
from publisher.desk import Desk
from publisher.schedule.slots import slot_day
from publisher.settings import SettingsError


@click.command("notices")
@click.option("--test", "test", is_flag=True, help="Send a test message to every address instead.")
@json_option
@click.pass_context
def notices_command(ctx: click.Context, test: bool, as_json: bool) -> None:
    """Show what people were told of and is not over, or try whether they can be told.

    With --test the exit status is 1 when an address did not take the message.
    """
    desk = desk_of(ctx)
    if test:
        ctx.exit(0 if _test(desk) else 1)
    with desk.database.reading() as session:
        standing = list(session.scalars(select(Notice).where(OPEN, Notice.message != "").order_by(Notice.id)))
    if as_json:
        print_json([_row(notice) for notice in standing])
    elif not standing:
        echo("Nothing needs a person.")
    else:
        print_table(
            "",
            ("since", "told", "what"),
            (
                (desk.local(notice.opened_at), _told(desk, notice), escape(f"{notice.title}\n{notice.message}"))
                for notice in standing
            ),
        )


def _row(notice: Notice) -> dict[str, object]:
    columns = ("subject", "kind", "title", "message", "opened_at", "told_at", "trouble")
    return {column: getattr(notice, column) for column in columns}


def _told(desk: Desk, notice: Notice) -> str:
    return f"[red]{escape(notice.trouble)}[/]" if notice.trouble else desk.local(notice.told_at)


def _test(desk: Desk) -> bool:
    """Say in one sentence what arrived and what did not."""
    addresses = read_addresses()
    if not addresses:
        raise SettingsError(f"no address is set; set {URLS_VARIABLE}, then try again")
    outlet = desk.settings.outlet.name
    body = "This is a test: whatever needs a person will be told here."
    answers = {address.name: address.send(f"{outlet}: a test", body, bad=False) for address in addresses}
    failed = [f"{name} because {why}" for name, why in answers.items() if why]
    arrived = [name for name, why in answers.items() if not why]
    parts = [f"taken by {', '.join(arrived)}"] if arrived else []
    parts += [f"not taken by {'; '.join(failed)}: mend {URLS_VARIABLE}"] if failed else []
    echo(f"The test message was {', '.join(parts)}.")
    return not failed


@click.command("preflight")
@click.option("--day", type=DAY, help="Which day's post; tomorrow's if not given.")
@json_option
@click.pass_context
def preflight_command(ctx: click.Context, day: datetime | None, as_json: bool) -> None:
    """Examine tomorrow's post now, while it can be mended: a green or red line for each thing it needs.

    Pictures are made, credentials and links are asked; nothing is published. The exit status is
    1 when anything is red.
    """
    desk = desk_of(ctx)
    tomorrow = slot_day(desk.now(), desk.settings.outlet.zone) + timedelta(days=1)
    with Console(stderr=True).status("Examining ..."):
        found = preflight(desk, day.date() if day else tomorrow)
    if as_json:
        print_json({"day": found.day, "good": found.good, "lines": [asdict(line) for line in found.lines]})
    else:
        console().print(f"[bold]{found.day:%A %Y-%m-%d}[/]")
        for line in found.lines:
            _print(line)
    ctx.exit(0 if found.good else 1)


def _print(line: Line) -> None:
    mark = "[green]✓[/]" if line.good else "[bold red]✗[/]"
    what = f"{line.channel} {line.what}".strip()
    console().print(f"{mark} [bold]{what}[/] {escape(line.told)}")
