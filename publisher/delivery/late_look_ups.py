"""Looks a few more times for posts of deliveries that have come to rest, and tidies up after canceled ones.

A delivery that is held, failed, missed or canceled after a request whose answer was lost may become public
hours later: that is recorded. What a canceled one has left on its platform, such as a draft,
is removed, or named to people.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from publisher.core.clock import Clock
from publisher.core.content import Absence, Publication
from publisher.core.logs import get_logger
from publisher.core.problems import Problem
from publisher.core.states import AttemptOutcome, State
from publisher.db.session import Database
from publisher.delivery import attempts, post_owners
from publisher.delivery.budget import posts_read_cost, reading_cost, spending
from publisher.delivery.channels import Channels
from publisher.delivery.claim import READING_SECONDS, ClaimedDelivery
from publisher.delivery.look_ups import LookUpImpossible, find_post
from publisher.delivery.outcomes import outcome_of, problem_of
from publisher.delivery.problem_codes import DeliveryProblem, PublicPostProblem
from publisher.lifecycle import LATE_LOOK_UPS, Fenced, look_again, may_become_public
from publisher.lifecycle_late_success import record_late_success
from publisher.platforms.abilities import RemovesDrafts
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import DraftLeft
from publisher.platforms.exchange import within


@dataclass(frozen=True, slots=True)
class _LookUpAnswer:
    answer: Publication | Absence | Exception
    cost: int


class LateLookUps:
    """Looks for posts that may be public although nothing waits for them."""

    def __init__(self, database: Database, channels: Channels, clock: Clock, *, owner: str) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._owner = owner

    def look(self, claimed: ClaimedDelivery) -> None:
        """Asks the platform once, records what it shows, and sets when it is asked again."""
        started = self._clock.now()
        look_up = self._ask(claimed)
        if isinstance(look_up.answer, Publication) and self._record_found(
            claimed, look_up.answer, started, look_up.cost
        ):
            get_logger("delivery").warning("found after all", delivery=claimed.id, url=look_up.answer.url)
            return
        self._record_end(claimed, look_up, started)

    def _ask(self, claimed: ClaimedDelivery) -> _LookUpAnswer:
        adapter: PlatformAdapter | None = None
        answer: Publication | Absence | Exception
        try:
            self._require_channel(claimed)
            adapter = self._channels.open(claimed.channel)
            with within(READING_SECONDS):
                answer = self._read(adapter, claimed)
        except Exception as error:
            log = get_logger("delivery").bind(delivery=claimed.id, channel=claimed.channel)
            log.warning("not looked up again", error=outcome_of(error).value, why=str(error))
            answer = error
        prices = self._channels.profile(claimed.channel).prices if adapter is not None else None
        return _LookUpAnswer(answer, posts_read_cost(prices, adapter))

    def _require_channel(self, claimed: ClaimedDelivery) -> None:
        """Raises LookUpImpossible or BudgetReached where the platform must not be asked."""
        channels = self._channels
        if claimed.channel not in channels or not claimed.preparation.is_for(channels.account(claimed.channel)):
            raise LookUpImpossible(DeliveryProblem.CHANNEL_CHANGED())
        prices = channels.profile(claimed.channel).prices
        if prices is None:
            return
        budget = channels.monthly_budget(claimed.channel)
        with self._database.reading() as session:
            spent = spending(session, claimed.channel, budget, self._clock.now(), channels.zone)
        spent.require(reading_cost(prices, claimed.adapted), claimed.id)

    def _read(self, adapter: PlatformAdapter, claimed: ClaimedDelivery) -> Publication | Absence:
        if claimed.state == State.CANCELED and isinstance(adapter, RemovesDrafts):
            key = claimed.idempotency_key or adapter.idempotency_key(claimed.seed)
            answer = adapter.remove_drafts(claimed.adapted, idempotency_key=key, preparation=claimed.preparation)
        elif may_become_public(claimed.unknown_since, claimed.lost_requests):
            answer = find_post(adapter, claimed)
        else:
            return Absence.GONE
        return self._without_other_records(claimed, answer) if isinstance(answer, Publication) else answer

    def _without_other_records(self, claimed: ClaimedDelivery, publication: Publication) -> Publication | Absence:
        """Returns what was found, without posts that are the records of other deliveries."""
        with self._database.reading() as session:
            return post_owners.without_other_posts(session, claimed, publication) or Absence.NOT_LISTED

    def _record_found(self, claimed: ClaimedDelivery, publication: Publication, started: datetime, cost: int) -> bool:
        """Records the post; returns False when another delivery got it at the same moment."""
        now = self._clock.now()
        try:
            with self._database.writing() as session:
                link = publication.url or publication.remote_id
                attempts.add_reading(
                    session, claimed, self._reading(AttemptOutcome.FOUND, started, now, cost, detail=link)
                )
                for post in (publication, *publication.copies):
                    record_late_success(session, claimed.id, post, now)
        except IntegrityError:
            with self._database.reading() as session:
                if post_owners.find_other_record(session, claimed, publication) is None:
                    raise
            return False
        return True

    def _record_end(self, claimed: ClaimedDelivery, look_up: _LookUpAnswer, started: datetime) -> None:
        answer, now, look_ups = look_up.answer, self._clock.now(), claimed.lookups + 1
        nothing_left = answer is Absence.GONE and not may_become_public(claimed.unknown_since, claimed.lost_requests)
        over = nothing_left or look_ups >= len(LATE_LOOK_UPS)
        values: dict[str, Any] = {"verify_at": None if over else now + LATE_LOOK_UPS[look_ups], "lookups": look_ups}
        values |= self._draft_problem(claimed, answer, over=over)
        if isinstance(answer, Exception):
            ended, problem, detail = outcome_of(answer), problem_of(answer), attempts.answer_of(answer)
        else:
            ended, problem, detail = AttemptOutcome.ABSENT, None, ""
        reading = self._reading(ended, started, now, look_up.cost, problem=problem, detail=detail)
        try:
            with self._database.writing() as session:
                look_again(session, claimed.id, fence=claimed.fence, state=claimed.state, **values)
                attempts.add_reading(session, claimed, reading)
        except Fenced:
            get_logger("delivery").info("somebody else has settled it", delivery=claimed.id)

    def _reading(
        self,
        finding: AttemptOutcome,
        started: datetime,
        now: datetime,
        cost: int,
        *,
        problem: Problem | None = None,
        detail: str = "",
    ) -> attempts.Reading:
        return attempts.Reading(
            kind="lookup",
            outcome=finding,
            started_at=started,
            ended_at=now,
            worker=self._owner,
            problem=problem,
            detail=detail,
            cost=cost,
        )

    def _draft_problem(self, claimed: ClaimedDelivery, answer: object, *, over: bool) -> dict[str, Any]:
        """Returns the problem of a canceled delivery: what it has left on its platform."""
        if claimed.state != State.CANCELED:
            return {}
        if isinstance(answer, DraftLeft):
            return {"problem": answer.problem}
        if isinstance(answer, Exception):
            left = PublicPostProblem.DRAFT_NOT_REMOVED(platform=claimed.adapted.platform, why=problem_of(answer))
            return {"problem": left} if over else {}
        return {"problem": None}
