"""Tests that posts with media in a bucket are published from another machine, and once the storage is back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.cli.demo_check import differences
from publisher.cli.doctor import _examine
from publisher.cli.doctor_lines import DoctorLine
from publisher.db.models import Delivery
from publisher.desk import Desk
from publisher.settings.private_paths import MEDIA_COPIES
from tests.conftest import OpenOutlet
from tests.outlet import Outlet
from tests.s3_server import S3Server, Wire


@pytest.fixture
def wire(s3: S3Server) -> Iterator[Wire]:
    with Wire(s3.endpoint) as opened:
        yield opened


@pytest.fixture
def outlet(open_outlet: OpenOutlet, s3: S3Server, wire: Wire) -> Outlet:
    """Makes an outlet whose media are in a bucket of its own."""
    bucket = s3.bucket()
    return open_outlet("tumblr", media=f"s3://{bucket.name}/{bucket.prefix}?endpoint={wire.endpoint}")


def move(outlet: Outlet, folder: Path) -> None:
    """Opens the same outlet on another machine, which has its database and nothing else."""
    config = folder / "config" / "publisher.toml"
    config.parent.mkdir(parents=True)
    shared = f'[storage]\ndatabase = "{outlet.desk.settings.database_url}"'
    text = outlet.config.read_text(encoding="utf-8").replace("[storage]", shared)
    config.write_text(text, encoding="utf-8")
    (outlet.config.parent / "captions").rename(config.parent / "captions")
    outlet.close()
    outlet.desk = Desk(config, outlet.clock)


def published_as_meant(outlet: Outlet) -> bool:
    """Tells whether the one copy shows exactly the pictures that the desk makes."""
    with outlet.desk.database.reading() as session:
        rows = list(session.scalars(select(Delivery)))
    copies = outlet.copies("tumblr")
    assert [row.state for row in rows] == ["published"]
    return len(copies) == 1 and differences(rows, [copy.as_json() for copy in copies], outlet.desk.renderer) == []


def forget_finished_pictures(outlet: Outlet) -> None:
    """Removes what the approval has made, so that a worker has to make it of the originals."""
    assert outlet.desk.store.sweep(frozenset(), datetime.now(UTC) + timedelta(days=1)) > 0


def test_another_machine_publishes_what_this_one_stored(outlet: Outlet, tmp_path: Path) -> None:
    outlet.add_post(images=2)
    outlet.pick()
    forget_finished_pictures(outlet)
    move(outlet, tmp_path / "second")
    outlet.run_until_idle()
    assert published_as_meant(outlet)
    copies = tmp_path / "second" / MEDIA_COPIES
    assert sorted(path.name for path in (copies / "originals").glob("??/*")) == sorted(outlet.desk.store.originals())
    assert not (tmp_path / "second" / "media").exists()


def test_storage_that_is_away_makes_a_post_late_and_nothing_worse(outlet: Outlet, wire: Wire, tmp_path: Path) -> None:
    outlet.add_post()
    outlet.pick()
    move(outlet, tmp_path / "second")
    wire.cut()
    with pytest.raises(AssertionError, match="the deliveries did not end"):
        outlet.run_until_idle(steps=3)
    delivery = outlet.deliveries()["tumblr"]
    assert delivery.state == "pending"
    assert delivery.due_at > outlet.clock.now()
    reached = r"Nothing was sent: the bucket “\S+” at http://127\.0\.0\.1:\d+ was not reached"
    assert re.match(reached + r" \([a-z ]+\); mend ", str(delivery.problem))
    assert outlet.copies("tumblr") == []
    wire.mend()
    outlet.run_until_idle()
    assert published_as_meant(outlet)


def test_doctor_shows_whether_the_storage_can_be_used(outlet: Outlet, s3: S3Server, wire: Wire) -> None:
    bucket = outlet.desk.settings.storage.bucket
    assert bucket is not None
    line = media_line(outlet)
    assert (line.good, str(line.message), line.warning) == (True, f"{bucket} can be written to", False)
    assert s3.keys(bucket) == []
    wire.cut()
    line = media_line(outlet)
    assert not line.good
    assert str(line.message).startswith(f"{bucket} was not reached")


def media_line(outlet: Outlet) -> DoctorLine:
    return next(line for line in _examine(outlet.desk) if str(line.what) == "media")


def test_a_damaged_original_waits_for_a_person_and_is_never_published(
    outlet: Outlet, s3: S3Server, tmp_path: Path
) -> None:
    outlet.add_post()
    outlet.pick()
    forget_finished_pictures(outlet)
    bucket = outlet.desk.settings.storage.bucket
    assert bucket is not None
    [key] = s3.keys(bucket)
    whole = s3.client.get_object(Bucket=bucket.name, Key=key)["Body"].read()
    s3.client.put_object(Bucket=bucket.name, Key=key, Body=whole[:-1] + b"?")
    move(outlet, tmp_path / "second")
    outlet.run_until_idle()
    delivery = outlet.deliveries()["tumblr"]
    assert (delivery.state, outlet.copies("tumblr")) == ("held", [])
    assert "is damaged in the media store: add the picture again" in str(delivery.problem)
