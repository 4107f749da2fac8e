"""Builds the scheduler, the worker, the pages and the probes that one process runs."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from datetime import date, timedelta
from typing import TYPE_CHECKING, Protocol

from publisher.cli.regular import alert_jobs, heartbeat_job, housekeeping_jobs
from publisher.core.logs import get_logger
from publisher.core.messages import _
from publisher.delivery.clock_changes import restart_look_ups
from publisher.delivery.context import DeliveryContext
from publisher.delivery.dispatch import ThreadDispatcher
from publisher.delivery.lease_owner import owner_name
from publisher.delivery.worker import Worker
from publisher.desk import Desk
from publisher.health.heartbeat import SCHEDULER, SITE, WEB, WORKER, delete_heartbeat
from publisher.health.server import HealthServer
from publisher.job_failures import FailureLog
from publisher.posts.targets import load_targets
from publisher.schedule.picking import PickOutcome, pick_slot
from publisher.schedule.slots import next_opening, slot_closes, slot_day
from publisher.scheduler import Callbacks, JobRunner, Scheduler
from publisher.settings import Settings, SettingsError

if TYPE_CHECKING:
    from publisher.delivery.engine import EngineDispatcher, EngineWorker

ROLES = (SCHEDULER, WORKER, WEB, SITE)
"""The roles of a process; by default it has all of them, and serves what is configured."""


def check_roles(settings: Settings, roles: Collection[str]) -> None:
    """Raises SettingsError when these roles can't work in one process without the others."""
    if settings.delivery.dispatch == "threads" and (SCHEDULER in roles) != (WORKER in roles):
        raise SettingsError(
            _(
                'a scheduler can\'t run alone, because delivery.dispatch is "threads"; set it to "procrastinate", or '
                "run scheduler and worker together"
            )
            if SCHEDULER in roles
            else _(
                'a worker can\'t run alone, because delivery.dispatch is "threads"; set it to "procrastinate", or '
                "run scheduler and worker together"
            )
        )


def own_roles(settings: Settings, roles: Collection[str]) -> tuple[str, ...]:
    """Returns the roles of a process in their order. Raises SettingsError where it has only a site that is off."""
    if not settings.site.enabled:
        if set(roles) == {SITE}:
            raise SettingsError(_("the site is off; set site.enabled to true in the configuration"))
        roles = [role for role in roles if role != SITE]
    return tuple(role for role in ROLES if role in roles)


class PageServer(Protocol):
    """Describes a server of pages."""

    url: str

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Service:
    """Starts and stops the roles of this process."""

    def __init__(self, desk: Desk, roles: Collection[str] = ROLES, *, held_day: date | None = None) -> None:
        """Raises SettingsError when the roles don't fit the configuration.

        `held_day`: for this day, nothing is picked.
        """
        check_roles(desk.settings, roles)
        load_targets(desk.settings)
        self._desk = desk
        self._held_day = held_day
        roles = own_roles(desk.settings, roles)
        self._role = " ".join(roles)
        self._worker = self._make_worker() if WORKER in roles else None
        self._scheduler = self._make_scheduler() if SCHEDULER in roles else None
        self._timetable = None if self._scheduler else self._make_timetable(roles)
        self._web = self._make_web() if WEB in roles and desk.settings.web.port is not None else None
        self._site = self._make_site() if SITE in roles else None
        health = desk.settings.health
        self._health = HealthServer(desk, health.host, health.port) if health.port is not None else None

    def _make_worker(self) -> ThreadDispatcher | EngineWorker:
        """Makes the worker. The engine and PostgreSQL's driver take 10 MiB, so they are loaded only if used."""
        desk = self._desk
        settings = desk.settings
        worker = Worker(
            DeliveryContext(desk.database, desk.channels, desk.renderer, desk.clock, settings.delivery),
            owner=owner_name(),
        )
        if settings.delivery.dispatch == "threads":
            return ThreadDispatcher(worker.drain, threads=settings.delivery.workers)
        from publisher.delivery.engine import EngineWorker  # noqa: PLC0415

        return EngineWorker(settings.database_url, worker.drain, threads=settings.delivery.workers)

    def _make_scheduler(self) -> Scheduler:
        desk = self._desk
        dispatcher = self._worker if isinstance(self._worker, ThreadDispatcher) else self._make_dispatcher()
        return Scheduler(
            desk.database,
            desk.clock,
            Callbacks(
                pick=self._pick,
                kick=lambda channel: dispatcher.kick(channel) if channel in desk.settings.channels else None,
                opens=lambda now: next_opening(now, desk.settings),
                clock_was_set=self._clock_was_set,
            ),
            first_look_up=self._first_look_up,
            jobs=[heartbeat_job(desk, self._role), *alert_jobs(desk), *housekeeping_jobs(desk)],
            failures=self._failures(),
        )

    def _make_dispatcher(self) -> EngineDispatcher:
        from publisher.delivery.engine import EngineDispatcher  # noqa: PLC0415

        return EngineDispatcher(self._desk.database)

    @property
    def _first_look_up(self) -> timedelta:
        return timedelta(seconds=self._desk.settings.delivery.look_up_after[0])

    def _failures(self) -> FailureLog:
        return FailureLog(self._desk.database, owner_name(), self._desk.now)

    def _clock_was_set(self, change: timedelta) -> None:
        seconds = change.total_seconds()
        begun = restart_look_ups(self._desk.database, self._desk.now(), change, self._first_look_up)
        get_logger("scheduler").error(
            f"this machine's clock was put {'forward' if seconds > 0 else 'back'}: check that it is right, "
            "because posts go out by it",
            by_seconds=round(seconds),
            look_ups_begun_anew=begun,
        )

    def _pick(self) -> None:
        desk = self._desk
        if self._held_day == slot_day(desk.now(), desk.settings.outlet.zone):
            return
        pick = pick_slot(desk.database, desk.settings, desk.targets, desk.people, desk.now())
        self._log_pick(pick)

    def _log_pick(self, pick: PickOutcome) -> None:
        log = get_logger("scheduler").bind(slot=pick.slot.isoformat())
        for day in pick.missed:
            log.error("a day went by without a post", missed=day.isoformat())
        if pick.result == "picked":
            log.info("picked", post=pick.post_id)
            for channel in pick.held:
                log.error("held from the start: publisher deliveries --state held says why", channel=channel)
        elif pick.result == "empty":
            until = self._desk.local(slot_closes(pick.slot, self._desk.settings), "%H:%M")
            log.error(f"no post for the day: add or approve one before {until}, and it goes out at once")
        elif pick.result == "missed":
            log.error(
                "today stays without a post: it is too late by the outlet's rule, and the next post is tomorrow's"
            )

    def _make_timetable(self, roles: Collection[str]) -> JobRunner:
        """Makes the jobs of a process without the scheduler."""
        desk = self._desk
        jobs = [heartbeat_job(desk, self._role), *(alert_jobs(desk) if WEB in roles else ())]
        return JobRunner(jobs, self._failures())

    def _make_web(self) -> PageServer:
        """Makes the server of the pages, which are another face and are imported only here."""
        web = self._desk.settings.web
        server: PageServer = importlib.import_module("publisher.web.server").WebServer(
            self._desk, host=web.host, port=web.port, root_path=web.root_path, proxies=web.proxies
        )
        return server

    def _make_site(self) -> PageServer:
        """Makes the server of the outlet's site, another face."""
        server: PageServer = importlib.import_module("publisher.site.server").SiteServer(self._desk)
        return server

    def _servers(self) -> list[HealthServer | PageServer]:
        return [server for server in (self._health, self._web, self._site) if server is not None]

    def start(self) -> None:
        """Starts all roles. Raises SettingsError when a port can't be used."""
        for server in self._servers():
            server.start()
        if self._web:
            get_logger("web").info("ready", url=self._web.url)
        if self._site:
            get_logger("site").info("ready", url=self._site.url)
        if self._timetable:
            self._timetable.start()
        if self._worker is not None and not isinstance(self._worker, ThreadDispatcher):
            self._worker.start()
        if self._scheduler:
            self._scheduler.start()

    @property
    def url(self) -> str | None:
        """Returns the address of the pages that this process serves. None: it serves none."""
        return self._web.url if self._web else None

    @property
    def site_url(self) -> str | None:
        """Returns the address of the site that this process serves. None: it serves none."""
        return self._site.url if self._site else None

    @property
    def idle(self) -> bool:
        """Decides whether this process is publishing nothing just now."""
        return self._worker is None or self._worker.idle

    def tick(self) -> None:
        """Looks for due work at once, if this process is a scheduler."""
        if self._scheduler:
            self._scheduler.tick()

    def stop(self) -> None:
        """Begins no new work, finishes what was begun, and stops."""
        if self._scheduler:
            self._scheduler.stop()
        if self._timetable:
            self._timetable.stop()
        if self._worker:
            self._worker.stop()
        for server in self._servers():
            server.stop()
        delete_heartbeat(self._desk.database, owner_name())
        self._desk.database.close()
