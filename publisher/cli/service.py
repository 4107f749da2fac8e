"""The roles of the desk, put together to run in one process or in many."""

from __future__ import annotations

import importlib
import random
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from publisher.cli.errors import SENTENCES
from publisher.cli.regular import heartbeat, housekeeping, telling
from publisher.core.logs import get_logger
from publisher.delivery.clock_set import begin_look_ups_anew
from publisher.delivery.dispatch import ThreadDispatcher
from publisher.delivery.owner import this_process
from publisher.delivery.worker import Worker
from publisher.desk import Desk
from publisher.health.heartbeat import SCHEDULER, WEB, WORKER, leave
from publisher.health.server import HealthServer
from publisher.job_failures import FailureLog
from publisher.posts.targets import load_targets
from publisher.schedule.picking import PickOutcome, pick_slot
from publisher.schedule.slots import next_opening, slot_closes
from publisher.scheduler import JobRunner, Scheduler
from publisher.settings import Settings, SettingsError

if TYPE_CHECKING:
    from publisher.delivery.engine import EngineDispatcher, EngineWorker

ROLES = (SCHEDULER, WORKER, WEB)
"""What a process can be; without a wish it is all of them, the pages where they have a port."""


def check_roles(settings: Settings, roles: Collection[str]) -> None:
    """Raise SettingsError when these roles can't do their work in one process without the others."""
    if settings.delivery.dispatch == "threads" and (SCHEDULER in roles) != (WORKER in roles):
        alone = SCHEDULER if SCHEDULER in roles else WORKER
        raise SettingsError(
            f'a {alone} alone would neither give nor hear word of work, because delivery.dispatch is "threads"; '
            'set it to "procrastinate", or run scheduler and worker together'
        )


class Served(Protocol):
    """Something that answers at an address."""

    url: str

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Service:
    """Starts and stops what this process is there for."""

    def __init__(self, desk: Desk, roles: Collection[str] = ROLES) -> None:
        """Raises SettingsError when the roles don't fit the configuration."""
        check_roles(desk.settings, roles)
        load_targets(desk.settings)
        self._desk = desk
        self._role = " ".join(role for role in ROLES if role in roles)
        self._worker = self._make_worker() if WORKER in roles else None
        self._scheduler = self._make_scheduler() if SCHEDULER in roles else None
        self._timetable = None if self._scheduler else self._make_timetable(roles)
        self._web = self._make_web() if WEB in roles and desk.settings.web.port is not None else None
        health = desk.settings.health
        self._health = HealthServer(desk, health.host, health.port) if health.port is not None else None

    def _make_worker(self) -> ThreadDispatcher | EngineWorker:
        """The engine and PostgreSQL's driver take 10 MiB, and are loaded where they are used."""
        desk = self._desk
        settings = desk.settings
        worker = Worker(
            desk.database,
            desk.channels,
            desk.renderer,
            desk.clock,
            settings.delivery,
            owner=this_process(),
            jitter=random.Random(),  # noqa: S311 - it spreads retries, it guards nothing
        )
        if settings.delivery.dispatch == "threads":
            return ThreadDispatcher(worker.drain, threads=settings.delivery.workers)
        from publisher.delivery.engine import EngineWorker  # noqa: PLC0415

        return EngineWorker(settings.database_url, worker.drain, threads=settings.delivery.workers)

    def _make_scheduler(self) -> Scheduler:
        desk = self._desk
        hands = self._worker if isinstance(self._worker, ThreadDispatcher) else self._make_dispatcher()
        return Scheduler(
            desk.database,
            desk.clock,
            pick=self._pick,
            kick=lambda channel: hands.kick(channel) if channel in desk.settings.channels else None,
            first_look_up=self._first_look_up,
            opens=lambda now: next_opening(now, desk.settings),
            jobs=[heartbeat(desk, self._role), *telling(desk), *housekeeping(desk)],
            failures=self._failures(),
            clock_was_set=self._clock_was_set,
        )

    def _make_dispatcher(self) -> EngineDispatcher:
        from publisher.delivery.engine import EngineDispatcher  # noqa: PLC0415

        return EngineDispatcher(self._desk.database)

    @property
    def _first_look_up(self) -> timedelta:
        return timedelta(seconds=self._desk.settings.delivery.look_up_after[0])

    def _failures(self) -> FailureLog:
        return FailureLog(self._desk.database, this_process(), self._desk.now, SENTENCES)

    def _clock_was_set(self, change: timedelta) -> None:
        seconds = change.total_seconds()
        begun = begin_look_ups_anew(self._desk.database, self._desk.now(), change, self._first_look_up)
        get_logger("scheduler").error(
            f"this machine's clock was put {'forward' if seconds > 0 else 'back'}: check that it is right, "
            "because posts go out by it",
            by_seconds=round(seconds),
            look_ups_begun_anew=begun,
        )

    def _pick(self) -> None:
        desk = self._desk
        outcome = pick_slot(desk.database, desk.settings, desk.targets, desk.people, desk.now())
        self._tell_pick(outcome)

    def _tell_pick(self, outcome: PickOutcome) -> None:
        log = get_logger("scheduler").bind(slot=outcome.slot.isoformat())
        for day in outcome.missed:
            log.error("a day went by without a post", missed=day.isoformat())
        if outcome.result == "picked":
            log.info("picked", post=outcome.post_id)
            for channel in outcome.held:
                log.error("held from the start: publisher deliveries --state held says why", channel=channel)
        elif outcome.result == "empty":
            until = self._desk.local(slot_closes(outcome.slot, self._desk.settings), "%H:%M")
            log.error(f"no post for the day: add or approve one before {until}, and it goes out at once")
        elif outcome.result == "missed":
            log.error(
                "today stays without a post: it is too late by the outlet's rule, and the next post is tomorrow's"
            )

    def _make_timetable(self, roles: Collection[str]) -> JobRunner:
        """Of a process that is no scheduler."""
        desk = self._desk
        return JobRunner([heartbeat(desk, self._role), *(telling(desk) if WEB in roles else ())], self._failures())

    def _make_web(self) -> Served:
        """The pages, which this face starts and never imports."""
        web = self._desk.settings.web
        server: Served = importlib.import_module("publisher.web.server").WebServer(
            self._desk, host=web.host, port=web.port, root_path=web.root_path, proxies=web.proxies
        )
        return server

    def _servers(self) -> list[HealthServer | Served]:
        return [server for server in (self._health, self._web) if server is not None]

    def start(self) -> None:
        """Raises SettingsError when a port can't be had."""
        for server in self._servers():
            server.start()
        if self._web:
            get_logger("web").info("ready", url=self._web.url)
        if self._timetable:
            self._timetable.start()
        if self._worker is not None and not isinstance(self._worker, ThreadDispatcher):
            self._worker.start()
        if self._scheduler:
            self._scheduler.start()

    @property
    def url(self) -> str | None:
        """Where this process serves the desk's pages. None: it does not."""
        return self._web.url if self._web else None

    @property
    def idle(self) -> bool:
        """Whether nothing is being published by this process just now."""
        return self._worker is None or self._worker.idle

    def tick(self) -> None:
        """Look at once what is due, where this process has that role."""
        if self._scheduler:
            self._scheduler.tick()

    def stop(self) -> None:
        """Take nothing new, finish what is in hand."""
        if self._scheduler:
            self._scheduler.stop()
        if self._timetable:
            self._timetable.stop()
        if self._worker:
            self._worker.stop()
        for server in self._servers():
            server.stop()
        leave(self._desk.database, this_process())
        self._desk.database.close()
