"""`publisher init`, `connect` and `sandbox`: writes a configuration, logs a channel in, starts the platforms."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from publisher.cli.desk import desk_of, reader_of
from publisher.cli.echo import echo
from publisher.core.extras import Extra, require_extra
from publisher.core.messages import _, set_reader
from publisher.desk import Desk
from publisher.starter import starter_files, write_missing, write_starter
from publisher.starter.system_files import CREDENTIALS, FOLDER, system_files


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--system", is_flag=True, help="Write what systemd needs to run the desk; FOLDER is the root, else /.")
def init_command(folder: Path | None, *, system: bool) -> None:
    """Write a commented configuration and an empty queue into FOLDER; nothing is overwritten."""
    if system:
        _init_system(folder or Path("/"))
        return
    folder = folder or Path()
    written = write_starter(folder)
    desk = Desk(folder / "config" / "publisher.toml")
    set_reader(reader_of(desk))
    for path in starter_files():
        file = folder / path
        echo(_("wrote {file}", file=file) if file in written else _("kept  {file}", file=file))
    echo(desk.prepare().sentence)
    echo(
        _(
            "Next: fill in config/publisher.toml and the secrets that config/.env.example lists, then run: "
            "publisher doctor"
        )
    )


def _init_system(root: Path) -> None:
    files = system_files(Path(sys.executable).with_name("publisher"))
    written = write_missing(root, files)
    for path in files:
        file = root / path
        echo(_("wrote {file}", file=file) if file in written else _("kept  {file}", file=file))
    echo(
        _(
            "Next, as root: systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload; then, as the user "
            "publisher, run publisher init {folder}, and put each secret into a file below {credentials}. "
            "docs/server.md has every step.",
            folder=FOLDER,
            credentials=CREDENTIALS,
        )
    )


class _Terminal:
    """Asks a person at a terminal."""

    def show(self, text: str) -> None:
        echo(text)

    def ask(self, question: str, *, secret: bool = False) -> str:
        answer: str = click.prompt(question.rstrip(": "), hide_input=secret)
        return answer.strip()


@click.command("connect")
@click.argument("channel")
@click.pass_context
def connect_command(ctx: click.Context, channel: str) -> None:
    """Log CHANNEL in once, by hand; what the platform hands out is stored, readable only by you."""
    account = desk_of(ctx).channels.authorize(channel, _Terminal())
    if account.url:
        text = _("{channel} is connected as {account} ({url}).", channel=channel, account=account.name, url=account.url)
    else:
        text = _("{channel} is connected as {account}.", channel=channel, account=account.name)
    echo(text)


@click.command("sandbox", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-h", "--help", "wants_help", is_flag=True, help="Show what the sandbox takes.")
def sandbox_command(arguments: tuple[str, ...], wants_help: bool) -> None:
    """Start local platforms, to rehearse on, until Ctrl-C.

    Takes --port PORT and --fault PLATFORM:FAULT:TIMES.
    """
    require_extra(Extra.SANDBOX)
    command = [sys.executable, "-m", "publisher.sandbox", *(["--help"] if wants_help else arguments)]
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606 - the arguments are this program's own
    sys.exit(subprocess.call(command))  # noqa: S603
