"""`publisher prove`: days of publishing on the sandbox, with troubles drawn from a seed."""

from __future__ import annotations

import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from publisher.cli.echo import echo
from publisher.cli.output import console, escape, json_option, print_json, print_table
from publisher.core.logs import configure_logs
from publisher.proving.plan import TROUBLES, Terms
from publisher.proving.proof import run_proof
from publisher.proving.report import Report, Spread

LARGEST_SEED = 2**32 - 1
KILLS_PER_DAY = 2
Row = tuple[str, str]


@click.command("prove")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Virtual days.")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Draws the troubles; a fresh one is printed.")
@click.option("--channels", type=click.IntRange(1, 40), default=2, show_default=True, help="Channels on each platform.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="Worker processes.")
@click.option("--schedulers", type=click.IntRange(1, 8), default=2, show_default=True, help="Scheduler processes.")
@click.option(
    "--on",
    type=click.Choice([*TROUBLES]),
    default="sqlite",
    show_default=True,
    help="The database; a PostgreSQL server is started for the proof, and removed.",
)
@click.option("--kills", type=click.IntRange(0), help="Processes to kill.  [default: two a day]")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="An empty folder that keeps the database, the history and the logs; without it they are removed at the end.",
)
@json_option
@click.pass_context
def prove_command(
    ctx: click.Context,
    days: int,
    seed: int | None,
    channels: int,
    workers: int,
    schedulers: int,
    on: str,
    kills: int | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Prove the promise: never twice, never lost, and what is told is true.

    Worker and scheduler processes publish on the sandbox while faults strike, processes are
    killed, frozen and stopped, the database is locked, full, read-only, cut off or restarted, and clocks jump. Daily
    copies of the database come back, on SQLite, and the configuration has mistakes. Then what the platforms hold
    is compared with the database. The exit status is 1 when the promise was broken; the seed draws the same
    troubles again.
    """
    terms = Terms(
        seed=secrets.randbelow(LARGEST_SEED) if seed is None else seed,
        days=days,
        channels=channels,
        workers=workers,
        schedulers=schedulers,
        on=on,
        kills=days * KILLS_PER_DAY if kills is None else kills,
    )
    echo(f"seed {terms.seed}", err=True)
    with _ending_on_sigterm(), _room(folder) as room, _logs_in(room), console().status("") as status:
        shows_progress = sys.stdout.isatty() and not as_json
        report = run_proof(
            terms,
            room,
            progress=lambda day, of: status.update(f"Day {day} of {of}") if shows_progress else None,
        )
    if as_json:
        print_json(report.as_json())
    else:
        _print(report)
    ctx.exit(0 if report.kept else 1)


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Told to stop, a proof takes its processes and servers with it, as on Ctrl-C."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def _room(folder: Path | None) -> Iterator[Path]:
    """The folder of the proof; one that isn't empty is refused."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="publisher-proof-") as made:
            yield Path(made)
        return
    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty; name another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


@contextmanager
def _logs_in(room: Path) -> Iterator[None]:
    """What this process logs goes to a file of the proof: mistakes that it makes on purpose are nobody's concern."""
    with (room / "proof.log").open("w", encoding="utf-8") as log:
        configure_logs(stream=log, json=True)
        try:
            yield
        finally:
            configure_logs(stream=sys.stderr)


def _print(report: Report) -> None:
    found = report.findings
    print_table("What was done", ("", ""), _done(report))
    print_table("\nWhat came of it", ("", ""), _came(report))
    print_table("\nHow the deliveries ended that a fault struck", ("", ""), _endings(report.by_fault_group))
    print_table("\nHow the deliveries of each kind of day ended", ("", ""), _endings(report.by_condition))
    if report.by_copy:
        print_table("\nHow the deliveries ended of days with a copy that came back", ("", ""), _endings(report.by_copy))
    unknown = [(platform, _spread(spread)) for platform, spread in report.unknown_seconds.items()]
    print_table("\nHow long an unknown outcome lasted, by the outlet's clock", ("", ""), unknown)
    for kind, rows in found.broken.items():
        for row in rows:
            console().print(f"[bold red]✗ {kind}[/] {escape(row)}")
    if report.kept:
        console().print("\n[green]✓[/] one copy of everything that is told to be published, none of anything else")
    else:
        console().print(f"\n[bold red]✗ The promise was broken.[/] The same troubles again: {report.replay}")


def _done(report: Report) -> list[Row]:
    terms, found = report.terms, report.findings
    struck = sum(sum(kinds.values()) for kinds in report.faults.values())
    rows = [
        ("seed", str(terms.seed)),
        ("days", f"{found.days} in {report.seconds:.0f} s, {found.deliveries} deliveries, {found.requests} requests"),
        ("processes", f"{terms.workers} workers and {terms.schedulers} schedulers side by side"),
        ("faults", f"{struck}: {_counted(report.fault_groups)}"),
    ]
    rows += [(f"  {platform}", _counted(kinds)) for platform, kinds in sorted(report.faults.items())]
    kills = {kind.removeprefix("kill "): count for kind, count in report.troubles.items() if kind.startswith("kill")}
    rows.append(("kills", f"{report.kills}: {_counted(kills)}"))
    others = {kind: count for kind, count in report.troubles.items() if not kind.startswith("kill")}
    rows.append(("days", _counted(report.conditions)))
    return [*rows, ("other troubles", _counted(others)), ("a person's acts", _counted(report.person))]


def _came(report: Report) -> list[Row]:
    found = report.findings
    rows = [
        ("states", _counted(found.states)),
        ("copies 0 / 1 / 2+", " / ".join(str(found.copies[kind]) for kind in ("0", "1", "2+"))),
        *((kind, str(len(rows))) for kind, rows in found.broken.items() if kind != "twice"),
        ("taken back after a kill", _spread(report.taken_back)),
        ("at rest after a kill", _spread(report.at_rest)),
    ]
    rows += [
        (
            f"{day}, closed by a restore",
            f"forgotten, and told; {count} posts of it are public",
        )
        for day, count in found.closed_days.items()
    ]
    rows.append(("a person was asked", f"for {found.asked} of {found.deliveries} deliveries ({found.share_asked:.1%})"))
    return rows + [(f"held {count}×", escape(why)) for why, count in found.held_why.most_common()]


def _endings(kinds: Mapping[str, Mapping[str, int]]) -> list[Row]:
    return [(kind, _counted(endings)) for kind, endings in sorted(kinds.items())]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "none"


def _spread(spread: Spread) -> str:
    return f"median {spread.median} s, worst {spread.worst} s of {spread.count}" if spread.count else "nothing was held"
