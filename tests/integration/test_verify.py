"""Tests that posts are read back: differences are reported, lags allowed for, and reports cleared."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from publisher.core.clock import FixedClock
from publisher.core.content import Publication
from publisher.core.problems import recorded_problem
from publisher.db.models import Attempt, Delivery, Event, Post
from publisher.db.session import Database
from publisher.delivery.context import DeliveryContext
from publisher.delivery.verify import AS_SENT, DIFFERS, MAX_LATE_READ_BACKS
from publisher.delivery.worker import Worker
from publisher.lifecycle_late_success import SECOND_COPY, record_late_success
from publisher.platforms.errors import Unavailable
from publisher.platforms.instagram.links import code_of
from publisher.platforms.profiles import Profile
from publisher.settings import DeliverySettings
from tests.conftest import OpenOutlet
from tests.fakes import FakeChannels, FakePlatform, FakeRenderer, add_delivery, fake_profile, pass_time, the_delivery
from tests.outlet import PLATFORMS, Outlet

LAG = 900.0


def late_profile() -> Profile:
    profile = fake_profile()
    habits = profile.publishing.model_copy(update={"listing_lag_seconds": LAG})
    return profile.model_copy(update={"publishing": habits})


class Bench:
    """Holds one delivery that is published."""

    def __init__(self, database: Database, clock: FixedClock) -> None:
        self.database = database
        self.clock = clock
        self.platform = FakePlatform()
        self.channels = FakeChannels(self.platform, late_profile())
        self.delivery = add_delivery(database, clock.now())
        self.drain()

    def drain(self) -> None:
        settings = DeliverySettings()
        Worker(
            DeliveryContext(self.database, self.channels, FakeRenderer(), self.clock, settings),
            owner="me",
            jitter=random.Random(7),
        ).drain("fake")

    def pass_time(self, **duration: float) -> None:
        pass_time(self.database, self.clock, self.drain, timedelta(**duration))

    @property
    def row(self) -> Delivery:
        return the_delivery(self.database, self.delivery)

    def findings(self) -> list[str | None]:
        with self.database.reading() as session:
            return list(session.scalars(select(Attempt.outcome).where(Attempt.kind == "verify").order_by(Attempt.id)))

    def events(self) -> list[str]:
        with self.database.reading() as session:
            names = (DIFFERS, AS_SENT, SECOND_COPY)
            return list(session.scalars(select(Event.name).where(Event.name.in_(names)).order_by(Event.id)))


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Bench:
    return Bench(database, clock)


def test_a_post_that_is_shown_late_is_not_called_removed(bench: Bench) -> None:
    post = str(bench.row.remote_id)
    bench.platform.removed = {post}
    bench.pass_time(seconds=LAG - 60)
    assert bench.findings() == ["gone"] * MAX_LATE_READ_BACKS
    assert (bench.row.problem, bench.events()) == (None, [])
    bench.platform.removed = set()
    bench.pass_time(days=2)
    assert bench.findings() == ["gone"] * MAX_LATE_READ_BACKS + ["as-sent"]
    assert (bench.row.problem, bench.row.verify_at, bench.events()) == (None, None, [])


@pytest.mark.parametrize(
    ("hide", "words"),
    [
        ({}, "does not show the post any more: it was removed, or is hidden"),
        ({"visible": False, "state": "private"}, "Followers don't see the post: it is private on Fake"),
    ],
)
def test_a_lasting_difference_is_reported_once_and_taken_back(bench: Bench, hide: dict[str, Any], words: str) -> None:
    bench.platform.shown_fields = hide
    bench.platform.removed = set() if hide else {str(bench.row.remote_id)}
    bench.pass_time(seconds=LAG - 1)
    assert bench.row.problem is None
    bench.pass_time(hours=6)
    assert words in str(bench.row.problem)
    assert bench.events() == [DIFFERS]
    bench.platform.shown_fields, bench.platform.removed = {}, set()
    bench.pass_time(hours=6)
    assert (bench.row.problem, bench.row.verify_at) == (None, None)
    assert bench.events() == [DIFFERS, AS_SENT]
    assert len(bench.platform.posts) == 1


def test_after_a_day_nobody_looks_any_more(bench: Bench) -> None:
    bench.platform.removed = {str(bench.row.remote_id)}
    bench.pass_time(days=2)
    assert bench.row.verify_at is None
    assert "does not show the post" in str(bench.row.problem)
    assert len(bench.findings()) < 15


def test_a_problem_of_two_copies_is_not_lost_by_reading_back(bench: Bench) -> None:
    bench.platform.shown_alt_text = ""
    bench.pass_time(minutes=1)
    other = Publication(remote_id="id-2", url="https://fake.example/2")
    with bench.database.writing() as session:
        assert not record_late_success(session, bench.delivery, other, bench.clock.now())
    bench.pass_time(hours=5)
    assert str(bench.row.problem).startswith("There are two copies: https://fake.example/")
    bench.platform.shown_alt_text = "alt"
    bench.pass_time(hours=5)
    assert str(bench.row.problem).startswith("There are two copies: https://fake.example/")


def test_a_platform_that_is_silent_for_long_is_asked_more_and_more_rarely(bench: Bench) -> None:
    bench.platform.on_read = [Unavailable(recorded_problem("down"))] * 1000
    bench.pass_time(days=2)
    assert bench.row.verify_at is None
    assert 8 < len(bench.findings()) < 20


def test_differences_are_reported_even_if_copies_cannot_be_searched_for(bench: Bench) -> None:
    with bench.database.writing() as session:
        session.get_one(Delivery, bench.delivery).lost_requests = 1
    bench.platform.shown_alt_text = ""
    bench.platform.on_find = [Unavailable(recorded_problem("more than 120 posts"))] * 2
    bench.pass_time(minutes=15)
    assert "Followers see something else" in str(bench.row.problem)
    assert bench.events() == [DIFFERS]
    bench.pass_time(days=2)
    assert (bench.platform.on_find, bench.row.verify_at) == ([], None)


def test_a_silent_platform_decides_nothing(bench: Bench) -> None:
    bench.platform.on_read = [Unavailable(recorded_problem("down"))] * 3
    bench.pass_time(minutes=30)
    assert bench.findings() == ["platform-unavailable"] * 3 + ["as-sent"]
    assert bench.row.problem is None


@pytest.mark.parametrize(
    ("shown_fields", "words"),
    [
        ({"text": "Another title"}, "the text differs: sent was “A title”, shown is “Another title”"),
        ({"text": "A"}, "the text ends early: “title” is missing"),
        ({"text": "A title and more"}, "the text goes on after its end with “and more”"),
        ({"tags": ("cells",)}, "the tags differ: sent were none, shown are cells"),
        ({"image_count": 0, "alt_texts": ()}, "0 of 1 pictures are shown"),
        ({"alt_texts": ("other",)}, "the alt text of picture 1 differs: sent was “alt”, shown is “other”"),
    ],
)
def test_each_difference_is_described_in_plain_words(bench: Bench, shown_fields: dict[str, Any], words: str) -> None:
    bench.platform.shown_fields = shown_fields
    bench.pass_time(minutes=1)
    assert str(bench.row.problem) == (
        f"Followers see something else than was sent: {words}. Correct it there; it is not posted again."
    )


def test_a_credit_that_is_lost_is_named(bench: Bench) -> None:
    with bench.database.writing() as session:
        session.execute(update(Post).values(credit="A title"))
    bench.platform.shown_fields = {"text": "Nothing"}
    bench.pass_time(minutes=1)
    assert "the credit “A title” is missing" in str(bench.row.problem)
    assert bench.platform.posts[0][1].caption == "A title"


# One post under two addresses.

SAME_POST = {
    "instagram": ("https://www.instagram.com/p/{code}/", "{id}", "https://instagram.com/p/{code}?igsh=x", "{id}_12"),
    "x": ("https://x.com/a/status/{id}", "{id}", "https://mobile.twitter.com/i/web/status/{id}/photo/1", "{id}"),
    "tumblr": ("https://a.tumblr.com/post/{id}", "{id}", "https://www.tumblr.com/blog/a/{id}/slug", "{id}"),
}


@pytest.mark.parametrize("platform", sorted(SAME_POST))
@pytest.mark.parametrize("is_same", [True, False])
def test_only_two_posts_are_two_copies(database: Database, clock: FixedClock, platform: str, is_same: bool) -> None:
    post = "3141592653589793238"
    url, remote_id, other_url, other_id = (form.format(id=post, code=code_of(post)) for form in SAME_POST[platform])
    if not is_same:
        other_url, other_id = (
            text.replace(post, "31415").replace(code_of(post), code_of("31415")) for text in (other_url, other_id)
        )
    delivery = add_delivery(database, clock.now())
    with database.writing() as session:
        row = session.get_one(Delivery, delivery)
        row.adapted = {**row.adapted, "platform": platform}
        session.flush()
        record_late_success(session, delivery, Publication(remote_id=remote_id, url=url), clock.now())
        late = Publication(remote_id=other_id, url=other_url)
        assert record_late_success(session, delivery, late, clock.now()) is is_same
    assert ("two copies" in str(the_delivery(database, delivery).problem)) is not is_same


def test_a_wrongly_read_id_is_the_same_post_by_its_link(database: Database, clock: FixedClock) -> None:
    """A former version took `…/status/5/photo/1` for post 1."""
    delivery = add_delivery(database, clock.now())
    with database.writing() as session:
        row = session.get_one(Delivery, delivery)
        row.adapted = {**row.adapted, "platform": "x"}
        session.flush()
        adopted = Publication(remote_id="1", url="https://x.com/a/status/1790000000000000001/photo/1")
        record_late_success(session, delivery, adopted, clock.now())
        late = Publication(remote_id="1790000000000000001", url="https://x.com/i/web/status/1790000000000000001")
        assert record_late_success(session, delivery, late, clock.now())


def test_a_draft_that_got_another_id_when_it_was_published_is_one_post(database: Database, clock: FixedClock) -> None:
    draft, post = Publication(remote_id="5"), Publication(remote_id="7", former_id="5")
    for day, (first, second) in enumerate(((draft, post), (post, draft))):
        delivery = add_delivery(database, clock.now(), day_offset=day)
        with database.writing() as session:
            session.get_one(Delivery, delivery).preparation = {"reference": "5"}
            record_late_success(session, delivery, first, clock.now())
            assert record_late_success(session, delivery, second, clock.now())
            other = Publication(remote_id="8", former_id="6")
            assert not record_late_success(session, delivery, other, clock.now())


def test_the_id_that_a_post_has_is_recorded_when_it_is_read(bench: Bench) -> None:
    bench.platform.shown_fields = {"remote_id": "7", "url": "https://fake.example/7"}
    bench.pass_time(minutes=1)
    assert (bench.row.remote_id, bench.row.remote_url, bench.row.problem) == ("7", "https://fake.example/7", None)


# On the sandbox.


def publish(outlet: Outlet, images: int = 1) -> None:
    outlet.add_post("Cells & light <at night>", images, link="https://example.org/cells?a=1&b=2")
    outlet.pick()


def end_of_reading(outlet: Outlet, platform: str) -> str:
    with outlet.desk.database.writing() as session:
        session.execute(update(Delivery).values(verify_at=outlet.desk.now()))
    outlet.run_until_idle()
    return str(outlet.deliveries()[platform].problem or "")


@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_the_platform_itself_rewrites_is_no_difference(
    open_outlet: OpenOutlet, platform: str, images: int
) -> None:
    outlet = open_outlet(platform)
    publish(outlet, images)
    outlet.run_until_idle()
    row = outlet.deliveries()[platform]
    with outlet.desk.database.reading() as session:
        outcomes = session.scalars(select(Attempt.outcome).where(Attempt.kind == "verify")).all()
    assert (row.state, row.problem, outcomes) == ("published", None, ["as-sent"])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_text_without_its_credit_is_reported_and_taken_back(open_outlet: OpenOutlet, platform: str) -> None:
    outlet = open_outlet(platform)
    publish(outlet)
    outlet.run_until_idle()
    detail = outlet.copies(platform)[-1].detail
    holder, whole = _cut_text(platform, detail)
    problem = end_of_reading(outlet, platform)
    assert problem.startswith("Followers see something else than was sent: the text ")
    assert "the credit “Image by the test bench” is missing" in problem
    holder.update(whole)
    assert end_of_reading(outlet, platform) == ""


def _cut_text(platform: str, detail: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Leave only the beginning of a post's text, and return where it stood with what it was."""
    if platform == "x":
        tweet = detail["tweet"]
        whole = {"text": tweet["text"]}
        tweet["text"] = tweet["text"].partition("Image by")[0] + "https://t.co/Media1"
        return tweet, whole
    if platform == "instagram":
        whole = {"caption": detail["caption"]}
        detail["caption"] = {"text": detail["caption"]["text"].partition("Image by")[0]}
        return detail, whole
    whole = {"content": detail["content"]}
    detail["content"] = [block for block in detail["content"] if "Image by" not in str(block.get("text", ""))]
    return detail, whole


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_post_that_was_removed_is_reported(open_outlet: OpenOutlet, platform: str) -> None:
    outlet = open_outlet(platform)
    publish(outlet)
    outlet.run_until_idle()
    outlet.sandbox_servers.ledger.clear()
    with outlet.desk.database.writing() as session:
        hour_ago = outlet.desk.now() - timedelta(hours=1)
        session.execute(update(Delivery).values(published_at=hour_ago))
    assert "does not show the post any more" in end_of_reading(outlet, platform)
