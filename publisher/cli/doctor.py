"""`publisher doctor`: checks everything that publishing needs, with a green or red line each."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import func, select

from publisher.alerts import PING_VARIABLE, URLS_VARIABLE, read_addresses, read_ping_url
from publisher.alerts.standing_checks import MAX_BACKUP_AGE
from publisher.alerts.store import sending_failures
from publisher.backup.daily_copies import newest_backup_time
from publisher.backup.files import BackupError
from publisher.backup.postgres_dump import require_dump_program
from publisher.cli.desk import actor, desk_of
from publisher.cli.doctor_lines import DoctorLine, check
from publisher.cli.doctor_mail import check_mail
from publisher.cli.doctor_secrets import check_passwords, describe_key, describe_private_files
from publisher.cli.doctor_work import check_work
from publisher.cli.output import console, escape, json_option, print_json
from publisher.core.messages import Message, _, current_reader, ngettext, set_reader
from publisher.core.problems import Problem
from publisher.db.errors import RESTORE_HINT, DatabaseError
from publisher.db.models import Event
from publisher.db.operations import Channel
from publisher.delivery import operate
from publisher.delivery.overview import check_login
from publisher.delivery.platform_clocks import clock_differences, compare_clocks
from publisher.desk import Desk
from publisher.posts.targets import channels_by_account, check_targets, load_people
from publisher.settings import Settings, SettingsError

MIN_FREE_BYTES = 1 << 30
"""The free space that the disk should have."""


@click.command("doctor")
@json_option
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> None:
    """Check configuration, database, media, disk, each channel's credentials (live), clock and queue.

    A channel that was paused because the platform refused it, and whose credentials are good again,
    publishes again; one that a person paused stays so. The exit status is 1 when anything is red.
    """
    desk = desk_of(ctx)
    with nullcontext() if as_json else console().status(escape(_("Examining ..."))):
        lines = list(_examine(desk))
    if as_json:
        print_json(
            [{"good": line.good, "what": line.what, "message": line.message, "warning": line.warning} for line in lines]
        )
    else:
        for line in lines:
            mark = ("[yellow]![/]" if line.warning else "[green]✓[/]") if line.good else "[bold red]✗[/]"
            console().print(f"{mark} [bold]{escape(line.what)}[/] {escape(line.message)}")
    ctx.exit(0 if all(line.good for line in lines) else 1)


def _examine(desk: Desk) -> Iterator[DoctorLine]:
    configuration = check(_("configuration"), lambda: desk.settings, _config_file)
    yield configuration[1]
    if configuration[0] is None:
        return
    settings = configuration[0]
    yield check(_("captions"), lambda: len(check_targets(settings)), _describe_templates)[1]
    yield check(_("people"), lambda: len(load_people(settings).people), _describe_people)[1]
    yield from _check_shared_accounts(settings)
    database, line = check(_("database"), lambda: desk.database, lambda _database: _describe_database(desk, settings))
    yield line
    if database is not None:
        yield _check_backup(desk, settings)
        yield check(_("files"), lambda: describe_private_files(settings), _unchanged)[1]
        yield check(_("key"), lambda: describe_key(desk), _unchanged)[1]
    yield from check_passwords(desk)
    yield check(_("media"), lambda: desk.store, lambda store: store.examine())[1]
    yield _check_disk(settings.root)
    yield _check_clock()
    with ThreadPoolExecutor(initializer=set_reader, initargs=(current_reader(),)) as pool:
        yield from pool.map(lambda name: _check_channel(desk, name), desk.channels.names())
    if database is not None:
        yield _check_platform_clocks(desk)
        yield from check_work(desk)
        yield _check_alerts(desk)
        yield check_mail(desk)
    yield check(_("ping"), read_ping_url, _describe_ping)[1]


def _check_shared_accounts(settings: Settings) -> Iterator[DoctorLine]:
    """Yields a line for each account that several channels publish on."""
    for account, channels in channels_by_account(settings).items():
        if len(channels) > 1:
            text = _(
                "{channels:list} publish on one account of {platform}, {account}: its followers get a post from each "
                "of them",
                channels=channels,
                platform=account.platform,
                account=account.name,
            )
            yield DoctorLine(True, _("accounts"), text)


def _config_file(settings: Settings) -> str:
    return str(settings.file)


def _unchanged(text: Message | str) -> Message | str:
    return text


def _describe_templates(number: int) -> Message:
    return ngettext("{count} template is sound", "{count} templates are sound", count=number)


def _describe_people(number: int) -> Message:
    return ngettext("{count} is known by name", "{count} are known by name", count=number)


def _describe_account(desk: Desk, name: str) -> Message:
    account, ends = check_login(desk.channels, name)
    if ends is None:
        return _("answers as {account}", account=account.name)
    return _("answers as {account}; the log-in ends {ends:moment}", account=account.name, ends=ends)


def _describe_database(desk: Desk, settings: Settings) -> Message:
    file = settings.database_file
    if file is None:
        return _("answers, and its tables are up to date")
    with desk.database.engine.connect() as connection:
        result = connection.exec_driver_sql("PRAGMA quick_check").scalar()
    if result != "ok":
        raise DatabaseError(
            _("{file} is damaged ({problem}); {remedy}", file=file, problem=result, remedy=RESTORE_HINT)
        )
    size = round(file.stat().st_size / 1e6, 1)
    return _("{file} is sound, {megabytes:number} MB", file=file, megabytes=size)


def _check_backup(desk: Desk, settings: Settings) -> DoctorLine:
    newest, line = check(_("backup"), lambda: _newest_backup(desk, settings), _describe_backup)
    return replace(line, warning=line.good and newest is None)


def _describe_backup(newest: datetime | None) -> Message:
    return _("the newest is of {made:moment}", made=newest) if newest else _("there is none yet")


def _newest_backup(desk: Desk, settings: Settings) -> datetime | None:
    """Returns when the newest backup was made. Raises BackupError when that is too old, or none can be made."""
    if settings.database_file is None:
        require_dump_program(settings.database_url)
    newest = newest_backup_time(settings.path(settings.storage.backups))
    with desk.database.reading() as session:
        first = session.scalar(select(func.min(Event.at)))
    too_old = desk.now() - MAX_BACKUP_AGE
    if first is not None and first < too_old and (newest is None or newest < too_old):
        problem = _describe_backup(newest)
        raise BackupError(_("{problem}: let publisher run make one a day, or run publisher backup", problem=problem))
    return newest


def _check_alerts(desk: Desk) -> DoctorLine:
    names, line = check(_("alerts"), lambda: _alert_addresses(desk), lambda names: _describe_addresses(names or ()))
    return replace(line, warning=line.good and not names)


def _describe_addresses(names: Sequence[str]) -> Message:
    if not names:
        return _("no address is set, so nobody gets alerts; set {variable} to change that", variable=URLS_VARIABLE)
    return _("go to {addresses:list}", addresses=list(names))


def _alert_addresses(desk: Desk) -> Sequence[str]:
    """Returns the names of the addresses that get alerts. Raises SettingsError when one of them can't."""
    addresses = read_addresses()
    if not addresses:
        return ()
    with desk.database.reading() as session:
        failed: list[Problem | Message] = list(sending_failures(session, desk.now()))
    failed += [
        _("address {address}: {reason}", address=address.name, reason=reason)
        for address in addresses
        if (reason := address.problem())
    ]
    if failed:
        text = _(
            "{failures:clauses}: mend {variable}, then run publisher alerts --test",
            failures=failed,
            variable=URLS_VARIABLE,
        )
        raise SettingsError(text)
    return tuple(address.name for address in addresses)


def _describe_ping(url: str | None) -> Message:
    if url is None:
        return _(
            "no address is set, so nobody outside notices when the desk stops; set {variable} to change that",
            variable=PING_VARIABLE,
        )
    return _("an address is set; it is requested while all is well")


def _check_disk(folder: Path) -> DoctorLine:
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        return DoctorLine(False, _("disk"), _("{folder} can't be written to", folder=folder))
    text = _("{gigabytes:number} GB free", gigabytes=round(free / 1e9, 1))
    return DoctorLine(free >= MIN_FREE_BYTES, _("disk"), text)


def _check_clock() -> DoctorLine:
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
    match answer:
        case "no":
            text = _("the system's clock is not synchronised, so posts may go out at the wrong minute; turn that on")
        case "yes":
            text = _("synchronised")
        case _unknown:
            text = _("the system does not say whether it is synchronised")
    return DoctorLine(answer != "no", _("clock"), text)


def _check_platform_clocks(desk: Desk) -> DoctorLine:
    """Compares the clock with the platforms' clocks, by the answers that the checks before just got."""
    with desk.database.reading() as session:
        differences = clock_differences(session, desk.now())
    judgment = compare_clocks(differences)
    return DoctorLine(True, _("platforms' clocks"), judgment.sentence, warning=judgment.is_warning)


def _check_channel(desk: Desk, name: str) -> DoctorLine:
    line = check(_("channel {channel}", channel=name), lambda: _describe_account(desk, name), _unchanged)[1]
    resumed = line.good and operate.resume_after_refusal(desk.database, name, now=desk.now(), actor=actor())
    if resumed:
        return DoctorLine(True, line.what, _("{login}; it was paused and publishes again", login=line.message))
    with desk.database.reading() as session:
        row = session.get(Channel, name)
        problem = None if row is None or row.paused_at is None else row.pause_problem
    if line.good and problem is not None:
        text = _(
            "{login}, and is paused: {reason:clause}; publisher resume {channel:key}",
            login=line.message,
            reason=problem.message,
            channel=name,
        )
        return DoctorLine(False, line.what, text)
    return line
