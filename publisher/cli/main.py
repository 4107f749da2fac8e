"""Parses the command line and runs the command. An error is printed as a sentence, not as a trace."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import click

from publisher import __version__
from publisher.cli.echo import echo
from publisher.core.messages import _, current_reader, reading_as

COMMANDS = {
    "init": "setup",
    "connect": "setup",
    "doctor": "doctor",
    "sandbox": "setup",
    "demo": "demo",
    "prove": "prove",
    "add": "adding",
    "import": "importing",
    "search": "search",
    "alt-texts": "alt_texts",
    "archive": "archive",
    "collection": "post_collections",
    "queue": "listing",
    "show": "listing",
    "edit": "posts",
    "correct": "correct",
    "move": "listing",
    "approve": "posts",
    "withdraw": "posts",
    "preview": "preview",
    "share": "share",
    "rehearse": "preview",
    "preflight": "alerts",
    "run": "run",
    "deliveries": "deliveries",
    "log": "deliveries",
    "retry": "delivery_acts",
    "adopt": "delivery_acts",
    "cancel": "delivery_acts",
    "pause": "delivery_acts",
    "resume": "delivery_acts",
    "alerts": "alerts",
    "web": "web",
    "site": "public_site",
    "user": "people",
    "key": "keys",
    "backup": "backup",
    "restore": "backup",
    "db": "db",
}
SUMMARIES = {
    "init": "Write a commented configuration and an empty queue.",
    "connect": "Log a channel in once, by hand.",
    "doctor": "Check everything, with a green or red line for each thing.",
    "sandbox": "Start local platforms to rehearse on.",
    "demo": "Show the whole main job on the sandbox.",
    "prove": "Prove the promise: faults, kills and clock jumps against the sandbox.",
    "add": "Put posts into the queue.",
    "import": "Bring in what was published before this desk.",
    "search": "Find posts by words, year, tag, person, licence or platform.",
    "alt-texts": "List the pictures of the archive without an alt text.",
    "archive": "Write everything that was published into a folder.",
    "collection": "Make, fill, order and list collections of posts.",
    "queue": "Show the queue: order, days of cover, problems.",
    "show": "Show one post.",
    "edit": "Change a post.",
    "correct": "Correct a published post wherever its platform allows it.",
    "move": "Change a post's place, date or reserve.",
    "approve": "Let a post go out.",
    "withdraw": "Take a post out of the queue.",
    "preview": "Show exactly what each channel will get.",
    "share": "Show a post to somebody by a secret link.",
    "rehearse": "Show which post would go out when, sending nothing.",
    "preflight": "Examine tomorrow's post while it can be mended.",
    "run": "Publish: scheduler, worker and look-ups in one process.",
    "deliveries": "List deliveries.",
    "log": "Show everything about one delivery.",
    "retry": "Let a delivery try again.",
    "adopt": "Record a post that is public already.",
    "cancel": "Give a delivery up.",
    "pause": "Keep a channel from publishing.",
    "resume": "Let a paused channel publish again.",
    "alerts": "Show the open alerts, or send a test message.",
    "web": "Serve the desk's pages.",
    "site": "Write the outlet's public pages as files for any web host.",
    "user": "Add, list and deactivate people.",
    "key": "Make or change the key that seals what is secret in the database.",
    "backup": "Keep the database, the originals and the configuration.",
    "restore": "Bring a backup back without posting anything twice.",
    "db": "Move the whole desk between SQLite and PostgreSQL.",
}

# No other package may change how the configuration is read, and to look for one, pydantic would read the descriptions
# of all installed packages at each start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class LazyGroup(click.Group):
    """Lists commands by name, and imports the module of a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = _import_without_collecting(f"publisher.cli.{COMMANDS[cmd_name]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.{cmd_name}_command is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands of the table above, so that help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


def _import_without_collecting(name: str) -> ModuleType:
    """Imports a module without garbage collection, and exempts its objects from later collections.

    Otherwise the collector would check the hundred thousand new objects again and again: a tenth of the time.
    """
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", "wants_version", is_flag=True, help="Show the version and exit.")
@click.option("--json", "as_json", is_flag=True, help="With --version: what it runs on, too, as JSON.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config/publisher.toml"),
    show_default=True,
    envvar="PUBLISHER_CONFIG",
    help="The configuration file.",
)
@click.pass_context
def cli(ctx: click.Context, config: Path, *, wants_version: bool, as_json: bool) -> None:
    """The publishing desk: one picture a day, on every channel, exactly once."""
    if wants_version:
        _print_version(as_json=as_json)
        ctx.exit()
    if as_json:
        raise click.UsageError(
            str(_("--json stands before the command only with --version; write it after the command"))
        )
    if ctx.invoked_subcommand is None:
        raise click.exceptions.NoArgsIsHelpError(ctx)
    ctx.obj = config
    if (config.parent / ".env").exists():
        importlib.import_module("publisher.settings.env_file").load_env_file(config)


def _print_version(*, as_json: bool) -> None:
    if not as_json:
        echo(__version__)
        return
    describe_version = importlib.import_module("publisher.cli.version").describe_version
    echo(json.dumps(describe_version(), indent=2))


def main() -> NoReturn:
    """Runs the command of the command line. A command may set the reader, for whom its errors are rendered, too."""
    with reading_as(current_reader()):
        code = _run()
    sys.exit(code)


def _run() -> int:
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        echo(_("Stopped."), err=True)
        code = 130
    except BrokenPipeError:
        # The reader of the output has ended, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _print_error(error)
    return code if isinstance(code, int) else 0


def _print_error(error: Exception) -> int:
    """Prints an error as one sentence on standard error, and raises it only at the log level debug."""
    errors = importlib.import_module("publisher.cli.errors")
    echo(f"publisher: {errors.describe_error(error)}", err=True)
    if os.environ.get("PUBLISHER_LOG_LEVEL", "").lower() == "debug":
        raise error
    return 1
