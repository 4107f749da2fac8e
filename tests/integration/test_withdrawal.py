"""Tests when a post that was picked can be withdrawn, and that nothing of it is sent afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from publisher.cli.main import cli
from publisher.core.states import State
from publisher.db.models import Delivery, Pick, Post
from publisher.db.session import Database
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.operate import retry
from publisher.delivery.problem_codes import ActProblem, PublicPostProblem
from publisher.lifecycle import Move, move
from publisher.posts.errors import PostError
from publisher.posts.posts import withdraw_post
from publisher.posts.undo import PostChange, snapshot, undo_approval
from tests.conftest import WriteDesk, on_every_database
from tests.fakes import add_delivery
from tests.public_site import PublicSite, open_public_site

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


LEASE = {"lease_owner": "worker", "lease_until": NOW}
SENT = {"idempotency_key": "k", "sent_at": NOW}
COLUMNS: dict[State, dict[str, Any]] = {
    State.PUBLISHED: {"remote_id": "7", "published_at": NOW},
    State.PREPARING: LEASE,
    State.PUBLISHING: LEASE | SENT,
    State.UNCONFIRMED: SENT,
}


def delivery_in(
    database: Database, state: State, *, thread: tuple[str, ...] = (), channel: str = "fake", **values: Any
) -> tuple[int, int]:
    """Returns a post that was picked and its delivery, which is in a state."""
    delivery = add_delivery(database, NOW, thread=thread, channel=channel)
    with database.writing() as session:
        row = session.get_one(Delivery, delivery)
        for name, value in {**COLUMNS.get(state, {}), "state": state, **values}.items():
            setattr(row, name, value)
        assert row.pick.post_id is not None
        return row.pick.post_id, delivery


def state_of(database: Database, post: int) -> str:
    with database.reading() as session:
        return session.get_one(Post, post).state


@on_every_database
@pytest.mark.parametrize("state", [State.PUBLISHED, State.FAILED, State.MISSED, State.CANCELED])
def test_a_post_that_can_not_go_out_any_more_is_withdrawn(database: Database, state: State) -> None:
    post, _delivery = delivery_in(database, state)

    withdraw_post(database, post, NOW)

    assert state_of(database, post) == "withdrawn"


@pytest.mark.parametrize(
    ("state", "values"),
    [
        (State.PENDING, {}),
        (State.PREPARING, {}),
        (State.PUBLISHING, {}),
        (State.UNCONFIRMED, {"unknown_since": NOW}),
        (State.HELD, {}),
        (State.FAILED, {"unknown_since": NOW}),
        (State.MISSED, {"lost_requests": 1}),
    ],
)
def test_a_post_that_may_still_go_out_is_not_withdrawn(
    database: Database, state: State, values: dict[str, Any]
) -> None:
    post, _delivery = delivery_in(database, state, **values)

    with pytest.raises(PostError, match="cancel the deliveries that have not gone out"):
        withdraw_post(database, post, NOW)

    assert state_of(database, post) == "approved"


def test_an_undone_approval_withdraws_nothing_that_may_go_out(database: Database) -> None:
    post, _delivery = delivery_in(database, State.PENDING)
    with database.reading() as session:
        after = snapshot(session.get_one(Post, post))
    change = PostChange(post=post, before=after.model_copy(update={"state": "withdrawn"}), after=after)

    with pytest.raises(PostError, match="cancel the deliveries that have not gone out"):
        undo_approval(database, change, now=NOW, actor="mar")

    assert state_of(database, post) == "approved"


@on_every_database
@pytest.mark.parametrize("state", [State.FAILED, State.MISSED])
def test_nothing_of_a_withdrawn_post_is_retried(database: Database, state: State) -> None:
    post, delivery = delivery_in(database, state)
    withdraw_post(database, post, NOW)

    with pytest.raises(ActRefused) as refused:
        retry(database, delivery, now=NOW, actor="mar", i_have_looked=True)

    assert refused.value.reason == ActProblem.POST_WITHDRAWN
    with database.reading() as session:
        assert session.get_one(Delivery, delivery).state == state


def test_no_reply_of_a_withdrawn_post_is_sent(database: Database) -> None:
    """Tests a post whose first part turns out to be public by hand after its withdrawal."""
    post, delivery = delivery_in(database, State.FAILED, thread=("The second part",))
    withdraw_post(database, post, NOW)

    with database.writing() as session:
        fence = session.get_one(Delivery, delivery).fence
        move(session, delivery, Move(State.FAILED, State.PUBLISHED), fence=fence, now=NOW, remote_id="7")

    with database.reading() as session:
        reply = session.scalars(select(Delivery).where(Delivery.part == 1)).one()
        assert reply.state == State.HELD
        assert reply.problem == PublicPostProblem.POST_WITHDRAWN()


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[PublicSite]:
    opened = open_public_site(write_desk(tmp_path / "desk"))
    yield opened
    opened.desk.database.close()


def test_the_page_of_a_post_from_the_queue_is_gone(site: PublicSite) -> None:
    post, delivery = delivery_in(site.desk.database, State.FAILED, channel="tumblr")
    with site.writing() as session:
        pick = session.scalars(select(Pick)).one()
        path = f"/archive/{pick.slot.year}/{pick.slot.month}/{pick.slot.day}"
    with site.visit() as visitor:
        assert visitor.get(path).status_code == 200
        for command in (["withdraw", str(post)], ["retry", str(delivery)]):
            result = CliRunner().invoke(cli, ["--config", str(site.desk.config), *command])
        site.clock.advance(seconds=10)
        assert visitor.get(path).status_code == 410
    assert "was withdrawn" in result.output + str(result.exception)
