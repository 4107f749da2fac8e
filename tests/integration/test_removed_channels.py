"""Tests that a delivery is held when its channel was removed from the configuration."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from publisher.core.clock import FixedClock
from publisher.core.states import CorrectionState, State
from publisher.db.corrections import Correction
from publisher.db.models import Delivery
from publisher.db.session import Database
from publisher.delivery.corrections import NewCorrection, open_correction
from publisher.delivery.due import next_appointments
from publisher.delivery.problem_codes import CorrectionTrouble
from publisher.delivery.removed_channels import hold_removed
from tests.conftest import on_every_database
from tests.fakes import adapted_post, add_delivery, the_delivery


@on_every_database
def test_what_waits_for_a_removed_channel_is_held_with_its_reason(database: Database, clock: FixedClock) -> None:
    present = add_delivery(database, clock.now(), channel="kept")
    removed = add_delivery(database, clock.now(), channel="gone", day_offset=1)
    [held_delivery] = hold_removed(database, ["kept"], clock.now())
    assert (held_delivery.id, the_delivery(database, present).state) == (removed, "pending")
    delivery = the_delivery(database, removed)
    assert (delivery.state, delivery.unknown_since) == ("held", None)
    assert "channel gone is not in the configuration any more, so nothing was sent" in str(delivery.problem)
    assert hold_removed(database, ["kept"], clock.now()) == []


def test_what_may_be_public_there_is_never_just_retried(database: Database, clock: FixedClock) -> None:
    delivery_id = add_delivery(database, clock.now(), channel="gone")
    with database.writing() as session:
        row = session.get_one(Delivery, delivery_id)
        row.state, row.idempotency_key = State.UNCONFIRMED, "key"
    hold_removed(database, ["kept"], clock.now())
    delivery = the_delivery(database, delivery_id)
    assert (delivery.state, delivery.unknown_since) == ("held", clock.now())
    assert "may be public" in str(delivery.problem)


def test_what_is_public_there_is_not_read_back_and_no_work_is_overdue(database: Database, clock: FixedClock) -> None:
    delivery_id = add_delivery(database, clock.now(), channel="gone")
    with database.writing() as session:
        row = session.get_one(Delivery, delivery_id)
        row.state, row.remote_id, row.verify_at = "published", "1", clock.now() - timedelta(hours=1)
    assert hold_removed(database, ["kept"], clock.now()) == []
    with database.reading() as session:
        assert next_appointments(session, clock.now()) == []
    assert the_delivery(database, delivery_id).state == "published"


def test_a_correction_for_a_removed_channel_ends_with_its_reason(database: Database, clock: FixedClock) -> None:
    published = add_delivery(database, clock.now(), channel="gone")
    with database.writing() as session:
        delivery = session.get_one(Delivery, published)
        delivery.state, delivery.idempotency_key, delivery.remote_id = State.PUBLISHED, "key", "7"
        delivery.published_at = clock.now()
        session.flush()
        new = NewCorrection(after=adapted_post("Mended"), post_version=2, actor="ada@example.org")
        open_correction(session, delivery, new, clock.now())
    hold_removed(database, ["kept"], clock.now())
    with database.reading() as session:
        correction = session.scalars(select(Correction)).one()
        assert correction.problem is not None
        assert (correction.state, correction.problem.code) == (
            CorrectionState.FAILED,
            CorrectionTrouble.CORRECTING_WITHOUT_CHANNEL,
        )
