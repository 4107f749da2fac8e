"""Tests that one post goes out on Tumblr, whatever happens in which order to its draft and its publication."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import select, update

from publisher.alerts import delivery_alerts
from publisher.alerts.conditions import Snapshot
from publisher.db.models import Delivery, Event
from publisher.db.problem_column import read_recorded
from publisher.delivery import operate, stray_drafts
from publisher.delivery.context import DeliveryContext
from publisher.delivery.due import miss_expired, recover_lost
from publisher.delivery.worker import Worker
from publisher.platforms.base import KeySeed
from publisher.platforms.tumblr.adapter import Adapter
from publisher.sandbox.faults import Fault
from publisher.sandbox.tumblr.npf import NewPost
from publisher.sandbox.tumblr.service import Sandbox as TumblrSandbox
from tests.conftest import OpenOutlet
from tests.outlet import Outlet, ShortTimeoutChannels

MAKING = ("upload/drop-after", "upload/504-after", "upload/500-before", "upload/late-504:100")
READING = ("read/drop-before", "read/gateway-502", "read/gateway-404")
PUBLISHING = ("drop-after", "late-504:100", "500-before")


def sandbox_of(outlet: Outlet) -> TumblrSandbox:
    return outlet.sandbox(TumblrSandbox)


@pytest.mark.parametrize("keeps_id", [False, True])
@pytest.mark.parametrize("seconds", [0, 100])
@pytest.mark.parametrize("making", MAKING)
def test_one_post_and_no_draft_remains(open_outlet: OpenOutlet, making: str, seconds: float, keeps_id: bool) -> None:
    """Each fault of the draft's creation, with a draft that is or is not shown by its id for a while."""
    outlet = open_outlet("tumblr")
    outlet.shift_to_slot()
    habits = sandbox_of(outlet).blog.habits
    habits.drafts_keep_id, habits.reading_lag = keeps_id, timedelta(seconds=seconds)
    publishing = PUBLISHING[MAKING.index(making) % len(PUBLISHING)]
    for fault in (making, READING[MAKING.index(making) % len(READING)], publishing):
        outlet.sandbox_servers.faults.add("tumblr", Fault.parse(fault))
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle(steps=120)
    row = outlet.deliveries()["tumblr"]
    (copy,) = outlet.copies("tumblr")
    assert (row.state, row.remote_id, row.problem) == ("published", copy.id, None)
    assert sandbox_of(outlet).blog.hidden_posts == {}


@pytest.mark.parametrize("order", list(permutations(("upload/drop-after", "read/drop-before", "late-504:100"))))
def test_the_order_of_the_faults_changes_nothing(open_outlet: OpenOutlet, order: tuple[str, ...]) -> None:
    outlet = open_outlet("tumblr")
    outlet.shift_to_slot()
    sandbox_of(outlet).blog.habits.reading_lag = timedelta(seconds=20)
    for fault in order + order[:2]:
        outlet.sandbox_servers.faults.add("tumblr", Fault.parse(fault))
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle(steps=120)
    assert (outlet.deliveries()["tumblr"].state, len(outlet.copies("tumblr"))) == ("published", 1)
    assert sandbox_of(outlet).blog.hidden_posts == {}


def test_a_late_success_naming_the_draft_is_corrected_to_the_public_post(open_outlet: OpenOutlet) -> None:
    """The worker has lost its delivery when the answer comes, and the answer names the id that the draft had."""
    outlet = open_outlet("tumblr")
    outlet.shift_to_slot()
    habits = sandbox_of(outlet).blog.habits
    habits.drafts_keep_id, habits.edits_tell_new_id = False, False
    outlet.add_post()
    outlet.pick()
    desk, channels = outlet.desk, ShortTimeoutChannels(outlet.desk.settings, outlet.clock, 2.0)

    def lose_the_delivery(milestone: str, _delivery: int) -> None:
        if milestone == "committed":
            outlet.sandbox_servers.faults.add("tumblr", Fault.parse("read/gateway-504"))
        elif milestone == "answered":
            recover_lost(desk.database, desk.now(), timedelta(seconds=20), lambda owner: True)

    context = DeliveryContext(desk.database, channels, desk.renderer, desk.clock, desk.settings.delivery)
    worker = Worker(context, owner="slow", milestone=lose_the_delivery)
    while outlet.deliveries()["tumblr"].state != "published":
        worker.drain("tumblr")
        outlet.sandbox_servers.ledger.shift(outlet.clock.shift_to(desk.now() + timedelta(seconds=30)))
    outlet.run_until_idle()
    row = outlet.deliveries()["tumblr"]
    (copy,) = outlet.copies("tumblr")
    assert (row.remote_id, row.remote_url, row.problem) == (copy.id, copy.url, None)


@pytest.mark.parametrize("fault", ["upload/drop-after", "500-before", "late-504:1200", "late-504:20000"])
def test_a_canceled_post_leaves_nothing_or_is_reported(open_outlet: OpenOutlet, fault: str) -> None:
    """Its draft is removed, unless a request that came late has published it before that."""
    outlet = open_outlet("tumblr")
    outlet.shift_to_slot()
    outlet.sandbox_servers.faults.add("tumblr", Fault.parse(fault))
    outlet.add_post()
    outlet.pick()
    work_once(outlet)
    assert len(sandbox_of(outlet).blog.hidden_posts) == 1
    desk = outlet.desk
    operate.cancel(desk.database, outlet.deliveries()["tumblr"].id, now=desk.now(), actor="me")
    outlet.run_until_idle()
    row = outlet.deliveries()["tumblr"]
    published = fault == "late-504:1200"
    assert (row.state, len(outlet.copies("tumblr"))) == (("published", 1) if published else ("canceled", 0))
    assert ("It was canceled, and is public nevertheless" in str(row.problem)) is published
    assert sandbox_of(outlet).blog.hidden_posts == {}


def test_a_missed_post_names_its_draft(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    outlet.shift_to_slot()
    sandbox_of(outlet).blog.habits.reading_lag = timedelta(days=3)
    outlet.add_post()
    outlet.pick()
    work_once(outlet)
    miss_expired(outlet.desk.database, outlet.deliveries()["tumblr"].expires_at)
    (draft,) = sandbox_of(outlet).blog.hidden_posts
    sentence = f"Its draft {draft} stays on tumblr: a retry publishes it, and cancel removes it."
    assert str(outlet.deliveries()["tumblr"].problem).endswith(f"{sentence} Use retry to publish it late, or cancel.")


def test_a_draft_that_no_delivery_waits_for_is_named_once(
    open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker was killed between the draft's answer and its record, while the list of drafts lagged."""
    outlet = open_outlet("tumblr")
    outlet.shift_to_slot()
    outlet.add_post()
    outlet.pick()
    sandbox, row = sandbox_of(outlet), outlet.deliveries()["tumblr"]
    title = "A quiet cell"
    slugs = [Adapter.idempotency_key(KeySeed(token=token, title=title, created_at=outlet.clock.now()))
             for token in (row.token, "0123456789ab")]  # fmt: skip
    strays = [leave_draft(outlet, slug) for slug in (*slugs, "written-by-hand")]
    sandbox.blog.habits.listing_lag = timedelta(days=1)
    outlet.run_until_idle(steps=120)
    assert (outlet.deliveries()["tumblr"].state, [*sandbox.blog.hidden_posts]) == ("published", strays)
    sandbox.blog.habits.listing_lag = timedelta(0)

    desk, times = outlet.desk, iter([0.0, 10.0, 3600.0, 7200.0])
    monkeypatch.setattr(stray_drafts, "monotonic", lambda: next(times))
    looks = stray_drafts.StrayDrafts(desk.database, desk.channels, outlet.clock)
    event_counts = []
    for _ in range(4):
        looks.look()
        event_counts.append(len(stray_events(outlet)))

    assert event_counts == [0, 0, 2, 2]
    of_nobody, of_post = stray_events(outlet)
    assert (of_post.delivery_id, of_post.detail["draft"]) == (row.id, strays[0])
    assert f"delivery {row.id} does not need it" in str(read_recorded(of_post.detail["problem"]))
    assert (of_nobody.delivery_id, of_nobody.detail["draft"]) == (None, strays[1])
    with desk.database.reading() as session:
        view = Snapshot(session, desk.settings, desk.now())
        assert [str(condition.headline) for condition in delivery_alerts.stray_drafts(view)] == [
            "tumblr: an unused draft is left"
        ] * 2
    assert [*sandbox.blog.hidden_posts] == strays, "none is removed"


def test_a_draft_that_is_waited_for_is_not_named(open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a request may still publish it, and after it was missed: a retry publishes it."""
    outlet = open_outlet("tumblr")
    outlet.shift_to_slot()
    outlet.sandbox_servers.faults.add("tumblr", Fault.parse("500-before"))
    outlet.add_post()
    outlet.pick()
    work_once(outlet)
    times = iter([0.0, 3600.0, 7200.0, 7200.0, 9000.0])
    monkeypatch.setattr(stray_drafts, "monotonic", lambda: next(times))
    desk = outlet.desk
    looks = stray_drafts.StrayDrafts(desk.database, desk.channels, outlet.clock)
    looks.look()
    looks.look()
    with desk.database.writing() as session:
        session.execute(update(Delivery).values(state="missed"))
    looks.look()
    assert len(sandbox_of(outlet).blog.hidden_posts) == 1
    assert stray_events(outlet) == []
    other = leave_draft(outlet, outlet.deliveries()["tumblr"].idempotency_key or "")
    looks.look()
    looks.look()
    assert [event.detail["draft"] for event in stray_events(outlet)] == [other], "a retry takes the one that was stored"


def leave_draft(outlet: Outlet, slug: str) -> str:
    """Returns the id of a draft that somebody has left on the blog."""
    blog = sandbox_of(outlet).blog
    content = [{"type": "text", "text": "A quiet cell"}]
    new = NewPost(state="draft", slug=slug, content=content, layout=[], tags=(), images=(), source_url="")
    return blog.create(new, outlet.sandbox_servers.ledger.now()).id


def stray_events(outlet: Outlet) -> list[Event]:
    with outlet.desk.database.reading() as session:
        return list(session.scalars(select(Event).where(Event.name == stray_drafts.STRAY_DRAFT).order_by(Event.id)))


def work_once(outlet: Outlet) -> None:
    desk = outlet.desk
    worker = Worker(
        DeliveryContext(desk.database, desk.channels, desk.renderer, outlet.clock, desk.settings.delivery), owner="me"
    )
    worker.drain("tumblr")
