"""Runs one worker: it claims a delivery, prepares it, publishes it once and records the outcome.

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

from publisher.core.clock import monotonic
from publisher.core.content import Publication
from publisher.core.logs import get_logger
from publisher.core.states import State
from publisher.delivery import intents, quotas, records
from publisher.delivery.admission import Admission
from publisher.delivery.budget import alt_text_cost, posts_read_cost, reading_cost, request_cost
from publisher.delivery.claim import ClaimedDelivery, claim, claim_look_up, claim_read_back, claim_within
from publisher.delivery.confirm import Confirmer
from publisher.delivery.context import DeliveryContext
from publisher.delivery.corrector import CorrectionTools, Corrector
from publisher.delivery.failure_streak import NO_FAILURES, ChannelFailures, channel_failures
from publisher.delivery.late_look_ups import LateLookUps
from publisher.delivery.leases import LeaseRenewer, RenewedLease
from publisher.delivery.outcomes import Pace, after_send, before_send, look_up_earlier_request
from publisher.delivery.own_machine import OwnMachine, OwnMachineFailed
from publisher.delivery.prepare import NotSent, Prepared, Preparer
from publisher.delivery.problem_codes import DeliveryProblem, UnknownOutcomeProblem
from publisher.delivery.records import ClaimNext
from publisher.delivery.refusals import check_refusal
from publisher.delivery.verify import Verifier
from publisher.lifecycle import Fenced
from publisher.platforms.base import PlatformAdapter, UploadedMedia
from publisher.platforms.errors import CredentialsRefused, RateLimited, Unavailable, Unconfirmed

LEASE_MARGIN_SECONDS = 5.0
"""What a lease must cover beyond the publishing request, for recording its answer."""
ACCOUNT_CHECK_SECONDS = 60.0
"""Asking for the account after a refusal is over within this."""

Milestone = Callable[[str, int], object]
"""Called with `claimed`, `prepared`, `committed`, `answered`, `recorded` as a delivery passes them, and its id.
Those of a correction are at `CorrectionTools`."""


def _ignore_milestone(_name: str, _delivery: int) -> None:
    """Ignores milestones."""


class RequestWithheld(Unconfirmed):
    """Says that nothing was sent, and yet the post may be public."""


UNCHARGED_ERRORS = (CredentialsRefused, RequestWithheld, RateLimited, Unavailable)
"""Ends of a publishing request that was not sent, or that the platform turned away unread."""


@dataclass(frozen=True, slots=True)
class CommittedIntent:
    """Holds the intent to publish that is on disk."""

    attempt: int
    latest_start: float
    """By the monotonic clock: a request that begins later is not covered by the lease."""


class Worker:
    """Drains channels. One object may be used by many threads, each on a channel of its own."""

    def __init__(
        self,
        context: DeliveryContext,
        *,
        owner: str,
        jitter: random.Random | None = None,
        milestone: Milestone = _ignore_milestone,
    ) -> None:
        database, channels, clock, settings = context.database, context.channels, context.clock, context.settings
        self._database = database
        self._channels = channels
        self._clock = clock
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._owner = owner
        self._pace = Pace(settings.retry_seconds, settings.look_up_after, jitter or random.Random())  # noqa: S311 - it spreads retries and protects nothing
        self._milestone = milestone
        channels.on_quota(quotas.QuotaStore(database, clock).store)
        self._machine = OwnMachine(database)
        self._leases = LeaseRenewer(database, clock, self._lease)
        self._admission = Admission(database, channels, clock)
        self._preparer = Preparer(channels, context.renderer, self._admission)
        self._confirmer = Confirmer(database, channels, clock, self._pace, settings, owner=owner)
        self._verifier = Verifier(database, channels, clock, owner=owner)
        self._late_look_ups = LateLookUps(database, channels, clock, owner=owner)
        tools = CorrectionTools(self._machine, self._pace, owner, milestone)
        self._corrector = Corrector(database, channels, clock, tools)

    def drain(self, channel: str, stop: threading.Event | None = None) -> int:
        """Does what is due on one channel until nothing is, and returns how many things that were."""
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
        """Claims the next post together with the record of this one, which saves a transaction."""
        # Money that this one cost is added up after it.
        has_prices = self._channels.profile(claimed.channel).prices is not None
        if stop.is_set() or self._machine.is_in_trouble or has_prices:
            return None
        return claim_within(rows, claimed.channel, owner=self._owner, now=self._clock.now(), lease=self._lease)

    def _read_next(self, channel: str) -> bool:
        """Looks up a post, corrects one or reads one back, whichever is due. Returns False where none is."""
        now = self._clock.now()
        if claimed := claim_look_up(self._database, channel, now):
            self._confirmer.look_up(claimed)
        elif self._corrector.correct_next(channel):
            return True
        elif claimed := claim_read_back(self._database, channel, now):
            if claimed.state == State.PUBLISHED:
                self._verifier.verify(claimed)
            else:
                self._late_look_ups.look(claimed)
        return claimed is not None

    def _deliver(self, claimed: ClaimedDelivery, stop: threading.Event) -> ClaimedDelivery | None:
        """Publishes a claimed delivery. Returns the channel's next one, if it was claimed with the end of this."""
        log = get_logger("delivery").bind(delivery=claimed.id, channel=claimed.channel, title=claimed.adapted.title)
        log.info("claimed", fence=claimed.fence, tries=claimed.tries)
        self._milestone("claimed", claimed.id)
        try:
            with self._leases.renewing(claimed) as lease:
                return self._publish(claimed, lease, log, partial(self._claim_following, claimed, stop))
        except Fenced:
            log.warning("lost the lease; somebody else has it")
        return None

    def _publish(
        self, claimed: ClaimedDelivery, lease: RenewedLease, log: structlog.stdlib.BoundLogger, follow: ClaimNext
    ) -> ClaimedDelivery | None:
        """Prepares, commits, sends, records. Raises Fenced as soon as somebody else has the delivery."""
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

    def _commit(self, claimed: ClaimedDelivery, prepared: Prepared, lease: RenewedLease) -> CommittedIntent | NotSent:
        """Commits the intent. The lease is kept as long as one request may take, and no longer."""
        profile = self._channels.profile(claimed.channel)
        timeout = profile.publishing.timeout_seconds
        prices = profile.prices
        intent = intents.Intent(
            key=prepared.key,
            preparation=prepared.preparation,
            cost=request_cost(profile, claimed.adapted.caption)
            + reading_cost(prices, claimed.adapted)
            + self._upload_cost(claimed, prepared.media),
            gap=timedelta(seconds=profile.publishing.minimum_gap_seconds),
        )
        first = max(self._lease, timedelta(seconds=timeout + LEASE_MARGIN_SECONDS))
        latest_start = monotonic() + first.total_seconds() - timeout
        lease.allow(timeout + self._preparer.uplink_seconds(prepared.media) + LEASE_MARGIN_SECONDS)
        try:
            attempt = intents.commit_intent(
                self._database, claimed, intent, now=self._clock.now(), lease=first, owner=self._owner
            )
        except Fenced:
            raise
        except Exception as error:
            judged = self._machine.judge(error)
            if not isinstance(judged, RateLimited | intents.KeyTaken | OwnMachineFailed):
                raise
            # What was prepared is used at the next try, and no request was sent with it.
            preparation = prepared.preparation
            is_new = preparation.reference != claimed.preparation.reference
            unfinished = preparation.model_copy(update={"unfinished": True}) if is_new else None
            return NotSent(error=judged, adapter=prepared.adapter, media=prepared.media, preparation=unfinished)
        return CommittedIntent(attempt, latest_start)

    def _send(
        self, claimed: ClaimedDelivery, prepared: Prepared, committed: CommittedIntent
    ) -> Publication | Exception:
        """Sends the one request that publishes, unless that is too late or the post may be public already."""
        if monotonic() > committed.latest_start:
            return Unavailable(DeliveryProblem.MACHINE_TOO_SLOW())
        if claimed.unknown_since is not None:
            return RequestWithheld(UnknownOutcomeProblem.REPLY_MAY_BE_PUBLIC())
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
        committed: CommittedIntent,
        answer: Exception,
        lease: RenewedLease,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        unspent = 0
        if isinstance(answer, UNCHARGED_ERRORS):
            unspent = request_cost(self._channels.profile(claimed.channel), claimed.adapted.caption)
        error = self._check_refusal(answer, claimed, prepared.adapter, lease)
        now = self._clock.now()
        outcome = after_send(
            error, tries=claimed.tries + 1, now=now, pace=self._pace, streak=self._failure_streak(claimed)
        )
        outcome = look_up_earlier_request(outcome, prepared.preparation, claimed.lost_requests, now)
        failed = records.FailedTry(outcome=outcome, error=error, ended_at=now, worker=self._owner)
        self._machine.retry_until_written(
            lambda: records.record_failure(self._database, claimed, committed.attempt, failed, unspent=unspent)
        )
        event = "not published" if outcome.to != "unconfirmed" else "outcome unknown"
        records.log_outcome(log, event, outcome, error, self._channels.zone)

    def _record_success(
        self,
        claimed: ClaimedDelivery,
        committed: CommittedIntent,
        publication: Publication,
        follow: ClaimNext,
        log: structlog.stdlib.BoundLogger,
    ) -> ClaimedDelivery | None:
        habits = self._channels.profile(claimed.channel).publishing
        now = self._clock.now()
        try:
            following = self._machine.retry_until_written(
                lambda: records.record_success(
                    self._database,
                    claimed,
                    committed.attempt,
                    records.SuccessfulTry(publication=publication, habits=habits, ended_at=now),
                    follow=follow,
                )
            )
        except Exception:
            # The lease runs out, and a look-up finds the post; until then this line is the only record of it.
            log.error("public, but not recorded yet", url=publication.url, remote_id=publication.remote_id)
            raise
        log.info("published", url=publication.url, remote_id=publication.remote_id)
        return following

    def _record_not_sent(
        self, claimed: ClaimedDelivery, end: NotSent, lease: RenewedLease, log: structlog.stdlib.BoundLogger
    ) -> None:
        error = self._machine.judge(self._check_refusal(end.error, claimed, end.adapter, lease))
        streak = NO_FAILURES if isinstance(error, OwnMachineFailed) else self._failure_streak(claimed)
        now = self._clock.now()
        outcome = before_send(error, tries=claimed.tries + 1, now=now, pace=self._pace, streak=streak)
        prices = self._channels.profile(claimed.channel).prices
        cost = self._upload_cost(claimed, end.media) + posts_read_cost(prices, end.adapter)
        failed = records.FailedTry(outcome=outcome, error=error, ended_at=now, worker=self._owner)
        self._machine.retry_until_written(
            lambda: records.record_not_sent(self._database, claimed, failed, cost=cost, preparation=end.preparation)
        )
        records.log_outcome(log, "not sent", outcome, error, self._channels.zone)

    def _check_refusal(
        self, error: Exception, claimed: ClaimedDelivery, adapter: PlatformAdapter | None, lease: RenewedLease
    ) -> Exception:
        lease.allow(ACCOUNT_CHECK_SECONDS)
        return check_refusal(error, adapter, self._database, claimed.id)

    def _upload_cost(self, claimed: ClaimedDelivery, media: list[UploadedMedia]) -> int:
        """Returns what uploading these pictures costs, in micros."""
        if not media:
            return 0
        prices = self._channels.profile(claimed.channel).prices
        return alt_text_cost(prices, (picture.alt_text for picture in media))

    def _failure_streak(self, claimed: ClaimedDelivery) -> ChannelFailures:
        with self._database.reading() as session:
            return channel_failures(session, claimed.channel, self._clock.now())
