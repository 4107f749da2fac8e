"""Tests that every adapter survives every fault of the sandbox: one copy at the end, or none and a true sentence."""

from __future__ import annotations

import pytest

from publisher.delivery import operate
from publisher.sandbox.faults import BASIC_KINDS, Fault
from publisher.sandbox.x.service import Sandbox as XSandbox
from tests.conftest import OpenOutlet
from tests.outlet import PLATFORMS, Outlet

PUBLISHED_IN_THE_END = [kind for kind in BASIC_KINDS if kind != "reject"]


def strike(outlet: Outlet, platform: str, kind: str, times: int = 1) -> None:
    outlet.sandbox_servers.faults.add(platform, Fault(kind, 4.0 if kind == "slow-after" else 0.0), times)


@pytest.mark.parametrize("kind", PUBLISHED_IN_THE_END)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_copy_whatever_happens_to_the_answer(open_outlet: OpenOutlet, platform: str, kind: str) -> None:
    outlet = open_outlet(platform)
    # A platform may ask to wait for an hour, and the day must be longer than that.
    outlet.shift_to_slot()
    strike(outlet, platform, kind)
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle()
    row = outlet.deliveries()[platform]
    (copy,) = outlet.copies(platform)
    assert (row.state, row.remote_id) == ("published", copy.id)
    assert outlet.sandbox_servers.faults.summary()[platform][kind] >= 1


@pytest.mark.parametrize("kind", ["drop-after", "504-after", "500-before"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_copy_when_it_happens_again_and_again(open_outlet: OpenOutlet, platform: str, kind: str) -> None:
    outlet = open_outlet(platform)
    strike(outlet, platform, kind, times=3)
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle(steps=80)
    assert outlet.deliveries()[platform].state == "published"
    assert len(outlet.copies(platform)) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_refused_credentials_hold_it_with_a_sentence_and_publish_nothing(
    open_outlet: OpenOutlet, platform: str
) -> None:
    outlet = open_outlet(platform)
    for step in ("publish", "read"):
        outlet.sandbox_servers.faults.add(platform, Fault("unauthorized", step=step), times=9)
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle()
    row = outlet.deliveries()[platform]
    assert (row.state, outlet.copies(platform)) == ("held", [])
    assert f"publisher connect {platform}" in str(row.problem)
    outlet.sandbox_servers.faults.clear()
    assert operate.resume(outlet.desk.database, platform, now=outlet.desk.now(), actor="me")
    operate.retry(outlet.desk.database, row.id, now=outlet.desk.now(), actor="me")
    outlet.run_until_idle()
    assert outlet.deliveries()[platform].state == "published"
    assert len(outlet.copies(platform)) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_refused_post_fails_with_a_sentence_and_publishes_nothing(open_outlet: OpenOutlet, platform: str) -> None:
    outlet = open_outlet(platform)
    strike(outlet, platform, "reject")
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle()
    row = outlet.deliveries()[platform]
    assert (row.state, outlet.copies(platform)) == ("failed", [])
    assert len(str(row.problem)) > 20


def test_what_followers_see_is_what_was_adapted(outlet: Outlet) -> None:
    outlet.add_post(images=3)
    outlet.pick()
    outlet.run_until_idle()
    for name, row in outlet.deliveries().items():
        (copy,) = outlet.copies(name)
        meant = row.adapted["images"]
        assert copy.caption.split() == row.adapted["caption"].split()
        assert [image.alt_text for image in copy.images] == [image["alt_text"] for image in meant]
        assert len(copy.images) == 3
        assert row.problem is None


def test_a_draft_blocked_by_a_gateway_is_tried_until_it_is_published(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    outlet.shift_to_slot()
    outlet.sandbox_servers.faults.add("tumblr", Fault("gateway-504"), times=9)
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle(steps=200)
    assert outlet.deliveries()["tumblr"].state == "published"
    assert len(outlet.copies("tumblr")) == 1


def test_a_copy_made_by_a_lost_request_is_reported_with_both_links(open_outlet: OpenOutlet) -> None:
    """X, without its memory for equal texts, carries out a request long after the outlet has sent it again."""
    outlet = open_outlet("x")
    outlet.shift_to_slot()
    outlet.sandbox(XSandbox).refuse_duplicates = False
    outlet.sandbox_servers.faults.add("x", Fault("late-504", 600))
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle()
    own, late = outlet.copies("x")
    row = outlet.deliveries()["x"]
    assert (row.state, row.remote_id) == ("published", own.id)
    links = " and ".join(f"https://x.com/i/web/status/{copy.id}" for copy in (own, late))
    assert str(row.problem) == f"There are two copies: {links}; remove one by hand."
