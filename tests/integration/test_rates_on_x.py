"""Tests that quotas and costs are read through the real client, and shown to operators."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from itertools import pairwise

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from publisher.cli.main import cli
from publisher.core.content import AdaptedPost
from publisher.core.problems import recorded_problem
from publisher.db.models import Attempt
from publisher.db.operations import Quota
from publisher.delivery import intents
from publisher.delivery.budget import whole_cost
from publisher.delivery.context import DeliveryContext
from publisher.delivery.worker import Worker
from publisher.platforms.errors import RateLimited
from publisher.sandbox.faults import Fault
from publisher.sandbox.x.rate_limits import POSTS, RateLimits
from publisher.sandbox.x.service import Sandbox as XSandbox
from tests.conftest import OpenOutlet
from tests.outlet import Outlet

LONG_BODY = " ".join(f"Cell number {number} rests in a quiet place of its own." for number in range(1, 13))


def run(outlet: Outlet, *arguments: str) -> str:
    command = ["--config", str(outlet.config), *arguments]
    return CliRunner(env={"COLUMNS": "200"}).invoke(cli, command, catch_exceptions=False).output


def work_once(outlet: Outlet) -> None:
    desk = outlet.desk
    Worker(
        DeliveryContext(desk.database, desk.channels, desk.renderer, outlet.clock, desk.settings.delivery), owner="me"
    ).drain("x")


def test_x_never_has_to_refuse_what_is_over_its_limit(open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = open_outlet("x", channel_settings="thread = true\n")
    sandbox = outlet.sandbox(XSandbox)
    rate_limits = RateLimits(outlet.sandbox_servers.ledger.now)
    rate_limits.limits[POSTS] = 1
    monkeypatch.setattr(sandbox, "rate_limits", rate_limits)
    outlet.add_post(body=LONG_BODY)
    outlet.pick()
    outlet.run_until_idle(steps=120)
    copies = outlet.copies("x")
    assert len(copies) >= 3
    gaps = [later.at - earlier.at for earlier, later in pairwise(copies)]
    assert all(timedelta(minutes=14) < gap < timedelta(minutes=16) for gap in gaps)
    with outlet.desk.database.reading() as session:
        ends = list(session.execute(select(Attempt.outcome, Attempt.status).where(Attempt.kind == "send")))
        quota = session.get_one(Quota, ("x", "posts, 15 min"))
    assert {status for outcome, status in ends if outcome == "rate-limited"} == {None}, "X itself never said no"
    assert (quota.maximum, quota.remaining) == (1, 0)


def test_operators_read_what_a_month_has_cost_and_why_a_post_is_held(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("x", channel_settings="monthly_budget = 0.03\n")
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle()
    cost = whole_cost(outlet.desk.channels.profile("x"), adapted(outlet))
    assert cost == 25_000
    month = outlet.desk.local(outlet.desk.now(), "%B %Y")
    assert f"The channel X has spent about $0.026 in {month}, 86 % of its budget of $0.03." in run(outlet, "deliveries")
    attempts = json.loads(run(outlet, "log", "1", "--json"))["attempts"]
    assert [attempt["cost_usd"] for attempt in attempts if attempt["kind"] == "send"] == [0.025]
    assert "cost: about $0.026" in run(outlet, "log", "1")


def costs(outlet: Outlet, kind: str) -> list[int]:
    """Lists the costs of attempts of this kind in micros, in order."""
    with outlet.desk.database.reading() as session:
        query = select(Attempt.cost_micros).where(Attempt.kind == kind).order_by(Attempt.id)
        return list(session.scalars(query))


def test_every_post_that_is_read_counts_towards_the_budget(
    open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = open_outlet("x")
    outlet.shift_to_slot()
    for number in range(2):
        outlet.add_post(f"Post {number}")
    outlet.pick()
    outlet.run_until_idle()
    assert costs(outlet, "verify") == [1_000]
    commit = intents.commit_intent

    def refuse_once(*_: object, **__: object) -> int:
        monkeypatch.setattr(intents, "commit_intent", commit)
        raise RateLimited(recorded_problem("a quota is used up"), retry_at=outlet.clock.now())

    monkeypatch.setattr(intents, "commit_intent", refuse_once)
    outlet.sandbox_servers.faults.add("x", Fault("drop-after"))
    outlet.sandbox_servers.ledger.shift(outlet.clock.shift_to(outlet.clock.now() + timedelta(days=1)))
    outlet.pick()
    outlet.run_until_idle()
    assert len(outlet.copies("x")) == 2
    alt_text, newest = 5_000, 1_000
    assert costs(outlet, "send") == [25_000, alt_text + newest, 25_000], "the second try read a post and sent none"
    assert costs(outlet, "lookup") == [1_000]


def adapted(outlet: Outlet) -> AdaptedPost:
    return AdaptedPost.model_validate(outlet.deliveries()["x"].adapted)


def test_operators_read_when_the_next_try_is(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("x")
    outlet.sandbox_servers.faults.add("x", Fault("429"))
    outlet.add_post()
    outlet.pick()
    work_once(outlet)
    row = outlet.deliveries()["x"]
    assert (row.state, outlet.copies("x")) == ("pending", [])
    next_try = re.compile(rf"next try:? (\S+ )?{outlet.desk.local(row.due_at, '%H:%M:%S')}")
    assert next_try.search(" ".join(run(outlet, "deliveries").split()))
    assert len(next_try.findall(run(outlet, "log", "1"))) == 2, "at the top, and where it was decided"
