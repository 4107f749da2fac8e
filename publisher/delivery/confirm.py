"""Settles unknown outcomes by reading from the platform only.

Finding the post settles at once that it is public. That a listing does not show it proves nothing
until the platform's worst known lag is over: then, after every planned look-up, the post counts as
absent, and goes out again with the same key, or a person decides. Where nobody can tell, a person is
asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from publisher.core.clock import Clock
from publisher.core.content import Absence, Publication
from publisher.core.logs import get_logger
from publisher.core.problems import Problem
from publisher.core.states import AttemptOutcome, State
from publisher.db.session import Database
from publisher.delivery import attempts, channel_pauses, post_owners, records
from publisher.delivery.attempts import answer_of
from publisher.delivery.budget import posts_read_cost
from publisher.delivery.channels import Channels
from publisher.delivery.claim import READING_SECONDS, ClaimedDelivery
from publisher.delivery.look_ups import LookUpAnswer, LookUpImpossible, PossibleCopies, find_post
from publisher.delivery.outcomes import Pace, outcome_of, problem_of
from publisher.delivery.problem_codes import UnknownOutcomeProblem
from publisher.delivery.quotas import MAX_WAIT
from publisher.delivery.refusals import check_refusal
from publisher.delivery.unknown_outcomes import ask_a_person, duration_text, other_record_problem, what_to_look_for
from publisher.lifecycle import Fenced, Move, late_look_up_columns, look_again, move
from publisher.lifecycle_late_success import record_late_success
from publisher.platforms.abilities import ListsPublications
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import CredentialsRefused, RateLimited
from publisher.platforms.exchange import within
from publisher.settings import DeliverySettings

MIN_CLEAN_LOOK_UPS = 2
"""So many times at least the platform must have answered that the post is not there."""
GIVE_UP_AFTER = timedelta(hours=24)
"""A question that the platform has not answered for so long goes to a person."""
MAX_LOST_REQUESTS = 5
"""After so many in a row the cause isn't chance, and a person looks."""
MAX_LINKS = 5


@dataclass(frozen=True, slots=True)
class LookUpVerdict:
    """Holds what a look-up decides: a new state, or to look again."""

    finding: AttemptOutcome
    to: State | None = None
    values: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    """Why there was no answer."""
    detail: str = ""
    pause_problem: Problem | None = None


class Confirmer:
    """Looks up unknown outcomes."""

    def __init__(
        self,
        database: Database,
        channels: Channels,
        clock: Clock,
        pace: Pace,
        settings: DeliverySettings,
        *,
        owner: str,
    ) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._pace = pace
        self._settings = settings
        self._owner = owner

    def look_up(self, claimed: ClaimedDelivery) -> None:
        """Asks the platform once whether the post is there, and acts on the answer."""
        log = get_logger("delivery").bind(delivery=claimed.id, channel=claimed.channel)
        started = self._clock.now()
        look_up = self._ask(claimed, started)
        answer = look_up.answer
        if isinstance(answer, Publication):
            other = self._record_found(claimed, answer, started, look_up.cost)
            if other is None:
                log.info("looked up: it is there", url=answer.url)
                return
            answer = LookUpImpossible(other_record_problem(claimed, other, answer))
        if isinstance(answer, PossibleCopies):
            verdict = self._judge_copies(claimed, answer)
            log.warning("looked up: the account shows posts that this database does not know", count=len(answer.posts))
        elif isinstance(answer, Absence):
            verdict = self._judge_absence(claimed, answer, started)
            log.info("looked up: it is not public", why=answer.value, decides=str(verdict.to or "to look again"))
        else:
            verdict = self._judge_error(claimed, answer)
            log.warning("looked up: no answer", error=outcome_of(answer).value, why=str(answer))
        self._apply(claimed, verdict, started, look_up.cost)

    def _ask(self, claimed: ClaimedDelivery, started: datetime) -> LookUpAnswer:
        adapter: PlatformAdapter | None = None
        answer: Publication | PossibleCopies | Absence | Exception
        try:
            self._require_channel(claimed)
            adapter = self._channels.open(claimed.channel)
            with within(READING_SECONDS):
                answer = find_post(adapter, claimed)
                if isinstance(answer, Absence) and self._goes_out_next(claimed, started):
                    copies = self._possible_copies(adapter, claimed)
                    answer = copies if copies.posts else answer
            if isinstance(answer, Publication):
                answer = self._without_other_records(claimed, answer)
        except Exception as error:
            answer = check_refusal(error, adapter, self._database, claimed.id)
        return LookUpAnswer(answer, self._cost(claimed, adapter))

    def _goes_out_next(self, claimed: ClaimedDelivery, started: datetime) -> bool:
        """Returns whether absence would let a restored delivery go out, so that more must be asked."""
        if claimed.preparation.restored_since is None or claimed.state != State.UNCONFIRMED:
            return False
        return self._is_decided(claimed, claimed.clean_lookups + 1, started)

    def _possible_copies(self, adapter: PlatformAdapter, claimed: ClaimedDelivery) -> PossibleCopies:
        """Lists posts that the lost desk may have made of a delivery. Raises LookUpImpossible where none are listed."""
        since = claimed.preparation.restored_since
        if since is None:
            return PossibleCopies(())
        if not isinstance(adapter, ListsPublications):
            raise LookUpImpossible(what_to_look_for(claimed))
        posts = adapter.publications_since(claimed.adapted, since)
        with self._database.reading() as session:
            return PossibleCopies(post_owners.posts_without_record(session, claimed, posts))

    def _judge_copies(self, claimed: ClaimedDelivery, copies: PossibleCopies) -> LookUpVerdict:
        links = [post.url or post.remote_id for post in copies.posts]
        if len(links) > MAX_LINKS:
            problem = ask_a_person(
                UnknownOutcomeProblem.MANY_POSSIBLE_COPIES,
                claimed,
                links=links[:MAX_LINKS],
                more=len(links) - MAX_LINKS,
            )
        else:
            problem = ask_a_person(UnknownOutcomeProblem.POSSIBLE_COPIES, claimed, links=links)
        return LookUpVerdict(AttemptOutcome.POSSIBLE_COPIES, State.HELD, {"problem": problem}, detail=", ".join(links))

    def _cost(self, claimed: ClaimedDelivery, adapter: PlatformAdapter | None) -> int:
        if adapter is None:
            return 0
        return posts_read_cost(self._channels.profile(claimed.channel).prices, adapter)

    def _without_other_records(self, claimed: ClaimedDelivery, publication: Publication) -> Publication:
        """Returns the posts without those that are the records of other deliveries: they can't be this one's, too.

        Raises:
            LookUpImpossible: nothing is left of it.
        """
        with self._database.reading() as session:
            if own := post_owners.without_other_posts(session, claimed, publication):
                return own
            other = post_owners.find_other_record(session, claimed, publication)
        raise LookUpImpossible(other_record_problem(claimed, other or 0, publication))

    def _require_channel(self, claimed: ClaimedDelivery) -> None:
        """Raises LookUpImpossible where the channel that the post was sent through is gone or has another account."""
        if claimed.channel not in self._channels:
            raise LookUpImpossible(
                ask_a_person(UnknownOutcomeProblem.CHANNEL_REMOVED_SINCE, claimed, channel=claimed.channel)
            )
        account = self._channels.account(claimed.channel)
        if not claimed.preparation.is_for(account):
            before = claimed.preparation.account
            raise LookUpImpossible(
                ask_a_person(UnknownOutcomeProblem.ACCOUNT_CHANGED, claimed, before=before, now=account)
            )

    def _record_found(
        self, claimed: ClaimedDelivery, publication: Publication, started: datetime, cost: int
    ) -> int | None:
        """Records the post and its copies. Returns the delivery that was given the post at the same moment."""
        habits = self._channels.profile(claimed.channel).publishing
        now = self._clock.now()
        try:
            with self._database.writing() as session:
                link = publication.url or publication.remote_id
                attempts.add_reading(session, claimed, self._reading(AttemptOutcome.FOUND, started, cost, detail=link))
                try:
                    records.move_to_published(session, claimed, publication, claimed.state, habits, now=now)
                except Fenced:
                    record_late_success(session, claimed.id, publication, now)
                for copy in publication.copies:
                    record_late_success(session, claimed.id, copy, now)
        except IntegrityError:
            with self._database.reading() as session:
                other = post_owners.find_other_record(session, claimed, publication)
            if other is None:
                raise
            return other
        return None

    def _judge_absence(self, claimed: ClaimedDelivery, absence: Absence, started: datetime) -> LookUpVerdict:
        """Decides what follows when the post was not found."""
        now = self._clock.now()
        may_repeat = absence is Absence.UNPUBLISHED and now < claimed.expires_at
        if may_repeat and claimed.preparation.restored_since is None:
            return self._make_public_again(claimed, now)
        clean = claimed.clean_lookups + 1
        if not self._is_decided(claimed, clean, started):
            return LookUpVerdict(AttemptOutcome.ABSENT, None, self._next_look_up_columns(claimed, clean))
        if claimed.preparation.changed_before_restore:
            return self._hold_absent(claimed, UnknownOutcomeProblem.CHANGED_BEFORE_RESTORE)
        if may_repeat:
            return self._make_public_again(claimed, now)
        if absence is Absence.GONE:
            return self._hold_absent(claimed, UnknownOutcomeProblem.DRAFT_GONE)
        if claimed.reported_public:
            return self._hold_absent(claimed, UnknownOutcomeProblem.COPY_NOT_LISTED)
        if self._settings.after_unknown == "ask":
            lag = duration_text(self._lag(claimed))
            return self._hold_absent(claimed, UnknownOutcomeProblem.NOT_LISTED, lag=lag)
        asked_for = duration_text(started - (claimed.unknown_since or started))
        return self._send_again(
            claimed, UnknownOutcomeProblem.SURELY_ABSENT(count=claimed.lookups + 1, duration=asked_for)
        )

    @staticmethod
    def _hold_absent(claimed: ClaimedDelivery, code: UnknownOutcomeProblem, **parameters: Any) -> LookUpVerdict:
        problem = ask_a_person(code, claimed, **parameters)
        return LookUpVerdict(AttemptOutcome.ABSENT, State.HELD, {"problem": problem})

    def _make_public_again(self, claimed: ClaimedDelivery, now: datetime) -> LookUpVerdict:
        """Repeats the same request: that is harmless, so nothing is waited for and no person is asked.

        A platform in lasting trouble is asked less and less often, until it is too late by the outlet's rule.
        """
        lost_requests = claimed.lost_requests + 1
        pause = self._pace.backoff(lost_requests - 1) if lost_requests > 1 else timedelta(0)
        values = {
            "due_at": now + pause,
            "lost_requests": lost_requests,
            "unknown_since": None,
            "problem": UnknownOutcomeProblem.NOT_MADE_PUBLIC(),
        }
        return LookUpVerdict(AttemptOutcome.ABSENT, State.PENDING, values)

    def _send_again(self, claimed: ClaimedDelivery, problem: Problem) -> LookUpVerdict:
        """Sends it again, if that is not too late by then. After many lost requests a person looks."""
        lost_requests = claimed.lost_requests + 1
        if lost_requests >= MAX_LOST_REQUESTS:
            asked = ask_a_person(UnknownOutcomeProblem.LOST_REQUESTS, claimed, count=lost_requests)
            held = {"lost_requests": lost_requests, "problem": asked}
            return LookUpVerdict(AttemptOutcome.ABSENT, State.HELD, held)
        values = {
            "due_at": self._clock.now(),
            "lost_requests": lost_requests,
            "unknown_since": None,
            "problem": problem,
        }
        return LookUpVerdict(AttemptOutcome.ABSENT, State.PENDING, values)

    def _is_decided(self, claimed: ClaimedDelivery, clean: int, started: datetime) -> bool:
        """Returns whether the absence is certain: every planned look-up is made, the last one after the lag."""
        lag = self._lag(claimed)
        since = claimed.unknown_since or claimed.sent_at
        lag_is_over = since is None or started >= since + lag
        planned = len(self._pace.look_ups(lag))
        return lag_is_over and clean >= MIN_CLEAN_LOOK_UPS and claimed.lookups + 1 >= planned

    def _lag(self, claimed: ClaimedDelivery) -> timedelta:
        lag = self._settings.listing_lag_seconds
        if lag is None:
            lag = self._channels.profile(claimed.channel).publishing.listing_lag_seconds
        return timedelta(seconds=lag)

    def _judge_error(self, claimed: ClaimedDelivery, error: Exception) -> LookUpVerdict:
        if isinstance(error, LookUpImpossible):
            return LookUpVerdict(AttemptOutcome.CANNOT_TELL, State.HELD, {"problem": error.problem})
        now = self._clock.now()
        if claimed.unknown_since is not None and now - claimed.unknown_since > GIVE_UP_AFTER:
            return LookUpVerdict(outcome_of(error), State.HELD, {"problem": what_to_look_for(claimed)})
        again = self._next_look_up_columns(claimed, claimed.clean_lookups)
        if isinstance(error, RateLimited):
            again["due_at"] = min(max(again["due_at"], error.retry_at), now + MAX_WAIT)
        problem = problem_of(error)
        pause_problem = problem if isinstance(error, CredentialsRefused) else None
        return LookUpVerdict(outcome_of(error), None, again, problem, answer_of(error), pause_problem)

    def _next_look_up_columns(self, claimed: ClaimedDelivery, clean: int) -> dict[str, Any]:
        look_ups = claimed.lookups + 1
        due_at = self._pace.next_look_up(look_ups, self._lag(claimed), self._clock.now())
        return {"due_at": due_at, "lookups": look_ups, "clean_lookups": clean}

    def _apply(self, claimed: ClaimedDelivery, verdict: LookUpVerdict, started: datetime, cost: int) -> None:
        now = self._clock.now()
        try:
            with self._database.writing() as session:
                if verdict.to is None:
                    look_again(session, claimed.id, fence=claimed.fence, state=claimed.state, **verdict.values)
                else:
                    later = late_look_up_columns(now) if verdict.to == State.HELD else {}
                    move(
                        session, claimed.id, Move(claimed.state, verdict.to), fence=claimed.fence, now=now,
                        actor=self._owner, **verdict.values, **later,
                    )  # fmt: skip
                reading = self._reading(verdict.finding, started, cost, problem=verdict.problem, detail=verdict.detail)
                attempts.add_reading(session, claimed, reading)
                if verdict.pause_problem:
                    channel_pauses.pause_channel(session, claimed.channel, verdict.pause_problem, now)
        except Fenced:
            get_logger("delivery").info("somebody else has settled it", delivery=claimed.id)

    def _reading(
        self, finding: AttemptOutcome, started: datetime, cost: int, *, problem: Problem | None = None, detail: str = ""
    ) -> attempts.Reading:
        return attempts.Reading(
            kind="lookup",
            outcome=finding,
            started_at=started,
            ended_at=self._clock.now(),
            worker=self._owner,
            problem=problem,
            detail=detail,
            cost=cost,
        )
