"""Tests that pictures are rendered before their slot, and old ones deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from publisher.adapt.images.rendering import Renderer
from publisher.core.content import RenditionSpec
from publisher.media import FolderStore
from publisher.schedule.rendering_ahead import MAX_UNUSED_AGE, render_next_post, sweep_renditions
from publisher.schedule.slots import slot_day, slot_opens
from tests.outlet import Outlet


def prepare(outlet: Outlet, now: datetime) -> int | None:
    desk = outlet.desk
    return render_next_post(desk.database, desk.settings, desk.targets, desk.people, Renderer(desk.store), now)


def test_the_next_post_is_ready_before_its_slot(outlet: Outlet) -> None:
    desk = outlet.desk
    post = outlet.add_post(title="Ready in time")
    tomorrow = slot_day(desk.now(), desk.settings.outlet.zone) + timedelta(days=1)
    outlet.pick()
    late = outlet.add_post(title="For tomorrow", images=2)
    opens = slot_opens(tomorrow, desk.settings)
    assert post != late
    assert prepare(outlet, opens - timedelta(hours=2)) is None
    assert prepare(outlet, opens - timedelta(minutes=10)) == late


def test_only_old_renditions_that_nothing_needs_are_removed(outlet: Outlet, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "own-media")
    renderer = Renderer(store)
    outlet.add_post()
    outlet.pick()
    desk = outlet.desk
    needed = [
        RenditionSpec.model_validate(image["spec"])
        for row in outlet.deliveries().values()
        for image in row.adapted["images"]
    ]
    unneeded = needed[0].model_copy(update={"description": "Nobody waits for this one"})
    store.put(desk.store.fetch(needed[0].source).read_bytes())
    paths = [renderer.render(spec).path for spec in (*needed, unneeded)]
    assert sweep_renditions(desk.database, renderer, desk.now()) == 0
    assert sweep_renditions(desk.database, renderer, desk.now() + MAX_UNUSED_AGE + timedelta(days=1)) >= 1
    assert [path.exists() for path in paths] == [True] * len(needed) + [False]
