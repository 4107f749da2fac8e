"""Holds everything that works on one outlet, created, and imported, at its first use.

Every command opens a desk, and few of them adapt a post or reach a platform.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.core.clock import Clock, SystemClock
from publisher.core.logs import get_logger
from publisher.core.private_files import remove_others_access
from publisher.db.history import History
from publisher.db.session import Database
from publisher.db.upgrade import UpgradeReport, prepare_database
from publisher.media import MediaStore
from publisher.media.opening import open_media_store
from publisher.posts.channel_rows import sync_channels
from publisher.settings import Settings, load_settings
from publisher.settings.private_paths import private_paths

if TYPE_CHECKING:
    from publisher.adapt.images.rendering import Renderer
    from publisher.adapt.posts import Target
    from publisher.adapt.text.mentions import PeopleDirectory
    from publisher.delivery.channels import Channels
    from publisher.posts.problem_cache import ProblemCache
    from publisher.posts.targets import TargetFiles

log = get_logger(__name__)


class Desk:
    """Opens the outlet of one configuration file."""

    def __init__(self, config: Path, clock: Clock | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self._known: ProblemCache | None = None

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.config)

    @cached_property
    def database(self) -> Database:
        """Opens the database, and creates or migrates it first if necessary.

        Raises:
            UnknownHistory: it is not the one that this desk last knew.
            DatabaseError: it can't be used.
        """
        settings = self.settings
        self.prepare()
        database = Database.open(settings.database_url, self.history)
        self.history.begin(database.engine, self.now())
        with database.writing() as session:
            sync_channels(session, settings)
        return database

    @cached_property
    def history(self) -> History:
        """Reads what this desk last knew of its database."""
        return History(self.settings.database_url, self.settings.root)

    def prepare(self) -> UpgradeReport:
        """Creates or migrates the database, if it is the one that this desk last knew, and reports what was done."""
        settings = self.settings
        backups = settings.path(settings.storage.backups)
        if narrowed := remove_others_access(private_paths(settings)):
            log.warning("others on this machine can't read these any more", paths=[str(path) for path in narrowed])
        return prepare_database(settings.database_url, backups=backups, now=self.now(), history=self.history)

    def database_is_there(self) -> bool:
        """Decides whether the database's file is still the one that was opened. Always true on PostgreSQL."""
        return self.history.is_there()

    @cached_property
    def store(self) -> MediaStore:
        return open_media_store(self.settings)

    @cached_property
    def renderer(self) -> Renderer:
        from publisher.adapt.images.rendering import Renderer  # noqa: PLC0415

        return Renderer(self.store)

    @cached_property
    def _target_files(self) -> TargetFiles:
        from publisher.posts.targets import TargetFiles  # noqa: PLC0415

        return TargetFiles(self.settings)

    @property
    def targets(self) -> dict[str, Target]:
        """Returns the channels with their templates as they are now."""
        return self._target_files.targets()

    @property
    def people(self) -> PeopleDirectory:
        """Returns the directory of people as it is now."""
        return self._target_files.people()

    @property
    def known_problems(self) -> ProblemCache:
        """Returns the cache of the problems of posts, for pages that show many posts."""
        from publisher.posts.problem_cache import ProblemCache  # noqa: PLC0415

        targets, people = self.targets, self.people
        if self._known is None or not self._known.is_of(targets, people):
            self._known = ProblemCache(targets, people)
        return self._known

    @cached_property
    def channels(self) -> Channels:
        from publisher.delivery.channels import Channels  # noqa: PLC0415
        from publisher.delivery.platform_clocks import PlatformClocks  # noqa: PLC0415

        channels = Channels(self.settings, self.clock, lambda: self.database)
        channels.on_platform_clock(PlatformClocks(lambda: self.database, self.clock).note)
        return channels

    def now(self) -> datetime:
        return self.clock.now()

    def local(self, instant: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
        """Formats an instant in the outlet's time zone; a dash for none."""
        return instant.astimezone(self.settings.outlet.zone).strftime(form) if instant else "–"
