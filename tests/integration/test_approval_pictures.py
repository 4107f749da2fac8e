"""Tests that a post is approved only when every channel's pictures can be made, and are."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as PillowImage
from sqlalchemy import select

from publisher.adapt.images.child_process import ImageProcessFailed
from publisher.adapt.images.process import animation
from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.images.rendering import Renderer
from publisher.adapt.problem_codes import PictureProblem
from publisher.cli.main import cli
from publisher.core.content import Rendition, RenditionSpec
from publisher.core.problems import Problem
from publisher.db.models import Event, Post
from publisher.db.session import Database
from publisher.desk import Desk as WholeDesk
from publisher.platforms.profiles import AnimationLimits
from publisher.posts.channel_posts import adapt_for_channels
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft
from publisher.posts.errors import MachineError, StaleEdit
from publisher.posts.post_store import load_post
from publisher.schedule.approval import NotApproved
from publisher.schedule.bulk import BulkChanges
from publisher.schedule.post_queue import PostQueue
from publisher.web.slow_work import WorkLimits, WorkQueue
from tests import image_samples as samples
from tests.api_client import program
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site, text_of
from tests.queue_desk import Desk, InstantRenderer, open_desk
from tests.waiting import TIMEOUT, wait_until

NINE = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
TOO_LARGE = PictureProblem.TOO_MANY_BYTES(bytes=9)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NINE)


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        yield opened


def refuse(desk: Desk, post_id: int) -> None:
    """Lets the picture of a post be one that can't be made."""
    renderer = desk.renderer
    assert isinstance(renderer, InstantRenderer)
    renderer.refused[desk.load(post_id).images[0].media_sha256] = TOO_LARGE


def add(desk: WholeDesk, file: Path, title: str = "Cells") -> int:
    image = ImageDraft(file=file, alt_text="A bar that moves")
    draft = PostDraft(title=title, credit="Image by the bench", licence="CC BY 4.0", images=(image,))
    return PostQueue(desk).add(draft).id


def state_of(desk: WholeDesk, post_id: int) -> str:
    with desk.database.reading() as session:
        return session.get_one(Post, post_id).state


# --- the approval itself ---------------------------------------------------------------------


def test_a_post_whose_picture_can_not_be_made_is_not_approved(desk: Desk) -> None:
    post_id = desk.post("Cells", NINE, state="draft")
    refuse(desk, post_id)
    with pytest.raises(NotApproved) as refusal:
        PostQueue(desk).approve(post_id)
    (problem,) = refusal.value.problems
    assert (problem.problem.problem, problem.channels) == (TOO_LARGE, ("web", "mail"))
    assert desk.load(post_id).state == "draft"
    assert desk.events("post approved") == []


def test_what_publishing_needs_is_made_when_a_post_is_approved(site: Site, tmp_path: Path) -> None:
    desk = site.desk
    post_id = add(desk, samples.save(samples.fluorescence(300, 240), tmp_path / "cells.png"))
    PostQueue(desk).approve(post_id)
    with desk.database.reading() as session:
        channel_posts = adapt_for_channels(load_post(session, post_id), desk.targets, desk.people)
    specs = [
        image.spec for channel_post in channel_posts if channel_post.adapted for image in channel_post.adapted.images
    ]
    assert len(specs) == len(desk.targets)
    assert all(desk.renderer.stored(spec.digest) for spec in specs)


def test_an_approval_without_its_original_is_refused(site: Site, tmp_path: Path) -> None:
    post_id = add(site.desk, samples.save(samples.fluorescence(300, 240), tmp_path / "cells.png"))
    for file in site.desk.settings.path(site.desk.settings.storage.media).rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(NotApproved):
        PostQueue(site.desk).approve(post_id)
    assert state_of(site.desk, post_id) == "draft"


class FailingRenderer(InstantRenderer):
    """Stands in for an installation that can't make pictures."""

    def render(self, spec: RenditionSpec) -> Rendition:
        raise ImageProcessFailed("no libvips here")


def test_a_fault_of_the_machine_is_no_fault_of_the_post(desk: Desk) -> None:
    post_id = desk.post("Cells", NINE, state="draft")
    desk.renderer = FailingRenderer()
    with pytest.raises(MachineError, match="fault of the program"):
        PostQueue(desk).approve(post_id)
    assert desk.load(post_id).state == "draft"


class MeddlingRenderer(InstantRenderer):
    """Lets a colleague change the post while its pictures are made."""

    def __init__(self, desk: Desk, post_id: int, times: int) -> None:
        super().__init__()
        self._desk, self._post_id, self.left = desk, post_id, times
        self.made = 0

    def render(self, spec: RenditionSpec) -> Rendition:
        self.made += 1
        if self.left and self.made % 2:
            self.left -= 1
            PostQueue(self._desk, "colleague").edit(self._post_id, PostChanges(standfirst=f"Change {self.left}"))
        return super().render(spec)


def test_a_change_meanwhile_has_its_pictures_made_anew(desk: Desk) -> None:
    post_id = desk.post("Cells", NINE, state="draft")
    desk.renderer = MeddlingRenderer(desk, post_id, 1)
    PostQueue(desk).approve(post_id)
    assert (desk.load(post_id).state, desk.renderer.made) == ("approved", 4)


def test_a_version_that_was_changed_meanwhile_is_not_approved(desk: Desk) -> None:
    post_id = desk.post("Cells", NINE, state="draft")
    version = desk.load(post_id).version
    desk.renderer = MeddlingRenderer(desk, post_id, 1)
    with pytest.raises(StaleEdit):
        PostQueue(desk).approve(post_id, expected_version=version)
    assert desk.load(post_id).state == "draft"


def test_endless_changes_end_the_approval(desk: Desk) -> None:
    post_id = desk.post("Cells", NINE, state="draft")
    desk.renderer = MeddlingRenderer(desk, post_id, 1000)
    with pytest.raises(StaleEdit, match="again and again"):
        PostQueue(desk).approve(post_id)
    assert desk.load(post_id).state == "draft"


class CountingRenderer(InstantRenderer):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def render(self, spec: RenditionSpec) -> Rendition:
        self.made += 1
        return super().render(spec)


def test_nothing_is_made_for_a_post_that_is_blocked_or_approved_already(desk: Desk) -> None:
    renderer = desk.renderer = CountingRenderer()
    blocked = desk.post("Cells", NINE, state="draft", credit="")
    with pytest.raises(NotApproved):
        PostQueue(desk).approve(blocked)
    PostQueue(desk).approve(desk.post("Nuclei", NINE))
    assert renderer.made == 0


def test_one_post_of_many_that_can_not_be_made_stops_no_other(desk: Desk) -> None:
    posts = [desk.post(title, NINE, state="draft") for title in ("One", "Two", "Three")]
    refuse(desk, posts[1])
    result = BulkChanges(desk, "ada").approve(posts, {})
    assert result.done == (posts[0], posts[2])
    (refused,) = result.refused
    assert refused.post_id == posts[1]
    assert "can't be brought under 9 bytes" in str(refused.reasons[0])


# --- its faces -------------------------------------------------------------------------------


@pytest.fixture
def hopeless(site: Site, monkeypatch: pytest.MonkeyPatch) -> InstantRenderer:
    """Lets no picture be made."""

    class Refusing(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            return True

        def __missing__(self, key: str) -> Any:
            return TOO_LARGE

    renderer = InstantRenderer()
    renderer.refused = Refusing()
    monkeypatch.setattr(Renderer, "render", renderer.render)
    return renderer


def test_every_face_says_why(site: Site, tmp_path: Path, hopeless: InstantRenderer) -> None:
    desk = site.desk
    post_id = add(desk, samples.save(samples.fluorescence(300, 240), tmp_path / "cells.png"))
    reason = "can't be brought under 9 bytes"
    client = site.client("editor")
    alone = client.send_form(f"/posts/{post_id}/approve")
    assert alone.status_code == 422
    assert reason in text_of(alone).replace("&#39;", "'")
    together = client.send_form("/queue/approve", {"posts": str(post_id)})
    assert reason in text_of(together).replace("&#39;", "'")
    answer = program(site, "editor").change("POST", f"/posts/{post_id}/approval")
    assert (answer.status_code, answer.json()["code"]) == (422, "approval-blocked")
    assert reason in answer.json()["errors"][0]["detail"]
    command = CliRunner().invoke(cli, ["--config", str(desk.config), "approve", str(post_id)], env={"COLUMNS": "300"})
    assert command.exit_code == 1
    assert reason in command.output
    assert state_of(desk, post_id) == "draft"
    with desk.database.reading() as session:
        assert session.scalars(select(Event).where(Event.name == "post approved")).all() == []


class SlowRenderer(InstantRenderer):
    """Makes no picture before it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()

    def render(self, spec: RenditionSpec) -> Rendition:
        assert self.may_go_on.wait(TIMEOUT)
        return super().render(spec)


@pytest.fixture
def slow(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowRenderer]:
    """Lets pictures take longer than a page waits."""
    renderer = SlowRenderer()
    monkeypatch.setattr(Renderer, "render", renderer.render)
    quick = WorkQueue("approvals", WorkLimits(workers=2, waiting=10, per_person=4, seconds=0.3))
    monkeypatch.setattr(site.server._app.state.slow_work, "approvals", quick)
    yield renderer
    renderer.may_go_on.set()


def test_many_approvals_go_on_when_the_page_can_not_wait(site: Site, tmp_path: Path, slow: SlowRenderer) -> None:
    files = [samples.save(samples.fluorescence(90, 90, seed=seed), tmp_path / f"{seed}.png") for seed in (1, 2)]
    posts = [add(site.desk, file, f"Cells {number}") for number, file in enumerate(files)]
    client = site.client("editor")
    answer = client.send_form("/queue/approve", {"posts": [str(post) for post in posts]})
    assert answer.status_code == 503
    assert "It goes on" in text_of(answer)
    assert client.get("/queue").status_code == 200
    slow.may_go_on.set()
    wait_until(lambda: {state_of(site.desk, post) for post in posts} == {"approved"}, "both are approved")
    wait_until(lambda: "2 posts are approved" in text_of(client.get("/queue")), "the next page says so")


def test_what_was_typed_is_saved_when_its_approval_takes_long(site: Site, tmp_path: Path, slow: SlowRenderer) -> None:
    post_id = add(site.desk, samples.save(samples.fluorescence(90, 90), tmp_path / "cells.png"))
    client = site.client("editor")
    page = client.get(f"/posts/{post_id}")
    fields = dict(re.findall(r'<input[^>]*name="(version)" value="([^"]*)"', page.text))
    with site.desk.database.reading() as session:
        media = load_post(session, post_id).images[0].media_sha256
    picture = {"images-0-media": media, "images-0-alt_text": "A bar", "images-0-order": "1"}
    texts = {"title": "Typed just now", "credit": "Bench", "licence": "CC0", "language": "en", "place": "queue"}
    answer = client.send_form(f"/posts/{post_id}", {**fields, **texts, **picture, "then": "approve"})
    assert answer.status_code == 200
    assert "It is saved, and not approved yet." in text_of(answer)
    with site.desk.database.reading() as session:
        assert load_post(session, post_id).title == "Typed just now"
    slow.may_go_on.set()
    wait_until(lambda: state_of(site.desk, post_id) == "approved", "the approval goes on")


# --- animations ------------------------------------------------------------------------------


def noisy_animation(path: Path, width: int, height: int, frames: int) -> Path:
    """Writes a GIF that hardly compresses."""
    chance = np.random.default_rng(1)
    pictures = [
        PillowImage.fromarray(chance.integers(0, 255, (height, width), np.uint8)).convert("P") for _ in range(frames)
    ]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=80, loop=0)
    return path


def render_gif(path: Path, output: Path, max_bytes: int) -> dict[str, Any]:
    spec = {"formats": ["jpeg", "gif"], "max_width": 1280, "max_height": 1280, "max_bytes": max_bytes}
    return animation.render_animation(path, output, spec)


@pytest.mark.parametrize(("share", "whole_saves"), [(1.5, 1), (0.7, 2), (0.25, 2)])
def test_a_size_is_searched_on_some_of_the_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, whole_saves: int
) -> None:
    path = noisy_animation(tmp_path / "noise.gif", 160, 120, 40)
    saved: list[tuple[int, int]] = []
    save = animation._Animation.save

    def counted(self: animation._Animation, size: tuple[int, int]) -> bytes:
        saved.append(size)
        return save(self, size)

    monkeypatch.setattr(animation._Animation, "save", counted)
    maximum = int(path.stat().st_size * share)
    made = render_gif(path, tmp_path / "made.gif", maximum)
    content = (tmp_path / "made.gif").read_bytes()
    assert len(saved) <= whole_saves
    assert len(content) <= maximum
    with PillowImage.open(tmp_path / "made.gif") as image:
        assert (image.n_frames, image.size) == (40, (made["width"], made["height"]))  # type: ignore[attr-defined]
    if share < 1:
        assert len(content) > 0.8 * maximum
        assert any("Made smaller" in str(Problem.from_json(note)) for note in made["notes"])


@pytest.mark.parametrize("frames", [4, 40])
def test_an_animation_that_fits_nowhere_says_why(tmp_path: Path, frames: int) -> None:
    path = noisy_animation(tmp_path / "noise.gif", 160, 120, frames)
    with pytest.raises(PictureRefused) as refusal:
        render_gif(path, tmp_path / "made.gif", 900)
    problem = refusal.value.problem
    assert problem.code is PictureProblem.ANIMATION_TOO_LARGE_FOR_CHANNEL
    assert problem.parameters["frames"] == frames
    assert problem.parameters["size"] > problem.parameters["maximum"] == 900
    assert f"{frames} frames" in str(problem)


def test_an_animation_that_a_channel_can_not_carry_is_not_approved(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(database, tmp_path, web={}).at(NINE)
    desk.renderer = Renderer(desk.store)
    target = desk.targets["web"]
    limits = target.profile.images.model_copy(
        update={"formats": ("jpeg", "gif"), "animation": AnimationLimits(max_bytes=3000, max_width=900, max_height=900)}
    )
    profile = target.profile.model_copy(update={"images": limits})
    desk.targets["web"] = target.model_copy(update={"profile": profile})
    image = ImageDraft(file=noisy_animation(tmp_path / "noise.gif", 160, 120, 20), alt_text="Noise")
    post_id = PostQueue(desk).add(PostDraft(title="Noise", credit="Jane Doe", images=(image,))).id
    with pytest.raises(NotApproved, match="20 frames and about"):
        PostQueue(desk).approve(post_id)
    assert desk.load(post_id).state == "draft"
