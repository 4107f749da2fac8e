"""`publisher demo`: the whole main job on the sandbox, with an outlet, posts and pictures of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from publisher.cli.deliveries import print_deliveries
from publisher.cli.demo_check import differences, page_difference
from publisher.cli.output import console, escape
from publisher.cli.service import Service
from publisher.core.clock import ShiftedClock
from publisher.core.logs import configure_logs
from publisher.core.states import FINAL, State
from publisher.core.stop_signal import StopSignal
from publisher.db.models import Delivery, Pick
from publisher.db.operations import Process
from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.intake.post_files import read_folder
from publisher.posts.errors import PostError
from publisher.proving.outlet import log_in
from publisher.samples.draw import write_samples
from publisher.sandbox_client import SandboxClient, SandboxFailed, running_sandbox
from publisher.schedule.order import Reserve
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.slots import slot_day, slot_opens
from publisher.staff import accounts
from publisher.staff.roles import Role
from publisher.starter import write_starter

MARK = ".publisher-demo"
DAY_SECONDS = 60.0
TIMEOUT_SECONDS = 120.0
DONE = FINAL | {State.HELD, State.FAILED, State.MISSED}
EMAIL = "you@example.org"
"""Who may do everything at the demo's desk."""
RESERVE = 2
"""How many of the sample posts wait in the reserve, so that the demo never runs dry."""

CONFIG = """\
[outlet]
name = "Cells Daily (demo)"
time_zone = "Europe/London"
hour = "09:00"
lateness = "until 20:00"

[web]
port = 0

[reserve]
no_repeat_days = 1

[delivery]
look_up_after = [1.0, 3.0, 8.0]
listing_lag_seconds = 2.0
retry_seconds = 1.0
"""


@click.command("demo")
@click.option("--once", is_flag=True, help="Publish one day, check what each platform holds, and end.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Where the demo outlet lives; made anew each time.",
)
@click.pass_context
def demo_command(ctx: click.Context, once: bool, folder: Path) -> None:
    """Show the whole main job: seven posts with pictures on every platform, a day a minute.

    Without a terminal, or with --once, one day is published and checked; the exit status tells.
    """
    once = once or not sys.stdout.isatty()
    stop = StopSignal()
    with folder_lines(folder) as logs, running_sandbox() as sandbox:
        demo = Demo(folder, sandbox)
        service = demo.prepare()
        # Only now is every secret in the environment, from where the logs learn what to hide.
        configure_logs(stream=logs, json=True)
        try:
            service.start()
            good = demo.publish_day(service, stop) and demo.look_at_desk(service)
            if not once and not stop.is_set():
                demo.go_on(service, stop)
        finally:
            service.stop()
    ctx.exit(0 if good else 1)


@contextmanager
def folder_lines(folder: Path) -> Iterator[Any]:
    """An empty folder for the demo, and its log file. A folder that isn't the demo's is left alone."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise click.UsageError(f"{folder} is not empty and not a demo's folder; name another one with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    with (folder / "publisher.log").open("w", encoding="utf-8") as logs:
        yield logs


class Demo:
    """One demo outlet on one running sandbox."""

    def __init__(self, folder: Path, sandbox: SandboxClient) -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._clock = ShiftedClock()
        self._desk = Desk(folder / "config" / "publisher.toml", self._clock)
        self._password = secrets.token_urlsafe(12)

    def prepare(self) -> Service:
        """Everything that stands before the first publication."""
        steps: list[tuple[str, Any]] = [
            ("Drawing the pictures", lambda: write_samples(self._folder / "posts")),
            ("Opening the outlet", self._open_outlet),
            ("Connecting the channels", self._connect),
            ("Filling the queue", self._fill_queue),
            ("Setting up your desk", self._add_person),
        ]
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console(), transient=True
        ) as progress:
            task = progress.add_task("", total=len(steps))
            for label, step in steps:
                progress.update(task, description=label)
                step()
                progress.advance(task)
        return Service(self._desk)

    def _open_outlet(self) -> None:
        write_starter(self._folder)
        platforms = self._sandbox.get("/accounts")
        tables = [CONFIG]
        for name, account in platforms.items():
            settings = "".join(f'{key} = "{value}"\n' for key, value in account["settings"].items())
            tables.append(
                f'\n[channels.{name}]\nplatform = "{name}"\naccount = "{account["account"]}"\n'
                f'caption = "captions/{name}.j2"\n{settings}'
            )
        (self._folder / "config" / "publisher.toml").write_text("".join(tables), encoding="utf-8")
        for name, account in platforms.items():
            for secret, value in account["secrets"].items():
                os.environ[self._desk.settings.channels[name].secret_variable(secret)] = value
        day = slot_day(self._clock.now(), self._desk.settings.outlet.zone)
        self._jump(day)

    def _jump(self, day: date) -> None:
        """Make it slot time of a day, here and on the platforms."""
        offset = self._clock.shift_to(slot_opens(day, self._desk.settings))
        self._sandbox.post("/clock", {"offset_seconds": offset.total_seconds()})

    def _connect(self) -> None:
        """Logs in wherever the keys in the environment are not enough."""
        for name in self._desk.channels.names():
            log_in(self._desk.channels, name, _NoQuestions())

    def _fill_queue(self) -> None:
        queue = PostQueue(self._desk, "demo")
        read = read_folder(self._folder / "posts")
        for number, each in enumerate(read, start=1):
            if each.draft is None:
                raise PostError(each.problem)
            post = queue.add(each.draft)
            queue.approve(post.id)
            if number > len(read) - RESERVE:
                queue.move(post.id, Reserve())

    def _add_person(self) -> None:
        accounts.add_person(
            self._desk.database,
            email=EMAIL,
            name="You",
            roles=[role.value for role in Role],
            password=self._password,
            now=self._desk.now(),
            actor="demo",
        )

    def publish_day(self, service: Service, stop: StopSignal) -> bool:
        """Wait until the day's post is out everywhere, show it, and check what the platforms hold."""
        day = slot_day(self._clock.now(), self._desk.settings.outlet.zone)
        service.tick()
        with console().status(f"Publishing {day:%A %d %B} ..."):
            found = self._wait(day, stop)
        print_deliveries(self._desk, found)
        told = differences(found, self._sandbox.ledger(), self._desk.renderer)
        for difference in told:
            console().print(f"[bold red]✗[/] {escape(difference)}")
        if not told:
            console().print("[green]✓[/] each platform holds exactly one copy, with its picture, caption and alt text")
        return not told

    def look_at_desk(self, service: Service) -> bool:
        """Log in at the desk's pages, and check that the first one shows the day's post."""
        day = slot_day(self._clock.now(), self._desk.settings.outlet.zone)
        titles = {delivery.adapted["title"] for delivery in self._deliveries(day)}
        told = page_difference(service.url or "", EMAIL, self._password, titles)
        good = "[green]✓[/] the desk lets you in, and its first page shows the post"
        console().print(f"[bold red]✗[/] {escape(told)}" if told else good)
        return not told

    def _wait(self, day: date, stop: StopSignal) -> list[Delivery]:
        waited = 0.0
        while waited < TIMEOUT_SECONDS:
            found = self._deliveries(day)
            if found and all(State(delivery.state) in DONE for delivery in found):
                return found
            if stop.wait(0.1):
                break
            waited += 0.1
        return self._deliveries(day)

    def _deliveries(self, day: date) -> list[Delivery]:
        query = select(Delivery).join(Pick).where(Pick.slot == day).options(joinedload(Delivery.pick))
        with self._desk.database.reading() as session:
            return list(session.scalars(query.order_by(Delivery.id)))

    def go_on(self, service: Service, stop: StopSignal) -> None:
        """A day a minute, until somebody has seen enough."""
        say = console().print
        say("\nYour desk, where staff write, approve and look after posts:")
        say(f"  [link={service.url}]{service.url}[/link]  log in as {EMAIL} with the password {self._password}")
        say("See the posts as a follower would:")
        for name, account in self._sandbox.get("/accounts").items():
            say(f"  {name:<10} [link={account['page']}]{account['page']}[/link]")
        say(f"The log is {self._folder / 'publisher.log'}. A day takes a minute from here on; Ctrl-C ends the demo.\n")
        day = slot_day(self._clock.now(), self._desk.settings.outlet.zone)
        while not stop.wait(DAY_SECONDS):
            if not service.idle:
                continue
            day += timedelta(days=1)
            self._jump(day)
            self._stay_awake()
            self.publish_day(service, stop)

    def _stay_awake(self) -> None:
        """Jumping over a day is no absence, of a browser or of a process."""
        now = self._clock.now()
        with self._desk.database.writing() as session:
            session.execute(update(WebSession).values(created_at=now, seen_at=now))
            session.execute(update(Process).values(seen_at=now))


class _NoQuestions:
    """The sandbox's own account needs no person."""

    def tell(self, text: str) -> None:
        console().log(text)

    def ask(self, question: str, *, secret: bool = False) -> str:
        raise SandboxFailed(f"the sandbox should not have asked: {question}")
