"""`publisher demo`: publishes on the sandbox, with its own outlet, posts and pictures."""

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
from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload

from publisher.cli.deliveries import print_deliveries
from publisher.cli.demo_check import differences, page_difference
from publisher.cli.desk import reader_of
from publisher.cli.output import console, escape
from publisher.cli.service import Service
from publisher.core.clock import ShiftedClock
from publisher.core.logs import configure_logs
from publisher.core.messages import Message, _, set_reader
from publisher.core.states import FINAL, State
from publisher.core.stop_signal import StopSignal
from publisher.db.models import Delivery, Pick
from publisher.db.operations import Process
from publisher.db.staff import WebSession
from publisher.delivery.row import DeliveryRow
from publisher.desk import Desk
from publisher.intake.post_files import read_folder
from publisher.proving.outlet import log_in
from publisher.samples.draw import write_reserve, write_samples
from publisher.sandbox_client import SandboxClient, SandboxFailed, running_sandbox
from publisher.schedule.order import Reserve
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.slots import slot_day, slot_opens
from publisher.staff import accounts
from publisher.staff.roles import Role
from publisher.starter import write_starter

MARKER_FILE = ".publisher-demo"
DAY_SECONDS = 60.0
TIMEOUT_SECONDS = 120.0
ENDED_STATES = FINAL | {State.HELD, State.FAILED, State.MISSED}
EMAIL = "you@example.org"
"""The person who may do everything at the demo's desk."""
RESERVE_POSTS = 2
"""How many of the sample posts wait in the reserve. Others join them after the first day: the demo never runs dry, and
X gets no text that it still remembers."""

CONFIG = """\
[outlet]
name = "Cells Daily (demo)"
time_zone = "Europe/London"
hour = "09:00"
lateness = "until 20:00"

[web]
port = 0

[reserve]
no_repeat_days = 7

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
    help="The folder of the demo outlet; made anew each time.",
)
@click.pass_context
def demo_command(ctx: click.Context, once: bool, folder: Path) -> None:
    """Show the whole main job: seven posts with pictures on every platform, a day a minute.

    Without a terminal, or with --once, one day is published and checked. The exit status is 1 if the check fails.
    """
    once = once or not sys.stdout.isatty()
    stop = StopSignal()
    with demo_folder(folder) as logs, running_sandbox() as sandbox:
        demo = Demo(folder, sandbox)
        service = demo.prepare()
        # The logs hide the secrets that are in the environment, and all of them are there only now.
        configure_logs(stream=logs, json=True)
        try:
            service.start()
            sandbox.post("/desk", {"url": service.url})
            good = demo.publish_day(service, stop) and demo.look_at_desk(service)
            if not once and not stop.is_set():
                demo.go_on(service, stop)
        finally:
            service.stop()
    ctx.exit(0 if good else 1)


@contextmanager
def demo_folder(folder: Path) -> Iterator[Any]:
    """Makes an empty folder for the demo, and opens its log file. A folder that is not a demo's is refused."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER_FILE).exists():
        text = _("{folder} is not empty and not a demo's folder; name another one with --folder", folder=folder)
        raise click.UsageError(str(text))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER_FILE).touch()
    with (folder / "publisher.log").open("w", encoding="utf-8") as logs:
        yield logs


class Demo:
    """Runs one demo outlet on one running sandbox."""

    def __init__(self, folder: Path, sandbox: SandboxClient) -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._clock = ShiftedClock()
        self._desk = Desk(folder / "config" / "publisher.toml", self._clock)
        self._password = secrets.token_urlsafe(12)

    def prepare(self) -> Service:
        """Prepares the outlet, its channels, its queue and a person, and returns the service to start."""
        steps: list[tuple[Message, Any]] = [
            (_("Drawing the pictures"), lambda: write_samples(self._folder / "posts")),
            (_("Opening the outlet"), self._open_outlet),
            (_("Connecting the channels"), self._connect),
            (_("Filling the queue"), self._fill_queue),
            (_("Setting up your desk"), self._add_person),
        ]
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console(), transient=True
        ) as progress:
            task = progress.add_task("", total=len(steps))
            for label, step in steps:
                progress.update(task, description=str(label))
                step()
                progress.advance(task)
        set_reader(reader_of(self._desk))
        return Service(self._desk)

    def _open_outlet(self) -> None:
        write_starter(self._folder)
        platforms = self._sandbox.get("/accounts")
        tables = [CONFIG]
        for name, account in platforms.items():
            settings = "".join(f'{key} = "{value}"\n' for key, value in account["settings"].items())
            tables.append(
                f'\n[channels.{name}]\nplatform = "{name}"\naccount = "{account["account"]}"\n'
                f'caption = "captions/{name}.j2"\npost_page = "{account["post_page"]}"\n{settings}'
            )
        (self._folder / "config" / "publisher.toml").write_text("".join(tables), encoding="utf-8")
        for name, account in platforms.items():
            for secret, value in account["secrets"].items():
                os.environ[self._desk.settings.channels[name].secret_variable(secret)] = value
        day = slot_day(self._clock.now(), self._desk.settings.outlet.zone)
        self._jump(day)

    def _jump(self, day: date) -> None:
        """Sets the clocks of the desk and of the platforms to the slot of a day."""
        offset = self._clock.shift_to(slot_opens(day, self._desk.settings))
        self._sandbox.post("/clock", {"offset_seconds": offset.total_seconds()})

    def _connect(self) -> None:
        """Logs in wherever the keys in the environment are not enough."""
        for name in self._desk.channels.names():
            log_in(self._desk.channels, name, _NoQuestions())

    def _fill_queue(self) -> None:
        queue = PostQueue(self._desk, "demo")
        post_files = read_folder(self._folder / "posts")
        for number, post_file in enumerate(post_files, start=1):
            post = queue.add(post_file.checked())
            queue.approve(post.id)
            if number > len(post_files) - RESERVE_POSTS:
                queue.move(post.id, Reserve())

    def _fill_reserve(self) -> None:
        write_reserve(self._folder / "reserve")
        queue = PostQueue(self._desk, "demo")
        for post_file in read_folder(self._folder / "reserve"):
            post = queue.add(post_file.checked())
            queue.move(post.id, Reserve())
            queue.approve(post.id)

    def _add_person(self) -> None:
        accounts.add_person(
            self._desk.database,
            accounts.NewPerson(EMAIL, "You", [role.value for role in Role]),
            password=self._password,
            now=self._desk.now(),
            actor="demo",
        )

    def publish_day(self, service: Service, stop: StopSignal) -> bool:
        """Waits until the day's post is out everywhere, prints it, and checks what the platforms have."""
        day = slot_day(self._clock.now(), self._desk.settings.outlet.zone)
        service.tick()
        with console().status(escape(_("Publishing {day:weekday} ...", day=day))):
            deliveries = self._wait(day, stop)
        print_deliveries(self._desk, [DeliveryRow.of(delivery) for delivery in deliveries])
        earlier = self._earlier_copies(deliveries)
        problems = differences(deliveries, self._sandbox.ledger(), self._desk.renderer, earlier)
        for problem in problems:
            console().print(f"[bold red]✗[/] {escape(problem)}")
        if not problems:
            text = _("each platform holds exactly one copy, with its picture, caption and alt text")
            console().print(f"[green]✓[/] {escape(text)}")
        return not problems

    def _earlier_copies(self, deliveries: list[Delivery]) -> dict[str, int]:
        """Counts by channel how often the day's post was published on a former day."""
        if not deliveries:
            return {}
        pick = deliveries[0].pick
        query = (
            select(Delivery.channel_name, func.count())
            .join(Pick)
            .where(Pick.post_id == pick.post_id, Pick.slot < pick.slot, Delivery.state == State.PUBLISHED)
            .group_by(Delivery.channel_name)
        )
        with self._desk.database.reading() as session:
            return {channel: count for channel, count in session.execute(query)}

    def look_at_desk(self, service: Service) -> bool:
        """Logs in at the desk's pages, and checks that the first one shows the day's post."""
        day = slot_day(self._clock.now(), self._desk.settings.outlet.zone)
        titles = {delivery.adapted["title"] for delivery in self._deliveries(day)}
        problem = page_difference(service.url or "", EMAIL, self._password, titles)
        good = _("the desk lets you in, and its first page shows the post")
        console().print(f"[green]✓[/] {escape(good)}" if problem is None else f"[bold red]✗[/] {escape(problem)}")
        return problem is None

    def _wait(self, day: date, stop: StopSignal) -> list[Delivery]:
        waited = 0.0
        while waited < TIMEOUT_SECONDS:
            deliveries = self._deliveries(day)
            if deliveries and all(State(delivery.state) in ENDED_STATES for delivery in deliveries):
                return deliveries
            if stop.wait(0.1):
                break
            waited += 0.1
        return self._deliveries(day)

    def _deliveries(self, day: date) -> list[Delivery]:
        query = (
            select(Delivery)
            .join(Pick)
            .where(Pick.slot == day)
            .options(joinedload(Delivery.pick), joinedload(Delivery.channel))
        )
        with self._desk.database.reading() as session:
            return list(session.scalars(query.order_by(Delivery.id)))

    def go_on(self, service: Service, stop: StopSignal) -> None:
        """Publishes a day a minute until it is stopped."""
        say = console().print
        say("\n" + escape(_("Your desk, where staff write, approve and look after posts:")))
        log_in_as = _("log in as {email} with the password {password}", email=EMAIL, password=self._password)
        say(f"  [link={service.url}]{service.url}[/link]  {escape(log_in_as)}")
        say(escape(_("See the posts as a follower would:")))
        for name, account in self._sandbox.get("/accounts").items():
            say(f"  {name:<10} [link={account['page']}]{account['page']}[/link]")
        text = _(
            "The log is {file}. A day takes a minute from here on; Ctrl-C ends the demo.",
            file=self._folder / "publisher.log",
        )
        say(escape(text) + "\n")
        self._fill_reserve()
        day = slot_day(self._clock.now(), self._desk.settings.outlet.zone)
        while not stop.wait(DAY_SECONDS):
            if not service.idle:
                continue
            day += timedelta(days=1)
            self._jump(day)
            self._stay_awake()
            self.publish_day(service, stop)

    def _stay_awake(self) -> None:
        """Moves the last times of log-ins and processes with the clock, so that none counts as gone after a jump."""
        now = self._clock.now()
        with self._desk.database.writing() as session:
            session.execute(update(WebSession).values(created_at=now, seen_at=now))
            session.execute(update(Process).values(seen_at=now))


class _NoQuestions:
    """Stands in for a person at a log-in. The sandbox's account must ask nothing."""

    def show(self, text: str) -> None:
        console().log(text)

    def ask(self, question: str, *, secret: bool = False) -> str:
        raise SandboxFailed(_("the sandbox should not have asked: {question}", question=question))
