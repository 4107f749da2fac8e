"""Scheduler, worker and look-ups, put together to run in one process."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from publisher.delivery.dispatch import ThreadDispatcher
from publisher.delivery.owner import this_process
from publisher.delivery.worker import Worker
from publisher.desk import Desk
from publisher.keeping.daily import keep_daily
from publisher.logs import get_logger
from publisher.post_queue.picking import pick_slot
from publisher.post_queue.preparing import prepare_next, sweep_renditions
from publisher.scheduler import Scheduler

SWEEP_PAUSE = timedelta(days=1)


class Service:
    """Starts and stops what publishes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._swept: datetime | None = None
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
        self._dispatcher = ThreadDispatcher(worker.drain, threads=settings.delivery.workers)
        self._scheduler = Scheduler(
            desk.database,
            desk.clock,
            pick=self._pick,
            kick=self._dispatcher.kick,
            prepare=self._prepare,
            first_look_up=timedelta(seconds=settings.delivery.look_up_after[0]),
            back_up=self._back_up,
        )

    def _pick(self) -> None:
        desk = self._desk
        outcome = pick_slot(desk.database, desk.settings, desk.targets, desk.people, desk.now())
        log = get_logger("scheduler").bind(slot=outcome.slot.isoformat())
        for day in outcome.missed:
            log.error("a day went by without a post", missed=day.isoformat())
        if outcome.result == "picked":
            log.info("picked", post=outcome.post_id)
        elif outcome.result == "empty":
            log.error("no post for the day: add or approve one, and it goes out as soon as it is ready")
        elif outcome.result == "missed":
            log.error("too late for the day's post, by the outlet's rule")

    def _prepare(self) -> None:
        desk = self._desk
        prepare_next(desk.database, desk.settings, desk.targets, desk.people, desk.renderer, desk.now())
        if self._swept is None or desk.now() - self._swept > SWEEP_PAUSE:
            self._swept = desk.now()
            if removed := sweep_renditions(desk.database, desk.renderer, desk.now()):
                get_logger("scheduler").info("removed old renditions", files=removed)

    def _back_up(self) -> None:
        settings = self._desk.settings
        file = settings.database_file
        if file is None:
            return  # PostgreSQL has its own tools, and whoever runs it its own rhythm.
        copy = keep_daily(file, settings.path(settings.storage.backups), self._desk.now())
        if copy is not None:
            get_logger("scheduler").info("backed up", file=str(copy))

    def start(self) -> None:
        self._scheduler.start()

    @property
    def idle(self) -> bool:
        """Whether nothing is being published just now."""
        return self._dispatcher.idle

    def tick(self) -> None:
        """Look at once what is due."""
        self._scheduler.tick()

    def stop(self) -> None:
        """Take nothing new, finish what is in hand."""
        self._scheduler.stop()
        self._dispatcher.stop()
        self._desk.database.close()
