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
from sqlalchemy.orm import Session

from publisher.adapt.inspection import ImageRefused
from publisher.adapt.rendering import Renderer
from publisher.clock import Clock, monotonic
from publisher.content import Preparation, Publication
from publisher.db.models import Attempt
from publisher.db.session import Database
from publisher.delivery import quotas, records
from publisher.delivery.budget import Spending, alt_text_cost, request_cost, spending, whole_cost
from publisher.delivery.channels import Channels
from publisher.delivery.claim import Held, claim, renew, take_look_up, take_verification
from publisher.delivery.confirm import Confirmer
from publisher.delivery.outcomes import Pace, after_send, before_send
from publisher.delivery.strain import Strain, strain_of
from publisher.delivery.verify import Verifier
from publisher.lifecycle import Fenced
from publisher.logs import get_logger
from publisher.media import MediaUnreachable
from publisher.platforms.base import PlatformAdapter, SupportsQuotas, UploadedMedia
from publisher.platforms.errors import CredentialsRefused, RateLimited, Unavailable, Unconfirmed, UnsupportedContent
from publisher.settings import DeliverySettings

MARGIN_SECONDS = 5.0
"""What a lease must cover beyond the publishing request, for recording its answer."""

MAY_BE_PUBLIC = "Nothing was sent: the post before this reply was found, so the reply may be public already"

Milestone = Callable[[str, int], object]
"""Told `claimed`, `prepared`, `committed`, `answered`, `recorded` as a delivery passes them, and its id."""


def _unwatched(_name: str, _delivery: int) -> None:
    """Nobody watches."""


class LeaseTooShort(Exception):
    """The lease would not cover the publishing request; nothing was sent."""


class NotAsked(Unconfirmed):
    """Nothing was sent, and yet the post may be public."""


NOT_CHARGED = (CredentialsRefused, NotAsked, RateLimited, Unavailable)
"""Ends of a publishing request that was not sent, or that the platform turned away unread."""


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
        channels.on_quota(quotas.Book(database, clock).note)
        self._confirmer = Confirmer(database, channels, clock, self._pace, settings.settle_seconds, owner=owner)
        self._verifier = Verifier(database, channels, clock, owner=owner)

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
            self._verifier.verify(held)
        else:
            return False
        return True

    def _deliver(self, held: Held) -> None:
        log = get_logger("delivery").bind(delivery=held.id, channel=held.channel, title=held.adapted.title)
        log.info("claimed", fence=held.fence, tries=held.tries)
        self._milestone("claimed", held.id)
        try:
            with self._kept(held):
                self._publish(held, log)
        except Fenced:
            log.warning("lost the lease; somebody else has it")

    def _publish(self, held: Held, log: structlog.stdlib.BoundLogger) -> None:
        """Prepare, commit, send, record. Raises Fenced as soon as the delivery is in other hands."""
        media: list[UploadedMedia] = []
        try:
            adapter, key = self._prepare(held, media)
            preparation = adapter.prepare(held.adapted, media, idempotency_key=key, earlier=held.preparation)
        except Exception as error:
            self._not_sent(held, media, error, log)
            return
        self._milestone("prepared", held.id)
        intent = self._intent(held, key, media, preparation)
        timeout = self._channels.profile(held.channel).publishing.timeout_seconds
        committed = monotonic()
        lease = max(self._lease, timedelta(seconds=timeout + MARGIN_SECONDS))
        try:
            attempt = records.commit_intent(
                self._database, held, intent, now=self._clock.now(), lease=lease, owner=self._owner
            )
        except (RateLimited, records.KeyTaken) as error:
            self._not_sent(held, media, error, log)
            return
        self._milestone("committed", held.id)
        log.info("publishing", idempotency_key=intent.key, attempt=attempt)
        try:
            if monotonic() - committed > lease.total_seconds() - timeout:
                raise LeaseTooShort
            if held.unknown_since is not None:
                raise NotAsked(MAY_BE_PUBLIC)
            publication = adapter.publish(held.adapted, media, idempotency_key=intent.key, preparation=preparation)
        except LeaseTooShort:
            self._end(held, attempt, Unavailable("This machine was too slow; nothing was sent"), log)
        except Exception as error:
            self._milestone("answered", held.id)
            self._end(held, attempt, error, log)
        else:
            self._milestone("answered", held.id)
            self._succeed(held, attempt, publication, log)
        self._milestone("recorded", held.id)
        self._warn(held, attempt, log)

    def _prepare(self, held: Held, media: list[UploadedMedia]) -> tuple[PlatformAdapter, str]:
        """Hand every picture over, each added to `media` as soon as the platform has it. Returns the key as well."""
        if blocking := [problem.message for problem in held.adapted.problems if problem.blocking]:
            raise UnsupportedContent(" ".join(blocking))
        self._admit(held)
        adapter = self._channels.open(held.channel)
        if isinstance(adapter, SupportsQuotas):
            self._ask_for_quotas(adapter, held)
        key = records.free_key(self._database, held, adapter.idempotency_key)
        try:
            renditions = [self._renderer.render(image.spec) for image in held.adapted.images]
        except ImageRefused as error:
            raise UnsupportedContent(str(error)) from error
        except MediaUnreachable as error:
            raise Unavailable(str(error)) from error
        for position, (rendition, image) in enumerate(zip(renditions, held.adapted.images, strict=True)):
            media.append(
                adapter.upload_media(
                    rendition, image.alt_text, idempotency_key=key, position=position, total=len(renditions)
                )
            )
        return adapter, key

    def _admit(self, held: Held) -> None:
        """Raise RateLimited or BudgetReached when a quota or the month's budget does not leave what this post takes."""
        with self._database.reading() as session:
            quotas.require(session, held.channel, held.adapted, self._clock.now())
            # What may be public already is looked up first, and that is not held for money.
            if held.unknown_since is None:
                cost = whole_cost(self._channels.profile(held.channel).prices, held.adapted)
                self._spending(session, held).require(cost, held.id)

    def _ask_for_quotas(self, adapter: SupportsQuotas, held: Held) -> None:
        try:
            adapter.read_quotas()
        except Unavailable as error:
            # Worth knowing, and no reason to be late: the platform refuses what would be too much.
            get_logger("delivery").info("no quotas were told", channel=held.channel, why=error.message)
        self._admit(held)

    def _intent(self, held: Held, key: str, media: list[UploadedMedia], preparation: Preparation) -> records.Intent:
        profile = self._channels.profile(held.channel)
        return records.Intent(
            key=key,
            preparation=preparation,
            cost=request_cost(profile.prices, held.adapted.caption) + self._paid(held, media),
            gap=timedelta(seconds=profile.publishing.minimum_gap_seconds),
        )

    def _paid(self, held: Held, media: list[UploadedMedia]) -> int:
        """What handing these pictures over costs, in micros."""
        return alt_text_cost(self._channels.profile(held.channel).prices, (each.alt_text for each in media))

    def _spending(self, session: Session, held: Held) -> Spending:
        budget = self._channels.monthly_budget(held.channel)
        return spending(session, held.channel, budget, self._clock.now(), self._channels.zone)

    def _warn(self, held: Held, attempt: int, log: structlog.stdlib.BoundLogger) -> None:
        """Tell once that the month's budget is nearly spent: when this attempt made it so."""
        with self._database.reading() as session:
            cost = session.get_one(Attempt, attempt).cost_micros
            if cost and (spent := self._spending(session, held)).became_nearly_spent(cost):
                log.warning("budget nearly spent", told=spent.told)

    def _not_sent(
        self, held: Held, media: list[UploadedMedia], error: Exception, log: structlog.stdlib.BoundLogger
    ) -> None:
        now = self._clock.now()
        outcome = before_send(error, tries=held.tries + 1, now=now, pace=self._pace, strain=self._strain(held))
        records.record_end(
            self._database, held, outcome, error, now=now, owner=self._owner, cost=self._paid(held, media)
        )
        records.tell(log, "not sent", outcome, error, self._channels.zone)

    def _end(self, held: Held, attempt: int, error: Exception, log: structlog.stdlib.BoundLogger) -> None:
        now = self._clock.now()
        outcome = after_send(error, tries=held.tries + 1, now=now, pace=self._pace, strain=self._strain(held))
        prices = self._channels.profile(held.channel).prices
        unspent = request_cost(prices, held.adapted.caption) if isinstance(error, NOT_CHARGED) else 0
        records.record_answer(
            self._database, held, attempt, outcome, error, now=now, owner=self._owner, unspent=unspent
        )
        told = "not published" if outcome.to != "unconfirmed" else "outcome unknown"
        records.tell(log, told, outcome, error, self._channels.zone)

    def _strain(self, held: Held) -> Strain:
        with self._database.reading() as session:
            return strain_of(session, held.channel, self._clock.now())

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
