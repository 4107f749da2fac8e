"""Reads published posts back, to see whether followers see what was sent. Never mends anything by posting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.clock import Clock
from publisher.core.content import AdaptedPost, Publication, PublishedPost
from publisher.core.logs import get_logger
from publisher.core.problems import Problem
from publisher.core.states import AttemptOutcome
from publisher.db.models import Delivery, Event, Pick
from publisher.db.session import Database
from publisher.delivery import attempts, channel_pauses, correction_history, corrections, post_owners
from publisher.delivery.budget import posts_read_cost
from publisher.delivery.channels import Channels
from publisher.delivery.claim import READING_SECONDS, ClaimedDelivery
from publisher.delivery.differences import differences_between
from publisher.delivery.outcomes import outcome_of, problem_of
from publisher.delivery.problem_codes import PublicPostProblem
from publisher.delivery.refusals import check_refusal
from publisher.lifecycle import ADOPTED, record_delivery_event
from publisher.lifecycle_late_success import CANCELED_PUBLIC, SECOND_COPY, record_late_success
from publisher.platforms.abilities import SupportsLookup, SupportsReadBack
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import CredentialsRefused
from publisher.platforms.exchange import within

GIVE_UP_AFTER = timedelta(hours=24)
"""A post that could not be read for so long is not read back any more."""
MIN_PAUSE = timedelta(minutes=5)
"""Until a reading without an answer is repeated; it grows with the time for which the post is public."""
MAX_LATE_READ_BACKS = 4
"""A post that is not shown yet is looked at so often while its platform may still be late."""
COPIES_AFTER = (timedelta(hours=4), timedelta(hours=20))
"""So long after the platform's lag a second copy of a request that counted as lost is looked for."""
LOOK_AFTER_PROBLEM = timedelta(hours=4)
"""How long after a problem was recorded it is checked whether it is over."""

DIFFERS, AS_SENT = "read back differs", "read back as sent"
"""Names of events: a problem was recorded, and cleared."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Holds how one reading of a post ended."""

    finding: AttemptOutcome
    problem: Problem | None = None
    """What is wrong with the post, as the platform shows it."""
    unanswered: Problem | None = None
    """Why there was no answer."""
    answer: str = ""
    """What the platform said instead of one."""
    shown: PublishedPost | None = None
    refused: Problem | None = None
    """Why the platform refused the account."""
    copies: tuple[Publication, ...] = ()
    """Other posts of the same delivery."""
    corrected_at: datetime | None = None
    """When the post was corrected last. None: it says what was sent."""
    copies_unknown: bool = False
    """The platform did not answer the question for them."""
    cost: int = 0
    """Of the posts that were read, in micros."""
    matching: int = 0
    """The place of the expected text that the post shows, where it shows one."""


@dataclass(frozen=True, slots=True)
class ExpectedTexts:
    """Holds the texts of which a published post must show one. The first is what followers have."""

    posts: list[AdaptedPost]
    corrected_at: datetime | None
    failed: dict[int, int]
    """By the place of a text: the correction that it is of, which failed with a request without an answer."""


class Verifier:
    """Reads published posts back and compares them with what was sent."""

    def __init__(self, database: Database, channels: Channels, clock: Clock, *, owner: str) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._owner = owner

    def verify(self, claimed: ClaimedDelivery) -> None:
        """Reads a published post back once, records a difference, and clears what is no longer true."""
        started = self._clock.now()
        expected = self._expected_texts(claimed)
        reading = replace(self._read(claimed, expected.posts), corrected_at=expected.corrected_at)
        with self._database.writing() as session:
            delivery = session.get_one(Delivery, claimed.id)
            may_be_late = self._may_be_late(delivery, reading, started)
            delivery.verify_at = self._next(delivery, reading, started)
            attempt = attempts.Reading(
                kind="verify",
                outcome=reading.finding,
                started_at=started,
                ended_at=self._clock.now(),
                worker=self._owner,
                problem=reading.unanswered or (None if may_be_late else reading.problem),
                detail=reading.answer,
                cost=reading.cost,
            )
            attempts.add_reading(session, claimed, attempt)
            if reading.refused:
                channel_pauses.pause_channel(session, claimed.channel, reading.refused, self._clock.now())
            if reading.shown is not None and reading.shown.remote_id != delivery.remote_id:
                _change_id(session, delivery, reading.shown, started)
            if reading.shown is not None and reading.shown.published_at is not None:
                delivery.public_since = reading.shown.published_at
            if reading.finding == AttemptOutcome.AS_SENT and reading.matching in expected.failed:
                corrections.record_found(session, expected.failed[reading.matching], started)
            for copy in reading.copies:
                record_late_success(session, delivery.id, copy, started)
            if not may_be_late:
                self._update_problem(session, delivery, reading, started)

    def _read(self, claimed: ClaimedDelivery, expected: Sequence[AdaptedPost]) -> ReadBack:
        adapter: PlatformAdapter | None = None
        try:
            adapter = self._channels.open(claimed.channel)
            reading = self._read_back(claimed, adapter, expected)
        except Exception as refusal:
            return self._unanswered(claimed, adapter, "not read back", refusal)
        if claimed.lost_requests:
            try:
                reading = replace(reading, copies=self._other_copies(claimed, adapter))
            except Exception as refusal:
                unanswered = self._unanswered(claimed, adapter, "copies not looked for", refusal)
                reading = replace(reading, copies_unknown=True, refused=unanswered.refused)
        return replace(reading, cost=self._cost(claimed, adapter))

    def _unanswered(
        self, claimed: ClaimedDelivery, adapter: PlatformAdapter | None, event: str, refusal: Exception
    ) -> ReadBack:
        error = check_refusal(refusal, adapter, self._database, claimed.id)
        get_logger("delivery").warning(event, delivery=claimed.id, error=outcome_of(error).value, why=str(error))
        problem = problem_of(error)
        return ReadBack(
            outcome_of(error),
            unanswered=problem,
            answer=attempts.answer_of(error),
            refused=problem if isinstance(error, CredentialsRefused) else None,
            cost=self._cost(claimed, adapter),
        )

    def _cost(self, claimed: ClaimedDelivery, adapter: PlatformAdapter | None) -> int:
        return posts_read_cost(self._channels.profile(claimed.channel).prices, adapter)

    def _read_back(
        self, claimed: ClaimedDelivery, adapter: PlatformAdapter, expected: Sequence[AdaptedPost]
    ) -> ReadBack:
        if not isinstance(adapter, SupportsReadBack) or claimed.remote_id is None:
            return ReadBack(AttemptOutcome.NOT_READABLE)
        with within(READING_SECONDS):
            shown = adapter.read_publication(claimed.remote_id)
        platform = self._channels.profile(claimed.channel).label
        if shown is None:
            return ReadBack(AttemptOutcome.GONE, PublicPostProblem.GONE(platform=platform))
        if not shown.visible:
            hidden = (
                PublicPostProblem.HIDDEN_AS(platform=platform, state=shown.state)
                if shown.state
                else PublicPostProblem.HIDDEN(platform=platform)
            )
            return ReadBack(AttemptOutcome.HIDDEN, hidden, shown=shown)
        credit_lines = self._credits(claimed)
        differences = [differences_between(adapter, post, shown, credit_lines) for post in expected]
        if not all(differences):
            matching = next(place for place, differing in enumerate(differences) if not differing)
            return ReadBack(AttemptOutcome.AS_SENT, shown=shown, matching=matching)
        problem = PublicPostProblem.DIFFERS(differences=differences[0])
        return ReadBack(AttemptOutcome.DIFFERS, problem, shown=shown)

    def _expected_texts(self, claimed: ClaimedDelivery) -> ExpectedTexts:
        """Returns what the post may say: what was sent or what it was corrected to, and what is being sent now."""
        with self._database.reading() as session:
            done = correction_history.last_done(session, claimed.id)
            present = AdaptedPost.model_validate(done.after) if done else claimed.adapted
            under_way = correction_history.open_correction_of(session, claimed.id)
            coming = [AdaptedPost.model_validate(under_way.after)] if under_way else []
            posts, failed = [present, *coming], {}
            for correction in correction_history.failed_but_possible(session, claimed.id):
                failed[len(posts)] = correction.id
                posts.append(AdaptedPost.model_validate(correction.after))
            return ExpectedTexts(posts, done.ended_at if done else None, failed)

    def _other_copies(self, claimed: ClaimedDelivery, adapter: PlatformAdapter) -> tuple[Publication, ...]:
        """Returns posts made late by requests which counted as lost, so that another one was sent."""
        if not isinstance(adapter, SupportsLookup) or claimed.idempotency_key is None:
            return ()
        with within(READING_SECONDS):
            answer = adapter.find_publication(
                claimed.adapted,
                idempotency_key=claimed.idempotency_key,
                since=claimed.sent_at or claimed.seed.created_at,
                preparation=claimed.preparation,
            )
        if not isinstance(answer, Publication):
            return ()
        with self._database.reading() as session:
            return post_owners.own_posts(session, claimed, answer)

    def _credits(self, claimed: ClaimedDelivery) -> list[str]:
        """Returns the post's credits in every language."""
        query = select(Pick).join(Delivery, Delivery.pick_id == Pick.id).where(Delivery.id == claimed.id)
        with self._database.reading() as session:
            post = session.scalars(query).one().post
            if post is None:
                return []
            translated = [
                str(translation.get("credit") or "")
                for translation in post.translations.values()
                if isinstance(translation, dict)
            ]
            return [credit for credit in (post.credit, *translated) if credit]

    def _shown_by(self, delivery: Delivery, reading: ReadBack) -> datetime | None:
        """Returns the instant by which the platform surely shows the post by its id, and its last correction."""
        lag = timedelta(seconds=self._channels.profile(delivery.channel_name).publishing.listing_lag_seconds)
        changed_at = _last_change(delivery, reading)
        return changed_at + lag if changed_at else None

    def _may_be_late(self, delivery: Delivery, reading: ReadBack, started: datetime) -> bool:
        """Returns whether a post may be missing, or say what it said before, only because its platform is late."""
        shown_by = self._shown_by(delivery, reading)
        late_findings = [AttemptOutcome.GONE, AttemptOutcome.HIDDEN]
        if reading.corrected_at is not None:
            late_findings.append(AttemptOutcome.DIFFERS)
        return reading.finding in late_findings and shown_by is not None and started < shown_by

    def _next(self, delivery: Delivery, reading: ReadBack, started: datetime) -> datetime | None:
        """Returns when the post is read again; None: no more."""
        now, shown_by = self._clock.now(), self._shown_by(delivery, reading)
        if reading.copies_unknown:
            return self._repeat(delivery, reading, started)
        if reading.finding in (AttemptOutcome.AS_SENT, AttemptOutcome.NOT_READABLE) or shown_by is None:
            if not delivery.lost_requests or shown_by is None:
                return None
            # A request that counted as lost may make a second copy still, and a list may show it late.
            return next((at for at in (shown_by, *(shown_by + wait for wait in COPIES_AFTER)) if started < at), None)
        if self._may_be_late(delivery, reading, started):
            lag = self._channels.profile(delivery.channel_name).publishing.listing_lag_seconds
            return min(now + timedelta(seconds=lag / MAX_LATE_READ_BACKS), max(shown_by, now))
        repeated = self._repeat(delivery, reading, started)
        has_problem = reading.finding in (AttemptOutcome.DIFFERS, AttemptOutcome.GONE, AttemptOutcome.HIDDEN)
        return now + LOOK_AFTER_PROBLEM if has_problem and repeated is not None else repeated

    def _repeat(self, delivery: Delivery, reading: ReadBack, started: datetime) -> datetime | None:
        """Returns when a failed question is asked again; None: no more."""
        changed_at = _last_change(delivery, reading)
        if changed_at is None or started - changed_at > GIVE_UP_AFTER:
            return None
        pause = max(MIN_PAUSE, (started - changed_at) / 2)
        return self._clock.now() + min(pause, LOOK_AFTER_PROBLEM)

    def _update_problem(self, session: Session, delivery: Delivery, reading: ReadBack, started: datetime) -> None:
        """Records a problem once, and clears one that was recorded before and is over."""
        is_corrected = reading.corrected_at is not None
        if reading.finding == AttemptOutcome.DIFFERS and not is_corrected and _was_read_by_a_person(session, delivery):
            return
        recorded = _recorded_problem(session, delivery)
        if reading.problem and reading.problem.to_json() != recorded:
            detail = {"problem": reading.problem.to_json()}
            record_delivery_event(session, delivery.id, DIFFERS, now=started, detail=detail)
            log = get_logger("delivery")
            log.error(DIFFERS, delivery=delivery.id, channel=delivery.channel_name, why=str(reading.problem))
        elif reading.finding == AttemptOutcome.AS_SENT and recorded is not None:
            record_delivery_event(session, delivery.id, AS_SENT, now=started)
        else:
            return
        if not _has_graver_problem(session, delivery):
            delivery.problem = reading.problem


def _last_change(delivery: Delivery, reading: ReadBack) -> datetime | None:
    """Returns when the post was published, or corrected since."""
    return max(filter(None, (delivery.published_at, reading.corrected_at)), default=None)


def _change_id(session: Session, delivery: Delivery, shown: PublishedPost, now: datetime) -> None:
    """Records the id that the platform gave a post when it was published, in place of its draft's."""
    recorded = select(Delivery.id).where(
        Delivery.channel_name == delivery.channel_name, Delivery.remote_id == shown.remote_id
    )
    if (other := session.scalar(recorded)) is not None:
        log = get_logger("delivery")
        log.error("the post is the record of another delivery", delivery=delivery.id, other=other, url=shown.url)
        return
    detail = {"before": delivery.remote_id, "after": shown.remote_id}
    delivery.remote_id, delivery.remote_url = shown.remote_id, shown.url or delivery.remote_url
    record_delivery_event(session, delivery.id, "post has another id", now=now, detail=detail)


def _recorded_problem(session: Session, delivery: Delivery) -> object:
    """Returns the problem that an earlier reading recorded, as JSON; None: there was none, or it was cleared."""
    query = (
        select(Event)
        .where(Event.delivery_id == delivery.id, Event.name.in_((DIFFERS, AS_SENT)))
        .order_by(Event.id.desc())
        .limit(1)
    )
    last = session.scalars(query).one_or_none()
    return last.detail.get("problem", {}) if last is not None and last.name == DIFFERS else None


def _was_read_by_a_person(session: Session, delivery: Delivery) -> bool:
    """Returns whether a person adopted the post after it was read, and saw then how it differs."""
    query = select(Event.detail).where(Event.delivery_id == delivery.id, Event.name == ADOPTED)
    return any(bool(detail.get("was_read")) for detail in session.scalars(query))


def _has_graver_problem(session: Session, delivery: Delivery) -> bool:
    """Returns whether the delivery's problem is that a post is public which nobody wanted."""
    query = select(Event.id).where(Event.delivery_id == delivery.id, Event.name.in_((SECOND_COPY, CANCELED_PUBLIC)))
    return session.scalar(query.limit(1)) is not None
