"""Defines the regular jobs of a process: its heartbeat, alerts and housekeeping."""

from __future__ import annotations

from datetime import datetime, timedelta

from publisher.alerts import Notifier
from publisher.alerts.personal_sender import PersonalSender
from publisher.backup.daily_copies import copy_daily, dump_daily
from publisher.core.logs import get_logger
from publisher.delivery.lease_owner import owner_name
from publisher.delivery.login_renewal import refresh_sessions
from publisher.delivery.removed_channels import hold_removed
from publisher.delivery.stray_drafts import StrayDrafts
from publisher.desk import Desk
from publisher.health.heartbeat import BEAT_SECONDS, record_heartbeat
from publisher.intake.fetched_pages import sweep_pages
from publisher.intake.importing import ImportPlaces
from publisher.intake.watching import Watcher
from publisher.posts.picture_values import examine_oldest_pictures
from publisher.posts.search_index import refresh_index
from publisher.posts.uploads import Uploads
from publisher.schedule.rendering_ahead import render_next_post, sweep_renditions
from publisher.schedule.slots import slot_day
from publisher.scheduler import RegularJob
from publisher.settings.private_paths import FETCHED, UPLOADS
from publisher.webhooks import delete_old_messages, send_webhooks

PREPARE_SECONDS = 60
HOUR_SECONDS = 3600
ALERT_SECONDS = 30
EXAMINATION_SECONDS = 60
WEBHOOK_SECONDS = 5
INDEX_SECONDS = 60
WATCH_SECONDS = 60
HOLD_REMOVED_SECONDS = 60
SWEEP_INTERVAL = timedelta(days=1)


def heartbeat_job(desk: Desk, role: str) -> RegularJob:
    """Makes the job that records this process's heartbeat. `role`: its roles with spaces between."""
    owner = owner_name()

    def act() -> None:
        # A database file that was removed still answers. This check makes the job fail, which is reported.
        desk.history.require_place()
        record_heartbeat(desk.database, owner, role, desk.now())

    return RegularJob("the heartbeat", BEAT_SECONDS, act)


def alert_jobs(desk: Desk) -> list[RegularJob]:
    """Makes the jobs that send alerts. Every process has them, since a dead scheduler can't report itself."""
    notifier = Notifier(desk)
    sender = PersonalSender(desk)
    return [
        RegularJob("sending alerts", ALERT_SECONDS, lambda: notifier.notify(desk.now())),
        RegularJob("sending notifications", ALERT_SECONDS, lambda: sender.send(desk.now())),
        RegularJob("examining tomorrow's post", EXAMINATION_SECONDS, lambda: notifier.examine_tomorrow(desk.now())),
    ]


def housekeeping_jobs(desk: Desk) -> list[RegularJob]:
    """Makes the jobs that a scheduler does for the whole desk."""
    tasks = _Housekeeping(desk)
    return [
        # Pictures are made ahead to save time: when that fails, they are made when the post is due.
        RegularJob("making the next post's pictures", PREPARE_SECONDS, tasks.prepare),
        RegularJob("the daily backup", HOUR_SECONDS, tasks.back_up),
        RegularJob("holding what waits for removed channels", HOLD_REMOVED_SECONDS, tasks.hold_removed),
        RegularJob("sweeping", HOUR_SECONDS, tasks.sweep),
        RegularJob("filling the search index", INDEX_SECONDS, tasks.fill_index),
        RegularJob("looking for stray drafts", HOUR_SECONDS, tasks.look_for_stray_drafts),
        RegularJob("renewing log-ins", HOUR_SECONDS, tasks.refresh),
        RegularJob("watching sources", WATCH_SECONDS, tasks.watch_sources),
        RegularJob("sending webhooks", WEBHOOK_SECONDS, tasks.send_webhooks),
    ]


class _Housekeeping:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._swept: datetime | None = None
        self._unexamined: set[str] = set()
        self._stray_drafts: StrayDrafts | None = None

    def prepare(self) -> None:
        desk = self._desk
        render_next_post(desk.database, desk.settings, desk.targets, desk.people, desk.renderer, desk.now())
        examine_oldest_pictures(desk.database, desk.store, self._unexamined)

    def hold_removed(self) -> None:
        desk = self._desk
        for delivery in hold_removed(desk.database, desk.settings.channels, desk.now()):
            get_logger("scheduler").error(
                "held, because its channel was removed", delivery=delivery.id, channel=delivery.channel_name
            )

    def send_webhooks(self) -> None:
        send_webhooks(self._desk, self._desk.now())

    def watch_sources(self) -> None:
        desk = self._desk
        today = slot_day(desk.now(), desk.settings.outlet.zone)
        Watcher(desk.settings, ImportPlaces(desk.database, desk.store, desk.clock, today)).look()

    def fill_index(self) -> None:
        if posts := refresh_index(self._desk.database):
            get_logger("scheduler").info("indexed posts for the search", posts=posts)

    def look_for_stray_drafts(self) -> None:
        desk = self._desk
        if self._stray_drafts is None:
            self._stray_drafts = StrayDrafts(desk.database, desk.channels, desk.clock)
        self._stray_drafts.look()

    def refresh(self) -> None:
        refresh_sessions(self._desk.channels)

    def sweep(self) -> None:
        desk = self._desk
        if self._swept is not None and desk.now() - self._swept <= SWEEP_INTERVAL:
            return
        self._swept = desk.now()
        uploads = Uploads(desk.database, desk.store, desk.settings.path(UPLOADS))
        files = sweep_renditions(desk.database, desk.renderer, desk.now()) + uploads.sweep(desk.now())
        sweep_pages(desk.settings.path(FETCHED), desk.now())
        messages = delete_old_messages(desk.database, desk.now())
        if files or messages:
            get_logger("scheduler").info("removed old files and messages", files=files, webhook_messages=messages)

    def back_up(self) -> None:
        settings = self._desk.settings
        file, now = settings.database_file, self._desk.now()
        if file is None:
            copy = dump_daily(settings, now)
        else:
            copy = copy_daily(file, settings.path(settings.storage.backups), now)
        if copy is not None:
            get_logger("scheduler").info("backed up", file=str(copy))
