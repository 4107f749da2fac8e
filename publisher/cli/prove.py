"""`publisher prove`: publishes many days on the sandbox, with troubles drawn from a seed."""

from __future__ import annotations

import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, Unpack

import click

from publisher.cli.echo import echo
from publisher.cli.output import console, escape, json_option, print_json, print_table
from publisher.core.logs import configure_logs
from publisher.proving.plan import FAULT_KINDS, ProofTerms
from publisher.proving.proof import run_proof
from publisher.proving.report import Report, Spread

MAX_SEED = 2**32 - 1
KILLS_PER_DAY = 2
Row = tuple[str, str]


class ProofSize(TypedDict):
    """Holds the options that a proof takes as they are given."""

    days: int
    channels: int
    workers: int
    schedulers: int
    on: str


@click.command("prove")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Virtual days.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), help="Draws the troubles; a fresh one is printed.")
@click.option("--channels", type=click.IntRange(1, 40), default=2, show_default=True, help="Channels on each platform.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="Worker processes.")
@click.option("--schedulers", type=click.IntRange(1, 8), default=2, show_default=True, help="Scheduler processes.")
@click.option(
    "--on",
    type=click.Choice([*FAULT_KINDS]),
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
    seed: int | None,
    kills: int | None,
    folder: Path | None,
    as_json: bool,
    **size: Unpack[ProofSize],
) -> None:
    """Prove the promise: nothing is published twice or lost, and the database says what is true.

    Worker and scheduler processes publish on the sandbox while faults strike, processes are
    killed, frozen and stopped, the database is locked, full, read-only, cut off or restarted, and clocks jump. Daily
    copies of the database come back, on SQLite, and the configuration has mistakes. Then what the platforms hold
    is compared with the database. The exit status is 1 when the promise was broken; the seed draws the same
    troubles again.
    """
    terms = ProofTerms(
        seed=secrets.randbelow(MAX_SEED) if seed is None else seed,
        kills=size["days"] * KILLS_PER_DAY if kills is None else kills,
        **size,
    )
    echo(f"seed {terms.seed}", err=True)
    with (
        _ending_on_sigterm(),
        _proof_folder(folder) as proof_folder,
        _logging_to(proof_folder),
        console().status("") as status,
    ):
        shows_progress = sys.stdout.isatty() and not as_json
        report = run_proof(
            terms,
            proof_folder,
            progress=lambda day, of: status.update(f"Day {day} of {of}") if shows_progress else None,
        )
    if as_json:
        print_json(report.as_json())
    else:
        _print_report(report)
    ctx.exit(0 if report.kept else 1)


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Ends the proof's processes and servers on SIGTERM, as on Ctrl-C."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def _proof_folder(folder: Path | None) -> Iterator[Path]:
    """Makes the folder of the proof; one that is not empty is refused."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="publisher-proof-") as temporary:
            yield Path(temporary)
        return
    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty; name another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


@contextmanager
def _logging_to(folder: Path) -> Iterator[None]:
    """Sends this process's log to a file of the proof, since the proof makes mistakes on purpose."""
    with (folder / "proof.log").open("w", encoding="utf-8") as log:
        configure_logs(stream=log, json=True)
        try:
            yield
        finally:
            configure_logs(stream=sys.stderr)


def _print_report(report: Report) -> None:
    findings = report.findings
    print_table("What was done", ("", ""), _what_was_done(report))
    print_table("\nWhat came of it", ("", ""), _results(report))
    print_table("\nHow the deliveries ended that a fault struck", ("", ""), _ending_rows(report.by_fault_group))
    print_table("\nHow the deliveries of each kind of day ended", ("", ""), _ending_rows(report.by_condition))
    if report.by_copy:
        print_table(
            "\nHow the deliveries ended of days with a copy that came back", ("", ""), _ending_rows(report.by_copy)
        )
    unknown = [(platform, _describe_spread(spread)) for platform, spread in report.unknown_seconds.items()]
    print_table("\nHow long an unknown outcome lasted, by the outlet's clock", ("", ""), unknown)
    for kind, rows in findings.broken.items():
        for row in rows:
            console().print(f"[bold red]✗ {kind}[/] {escape(row)}")
    if report.kept:
        console().print(
            "\n[green]✓[/] one copy of everything that the database says is published, and none of anything else"
        )
    else:
        console().print(f"\n[bold red]✗ The promise was broken.[/] The same troubles again: {report.replay}")


def _what_was_done(report: Report) -> list[Row]:
    terms, findings = report.terms, report.findings
    struck = sum(sum(kinds.values()) for kinds in report.faults.values())
    rows = [
        ("seed", str(terms.seed)),
        (
            "days",
            f"{findings.days} in {report.seconds:.0f} s, {findings.deliveries} deliveries, "
            f"{findings.requests} requests",
        ),
        ("processes", f"{terms.workers} workers and {terms.schedulers} schedulers side by side"),
        ("faults", f"{struck}: {_list_counts(report.fault_groups)}"),
    ]
    rows += [(f"  {platform}", _list_counts(kinds)) for platform, kinds in sorted(report.faults.items())]
    kills = {kind.removeprefix("kill "): count for kind, count in report.troubles.items() if kind.startswith("kill")}
    rows.append(("kills", f"{report.kills}: {_list_counts(kills)}"))
    others = {kind: count for kind, count in report.troubles.items() if not kind.startswith("kill")}
    rows.append(("days", _list_counts(report.conditions)))
    return [*rows, ("other troubles", _list_counts(others)), ("a person's acts", _list_counts(report.human_acts))]


def _results(report: Report) -> list[Row]:
    findings = report.findings
    rows = [
        ("states", _list_counts(findings.states)),
        ("corrections", _list_counts(findings.corrections)),
        ("copies 0 / 1 / 2+", " / ".join(str(findings.copies[kind]) for kind in ("0", "1", "2+"))),
        *((kind, str(len(rows))) for kind, rows in findings.broken.items() if kind != "published twice"),
        ("taken back after a kill", _describe_spread(report.taken_back)),
        ("at rest after a kill", _describe_spread(report.at_rest)),
    ]
    rows += [
        (
            f"{day}, closed by a restore",
            f"unknown to the copy, and reported; {count} posts of it are public",
        )
        for day, count in findings.closed_days.items()
    ]
    rows.append(
        ("a person was asked", f"for {findings.asked} of {findings.deliveries} deliveries ({findings.share_asked:.1%})")
    )
    return rows + [(f"held {count}×", escape(why)) for why, count in findings.held_reasons.most_common()]


def _ending_rows(kinds: Mapping[str, Mapping[str, int]]) -> list[Row]:
    return [(kind, _list_counts(endings)) for kind, endings in sorted(kinds.items())]


def _list_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "none"


def _describe_spread(spread: Spread) -> str:
    return f"median {spread.median} s, worst {spread.worst} s of {spread.count}" if spread.count else "nothing was held"
