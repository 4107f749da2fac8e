"""`publisher doctor`: a green or red line for everything that publishing needs."""

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
from publisher.alerts.store import telling_troubles
from publisher.backup.daily_copies import newest_backup
from publisher.backup.files import BackupError
from publisher.backup.postgres_dump import require_dump_program
from publisher.cli.desk import actor, desk_of
from publisher.cli.doctor_secrets import describe_key, describe_private_files
from publisher.cli.errors import sentence
from publisher.cli.output import console, escape, json_option, print_json
from publisher.db.errors import RESTORE, DatabaseError
from publisher.db.models import Delivery, Event
from publisher.db.operations import Channel
from publisher.delivery import operate
from publisher.delivery.budget import spendings
from publisher.delivery.due import appointments
from publisher.delivery.overview import examine
from publisher.delivery.platform_clocks import clock_differences, judge_clocks
from publisher.desk import Desk
from publisher.health import OVERDUE_AFTER, SCHEDULER, WORKER, seen_processes
from publisher.health.failing import tell_failure
from publisher.job_failures import failing_jobs
from publisher.posts.targets import channels_by_account, check_targets, load_people
from publisher.schedule.listing import days_of_cover
from publisher.settings import Settings, SettingsError

T = TypeVar("T")

LEAST_SPACE = 1 << 30
"""Bytes that the disk should have left."""
OLDEST_BACKUP = timedelta(hours=48)
ENOUGH_COVER = 3
"""Days that should have a post."""


@dataclass(frozen=True, slots=True)
class Line:
    good: bool
    what: str
    told: str
    warning: bool = False
    """It keeps the desk from nothing, and a person should look."""


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
    read = _try("configuration", lambda: desk.settings, _file_of)
    yield read[1]
    if read[0] is None:
        return
    settings = read[0]
    yield _try("captions", lambda: check_targets(settings), lambda found: f"{len(found)} templates are sound")[1]
    yield _try("people", lambda: load_people(settings), lambda found: f"{len(found.people)} are known by name")[1]
    yield from _shared_accounts(settings)
    opened = _try("database", lambda: desk.database, lambda _: _database_told(desk, settings))
    yield opened[1]
    if opened[0] is not None:
        yield _try("backup", lambda: _backup_told(desk, settings), str)[1]
        yield _try("files", lambda: describe_private_files(settings), str)[1]
        yield _try("key", lambda: describe_key(desk), str)[1]
    yield _try("media", lambda: desk.store, lambda store: store.examine())[1]
    yield _disk(settings.root)
    yield _clock()
    with ThreadPoolExecutor() as pool:
        yield from pool.map(lambda name: _credentials(desk, name), desk.channels.names())
    if opened[0] is not None:
        yield _platform_clocks(desk)
        yield from _work(desk)
        yield _try("notices", lambda: _telling_told(desk), str)[1]
    yield _try("ping", read_ping_url, _ping_told)[1]


def _shared_accounts(settings: Settings) -> Iterator[Line]:
    """Channels on one account are told: each of them publishes there what the others publish too."""
    for account, channels in channels_by_account(settings).items():
        if len(channels) > 1:
            told = (
                f"{', '.join(channels)} publish on one account of {account.platform}, {account.name}: "
                "its followers get a post from each of them"
            )
            yield Line(True, "accounts", told)


def _file_of(settings: Settings) -> str:
    return str(settings.file)


def _who_answers(desk: Desk, name: str) -> str:
    account, ends = examine(desk.channels, name)
    told = f"answers as {account.name}"
    return f"{told}; the log-in ends {desk.local(ends)}" if ends else told


def _try(what: str, make: Callable[[], T], tell: Callable[[T], str]) -> tuple[T | None, Line]:
    """What was made, or None, and the line that tells of it."""
    try:
        made = make()
        return made, Line(True, what, tell(made))
    except Exception as error:
        return None, Line(False, what, sentence(error))


def _database_told(desk: Desk, settings: Settings) -> str:
    file = settings.database_file
    if file is None:
        return "answers, and its tables are up to date"
    with desk.database.engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check").scalar()
    if found != "ok":
        raise DatabaseError(f"{file} is damaged ({found}); {RESTORE}")
    return f"{file} is sound, {file.stat().st_size / 1e6:.1f} MB"


def _backup_told(desk: Desk, settings: Settings) -> str:
    """The age of the newest backup. Raises BackupError when that is too old, or none can be made."""
    if settings.database_file is None:
        require_dump_program(settings.database_url)
    newest = newest_backup(settings.path(settings.storage.backups))
    with desk.database.reading() as session:
        first = session.scalar(select(func.min(Event.at)))
    told = f"the newest is of {desk.local(newest)}" if newest else "there is none yet"
    too_old = desk.now() - OLDEST_BACKUP
    if first is not None and first < too_old and (newest is None or newest < too_old):
        raise BackupError(f"{told}: let publisher run make one a day, or run publisher backup")
    return told


def _telling_told(desk: Desk) -> str:
    """Who is told what needs a person. Raises SettingsError when somebody can't be."""
    addresses = read_addresses()
    if not addresses:
        return f"no address is set, so nobody is told what needs a person; set {URLS_VARIABLE} to change that"
    with desk.database.reading() as session:
        failed = telling_troubles(session, desk.now())
    failed += [f"address {address.name}: {why}" for address in addresses if (why := address.problem())]
    if failed:
        raise SettingsError(f"{'; '.join(failed)}: mend {URLS_VARIABLE}, then run publisher notices --test")
    return f"go to {', '.join(address.name for address in addresses)}"


def _ping_told(url: str | None) -> str:
    if url is None:
        return f"no address is set, so nobody outside notices when the desk stops; set {PING_VARIABLE} to change that"
    return "an address is set; it is requested while all is well"


def _disk(folder: Path) -> Line:
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    told = f"{free / 1e9:.1f} GB free" if writable else f"{folder} can't be written to"
    return Line(writable and free >= LEAST_SPACE, "disk", told)


def _clock() -> Line:
    """Whether the system says that its clock is kept right; where it can't say, that is told."""
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
        return Line(False, "clock", "the system's clock is not synchronised; posts would go out at the wrong minute")
    return Line(
        True, "clock", "synchronised" if answer == "yes" else "the system does not say whether it is kept right"
    )


def _platform_clocks(desk: Desk) -> Line:
    """What the answers of the platforms, just asked, say about our clock."""
    with desk.database.reading() as session:
        known = clock_differences(session, desk.now())
    judged = judge_clocks(known)
    return Line(True, "platforms' clocks", judged.sentence, warning=judged.is_warning)


def _credentials(desk: Desk, name: str) -> Line:
    line = _try(f"channel {name}", lambda: _who_answers(desk, name), str)[1]
    mended = line.good and operate.resume_after_refusal(desk.database, name, now=desk.now(), actor=actor())
    if mended:
        return Line(True, line.what, f"{line.told}; it was paused and publishes again")
    with desk.database.reading() as session:
        row = session.get(Channel, name)
        paused = "" if row is None or row.paused_at is None else row.pause_reason.rstrip(".")
    if line.good and paused:
        return Line(False, line.what, f"{line.told}, and is paused: {paused}; publisher resume {name}")
    return line


def _work(desk: Desk) -> Iterator[Line]:
    with desk.database.reading() as session:
        cover = days_of_cover(session, desk.settings, desk.now())
        states = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        counts: dict[str, int] = {state: number for state, number in states}
        running = _running(desk, session)
        failing = failing_jobs(session)
        costs = spendings(session, desk.settings, desk.now())
    hint = "" if cover >= ENOUGH_COVER else "; add and approve posts"
    yield Line(not hint, "queue", f"{cover} {'day is' if cover == 1 else 'days are'} covered{hint}")
    waiting = {state: counts.get(state, 0) for state in ("held", "failed", "unconfirmed")}
    told = ", ".join(f"{number} {state}" for state, number in waiting.items() if number)
    yield Line(not told, "deliveries", (told and f"{told}; see publisher deliveries") or "none needs a person")
    yield running
    told = " ".join(tell_failure(failure, desk.local) for failure in failing)
    yield Line(not failing, "jobs", told or "all of them work")
    for each in costs:
        hint = f"; raise channels.{each.channel}.monthly_budget before posts are held" if each.nearly_spent else ""
        yield Line(not hint, f"costs of {each.channel}", f"{each.description}{hint}")


def _running(desk: Desk, session: Session) -> Line:
    """Who works, and whether that is enough for what is due."""
    now = desk.now()
    seen = seen_processes(session, now)
    told = ", ".join(
        f"{role} seen {desk.local(seen[role].at, '%m-%d %H:%M:%S')}" if role in seen else f"no {role} seen"
        for role in (SCHEDULER, WORKER)
    )
    due = [each for each in appointments(session, now) if each.at <= now]
    if not due:
        return Line(True, "worker", f"{told}; nothing is overdue")
    waits = f"{told}; {due[0].channel} has work since {desk.local(due[0].at, '%m-%d %H:%M:%S')}"
    if not all(role in seen and seen[role].lives(now) for role in (SCHEDULER, WORKER)):
        return Line(False, "worker", f"{waits}: start publisher run")
    return Line(now - due[0].at <= OVERDUE_AFTER, "worker", f"{waits}: see the log of publisher run if it stays so")
