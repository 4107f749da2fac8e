"""Tests that no page waits for a slow picture, and that every picture is rendered once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.adapt.images import picture_making
from publisher.adapt.images.picture_making import MAX_WAITING, PictureMaker
from publisher.adapt.images.rendering import ImageRefused
from publisher.core.content import Rendition, RenditionSpec
from publisher.core.problems import recorded_problem
from publisher.posts.pictures import store_picture
from publisher.posts.thumbnails import thumbnail_spec
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site
from tests.outlet import draw


class SlowRenderer:
    """Renders when it is allowed to, and counts."""

    def __init__(self, rendition: Rendition, error: Exception | None = None) -> None:
        self.go = threading.Event()
        self.digests: list[str] = []
        self._rendition = rendition
        self._error = error

    def __call__(self, spec: RenditionSpec) -> Rendition:
        assert self.go.wait(60)
        self.digests.append(spec.digest)
        if self._error:
            raise self._error
        return self._rendition


@pytest.fixture
def rendition(tmp_path: Path) -> Rendition:
    file = tmp_path / "a.webp"
    file.write_bytes(b"webp")
    return Rendition(path=file, sha256="0" * 64, bytes=4, format="webp", width=1, height=1)


def spec_of(number: int) -> RenditionSpec:
    return thumbnail_spec(f"{number:064x}", 160)


def test_a_picture_that_takes_long_is_made_behind_the_placeholder(rendition: Rendition) -> None:
    render = SlowRenderer(rendition)
    maker = PictureMaker(render, wait_seconds=0.01)
    assert [maker.make(spec_of(1)) for _ in range(3)] == [None] * 3
    render.go.set()
    slow = PictureMaker(render, wait_seconds=60)
    assert slow.make(spec_of(2)) == rendition
    while maker._making:
        maker.make(spec_of(1))
    assert render.digests.count(spec_of(1).digest) <= 2


def test_few_requests_wait_at_once(rendition: Rendition) -> None:
    render = SlowRenderer(rendition)
    maker = PictureMaker(render, wait_seconds=60)
    waiting = [threading.Thread(target=maker.make, args=(spec_of(1),)) for _ in range(MAX_WAITING)]
    for thread in waiting:
        thread.start()
    while maker._places._value:
        waiting[0].join(0.01)
    assert maker.make(spec_of(2)) is None
    render.go.set()
    for thread in waiting:
        thread.join(60)


def test_a_full_queue_takes_no_more(rendition: Rendition, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_making, "MAX_QUEUED", 3)
    render = SlowRenderer(rendition)
    maker = PictureMaker(render, wait_seconds=0)
    assert [maker.make(spec_of(number)) for number in range(20)] == [None] * 20
    assert len(maker._making) <= 3 + picture_making.MAKER_THREADS
    render.go.set()


def test_what_can_not_be_made_is_not_tried_again_at_once(rendition: Rendition) -> None:
    render = SlowRenderer(rendition, ImageRefused(recorded_problem("The picture is broken.")))
    render.go.set()
    maker = PictureMaker(render, wait_seconds=60)
    for _ in range(3):
        with pytest.raises(ImageRefused, match="broken"):
            maker.make(spec_of(1))
    assert len(render.digests) == 1


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        yield opened


def test_a_page_shows_a_placeholder_and_then_the_picture(site: Site, tmp_path: Path, rendition: Rendition) -> None:
    draw(tmp_path / "a.png")
    media = store_picture(site.desk.database, site.desk.store, tmp_path / "a.png", "a.png", site.desk.now())
    client = site.client("editor")
    render = SlowRenderer(rendition)
    state = site.server._app.state
    usual, state.picture_maker = state.picture_maker, PictureMaker(render, wait_seconds=0.01)
    address = f"/pictures/{media.sha256}/160.webp"
    for _ in range(30):
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["cache-control"] == "no-store"
    assert client.get("/queue").status_code == 200
    assert "waiting.js" in client.get("/queue").text
    state.picture_maker = usual
    answer = client.get(f"{address}?again=1")
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    render.go.set()
