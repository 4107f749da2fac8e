"""Tests that a restored desk finds a post that went out with another text than the backup knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.backup.daily_copies import copy_daily
from publisher.backup.in_place import restore_in_place
from publisher.backup.restore import RestoreReport
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.delivery.operate import cancel, retry
from publisher.desk import Desk
from publisher.health.heartbeat import HEARTBEAT_TIMEOUT
from tests.outlet import PLATFORMS, Outlet


def keep(outlet: Outlet) -> Path:
    file = outlet.desk.settings.database_file
    assert file is not None
    copy = copy_daily(file, outlet.folder / "kept", outlet.clock.now())
    assert copy is not None
    return copy


def edit(outlet: Outlet) -> None:
    """Stores another text for every delivery, as an edit does; on no platform does it look like the former one."""
    with outlet.desk.database.writing() as session:
        for row in session.scalars(select(Delivery)):
            row.adapted = {**row.adapted, "caption": f"Rewritten in the evening, for {row.channel_name}"}
            # As where the platform shows neither slug nor upload id, nothing but the text tells whose post it is.
            row.token = f"{row.id:012d}"


def restore(outlet: Outlet, copy: Path, *, history: bool = False) -> RestoreReport:
    """`history`: the file beside the database was not lost."""
    outlet.close()
    if not history:
        outlet.desk.history.record.path.unlink()
    report = restore_in_place(copy, outlet.desk.settings, now=outlet.clock.now(), seen_within=HEARTBEAT_TIMEOUT)
    outlet.desk = Desk(outlet.config, outlet.clock)
    return report


def copies(outlet: Outlet) -> Sequence[int]:
    return [len(outlet.copies(name)) for name in PLATFORMS]


def test_a_post_that_was_edited_after_the_backup_is_not_posted_again(outlet: Outlet) -> None:
    outlet.add_post()
    outlet.pick()
    copy = keep(outlet)
    edit(outlet)
    outlet.run_until_idle()
    public = {name: row.remote_url or "" for name, row in outlet.deliveries().items()}
    assert copies(outlet) == [1, 1, 1]

    restore(outlet, copy)
    outlet.run_until_idle()

    assert copies(outlet) == [1, 1, 1]
    for name, row in outlet.deliveries().items():
        assert row.state == State.HELD
        assert public[name] in str(row.problem)
        assert "publisher adopt" in str(row.problem)
        adopt(
            outlet.desk.database,
            outlet.desk.channels,
            AdoptionRequest(row.id, public[name]),
            now=outlet.clock.now(),
            actor="ada",
        )
    assert {row.state for row in outlet.deliveries().values()} == {State.PUBLISHED}


def test_posts_that_the_restored_database_knows_ask_nobody(outlet: Outlet) -> None:
    outlet.add_post("Yesterday's")
    outlet.pick()
    outlet.run_until_idle()
    outlet.sandbox_servers.ledger.shift(outlet.clock.shift_to(outlet.clock.now().replace(hour=23, minute=50)))
    outlet.add_post("Today's")
    outlet.sandbox_servers.ledger.shift(outlet.clock.shift_to(outlet.clock.now().replace(hour=0) + timedelta(days=1)))
    outlet.pick()
    restore(outlet, keep(outlet))
    outlet.run_until_idle()
    assert copies(outlet) == [2, 2, 2]
    assert {row.state for row in outlet.deliveries().values()} == {State.PUBLISHED}


@pytest.mark.parametrize("act", ["sent", "canceled"])
def test_what_the_history_file_knows_is_not_posted_by_itself(outlet: Outlet, act: str) -> None:
    outlet.add_post()
    outlet.pick()
    copy = keep(outlet)
    if act == "canceled":
        for row in outlet.deliveries().values():
            cancel(outlet.desk.database, row.id, now=outlet.clock.now(), actor="ada")
    else:
        outlet.run_until_idle()
        # The platforms show none of them when they are asked.
        outlet.sandbox_servers.ledger.clear()
    assert outlet.desk.history.record.changed_deliveries() == {row.id for row in outlet.deliveries().values()}

    restore(outlet, copy, history=True)
    outlet.run_until_idle()

    assert copies(outlet) == [0, 0, 0]
    for row in outlet.deliveries().values():
        assert row.state == State.HELD
        assert "After the backup was made" in str(row.problem)
        retry(outlet.desk.database, row.id, now=outlet.clock.now(), actor="ada", i_have_looked=True)
    outlet.run_until_idle()
    assert copies(outlet) == [1, 1, 1]
    assert outlet.desk.history.record.changed_deliveries() == {row.id for row in outlet.deliveries().values()}
