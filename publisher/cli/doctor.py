"""`publisher doctor`: checks everything that publishing needs, with a green or red line each."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.alerts import PING_VARIABLE, URLS_VARIABLE, read_addresses, read_ping_url
from publisher.alerts.store import sending_failures
from publisher.backup.daily_copies import newest_backup_time
from publisher.backup.files import BackupError
from publisher.backup.postgres_dump import require_dump_program
from publisher.cli.desk import actor, desk_of
from publisher.cli.doctor_secrets import describe_key, describe_private_files
from publisher.cli.errors import describe_error
from publisher.cli.output import console, escape, json_option, print_json
from publisher.db.errors import RESTORE_HINT, DatabaseError
from publisher.db.models import Delivery, Event
from publisher.db.operations import Channel
from publisher.delivery import operate
from publisher.delivery.budget import monthly_spendings
from publisher.delivery.due import next_appointments
from publisher.delivery.overview import check_login
from publisher.delivery.platform_clocks import clock_differences, compare_clocks
from publisher.desk import Desk
from publisher.health import OVERDUE_AFTER, SCHEDULER, WORKER, last_heartbeats
from publisher.health.failing import describe_failure
from publisher.job_failures import failing_jobs
from publisher.posts.targets import channels_by_account, check_targets, load_people
from publisher.schedule.listing import days_of_cover
from publisher.settings import Settings, SettingsError

T = TypeVar("T")

MIN_FREE_BYTES = 1 << 30
"""The free space that the disk should have."""
MAX_BACKUP_AGE = timedelta(hours=48)
MIN_DAYS_OF_COVER = 3
"""So many coming days should have a post."""


@dataclass(frozen=True, slots=True)
class Line:
    good: bool
    what: str
    told: str
    warning: bool = False
    """The desk works, but a person should look."""


@click.command("doctor")
@json_option
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> None:
    """Check configuration, database, media, disk, each channel's credentials (live), clock and queue.

    A channel that was paused because the platform refused it, and whose credentials are good again,
    publishes again; one that a person paused stays so. The exit status is 1 when anything is red.
    """
    desk = desk_of(ctx)
    with nullcontext() if as_json else console().status("Examining ..."):
        lines = list(_examine(desk))
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        for line in lines:
            mark = ("[yellow]![/]" if line.warning else "[green]✓[/]") if line.good else "[bold red]✗[/]"
            console().print(f"{mark} [bold]{line.what}[/] {escape(line.told)}")
    ctx.exit(0 if all(line.good for line in lines) else 1)


def _examine(desk: Desk) -> Iterator[Line]:
    configuration = _check("configuration", lambda: desk.settings, _config_file)
    yield configuration[1]
    if configuration[0] is None:
        return
    settings = configuration[0]
    yield _check(
        "captions", lambda: check_targets(settings), lambda templates: f"{len(templates)} templates are sound"
    )[1]
    yield _check(
        "people", lambda: load_people(settings), lambda directory: f"{len(directory.people)} are known by name"
    )[1]
    yield from _check_shared_accounts(settings)
    database, line = _check("database", lambda: desk.database, lambda _: _describe_database(desk, settings))
    yield line
    if database is not None:
        yield _check("backup", lambda: _describe_backup(desk, settings), str)[1]
        yield _check("files", lambda: describe_private_files(settings), str)[1]
        yield _check("key", lambda: describe_key(desk), str)[1]
    yield _check("media", lambda: desk.store, lambda store: store.examine())[1]
    yield _check_disk(settings.root)
    yield _check_clock()
    with ThreadPoolExecutor() as pool:
        yield from pool.map(lambda name: _check_channel(desk, name), desk.channels.names())
    if database is not None:
        yield _check_platform_clocks(desk)
        yield from _check_work(desk)
        yield _check("alerts", lambda: _describe_alert_addresses(desk), str)[1]
    yield _check("ping", read_ping_url, _describe_ping)[1]


def _check_shared_accounts(settings: Settings) -> Iterator[Line]:
    """Yields a line for each account that several channels publish on."""
    for account, channels in channels_by_account(settings).items():
        if len(channels) > 1:
            text = (
                f"{', '.join(channels)} publish on one account of {account.platform}, {account.name}: "
                "its followers get a post from each of them"
            )
            yield Line(True, "accounts", text)


def _config_file(settings: Settings) -> str:
    return str(settings.file)


def _describe_account(desk: Desk, name: str) -> str:
    account, ends = check_login(desk.channels, name)
    text = f"answers as {account.name}"
    return f"{text}; the log-in ends {desk.local(ends)}" if ends else text


def _check(what: str, make: Callable[[], T], describe: Callable[[T], str]) -> tuple[T | None, Line]:
    """Makes something, and returns it with a line that describes it; None and the error where that fails."""
    try:
        made = make()
        return made, Line(True, what, describe(made))
    except Exception as error:
        return None, Line(False, what, describe_error(error))


def _describe_database(desk: Desk, settings: Settings) -> str:
    file = settings.database_file
    if file is None:
        return "answers, and its tables are up to date"
    with desk.database.engine.connect() as connection:
        result = connection.exec_driver_sql("PRAGMA quick_check").scalar()
    if result != "ok":
        raise DatabaseError(f"{file} is damaged ({result}); {RESTORE_HINT}")
    return f"{file} is sound, {file.stat().st_size / 1e6:.1f} MB"


def _describe_backup(desk: Desk, settings: Settings) -> str:
    """Describes the newest backup. Raises BackupError when that is too old, or none can be made."""
    if settings.database_file is None:
        require_dump_program(settings.database_url)
    newest = newest_backup_time(settings.path(settings.storage.backups))
    with desk.database.reading() as session:
        first = session.scalar(select(func.min(Event.at)))
    text = f"the newest is of {desk.local(newest)}" if newest else "there is none yet"
    too_old = desk.now() - MAX_BACKUP_AGE
    if first is not None and first < too_old and (newest is None or newest < too_old):
        raise BackupError(f"{text}: let publisher run make one a day, or run publisher backup")
    return text


def _describe_alert_addresses(desk: Desk) -> str:
    """Describes the addresses that get alerts. Raises SettingsError when one of them can't."""
    addresses = read_addresses()
    if not addresses:
        return f"no address is set, so nobody gets alerts; set {URLS_VARIABLE} to change that"
    with desk.database.reading() as session:
        failed = sending_failures(session, desk.now())
    failed += [f"address {address.name}: {reason}" for address in addresses if (reason := address.problem())]
    if failed:
        raise SettingsError(f"{'; '.join(failed)}: mend {URLS_VARIABLE}, then run publisher alerts --test")
    return f"go to {', '.join(address.name for address in addresses)}"


def _describe_ping(url: str | None) -> str:
    if url is None:
        return f"no address is set, so nobody outside notices when the desk stops; set {PING_VARIABLE} to change that"
    return "an address is set; it is requested while all is well"


def _check_disk(folder: Path) -> Line:
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    text = f"{free / 1e9:.1f} GB free" if writable else f"{folder} can't be written to"
    return Line(writable and free >= MIN_FREE_BYTES, "disk", text)


def _check_clock() -> Line:
    """Asks the system whether its clock is synchronised, and says so where it does not know."""
    try:
        answer = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        answer = ""
    if answer == "no":
        return Line(
            False,
            "clock",
            "the system's clock is not synchronised, so posts may go out at the wrong minute; turn that on",
        )
    return Line(
        True, "clock", "synchronised" if answer == "yes" else "the system does not say whether it is synchronised"
    )


def _check_platform_clocks(desk: Desk) -> Line:
    """Compares the clock with the platforms' clocks, by the answers that the checks before just got."""
    with desk.database.reading() as session:
        differences = clock_differences(session, desk.now())
    judgment = compare_clocks(differences)
    return Line(True, "platforms' clocks", judgment.sentence, warning=judgment.is_warning)


def _check_channel(desk: Desk, name: str) -> Line:
    line = _check(f"channel {name}", lambda: _describe_account(desk, name), str)[1]
    resumed = line.good and operate.resume_after_refusal(desk.database, name, now=desk.now(), actor=actor())
    if resumed:
        return Line(True, line.what, f"{line.told}; it was paused and publishes again")
    with desk.database.reading() as session:
        row = session.get(Channel, name)
        paused = "" if row is None or row.paused_at is None else str(row.pause_problem or "").rstrip(".")
    if line.good and paused:
        return Line(False, line.what, f"{line.told}, and is paused: {paused}; publisher resume {name}")
    return line


def _check_work(desk: Desk) -> Iterator[Line]:
    with desk.database.reading() as session:
        cover = days_of_cover(session, desk.settings, desk.now())
        states = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        counts: dict[str, int] = {state: number for state, number in states}
        running = _check_processes(desk, session)
        failing = failing_jobs(session)
        costs = monthly_spendings(session, desk.settings, desk.now())
    hint = "" if cover >= MIN_DAYS_OF_COVER else "; add and approve posts"
    yield Line(not hint, "queue", f"{cover} {'day is' if cover == 1 else 'days are'} covered{hint}")
    waiting = {state: counts.get(state, 0) for state in ("held", "failed", "unconfirmed")}
    text = ", ".join(f"{number} {state}" for state, number in waiting.items() if number)
    yield Line(not text, "deliveries", (text and f"{text}; see publisher deliveries") or "none needs a person")
    yield running
    text = " ".join(describe_failure(failure, desk.local) for failure in failing)
    yield Line(not failing, "jobs", text or "all of them work")
    for cost in costs:
        hint = f"; raise channels.{cost.channel}.monthly_budget before posts are held" if cost.nearly_spent else ""
        yield Line(not hint, f"costs of {cost.channel}", f"{cost.description}{hint}")


def _check_processes(desk: Desk, session: Session) -> Line:
    """Checks that a scheduler and a worker run if work is due."""
    now = desk.now()
    heartbeats = last_heartbeats(session, now)
    text = ", ".join(
        f"{role} seen {desk.local(heartbeats[role].at, '%m-%d %H:%M:%S')}" if role in heartbeats else f"no {role} seen"
        for role in (SCHEDULER, WORKER)
    )
    due = [appointment for appointment in next_appointments(session, now) if appointment.at <= now]
    if not due:
        return Line(True, "worker", f"{text}; nothing is overdue")
    overdue = f"{text}; {due[0].channel} has work since {desk.local(due[0].at, '%m-%d %H:%M:%S')}"
    if not all(role in heartbeats and heartbeats[role].lives(now) for role in (SCHEDULER, WORKER)):
        return Line(False, "worker", f"{overdue}: start publisher run")
    return Line(now - due[0].at <= OVERDUE_AFTER, "worker", f"{overdue}: see the log of publisher run if it stays so")
