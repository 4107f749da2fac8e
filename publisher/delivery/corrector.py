"""Carries corrections to the platforms: it takes one, has the adapter change the post, and records the outcome.

The adapter reads the post first, each time, and its one request carries the post's id. So a request whose answer was
lost is followed by a reading: a post that shows the new text is corrected, and one that shows the old text gets the
same request again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from publisher.core.clock import Clock
from publisher.core.logs import get_logger
from publisher.core.problems import Problem
from publisher.core.states import CorrectionState
from publisher.db.session import Database
from publisher.delivery import corrections
from publisher.delivery.channel_pauses import pause_channel, wait_channel
from publisher.delivery.channels import Channels
from publisher.delivery.corrections import ClaimedCorrection
from publisher.delivery.outcomes import Pace, problem_of
from publisher.delivery.own_machine import OwnMachine
from publisher.delivery.problem_codes import CorrectionTrouble
from publisher.delivery.quotas import MAX_WAIT
from publisher.delivery.refusals import check_refusal
from publisher.lifecycle import Fenced
from publisher.platforms.abilities import SupportsCorrection
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    RateLimited,
    Unavailable,
    UnsupportedContent,
)
from publisher.platforms.exchange import within
from publisher.platforms.problem_codes import CorrectionProblem

REQUESTS = 3
"""A correction reads the post, perhaps in a list as well, and sends one request."""
LEASE_MARGIN_SECONDS = 65.0
"""What the lease covers beyond the requests: checking a refused account, and recording the answer."""
GIVE_UP_AFTER = timedelta(hours=24)
MIN_TRIES = 6
"""A correction that was tried in vain so often, and is so old, is given up; a person may ask for it again."""


@dataclass(frozen=True, slots=True)
class CorrectionTools:
    """Holds what a corrector shares with the worker."""

    machine: OwnMachine
    pace: Pace
    owner: str
    milestone: Callable[[str, int], object]
    """Called with `correcting`, `correction answered`, `correction recorded`, and the delivery."""


class Corrector:
    """Carries one correction at a time."""

    def __init__(self, database: Database, channels: Channels, clock: Clock, tools: CorrectionTools) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._tools = tools

    def correct_next(self, channel: str) -> bool:
        """Carries the channel's next due correction. Returns False where there is none."""
        if not self._tools.machine.is_well():
            return False
        seconds = self._request_seconds(channel)
        lease = timedelta(seconds=seconds + LEASE_MARGIN_SECONDS)
        claimed = corrections.claim_correction(
            self._database, channel, owner=self._tools.owner, now=self._clock.now(), lease=lease
        )
        if claimed is None:
            return False
        self._tools.milestone("correcting", claimed.delivery)
        error = self._send(claimed, seconds)
        self._tools.milestone("correction answered", claimed.delivery)
        try:
            self._tools.machine.retry_until_written(lambda: self._record(claimed, error))
        except Fenced:
            get_logger("delivery").warning("lost the lease of a correction", delivery=claimed.delivery)
        self._tools.milestone("correction recorded", claimed.delivery)
        return True

    def _request_seconds(self, channel: str) -> float:
        if channel not in self._channels:
            return 0.0
        return REQUESTS * self._channels.profile(channel).publishing.timeout_seconds

    def _send(self, claimed: ClaimedCorrection, seconds: float) -> Exception | None:
        """Has the adapter correct the post. Returns why it did not; None: it did, or the post shows it already."""
        adapter: PlatformAdapter | None = None
        try:
            if claimed.channel not in self._channels:
                raise UnsupportedContent(CorrectionTrouble.CORRECTING_WITHOUT_CHANNEL(channel=claimed.channel))
            adapter = self._channels.open(claimed.channel)
            if not isinstance(adapter, SupportsCorrection):
                raise UnsupportedContent(CorrectionProblem.NOT_OFFERED())
            with within(seconds):
                _correct(adapter, claimed)
        except Exception as error:
            return check_refusal(error, adapter, self._database, claimed.delivery)
        return None

    def _record(self, claimed: ClaimedCorrection, error: Exception | None) -> None:
        now = self._clock.now()
        log = get_logger("delivery").bind(delivery=claimed.delivery, channel=claimed.channel)
        with self._database.writing() as session:
            if error is None:
                settle = self._channels.profile(claimed.channel).publishing.settle_seconds
                corrections.record_done(session, claimed, now, read_at=now + timedelta(seconds=settle))
                log.info("corrected", post=claimed.remote_id)
                return
            problem = problem_of(error)
            log.warning("not corrected", why=str(problem), tries=claimed.tries)
            match error:
                case UnsupportedContent() | ContentRejected():
                    corrections.record_failed(session, claimed, problem, now)
                case CredentialsRefused():
                    pause_channel(session, claimed.channel, problem, now)
                    self._wait(session, claimed, problem, now)
                case RateLimited():
                    until = min(max(error.retry_at, now + self._pause(claimed)), now + MAX_WAIT)
                    wait_channel(session, claimed.channel, until)
                    corrections.change_correction(
                        session, claimed, CorrectionState.WAITING, due_at=until, problem=problem
                    )
                case Unavailable():
                    self._wait(session, claimed, problem, now)
                case _:
                    self._look_again(session, claimed, problem, now)

    def _wait(self, session: Session, claimed: ClaimedCorrection, problem: Problem, now: datetime) -> None:
        """Tries later. After a request without an answer the state stays unknown."""
        if self._give_up(session, claimed, problem, now):
            return
        state = CorrectionState.UNKNOWN if claimed.may_be_late else CorrectionState.WAITING
        corrections.change_correction(session, claimed, state, due_at=now + self._pause(claimed), problem=problem)

    def _look_again(self, session: Session, claimed: ClaimedCorrection, problem: Problem, now: datetime) -> None:
        """Reads the post a little later, before anything is sent again."""
        if self._give_up(session, claimed, problem, now, lost_at=now):
            return
        unclear = CorrectionTrouble.CORRECTING_WITHOUT_ANSWER(answer=problem)
        later = self._tools.pace.first_look_up(now) if claimed.tries == 1 else now + self._pause(claimed)
        corrections.record_unknown(session, claimed, unclear, now, due_at=later)

    def _give_up(
        self,
        session: Session,
        claimed: ClaimedCorrection,
        problem: Problem,
        now: datetime,
        lost_at: datetime | None = None,
    ) -> bool:
        if claimed.tries < MIN_TRIES or now - claimed.created_at < GIVE_UP_AFTER:
            return False
        given_up = CorrectionTrouble.CORRECTING_GIVEN_UP(trouble=problem)
        corrections.record_failed(session, claimed, given_up, now, lost_at=lost_at)
        return True

    def _pause(self, claimed: ClaimedCorrection) -> timedelta:
        return self._tools.pace.backoff(claimed.tries)


def _correct(adapter: SupportsCorrection, claimed: ClaimedCorrection) -> None:
    """Has the adapter correct a post that shows what it should, or what a lost request may have made of it."""
    refusal: ContentRejected | None = None
    for before in (claimed.before, *claimed.possible):
        try:
            adapter.correct(claimed.remote_id, before=before, after=claimed.after)
        except ContentRejected as error:
            if error.problem.code is not CorrectionProblem.CHANGED_THERE:
                raise
            refusal = refusal or error
        else:
            return
    if refusal is not None:
        raise refusal
