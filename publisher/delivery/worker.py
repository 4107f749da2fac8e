"""One worker: claim a delivery, prepare it, publish it once, record what came of it.

The order of things is the promise. Preparing can be repeated, nothing of it is visible. Then
the idempotency key and the state `publishing` are committed, and only then the one request
that publishes is sent. Whatever happens after that commit without a definite answer leaves
the delivery unconfirmed, and reading from the platform settles it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from publisher.adapt.images.rendering import Renderer
from publisher.core.clock import Clock, monotonic
from publisher.core.content import Publication
from publisher.core.logs import get_logger
from publisher.core.states import State
from publisher.db.session import Database
from publisher.delivery import quotas, records
from publisher.delivery.admission import Admission
from publisher.delivery.budget import alt_text_cost, posts_read_cost, reading_cost, request_cost
from publisher.delivery.channels import Channels
from publisher.delivery.claim import ClaimedDelivery, claim, claim_within, take_look_up, take_verification
from publisher.delivery.confirm import Confirmer
from publisher.delivery.failure_streak import NO_FAILURES, ChannelFailures, channel_failures
from publisher.delivery.late_look_ups import LateLookUps
from publisher.delivery.leases import KeptLease, LeaseKeeper
from publisher.delivery.outcomes import Pace, after_send, before_send, unless_an_earlier_one_acts
from publisher.delivery.own_machine import OwnMachine, OwnMachineFailed
from publisher.delivery.prepare import NotSent, Prepared, Preparer
from publisher.delivery.records import Follow
from publisher.delivery.refusals import weigh
from publisher.delivery.verify import Verifier
from publisher.lifecycle import Fenced
from publisher.platforms.base import PlatformAdapter, UploadedMedia
from publisher.platforms.errors import CredentialsRefused, RateLimited, Unavailable, Unconfirmed
from publisher.settings import DeliverySettings

MARGIN_SECONDS = 5.0
"""What a lease must cover beyond the publishing request, for recording its answer."""
CHECK_SECONDS = 60.0
"""Asking for the account after a refusal is over within this."""

MAY_BE_PUBLIC = "Nothing was sent: the post before this reply was found, so the reply may be public already"
TOO_SLOW = "This machine was too slow; nothing was sent"

Milestone = Callable[[str, int], object]
"""Told `claimed`, `prepared`, `committed`, `answered`, `recorded` as a delivery passes them, and its id."""


def _unwatched(_name: str, _delivery: int) -> None:
    """Nobody watches."""


class NotAsked(Unconfirmed):
    """Nothing was sent, and yet the post may be public."""


NOT_CHARGED = (CredentialsRefused, NotAsked, RateLimited, Unavailable)
"""Ends of a publishing request that was not sent, or that the platform turned away unread."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The intent to publish is on disk."""

    attempt: int
    latest_start: float
    """By the monotonic clock: a request that begins later is not covered by the lease."""


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
        self._clock = clock
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._owner = owner
        self._pace = Pace(settings.retry_seconds, settings.look_up_after, jitter or random.Random())  # noqa: S311
        self._milestone = milestone
        channels.on_quota(quotas.Book(database, clock).note)
        self._machine = OwnMachine(database)
        self._leases = LeaseKeeper(database, clock, self._lease)
        self._admission = Admission(database, channels, clock)
        self._preparer = Preparer(channels, renderer, self._admission)
        self._confirmer = Confirmer(database, channels, clock, self._pace, settings, owner=owner)
        self._verifier = Verifier(database, channels, clock, owner=owner)
        self._late_look_ups = LateLookUps(database, channels, clock, owner=owner)

    def drain(self, channel: str, stop: threading.Event | None = None) -> int:
        """Do what is due on one channel until nothing is, and return how many things that were."""
        stop = stop or threading.Event()
        done, delivered = 0, False
        following: ClaimedDelivery | None = None
        while following or not stop.is_set():
            # Where a post was due, the next one probably is.
            claimed = following or self._claim_next(channel, look_first=not delivered)
            following = self._deliver(claimed, stop) if claimed else None
            if not claimed and not self._read_next(channel):
                break
            delivered = claimed is not None
            done += 1
        return done

    def _claim_next(self, channel: str, *, look_first: bool) -> ClaimedDelivery | None:
        if not self._machine.is_well():
            return None
        return claim(
            self._database, channel, owner=self._owner, now=self._clock.now(), lease=self._lease, look_first=look_first
        )

    def _claim_following(
        self, claimed: ClaimedDelivery, stop: threading.Event, rows: Connection
    ) -> ClaimedDelivery | None:
        """Take the post after this one together with the record of what became of it, which saves a transaction."""
        # Money that this one cost is added up after it.
        has_prices = self._channels.profile(claimed.channel).prices is not None
        if stop.is_set() or self._machine.is_in_trouble or has_prices:
            return None
        return claim_within(rows, claimed.channel, owner=self._owner, now=self._clock.now(), lease=self._lease)

    def _read_next(self, channel: str) -> bool:
        now = self._clock.now()
        if claimed := take_look_up(self._database, channel, now):
            self._confirmer.look_up(claimed)
        elif claimed := take_verification(self._database, channel, now):
            if claimed.state == State.PUBLISHED:
                self._verifier.verify(claimed)
            else:
                self._late_look_ups.look(claimed)
        return claimed is not None

    def _deliver(self, claimed: ClaimedDelivery, stop: threading.Event) -> ClaimedDelivery | None:
        """Returns the delivery of the same channel that was taken with the end of this one, if any was."""
        log = get_logger("delivery").bind(delivery=claimed.id, channel=claimed.channel, title=claimed.adapted.title)
        log.info("claimed", fence=claimed.fence, tries=claimed.tries)
        self._milestone("claimed", claimed.id)
        try:
            with self._leases.keeping(claimed) as lease:
                return self._publish(claimed, lease, log, partial(self._claim_following, claimed, stop))
        except Fenced:
            log.warning("lost the lease; somebody else has it")
        return None

    def _publish(
        self, claimed: ClaimedDelivery, lease: KeptLease, log: structlog.stdlib.BoundLogger, follow: Follow
    ) -> ClaimedDelivery | None:
        """Prepare, commit, send, record. Raises Fenced as soon as the delivery is in other hands."""
        prepared = self._preparer.prepare(claimed, lease)
        if isinstance(prepared, NotSent):
            self._record_not_sent(claimed, prepared, lease, log)
            return None
        self._milestone("prepared", claimed.id)
        committed = self._commit(claimed, prepared, lease)
        if isinstance(committed, NotSent):
            self._record_not_sent(claimed, committed, lease, log)
            return None
        self._milestone("committed", claimed.id)
        log.info("publishing", idempotency_key=prepared.key, attempt=committed.attempt)
        answer = self._send(claimed, prepared, committed)
        self._milestone("answered", claimed.id)
        following = None
        if isinstance(answer, Publication):
            following = self._record_success(claimed, committed, answer, follow, log)
        else:
            self._record_failure(claimed, prepared, committed, answer, lease, log)
        self._milestone("recorded", claimed.id)
        self._admission.warn(claimed, committed.attempt, log)
        return following

    def _commit(self, claimed: ClaimedDelivery, prepared: Prepared, lease: KeptLease) -> Committed | NotSent:
        """Put the intent on disk. The lease is kept as long as one request may take, and no longer."""
        profile = self._channels.profile(claimed.channel)
        timeout = profile.publishing.timeout_seconds
        prices = profile.prices
        intent = records.Intent(
            key=prepared.key,
            preparation=prepared.preparation,
            cost=request_cost(profile, claimed.adapted.caption)
            + reading_cost(prices, claimed.adapted)
            + self._paid(claimed, prepared.media),
            gap=timedelta(seconds=profile.publishing.minimum_gap_seconds),
        )
        first = max(self._lease, timedelta(seconds=timeout + MARGIN_SECONDS))
        latest_start = monotonic() + first.total_seconds() - timeout
        lease.allow(timeout + self._preparer.uplink_seconds(prepared.media) + MARGIN_SECONDS)
        try:
            attempt = records.commit_intent(
                self._database, claimed, intent, now=self._clock.now(), lease=first, owner=self._owner
            )
        except Fenced:
            raise
        except Exception as error:
            judged = self._machine.judge(error)
            if not isinstance(judged, RateLimited | records.KeyTaken | OwnMachineFailed):
                raise
            # What was prepared is used at the next try, and no request was sent with it.
            preparation = prepared.preparation
            is_new = preparation.reference != claimed.preparation.reference
            begun = preparation.model_copy(update={"unfinished": True}) if is_new else None
            return NotSent(error=judged, adapter=prepared.adapter, media=prepared.media, preparation=begun)
        return Committed(attempt, latest_start)

    def _send(self, claimed: ClaimedDelivery, prepared: Prepared, committed: Committed) -> Publication | Exception:
        """Send the one request that publishes, unless that is too late or the post may be public already."""
        if monotonic() > committed.latest_start:
            return Unavailable(TOO_SLOW)
        if claimed.unknown_since is not None:
            return NotAsked(MAY_BE_PUBLIC)
        try:
            return prepared.adapter.publish(
                claimed.adapted, prepared.media, idempotency_key=prepared.key, preparation=prepared.preparation
            )
        except Exception as error:
            return error

    def _record_failure(
        self,
        claimed: ClaimedDelivery,
        prepared: Prepared,
        committed: Committed,
        answer: Exception,
        lease: KeptLease,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        unspent = 0
        if isinstance(answer, NOT_CHARGED):
            unspent = request_cost(self._channels.profile(claimed.channel), claimed.adapted.caption)
        error = self._weigh(answer, claimed, prepared.adapter, lease)
        now = self._clock.now()
        outcome = after_send(error, tries=claimed.tries + 1, now=now, pace=self._pace, strain=self._strain(claimed))
        outcome = unless_an_earlier_one_acts(outcome, prepared.preparation, claimed.lost_requests, now)
        self._machine.until_written(
            lambda: records.record_answer(
                self._database, claimed, committed.attempt, outcome, error, now=now, owner=self._owner, unspent=unspent
            )
        )
        told = "not published" if outcome.to != "unconfirmed" else "outcome unknown"
        records.tell(log, told, outcome, error, self._channels.zone)

    def _record_success(
        self,
        claimed: ClaimedDelivery,
        committed: Committed,
        publication: Publication,
        follow: Follow,
        log: structlog.stdlib.BoundLogger,
    ) -> ClaimedDelivery | None:
        habits = self._channels.profile(claimed.channel).publishing
        now = self._clock.now()
        try:
            following = self._machine.until_written(
                lambda: records.record_success(
                    self._database, claimed, committed.attempt, publication, habits, now=now, follow=follow
                )
            )
        except Exception:
            # The lease runs out, and a look-up finds the post; until then this line is the only record of it.
            log.error("public, but not recorded yet", url=publication.url, remote_id=publication.remote_id)
            raise
        log.info("published", url=publication.url, remote_id=publication.remote_id)
        return following

    def _record_not_sent(
        self, claimed: ClaimedDelivery, end: NotSent, lease: KeptLease, log: structlog.stdlib.BoundLogger
    ) -> None:
        error = self._machine.judge(self._weigh(end.error, claimed, end.adapter, lease))
        strain = NO_FAILURES if isinstance(error, OwnMachineFailed) else self._strain(claimed)
        now = self._clock.now()
        outcome = before_send(error, tries=claimed.tries + 1, now=now, pace=self._pace, strain=strain)
        prices = self._channels.profile(claimed.channel).prices
        cost = self._paid(claimed, end.media) + posts_read_cost(prices, end.adapter)
        self._machine.until_written(
            lambda: records.record_end(
                self._database,
                claimed,
                outcome,
                error,
                now=now,
                owner=self._owner,
                cost=cost,
                preparation=end.preparation,
            )
        )
        records.tell(log, "not sent", outcome, error, self._channels.zone)

    def _weigh(
        self, error: Exception, claimed: ClaimedDelivery, adapter: PlatformAdapter | None, lease: KeptLease
    ) -> Exception:
        lease.allow(CHECK_SECONDS)
        return weigh(error, adapter, self._database, claimed.id)

    def _paid(self, claimed: ClaimedDelivery, media: list[UploadedMedia]) -> int:
        """What handing these pictures over costs, in micros."""
        if not media:
            return 0
        prices = self._channels.profile(claimed.channel).prices
        return alt_text_cost(prices, (picture.alt_text for picture in media))

    def _strain(self, claimed: ClaimedDelivery) -> ChannelFailures:
        with self._database.reading() as session:
            return channel_failures(session, claimed.channel, self._clock.now())
