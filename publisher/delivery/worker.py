"""One worker: claim a delivery, prepare it, publish it once, record what came of it.

The order of things is the promise. Preparing can be repeated, nothing of it is visible. Then
the idempotency key and the state `publishing` are committed, and only then the one request
that publishes is sent. Whatever happens after that commit without a definite answer leaves
the delivery unconfirmed, and reading from the platform settles it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from publisher.adapt.inspection import ImageRefused
from publisher.adapt.rendering import Renderer
from publisher.clock import Clock, monotonic
from publisher.content import Publication
from publisher.db.session import Database
from publisher.delivery import records
from publisher.delivery.channels import Channels
from publisher.delivery.claim import Held, claim, renew, take_look_up, take_verification
from publisher.delivery.confirm import Confirmer
from publisher.delivery.outcomes import Pace, after_send, before_send
from publisher.lifecycle import Fenced
from publisher.logs import get_logger
from publisher.platforms.base import PlatformAdapter, UploadedMedia
from publisher.platforms.errors import Unavailable, Unconfirmed, UnsupportedContent
from publisher.settings import DeliverySettings

MARGIN_SECONDS = 5.0
"""What a lease must cover beyond the publishing request, for recording its answer."""

MAY_BE_PUBLIC = "Nothing was sent: the post before this reply was found, so the reply may be public already"

Milestone = Callable[[str], object]
"""Told `claimed`, `prepared`, `committed`, `answered`, `recorded` as a delivery passes them."""


def _unwatched(_name: str) -> None:
    """Nobody watches."""


class LeaseTooShort(Exception):
    """The lease would not cover the publishing request; nothing was sent."""


class Worker:
    """Drains channels. One object may be used by many threads, each on a channel of its own."""

    def __init__(
        self,
        database: Database,
        channels: Channels,
        renderer: Renderer,
        clock: Clock,
        settings: DeliverySettings,
        *,
        owner: str,
        jitter: random.Random | None = None,
        milestone: Milestone = _unwatched,
    ) -> None:
        self._database = database
        self._channels = channels
        self._renderer = renderer
        self._clock = clock
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._owner = owner
        self._pace = Pace(settings.retry_seconds, settings.look_up_after, jitter or random.Random())  # noqa: S311
        self._milestone = milestone
        self._confirmer = Confirmer(database, channels, clock, self._pace, settings.settle_seconds, owner=owner)

    def drain(self, channel: str, stop: threading.Event | None = None) -> int:
        """Do what is due on one channel until nothing is, and return how many things that were."""
        done = 0
        while not (stop and stop.is_set()) and self._step(channel):
            done += 1
        return done

    def _step(self, channel: str) -> bool:
        now = self._clock.now()
        if held := claim(self._database, channel, owner=self._owner, now=now, lease=self._lease):
            self._deliver(held)
        elif held := take_look_up(self._database, channel, now):
            self._confirmer.look_up(held)
        elif held := take_verification(self._database, channel, now):
            self._confirmer.verify(held)
        else:
            return False
        return True

    def _deliver(self, held: Held) -> None:
        log = get_logger("delivery").bind(delivery=held.id, channel=held.channel, title=held.adapted.title)
        log.info("claimed", fence=held.fence, tries=held.tries)
        self._milestone("claimed")
        try:
            with self._kept(held):
                self._publish(held, log)
        except Fenced:
            log.warning("lost the lease; somebody else has it")

    def _publish(self, held: Held, log: structlog.stdlib.BoundLogger) -> None:
        """Prepare, commit, send, record. Raises Fenced as soon as the delivery is in other hands."""
        try:
            adapter, media = self._prepare(held)
        except Exception as error:
            outcome = before_send(error, tries=held.tries + 1, now=self._clock.now(), pace=self._pace)
            records.record_end(self._database, held, outcome, error, now=self._clock.now(), owner=self._owner)
            records.tell(log, "not sent", outcome, error)
            return
        self._milestone("prepared")
        timeout = self._channels.profile(held.channel).publishing.timeout_seconds
        key = held.idempotency_key or adapter.idempotency_key(held.seed)
        committed = monotonic()
        lease = max(self._lease, timedelta(seconds=timeout + MARGIN_SECONDS))
        attempt = records.commit_intent(
            self._database, held, key, now=self._clock.now(), lease=lease, owner=self._owner
        )
        self._milestone("committed")
        log.info("publishing", idempotency_key=key, attempt=attempt)
        try:
            if monotonic() - committed > lease.total_seconds() - timeout:
                raise LeaseTooShort
            if held.unknown_since is not None:
                raise Unconfirmed(MAY_BE_PUBLIC)
            publication = adapter.publish(held.adapted, media, idempotency_key=key)
        except LeaseTooShort:
            self._end(held, attempt, Unavailable("This machine was too slow; nothing was sent"), log)
        except Exception as error:
            self._milestone("answered")
            self._end(held, attempt, error, log)
        else:
            self._milestone("answered")
            self._succeed(held, attempt, publication, log)
        self._milestone("recorded")

    def _prepare(self, held: Held) -> tuple[PlatformAdapter, list[UploadedMedia]]:
        if blocking := [problem.message for problem in held.adapted.problems if problem.blocking]:
            raise UnsupportedContent(" ".join(blocking))
        adapter = self._channels.open(held.channel)
        key = held.idempotency_key or adapter.idempotency_key(held.seed)
        try:
            renditions = [self._renderer.render(image.spec) for image in held.adapted.images]
        except ImageRefused as error:
            raise UnsupportedContent(str(error)) from error
        media = [
            adapter.upload_media(
                rendition, image.alt_text, idempotency_key=key, position=position, total=len(renditions)
            )
            for position, (rendition, image) in enumerate(zip(renditions, held.adapted.images, strict=True))
        ]
        return adapter, media

    def _end(self, held: Held, attempt: int, error: Exception, log: structlog.stdlib.BoundLogger) -> None:
        now = self._clock.now()
        outcome = after_send(error, tries=held.tries + 1, now=now, pace=self._pace)
        records.record_answer(self._database, held, attempt, outcome, error, now=now, owner=self._owner)
        records.tell(log, "not published" if outcome.to != "unconfirmed" else "outcome unknown", outcome, error)

    def _succeed(self, held: Held, attempt: int, publication: Publication, log: structlog.stdlib.BoundLogger) -> None:
        habits = self._channels.profile(held.channel).publishing
        try:
            records.record_success(self._database, held, attempt, publication, habits, now=self._clock.now())
        except Exception:
            # The lease runs out, and a look-up finds the post; until then this line is the only record of it.
            log.error("public, but not recorded yet", url=publication.url, remote_id=publication.remote_id)
            raise
        log.info(publication.state, url=publication.url, remote_id=publication.remote_id)

    @contextmanager
    def _kept(self, held: Held) -> Iterator[None]:
        """Lengthen the lease again and again while the delivery is worked on."""
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(held, done), name=f"lease-{held.id}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()

    def _keep(self, held: Held, done: threading.Event) -> None:
        while not done.wait(self._lease.total_seconds() / 3):
            try:
                renew(self._database, held, now=self._clock.now(), lease=self._lease)
            except Exception as error:
                # The lease then runs out, and the fence keeps us from changing anything after it.
                get_logger("delivery").warning("the lease was not renewed", delivery=held.id, error=str(error))
