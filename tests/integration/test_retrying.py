"""Tests that a delivery held because nothing could be adapted for its channel can be retried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from publisher.core.clock import FixedClock
from publisher.core.content import AdaptedPost
from publisher.core.problems import recorded_problem
from publisher.db.models import Delivery, Pick, Post
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.claim import claim
from publisher.delivery.removed_channels import hold_removed
from publisher.delivery.row import version_of
from publisher.desk import Desk
from publisher.retrying import retry
from publisher.schedule.picking import pick_slot
from tests.conftest import WriteDesk
from tests.queue_desk import picture


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk, clock: FixedClock) -> Iterator[Desk]:
    opened = Desk(write_desk(tmp_path / "outlet"), clock)
    clock.instant = clock.instant.replace(hour=9, minute=30)
    yield opened
    opened.database.close()


def template(desk: Desk, channel: str) -> Path:
    return desk.settings.file.parent / desk.settings.channels[channel].caption


def pick(desk: Desk, **fields: str) -> dict[str, Delivery]:
    """Returns the deliveries of today's pick, by channel."""
    now = desk.now()
    with desk.database.writing() as session:
        session.add(
            Post(
                state="approved", approved_at=now, position=1.0, title="A cell", credit="Jane Doe", licence="CC BY 4.0",
                language="en", created_at=now, updated_at=now, images=[picture("a cell", now)], **fields,
            )
        )  # fmt: skip
    assert pick_slot(desk.database, desk.settings, desk.targets, desk.people, now).result == "picked"
    return deliveries(desk, now.date())


def deliveries(desk: Desk, day: date) -> dict[str, Delivery]:
    with desk.database.reading() as session:
        [row] = session.query(Pick).filter(Pick.slot == day)
        return {delivery.channel_name: delivery for delivery in row.deliveries}


def test_a_template_that_breaks_holds_its_channel_until_it_is_mended(desk: Desk) -> None:
    assert not any(target.broken for target in desk.targets.values())
    sound = template(desk, "x").read_text(encoding="utf-8")
    template(desk, "x").write_text("{{ titel }}", encoding="utf-8")
    deliveries_by_channel = pick(desk)
    assert {name: delivery.state for name, delivery in deliveries_by_channel.items() if name != "x"} == {
        name: "pending" for name in desk.settings.channels if name != "x"
    }
    delivery = deliveries_by_channel["x"]
    assert delivery.state == "held"
    assert "did you mean “title”" in str(delivery.problem)

    with pytest.raises(ActRefused, match=r"still can't go out: .*did you mean “title”"):
        retry(desk, delivery.id, actor="me")
    assert deliveries(desk, desk.now().date())["x"].state == "held"

    template(desk, "x").write_text(sound, encoding="utf-8")
    version = version_of(deliveries(desk, desk.now().date())["x"])
    retry(desk, delivery.id, actor="me", seen=version)
    mended = deliveries(desk, desk.now().date())["x"]
    assert (mended.state, mended.problem) == ("pending", None)
    adapted = AdaptedPost.model_validate(mended.adapted)
    assert "A cell" in adapted.caption
    assert not any(problem.blocking for problem in adapted.problems)


def test_a_directory_of_people_that_is_mended_is_enough_for_a_retry(desk: Desk) -> None:
    directory = desk.settings.file.parent / "people.toml"
    directory.write_text("[[people", encoding="utf-8")
    delivery = pick(desk, body="Found by @[Ada].")["tumblr"]
    assert (delivery.state, "people.toml can't be read" in str(delivery.problem)) == ("held", True)
    directory.write_text('[[people]]\nname = "Ada"\nhandles = { tumblr = "ada" }\n', encoding="utf-8")
    retry(desk, delivery.id, actor="me")
    mended = deliveries(desk, desk.now().date())["tumblr"]
    assert mended.state == "pending"
    assert "@ada" in AdaptedPost.model_validate(mended.adapted).caption


def test_a_stored_text_that_cannot_be_read_is_made_anew(desk: Desk) -> None:
    delivery = pick(desk)["x"]
    with desk.database.writing() as session:
        row = session.get_one(Delivery, delivery.id)
        row.adapted = {**delivery.adapted, "of_a_newer_version": True}
    now = delivery.due_at
    assert claim(desk.database, "x", owner="me", now=now, lease=timedelta(seconds=30)) is None
    held = deliveries(desk, desk.now().date())["x"]
    assert (held.state, f"publisher retry {held.id}" in str(held.problem)) == ("held", True)
    retry(desk, held.id, actor="me")
    mended = deliveries(desk, desk.now().date())["x"]
    assert (mended.state, mended.adapted) == ("pending", delivery.adapted)


def test_a_retry_of_what_somebody_changed_meanwhile_is_refused(desk: Desk) -> None:
    template(desk, "x").write_text("{{ titel }}", encoding="utf-8")
    delivery = pick(desk)["x"]
    with pytest.raises(ActRefused):
        retry(desk, delivery.id, actor="me", seen="held.99")


def test_a_text_that_could_be_adapted_stays_as_it_was_frozen(desk: Desk) -> None:
    delivery = pick(desk)["x"]
    with desk.database.writing() as session:
        row = session.get_one(Delivery, delivery.id)
        row.state, row.problem = "held", recorded_problem("The credentials were refused.")
    template(desk, "x").write_text("Another text: {{ title }} {{ credit }}", encoding="utf-8")
    retry(desk, delivery.id, actor="me")
    assert deliveries(desk, desk.now().date())["x"].adapted == delivery.adapted


def test_a_retry_on_a_removed_channel_is_refused_until_it_is_back(desk: Desk) -> None:
    delivery = pick(desk)["x"]
    file = desk.settings.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[channels.x]", "[channels.other]"), encoding="utf-8")
    without = Desk(file, desk.clock)
    hold_removed(without.database, without.settings.channels, without.now())
    with pytest.raises(ActRefused, match=r"no channel x in the desk's configuration any more"):
        retry(without, delivery.id, actor="me")
    without.database.close()
    retry(desk, delivery.id, actor="me")
    assert deliveries(desk, desk.now().date())["x"].state == "pending"
