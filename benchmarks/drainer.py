"""Runs one worker process of the delivery benchmark: `python -m benchmarks.drainer URL`.

It drains what is due as a desk does, onto a platform in memory, and prints how many posts it made.
"""

from __future__ import annotations

import random
import sys

from publisher.core.clock import SystemClock, sleep
from publisher.core.logs import configure_logs
from publisher.db.session import Database
from publisher.delivery.context import DeliveryContext
from publisher.delivery.dispatch import ThreadDispatcher
from publisher.delivery.due import due_channels
from publisher.delivery.lease_owner import owner_name
from publisher.delivery.worker import Worker
from publisher.settings import DeliverySettings
from tests.fakes import FakeChannels, FakePlatform, FakeRenderer, fake_profile

THREADS = 8


def make_worker(database: Database, platform: FakePlatform) -> Worker:
    """Makes a worker that reads its posts back after an hour, when the measurement is over."""
    channels = FakeChannels(platform, fake_profile(settle=3600.0))
    return Worker(
        DeliveryContext(database, channels, FakeRenderer(), SystemClock(), DeliverySettings()), owner=owner_name()
    )


def main(url: str) -> None:
    configure_logs(stream=sys.stderr)
    database = Database.open(url)
    platform = FakePlatform()
    dispatcher = ThreadDispatcher(make_worker(database, platform).drain, threads=THREADS)
    while due := _due(database):
        # Workers with the same order would claim the same channels at the same time.
        random.shuffle(due)
        for channel in due:
            dispatcher.kick(channel)
        while not dispatcher.idle:
            sleep(0.01)
    dispatcher.stop()
    print(len(platform.posts))


def _due(database: Database) -> list[str]:
    with database.reading() as session:
        return due_channels(session, SystemClock().now())


if __name__ == "__main__":
    main(sys.argv[1])
