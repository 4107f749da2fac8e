"""Tests that requests of unknown outcome are looked up: late posts, lagging lists, and who decides."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from publisher.core.clock import FixedClock
from publisher.core.content import Absence, Preparation, Publication
from publisher.core.problems import recorded_problem
from publisher.db.models import Attempt, Delivery, Event
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery import intents, leases, operate, post_owners, records
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.claim import READING_SECONDS, ClaimedDelivery, claim
from publisher.delivery.context import DeliveryContext
from publisher.delivery.due import miss_expired, recover_lost
from publisher.delivery.problem_codes import PublicPostProblem
from publisher.delivery.worker import ACCOUNT_CHECK_SECONDS, Worker
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.errors import (
    ActionsRefused,
    AlreadyPublic,
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    NotPrepared,
    PlatformError,
    RateLimited,
    TextRemembered,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.profiles import Prices
from publisher.settings import DeliverySettings
from tests.conftest import on_every_database
from tests.fakes import (
    DraftingAdapter,
    FakeAdapter,
    FakeChannels,
    FakePlatform,
    FakeRenderer,
    TimedAdapter,
    adapted_post,
    add_delivery,
    fake_profile,
    pass_time,
    the_delivery,
)

LAG = 900.0
LOST_ANSWER = Unconfirmed(recorded_problem("the answer was lost"))
REFUSED = CredentialsRefused(recorded_problem("who are you?"))


class Bench:
    """Holds a worker with the settings of a new desk, and a platform whose list lags by up to 15 minutes."""

    def __init__(self, database: Database, clock: FixedClock) -> None:
        self.database = database
        self.clock = clock
        self.platform = FakePlatform(clock)
        self.channels = FakeChannels(self.platform, fake_profile(lag=LAG))
        self.settings = DeliverySettings()

    def worker(self) -> Worker:
        jitter = random.Random(7)
        return Worker(
            DeliveryContext(self.database, self.channels, FakeRenderer(), self.clock, self.settings),
            owner="me",
            jitter=jitter,
        )

    def drain(self) -> int:
        return self.worker().drain("fake")

    def drain_for(self, **duration: float) -> None:
        """Advances the clock, and works and gives up whenever something is due."""

        def work() -> None:
            miss_expired(self.database, self.clock.now())
            self.drain()

        pass_time(self.database, self.clock, work, timedelta(**duration))

    def add(self, **how: timedelta) -> int:
        return add_delivery(self.database, self.clock.now(), **how)  # type: ignore[arg-type]

    def row(self, delivery: int) -> Delivery:
        return the_delivery(self.database, delivery)

    def look_ups(self) -> list[timedelta]:
        """Lists the times of look-ups since the first request."""
        with self.database.reading() as session:
            first, *later_look_ups = session.scalars(select(Attempt.started_at).order_by(Attempt.id)).all()
        return [at - first for at in later_look_ups]

    @property
    def copies(self) -> int:
        return len(self.platform.public())

    @property
    def paused(self) -> bool:
        with self.database.reading() as session:
            return session.get_one(Channel, "fake").paused_at is not None


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Bench:
    return Bench(database, clock)


# --- when absence counts ---------------------------------------------------------------------


@on_every_database
@pytest.mark.parametrize("seconds", [1, 61, 100, 299, 890])
def test_a_post_that_appears_after_the_error_is_found_and_not_sent_again(bench: Bench, seconds: float) -> None:
    bench.platform.late = [timedelta(seconds=seconds)]
    delivery = bench.add()
    bench.drain_for(minutes=60)
    assert (bench.row(delivery).state, bench.copies, len(bench.platform.publish_calls)) == ("published", 1, 1)


@pytest.mark.parametrize("minutes", [1, 6, 14])
def test_a_list_that_lags_behind_makes_no_second_copy(bench: Bench, minutes: float) -> None:
    bench.platform.listing_lag = timedelta(minutes=minutes)
    bench.platform.after = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(minutes=60)
    assert (bench.row(delivery).state, bench.copies, len(bench.platform.publish_calls)) == ("published", 1, 1)


@pytest.mark.parametrize("ahead", [-600, -90, 90, 600])
def test_clocks_that_differ_hide_no_post(bench: Bench, ahead: float) -> None:
    bench.channels._adapter = TimedAdapter
    bench.platform.clock_ahead = timedelta(seconds=ahead)
    bench.platform.late = [timedelta(seconds=45)]
    delivery = bench.add()
    bench.drain_for(minutes=60)
    assert (bench.row(delivery).state, len(bench.platform.publish_calls)) == ("published", 1)


def test_every_planned_look_up_is_made_and_the_last_one_after_the_lag(bench: Bench) -> None:
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(seconds=LAG - 1)
    assert (bench.row(delivery).state, len(bench.platform.publish_calls)) == ("unconfirmed", 1)
    bench.drain_for(seconds=1)
    planned = [timedelta(seconds=seconds) for seconds in (10, 60, 300, LAG)]
    assert bench.look_ups()[:4] == planned
    row = bench.row(delivery)
    assert (row.state, bench.copies, bench.platform.publish_calls) == ("published", 1, [f"key-{row.token}"] * 2)


def test_one_look_up_alone_does_not_prove_absence(bench: Bench) -> None:
    bench.platform.before = [LOST_ANSWER]
    bench.platform.on_find = [Unavailable(recorded_problem("down"))] * 3
    delivery = bench.add()
    bench.drain_for(seconds=LAG + 10)
    row = bench.row(delivery)
    assert (row.state, row.lookups, row.clean_lookups, len(bench.platform.publish_calls)) == ("unconfirmed", 4, 1, 1)
    bench.drain_for(minutes=5)
    assert (bench.row(delivery).state, bench.copies) == ("published", 1)


def test_look_ups_that_are_made_late_keep_their_distance(bench: Bench) -> None:
    """As after a night in which the desk stood still: the list of one moment says the same however often it is read."""
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain()
    bench.clock.advance(hours=3)
    for _ in range(3):
        bench.drain()
    assert (bench.row(delivery).lookups, len(bench.platform.publish_calls)) == (1, 1)
    bench.drain_for(minutes=20)
    assert (bench.row(delivery).state, bench.copies) == ("published", 1)


# --- who decides -----------------------------------------------------------------------------


@pytest.mark.parametrize(("lag", "lag_words"), [(None, "15 minutes"), (20.0, "20 seconds")])
def test_a_person_decides_where_the_desk_is_configured_to_ask(bench: Bench, lag: float | None, lag_words: str) -> None:
    bench.settings = DeliverySettings(after_unknown="ask", listing_lag_seconds=lag)
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(minutes=60)
    row = bench.row(delivery)
    assert (row.state, len(bench.platform.publish_calls)) == ("held", 1)
    assert f"does not show the post, {lag_words} after it was sent" in str(row.problem)
    assert f"publisher adopt {delivery} LINK" in str(row.problem)
    assert f"publisher retry {delivery} --i-have-looked" in str(row.problem)
    with pytest.raises(ActRefused, match="--i-have-looked"):
        operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me")
    operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me", i_have_looked=True)
    bench.drain()
    assert (bench.row(delivery).state, bench.copies) == ("published", 1)


def test_what_the_platform_says_it_has_is_found(bench: Bench) -> None:
    """The first request was carried out after its look-ups; the second one was refused as a copy."""
    bench.platform.late = [timedelta(seconds=LAG + 30)]
    delivery = bench.add()
    bench.drain_for(seconds=LAG - 1)
    bench.platform.before = [AlreadyPublic(recorded_problem("duplicate content"))]
    bench.drain_for(minutes=10)
    row = bench.row(delivery)
    assert (row.state, row.reported_public, bench.copies) == ("published", True, 1)
    assert len(bench.platform.publish_calls) == 2


@on_every_database
def test_what_the_platform_says_it_has_is_never_sent_again_by_itself(bench: Bench) -> None:
    bench.platform.before = [LOST_ANSWER, AlreadyPublic(recorded_problem("duplicate content")), LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(hours=3)
    row = bench.row(delivery)
    assert (row.state, len(bench.platform.publish_calls)) == ("held", 2)
    assert "refused the post as a copy of one that it has" in str(row.problem)
    with pytest.raises(ActRefused, match="--i-have-looked"):
        operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me")


def test_what_was_sent_for_another_account_is_not_sent_again_for_this_one(bench: Bench) -> None:
    bench.platform.after = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(seconds=1)
    bench.channels.account_name = "another"
    bench.platform.hidden = True
    bench.drain_for(hours=3)
    row = bench.row(delivery)
    assert (row.state, len(bench.platform.publish_calls)) == ("held", 1)
    assert "It was sent for the account fake, and the channel's account is another by now." in str(row.problem)
    operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me", i_have_looked=True)
    bench.drain_for(seconds=1)
    assert bench.row(delivery).preparation["account"] == "another"


class GoneAdapter(FakeAdapter):
    """Gives a draft another id when it is published, and lists nothing."""

    def find_publication(self, *_: object, **__: object) -> Absence:
        return Absence.GONE


@on_every_database
def test_a_draft_that_is_gone_is_never_published_again_by_itself(bench: Bench) -> None:
    bench.channels._adapter = GoneAdapter
    bench.platform.after = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(hours=3)
    row = bench.row(delivery)
    assert (row.state, bench.copies, len(bench.platform.publish_calls)) == ("held", 1, 1)
    assert "draft of the post is gone" in str(row.problem)
    assert f"publisher adopt {delivery} LINK" in str(row.problem)


def test_what_a_platform_reads_as_unpublished_goes_out_again_at_once(bench: Bench) -> None:
    bench.channels._adapter = DraftingAdapter
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(seconds=15)
    row = bench.row(delivery)
    assert (row.state, bench.copies, bench.platform.publish_calls) == ("published", 1, [f"key-{row.token}"] * 2)
    assert bench.platform.drafts == {"draft 1"}, "the same draft is published again"


def test_publishing_a_draft_late_makes_one_post(bench: Bench) -> None:
    bench.channels._adapter = DraftingAdapter
    bench.platform.late = [timedelta(seconds=12)]
    delivery = bench.add()
    bench.drain_for(minutes=30)
    assert (bench.row(delivery).state, bench.copies, len(bench.platform.publish_calls)) == ("published", 1, 2)


def test_what_another_version_stored_with_an_intent_can_be_read() -> None:
    stored = {"reference": "7", "is_draft": True, "is_harmless_to_repeat": True}
    assert Preparation.model_validate(stored) == Preparation(reference="7", is_draft=True)
    assert Preparation.model_validate(stored).is_harmless_to_repeat
    assert not Preparation(reference="7").is_harmless_to_repeat
    assert not Preparation(is_draft=True, unfinished=True).is_harmless_to_repeat


class SlowDraftAdapter(DraftingAdapter):
    """Shows a new draft only when it is asked for it the third time."""

    def prepare(self, *post: Any, earlier: Preparation = NOTHING_PREPARED, **how: Any) -> Preparation:
        self.platform.prepared.append(earlier.reference)
        preparation = super().prepare(*post, earlier=earlier, **how)
        if len(self.platform.prepared) < 3:
            begun = preparation.model_copy(update={"unfinished": True})
            raise NotPrepared(recorded_problem("not shown yet"), preparation=begun)
        return preparation


@on_every_database
def test_a_draft_that_was_begun_is_used_by_the_next_try(bench: Bench) -> None:
    bench.channels._adapter = SlowDraftAdapter
    delivery = bench.add()
    bench.drain()
    begun = bench.row(delivery).preparation
    assert (begun["reference"], begun["unfinished"], begun["repeats"], begun["account"]) == (
        "draft 1", True, False, "fake",
    )  # fmt: skip
    bench.drain_for(minutes=5)
    row = bench.row(delivery)
    assert (row.state, row.preparation["unfinished"], bench.platform.prepared) == (
        "published", False, ["", "draft 1", "draft 1"],
    )  # fmt: skip
    assert bench.platform.drafts == {"draft 1"}


def test_a_draft_is_kept_when_its_intent_could_not_be_recorded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.channels._adapter = DraftingAdapter
    commit = intents.commit_intent

    def refuse_once(*arguments: Any, **how: Any) -> int:
        monkeypatch.setattr(intents, "commit_intent", commit)
        raise RateLimited(recorded_problem("a quota is used up"), retry_at=bench.clock.now() + timedelta(seconds=5))

    monkeypatch.setattr(intents, "commit_intent", refuse_once)
    delivery = bench.add()
    bench.drain()
    row = bench.row(delivery)
    assert (row.state, row.preparation["reference"], row.preparation["unfinished"]) == ("pending", "draft 1", True)
    bench.drain_for(minutes=1)
    row = bench.row(delivery)
    assert (row.state, row.preparation["unfinished"], bench.platform.drafts) == ("published", False, {"draft 1"})


def test_a_draft_published_late_is_found_whatever_the_next_answer_was(bench: Bench) -> None:
    """The second request is turned away for two days, while the first one is still to be carried out."""
    bench.channels._adapter = DraftingAdapter
    bench.platform.late = [timedelta(minutes=10)]
    delivery = bench.add(expires_in=timedelta(hours=2))
    bench.drain_for(seconds=1)
    bench.platform.before = [
        RateLimited(recorded_problem("no more requests"), retry_at=bench.clock.now() + timedelta(days=365))
    ]
    bench.drain_for(days=3)
    assert (bench.row(delivery).state, bench.copies, len(bench.platform.publish_calls)) == ("published", 1, 2)


class RefusedDraftAdapter(DraftingAdapter):
    """Refuses to prepare anything once a draft is there, and goes on answering readings."""

    refusal: ClassVar[PlatformError] = Unavailable(recorded_problem("Drafts can't be used now"))

    def prepare(self, *post: Any, earlier: Preparation = NOTHING_PREPARED, **how: Any) -> Preparation:
        if earlier.reference:
            raise self.refusal
        return super().prepare(*post, earlier=earlier, **how)


class RejectedDraftAdapter(RefusedDraftAdapter):
    refusal: ClassVar[PlatformError] = ContentRejected(recorded_problem("The post can't be shown"))


def test_a_refusal_after_a_lost_request_is_looked_up_at_once(bench: Bench) -> None:
    """The first flip was carried out while preparing was refused for the time being."""
    bench.channels._adapter = RefusedDraftAdapter
    bench.platform.late = [timedelta(minutes=5)]
    delivery = bench.add()
    bench.drain_for(minutes=10)
    assert (bench.row(delivery).state, bench.copies) == ("pending", 1)
    bench.channels._adapter = RejectedDraftAdapter
    bench.drain_for(minutes=16)
    assert (bench.row(delivery).state, bench.copies) == ("published", 1)


def test_a_draft_published_late_while_preparing_fails_is_not_missed(bench: Bench) -> None:
    """The first flip is carried out ten minutes late; every further try ends before its own flip."""
    bench.channels._adapter = RefusedDraftAdapter
    bench.platform.late = [timedelta(minutes=10)]
    delivery = bench.add(expires_in=timedelta(minutes=20))
    bench.drain_for(minutes=25)
    row = bench.row(delivery)
    assert (row.state, bench.copies, len(bench.platform.publish_calls)) == ("published", 1, 1)


def test_a_draft_published_after_it_was_missed_is_found_within_an_hour(bench: Bench) -> None:
    bench.channels._adapter = RefusedDraftAdapter
    bench.platform.late = [timedelta(minutes=30)]
    delivery = bench.add(expires_in=timedelta(minutes=20))
    bench.drain_for(minutes=25)
    row = bench.row(delivery)
    assert row.state == "missed"
    assert "A request whose answer was lost may still make it public" in str(row.problem)
    bench.drain_for(hours=1)
    assert (bench.row(delivery).state, bench.copies) == ("published", 1)


# --- too late --------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", [FakeAdapter, DraftingAdapter])
def test_an_unknown_outcome_is_missed_only_after_the_lag(bench: Bench, adapter: type[FakeAdapter]) -> None:
    bench.channels._adapter = adapter
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add(expires_in=timedelta(seconds=5))
    bench.drain_for(seconds=LAG - 1)
    assert bench.row(delivery).state == "unconfirmed"
    bench.drain_for(minutes=10)
    row = bench.row(delivery)
    assert (row.state, len(bench.platform.publish_calls)) == ("missed", 1)
    assert "did not go out in time, as far as is known; the last trouble was: The platform " in str(row.problem)
    assert "A request whose answer was lost may still make it public" in str(row.problem)
    assert ". Use retry to publish it late, or cancel." in str(row.problem)
    assert ".." not in str(row.problem)
    assert "again" not in str(row.problem), "nothing goes out again any more"


def test_what_is_found_after_its_time_was_on_time(bench: Bench) -> None:
    bench.platform.late = [timedelta(seconds=100)]
    delivery = bench.add(expires_in=timedelta(seconds=5))
    bench.drain_for(minutes=30)
    assert (bench.row(delivery).state, bench.row(delivery).problem) == ("published", None)


# --- found later -----------------------------------------------------------------------------


def _commit(bench: Bench) -> tuple[ClaimedDelivery, int]:
    """Commits a worker's intent, as before a request that has no answer for a long time."""
    lease = timedelta(seconds=30)
    claimed = claim(bench.database, "fake", owner="frozen", now=bench.clock.now(), lease=lease)
    assert claimed is not None
    intent = intents.Intent(key=f"key-{claimed.seed.token}", preparation=NOTHING_PREPARED, cost=0, gap=timedelta(0))
    attempt = intents.commit_intent(bench.database, claimed, intent, now=bench.clock.now(), lease=lease, owner="frozen")
    bench.clock.advance(minutes=1)
    recover_lost(bench.database, bench.clock.now(), timedelta(seconds=10), lambda owner: False)
    return claimed, attempt


@on_every_database
@pytest.mark.parametrize("act", ["nothing", "canceled", "held", "missed"])
def test_a_post_that_is_found_later_is_the_truth_in_any_state(bench: Bench, act: str) -> None:
    if act == "held":
        bench.settings = DeliverySettings(after_unknown="ask")
    delivery = bench.add(expires_in=timedelta(minutes=2))
    claimed, attempt = _commit(bench)
    if act == "canceled":
        operate.cancel(bench.database, delivery, now=bench.clock.now(), actor="me")
    elif act != "nothing":
        bench.drain_for(minutes=20)
    assert bench.row(delivery).state == {"nothing": "unconfirmed"}.get(act, act)
    public = Publication(remote_id="7", url="https://fake.example/7")
    habits = bench.channels.profile("fake").publishing
    records.record_success(
        bench.database,
        claimed,
        attempt,
        records.SuccessfulTry(publication=public, habits=habits, ended_at=bench.clock.now()),
    )
    row = bench.row(delivery)
    problem = PublicPostProblem.CANCELED_AND_PUBLIC(link="https://fake.example/7")
    assert (row.state, row.remote_id, row.unknown_since) == ("published", "7", None)
    assert row.problem == (problem if act == "canceled" else None)


@on_every_database
def test_a_second_copy_is_reported_with_both_links(bench: Bench) -> None:
    delivery = bench.add()
    claimed, attempt = _commit(bench)
    bench.drain_for(minutes=30)
    first = bench.row(delivery).remote_url
    public = Publication(remote_id="7", url="https://fake.example/7")
    habits = bench.channels.profile("fake").publishing
    records.record_success(
        bench.database,
        claimed,
        attempt,
        records.SuccessfulTry(publication=public, habits=habits, ended_at=bench.clock.now()),
    )
    row = bench.row(delivery)
    assert row.remote_url == first
    assert f"{first} and https://fake.example/7" in str(row.problem)


# --- looked up again at rest -----------------------------------------------------------------


def rest_times(bench: Bench, delivery: int) -> list[timedelta]:
    """Lists the times of look-ups since the delivery was held or canceled."""
    with bench.database.reading() as session:
        rested = session.scalars(
            select(Event.at)
            .where(Event.delivery_id == delivery, Event.name.in_(("delivery held", "delivery canceled")))
            .order_by(Event.id)
        ).first()
        assert rested is not None
        look_ups_after = session.scalars(
            select(Attempt.started_at).where(Attempt.kind == "lookup", Attempt.started_at > rested).order_by(Attempt.id)
        ).all()
    return [at - rested for at in look_ups_after]


def test_a_remembered_text_may_be_our_own_post_that_is_listed_later(bench: Bench) -> None:
    bench.platform.listing_lag = timedelta(minutes=30)
    bench.platform.after = [TextRemembered(recorded_problem("a post with this very text is there"))]
    delivery = bench.add()
    bench.drain_for(minutes=10)
    assert bench.row(delivery).state == "failed"
    with pytest.raises(ActRefused):
        operate.retry(bench.database, delivery, now=bench.clock.now(), actor="somebody")
    bench.drain_for(hours=2)
    row = bench.row(delivery)
    assert (row.state, row.unknown_since, bench.copies, len(bench.platform.publish_calls)) == ("published", None, 1, 1)


@on_every_database
@pytest.mark.parametrize("why", ["ask", "reported public", "no answer"])
def test_a_held_post_that_appears_later_is_recorded_as_the_truth(bench: Bench, why: str) -> None:
    bench.platform.late = [timedelta(hours=30)]
    if why == "ask":
        bench.settings = DeliverySettings(after_unknown="ask")
    elif why == "reported public":
        bench.platform.late, bench.platform.before = [], [AlreadyPublic(recorded_problem("duplicate content"))]
    else:
        bench.platform.on_find = [Unavailable(recorded_problem("down"))] * 400
    delivery = bench.add()
    bench.drain_for(hours=26)
    row = bench.row(delivery)
    assert (row.state, len(bench.platform.publish_calls)) == ("held", 1)
    bench.platform.on_find = []
    if why == "reported public":
        bench.platform.accept(f"key-{row.token}", adapted_post())
    bench.drain_for(days=4)
    row = bench.row(delivery)
    assert (row.state, row.problem, row.unknown_since, row.verify_at) == ("published", None, None, None)
    assert (bench.copies, len(bench.platform.publish_calls)) == (1, 1)


def test_a_held_post_is_looked_up_four_times_more_at_growing_pauses(bench: Bench) -> None:
    bench.settings = DeliverySettings(after_unknown="ask")
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(days=9)
    assert rest_times(bench, delivery) == [timedelta(hours=hours) for hours in (1, 5, 21, 69)]
    row = bench.row(delivery)
    assert (row.state, row.verify_at, f"publisher retry {delivery} --i-have-looked" in str(row.problem)) == (
        "held", None, True,
    )  # fmt: skip


@pytest.mark.parametrize(("budget", "answers"), [(0.1, {"absent"}), (0.021, {"budget-reached"})])
def test_late_look_ups_stay_within_the_budget(bench: Bench, budget: float, answers: set[str]) -> None:
    prices = Prices(post=0.015, post_with_link=0.2, newest_posts=0.005, post_read=0.001)
    bench.channels._profile = bench.channels._profile.model_copy(update={"prices": prices})
    bench.channels.budget = budget
    bench.settings = DeliverySettings(after_unknown="ask")
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(minutes=20)
    bench.platform.on_find = []
    bench.drain_for(days=9)
    assert len(rest_times(bench, delivery)) == 4
    with bench.database.reading() as session:
        query = select(Attempt.outcome).where(Attempt.kind == "lookup").order_by(Attempt.id.desc()).limit(4)
        assert set(session.scalars(query)) == answers


def test_what_is_held_without_a_request_is_not_looked_up(bench: Bench) -> None:
    bench.platform.on_upload = [UnsupportedContent(recorded_problem("too large"))]
    delivery = bench.add()
    bench.drain_for(days=4)
    assert (bench.row(delivery).state, rest_times(bench, delivery)) == ("held", [])


def test_a_retry_begins_the_late_look_ups_anew(bench: Bench) -> None:
    bench.settings = DeliverySettings(after_unknown="ask")
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(minutes=20)
    assert bench.row(delivery).verify_at is not None
    bench.platform.on_upload = [UnsupportedContent(recorded_problem("too large"))]
    operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me", i_have_looked=True)
    assert bench.row(delivery).verify_at is None
    bench.drain()
    row = bench.row(delivery)
    assert (row.state, row.lookups, row.verify_at) == ("held", 0, bench.clock.now() + timedelta(hours=1))


@pytest.mark.parametrize("act", ["cancel", "miss"])
def test_what_becomes_public_after_it_was_given_up_is_reported(bench: Bench, act: str) -> None:
    bench.channels._adapter = DraftingAdapter
    bench.platform.late = [timedelta(minutes=30)]
    delivery = bench.add(expires_in=timedelta(seconds=5 if act == "miss" else 9000))
    bench.drain()
    if act == "cancel":
        operate.cancel(bench.database, delivery, now=bench.clock.now(), actor="me")
    bench.drain_for(minutes=25)
    assert bench.row(delivery).state == ("canceled" if act == "cancel" else "missed")
    bench.drain_for(days=2)
    row = bench.row(delivery)
    assert (row.state, bench.copies, row.verify_at) == ("published", 1, None)
    assert ("It was canceled, and is public nevertheless" in str(row.problem)) is (act == "cancel")


def test_a_canceled_delivery_that_was_never_tried_is_not_looked_up(bench: Bench) -> None:
    delivery = bench.add()
    operate.cancel(bench.database, delivery, now=bench.clock.now(), actor="me")
    assert bench.row(delivery).verify_at is None


# --- a key that the platform refuses for ever --------------------------------------------------


@on_every_database
def test_a_person_who_has_looked_gets_a_fresh_key_for_a_used_one(bench: Bench) -> None:
    """The post was public, and somebody removed it by hand: the platform says for ever that it has this key."""
    bench.platform.before = [AlreadyPublic(recorded_problem("conflicting upload id"))]
    delivery = bench.add()
    bench.drain_for(minutes=20)
    before = bench.row(delivery)
    assert (before.state, before.reported_public) == ("held", True)
    operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me", i_have_looked=True)
    waiting = bench.row(delivery)
    assert (waiting.idempotency_key, waiting.token != before.token) == (None, True)
    bench.drain()
    row = bench.row(delivery)
    assert (row.state, row.idempotency_key, bench.copies) == ("published", f"key-{waiting.token}", 1)
    assert bench.platform.publish_calls == [f"key-{before.token}", f"key-{waiting.token}"]


def test_no_other_retry_changes_the_key(bench: Bench) -> None:
    """The former request may still be carried out late, and the platform takes each key once."""
    bench.settings = DeliverySettings(after_unknown="ask")
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(minutes=20)
    before = bench.row(delivery)
    operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me", i_have_looked=True)
    bench.drain()
    assert bench.platform.publish_calls == [before.idempotency_key] * 2


# --- refusals that one answer does not prove -------------------------------------------------


def test_one_refusal_of_the_account_is_checked_and_pauses_nothing(bench: Bench) -> None:
    bench.platform.before = [REFUSED]
    delivery = bench.add()
    bench.drain_for(minutes=5)
    assert (bench.row(delivery).state, bench.paused, bench.platform.credential_checks) == ("published", False, 1)


@pytest.mark.parametrize("step", ["publish", "upload", "look up", "read back"])
def test_an_account_that_is_refused_when_it_is_checked_pauses_its_channel(bench: Bench, step: str) -> None:
    trouble = {
        "publish": bench.platform.before, "upload": bench.platform.on_upload, "look up": bench.platform.on_find,
        "read back": bench.platform.on_read,
    }  # fmt: skip
    if step == "look up":
        bench.platform.after = [LOST_ANSWER]
    trouble[step].append(REFUSED)
    bench.platform.account_trouble = REFUSED
    bench.add()
    bench.drain_for(minutes=1)
    assert (bench.paused, bench.platform.credential_checks) == (True, 1)


def test_an_account_that_may_do_nothing_is_asked_for_nothing_more(bench: Bench) -> None:
    bench.platform.before = [ActionsRefused(recorded_problem("leave it alone for 24 hours"))] * 5
    delivery = bench.add()
    bench.drain_for(hours=2)
    row = bench.row(delivery)
    assert (row.state, bench.paused, len(bench.platform.publish_calls)) == ("held", True, 1)
    assert "leave it alone for 24 hours" in str(row.problem)


def test_a_check_without_an_answer_is_no_refusal(bench: Bench) -> None:
    bench.platform.on_upload = [REFUSED]
    bench.platform.account_trouble = Unavailable(recorded_problem("down"))
    delivery = bench.add()
    bench.drain_for(minutes=5)
    assert (bench.row(delivery).state, bench.paused) == ("published", False)


def test_a_post_refused_repeatedly_is_held_and_the_channel_goes_on(bench: Bench) -> None:
    bench.platform.before = [REFUSED] * 5
    delivery = bench.add()
    bench.drain_for(hours=2)
    row = bench.row(delivery)
    assert (row.state, bench.paused, len(bench.platform.publish_calls)) == ("held", False, 5)
    assert "refused the account 5 times for this post" in str(row.problem)


def test_a_look_up_that_is_refused_once_is_made_again(bench: Bench) -> None:
    bench.platform.after = [LOST_ANSWER]
    bench.platform.on_find = [REFUSED]
    delivery = bench.add()
    bench.drain_for(minutes=5)
    assert (bench.row(delivery).state, bench.paused, bench.copies) == ("published", False, 1)


def test_a_read_back_that_is_refused_once_pauses_nothing(bench: Bench) -> None:
    bench.platform.on_read = [REFUSED]
    delivery = bench.add()
    bench.drain_for(minutes=10)
    assert (bench.row(delivery).verify_at, bench.paused, bench.platform.credential_checks) == (None, False, 1)


def test_pictures_that_the_platform_forgot_are_uploaded_again(bench: Bench) -> None:
    bench.platform.before = [MediaExpired(recorded_problem("no such media"))] * 2
    delivery = bench.add()
    bench.drain_for(minutes=10)
    assert (bench.row(delivery).state, bench.platform.uploads) == ("published", 3)


def test_pictures_that_are_forgotten_three_times_in_a_row_are_refused(bench: Bench) -> None:
    bench.platform.before = [MediaExpired(recorded_problem("no such media"))] * 9
    delivery = bench.add()
    bench.drain_for(minutes=30)
    row = bench.row(delivery)
    assert (row.state, len(bench.platform.publish_calls)) == ("failed", 3)
    assert "uploaded 3 times" in str(row.problem)


@pytest.mark.parametrize("until", [datetime(2099, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)])
def test_no_wait_that_a_platform_asks_for_shuts_a_channel_for_good(bench: Bench, until: datetime) -> None:
    bench.platform.before = [RateLimited(recorded_problem("wait"), retry_at=until)]
    began = bench.clock.now()
    delivery = bench.add(expires_in=timedelta(days=9))
    with capture_logs() as lines:
        bench.drain()
    assert bench.row(delivery).due_at == began + timedelta(days=2)
    assert [str(until.year) in line["why"] for line in lines if line["event"] == "channel in trouble"] == [True]
    bench.drain_for(days=2)
    assert (bench.row(delivery).state, bench.copies) == ("published", 1)


def test_a_look_up_waits_for_two_days_at_most(bench: Bench) -> None:
    bench.platform.after = [LOST_ANSWER]
    bench.platform.on_find = [RateLimited(recorded_problem("wait"), retry_at=datetime(2099, 1, 1, tzinfo=UTC))]
    delivery = bench.add()
    bench.drain_for(seconds=20)
    assert bench.row(delivery).due_at <= bench.clock.now() + timedelta(days=2)


# --- channels that are gone or paused --------------------------------------------------------


@pytest.mark.parametrize("answer_is_lost", [False, True])
def test_what_waits_for_a_removed_channel_is_held_with_its_reason(bench: Bench, answer_is_lost: bool) -> None:
    bench.platform.after = [LOST_ANSWER] if answer_is_lost else []
    delivery = bench.add()
    if answer_is_lost:
        bench.drain()
    bench.channels.removed.add("fake")
    with capture_logs() as lines:
        bench.drain_for(minutes=1)
    row = bench.row(delivery)
    assert (row.state, row.unknown_since is not None) == ("held", answer_is_lost)
    assert "The channel fake is not in the configuration any more" in str(row.problem)
    assert not [line for line in lines if line.get("exc_info")], "nothing is wrong with the program"


@pytest.mark.parametrize(("by", "state"), [("me", "published"), ("", "unconfirmed")])
def test_look_ups_go_on_where_a_person_paused_the_channel(bench: Bench, by: str, state: str) -> None:
    bench.platform.after = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain()
    with bench.database.writing() as session:
        channel = session.get_one(Channel, "fake")
        channel.paused_at, channel.paused_by = bench.clock.now(), by
        channel.pause_problem = recorded_problem("a holiday")
    bench.drain_for(minutes=30)
    assert bench.row(delivery).state == state


def test_the_post_of_another_delivery_does_not_count_as_the_lost_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two posts have the same text; the first one's request was lost, and the second one is public."""
    bench.platform.before = [LOST_ANSWER]
    first = bench.add()
    bench.drain()
    second = add_delivery(bench.database, bench.clock.now(), day_offset=1)
    bench.drain()
    public = Publication(remote_id=bench.row(second).remote_id or "", url="https://fake.example/second")
    monkeypatch.setattr(FakeAdapter, "find_publication", lambda *_, **__: public)
    bench.drain_for(minutes=30)
    row = bench.row(first)
    assert (row.state, bench.row(second).state, bench.copies) == ("held", "published", 1)
    assert f"the record of delivery {second} already: https://fake.example/second. It is not known" in str(row.problem)


@on_every_database
def test_two_processes_that_find_one_post_give_it_to_one_delivery(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two unknown deliveries have one text. Both look-ups find the post before either of them has recorded it."""
    bench.platform.before = [LOST_ANSWER, LOST_ANSWER]
    first = bench.add()
    bench.drain()
    second = add_delivery(bench.database, bench.clock.now(), day_offset=1)
    bench.drain()
    public = Publication(remote_id="7", url="https://fake.example/7")
    nested = False

    def find(*_: object, **__: object) -> Publication:
        nonlocal nested
        if not nested:
            nested = True
            bench.drain()
        return public

    monkeypatch.setattr(FakeAdapter, "find_publication", find)
    bench.clock.advance(seconds=10)
    monkeypatch.setattr(post_owners, "own_posts", lambda _session, _claimed, found: (found,))
    bench.drain()
    rows = {bench.row(delivery).state: bench.row(delivery) for delivery in (first, second)}
    assert set(rows) == {"published", "held"}
    assert rows["published"].remote_id == "7"
    problem = f"the record of delivery {rows['published'].id} already: https://fake.example/7. It is not known"
    assert problem in str(rows["held"].problem)


@on_every_database
def test_a_post_found_before_its_own_answer_is_recorded_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.platform.before = [LOST_ANSWER]
    first = bench.add()
    bench.drain()
    second = add_delivery(bench.database, bench.clock.now() + timedelta(seconds=11), day_offset=1)
    publication = Publication(remote_id=f"id-key-{bench.row(second).token}", url="https://fake.example/2")
    monkeypatch.setattr(FakeAdapter, "find_publication", lambda *_, **__: publication)

    def look_up_first() -> None:
        bench.platform.while_publishing = None
        other = bench.worker()
        assert other._read_next("fake")

    bench.clock.advance(seconds=11)
    bench.platform.while_publishing = look_up_first
    bench.drain()
    assert (bench.row(first).state, bench.row(second).state, bench.copies) == ("published", "held", 1)
    assert f"the record of delivery {first} already" in str(bench.row(second).problem)
    assert bench.row(second).unknown_since is not None


def test_all_copies_that_a_look_up_finds_are_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.platform.after = [LOST_ANSWER]
    delivery = bench.add()
    copies = tuple(Publication(remote_id=str(number), url=f"https://fake.example/{number}") for number in (2, 3))
    publication = Publication(remote_id="1", url="https://fake.example/1", copies=copies)
    monkeypatch.setattr(FakeAdapter, "find_publication", lambda *_, **__: publication)
    bench.drain_for(minutes=1)
    row = bench.row(delivery)
    assert (row.state, row.remote_id) == ("published", "1")
    assert str(row.problem) == (
        "There are 3 copies: https://fake.example/1, https://fake.example/2 and https://fake.example/3; "
        "remove all but one by hand."
    )


@pytest.mark.parametrize("hours", [0, 3, 19])
def test_a_first_copy_that_is_listed_after_the_lag_is_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    """The first request counted as lost, and another was sent; then the list shows what both have made."""
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(seconds=LAG - 1)
    own = f"id-key-{bench.row(delivery).token}"
    bench.drain_for(seconds=2)
    bench.drain_for(hours=hours)
    assert (bench.row(delivery).state, bench.row(delivery).problem) == ("published", None)
    older = Publication(remote_id="old", url="https://fake.example/old")
    newest = Publication(remote_id=own, url="https://fake.example/new", copies=(older,))
    monkeypatch.setattr(FakeAdapter, "find_publication", lambda *_, **__: newest)
    bench.drain_for(hours=5)
    row = bench.row(delivery)
    assert (row.remote_id, "There are two copies" in str(row.problem)) == (own, True)
    assert "https://fake.example/old; remove one by hand." in str(row.problem)


def test_workers_take_no_slow_look_up_from_each_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.platform.after = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain()
    find, begun = FakeAdapter.find_publication, 0

    def find_slowly(adapter: FakeAdapter, *post: Any, **options: Any) -> Publication | Absence:
        """Has another worker look for work while this one waits for an answer, as long as it may."""
        nonlocal begun
        begun += 1
        bench.clock.advance(seconds=READING_SECONDS + ACCOUNT_CHECK_SECONDS)
        bench.drain()
        return find(adapter, *post, **options)

    monkeypatch.setattr(FakeAdapter, "find_publication", find_slowly)
    bench.clock.advance(seconds=10)
    bench.drain()
    assert (begun, bench.row(delivery).state) == (1, "published")


# --- leases ----------------------------------------------------------------------------------


@on_every_database
def test_a_lease_is_not_renewed_past_the_end_of_what_it_is_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that drips for ever: the delivery is taken back all the same, and looked up."""
    delivery = bench.add()
    worker = bench.worker()
    passed = 0.0
    monkeypatch.setattr(leases, "monotonic", lambda: passed)

    def drip() -> None:
        nonlocal passed
        for _ in range(100):
            passed += 10
            bench.clock.advance(seconds=10)
            worker._leases.renew(list(worker._leases._leases))
            if recover_lost(bench.database, bench.clock.now(), timedelta(seconds=10), lambda owner: False):
                return

    bench.platform.while_publishing = drip
    worker.drain("fake")
    assert passed <= 60, "the request may take 5 s, and the lease lasts 30 s"
    with bench.database.reading() as session:
        moves = session.scalars(select(Event.name).where(Event.delivery_id == delivery).order_by(Event.id)).all()
    assert "delivery unconfirmed" in moves
    assert bench.row(delivery).state == "published", "what came in the end is the truth"


def test_a_long_upload_keeps_its_lease(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = bench.add()
    worker = bench.worker()
    passed = 0.0
    monkeypatch.setattr(leases, "monotonic", lambda: passed)

    class Slow(FakeAdapter):
        def verify_nothing_is_taken_back(self) -> None:
            nonlocal passed
            for _ in range(20):
                passed += 10
                bench.clock.advance(seconds=10)
                worker._leases.renew(list(worker._leases._leases))
                assert recover_lost(bench.database, bench.clock.now(), timedelta(0), lambda owner: False) == []

        def upload_media(self, *arguments: object, **how: object) -> object:  # type: ignore[override]
            self.verify_nothing_is_taken_back()
            return super().upload_media(*arguments, **how)  # type: ignore[arg-type]

    bench.channels._adapter = Slow
    worker.drain("fake")
    assert (bench.row(delivery).state, bench.row(delivery).lost_workers) == ("published", 0)


def test_a_lease_that_no_thread_could_keep_does_not_leave_later_ones_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, delivery = bench.worker(), bench.add()
    claimed = claim(bench.database, "fake", owner="me", now=bench.clock.now(), lease=timedelta(seconds=30))
    assert claimed is not None

    def no_thread_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as narrow:
        narrow.setattr(threading.Thread, "start", no_thread_left)
        with pytest.raises(RuntimeError):
            worker._leases.renewing(claimed).__enter__()
    before = set(threading.enumerate())
    with worker._leases.renewing(claimed) as lease:
        new = [thread.name for thread in set(threading.enumerate()) - before]
        assert (new.count("leases"), worker._leases._leases) == (1, {lease})
    assert bench.row(delivery).state == "preparing"
