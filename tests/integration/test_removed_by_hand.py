"""Tests that a post that was removed by hand before the desk found it goes out again under a fresh id."""

from __future__ import annotations

from publisher.delivery import operate
from publisher.sandbox.faults import Fault
from publisher.sandbox.instagram.service import Sandbox as InstagramSandbox
from publisher.sandbox.ledger import ListingLag
from tests.conftest import OpenOutlet

DAY = 86_400.0
REMOVED = ListingLag(min_seconds=90 * DAY, max_seconds=99 * DAY, hides_ids=True)
"""It is shown no more than a post that was removed, and the platform remembers its id as it does then."""


def test_instagram_takes_it_under_a_fresh_id_once_a_person_has_looked(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("instagram")
    outlet.shift_to_slot()
    sandbox = outlet.sandbox(InstagramSandbox)
    sandbox.recognises_upload_ids = True
    outlet.sandbox_servers.ledger.set_listing_lag("instagram", REMOVED)
    outlet.sandbox_servers.faults.add("instagram", Fault("504-after"))
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle()
    delivery = outlet.deliveries()["instagram"]
    assert (delivery.state, delivery.reported_public, len(outlet.copies("instagram"))) == ("held", True, 1)
    assert f"If it is not: publisher retry {delivery.id} --i-have-looked" in str(delivery.problem)
    outlet.sandbox_servers.ledger.set_listing_lag("instagram", ListingLag())
    desk = outlet.desk
    operate.retry(desk.database, delivery.id, now=desk.now(), actor="me", i_have_looked=True)
    outlet.run_until_idle()
    row = outlet.deliveries()["instagram"]
    removed, public = outlet.copies("instagram")
    assert (row.state, row.remote_id, row.problem) == ("published", public.id, None)
    assert public.idempotency_key == row.idempotency_key != removed.idempotency_key
