"""Tests that the preview shows what a finished picture lost against its master."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.adapt.images.rendering import Renderer
from publisher.core.content import ContentProblem
from publisher.db.session import Database
from publisher.posts.drafts import ImageDraft, NewChoices, PostDraft
from publisher.posts.posts import add_post
from publisher.posts.preview import MAX_COLOUR_DIFFERENCE, MIN_SIMILARITY, RenderedPost, preview
from publisher.schedule.post_queue import PostQueue
from tests.image_samples import composite, fluorescence, save
from tests.queue_desk import Desk, open_desk

NINE = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path, web={}, mail={})


def limit(desk: Desk, channel: str, max_bytes: int) -> None:
    target = desk.targets[channel]
    profile = target.profile.with_limits({"image_bytes": max_bytes})
    desk.targets[channel] = target.model_copy(update={"profile": profile})


def add(desk: Desk, *images: ImageDraft) -> int:
    draft = PostDraft(title="Cells", credit="Jane Doe", licence="CC0", images=images)
    return add_post(desk.database, desk.store, draft, NINE).id


def previews_of(desk: Desk, post: int) -> dict[str, RenderedPost]:
    previews = preview(desk.load(post), desk.targets, desk.people, Renderer(desk.store))
    return {rendered.channel: rendered for rendered in previews}


def about_pictures(look: RenderedPost) -> list[ContentProblem]:
    return [problem for problem in look.problems if problem.field.startswith("images")]


def test_a_picture_that_lost_detail_gets_a_remark_that_blocks_nothing(desk: Desk, tmp_path: Path) -> None:
    limit(desk, "mail", 60_000)
    picture = save(fluorescence(800, 600), tmp_path / "cells.png")
    post = add(desk, ImageDraft(file=picture, alt_text="Green cells"))

    looks = previews_of(desk, post)
    (rendition,) = looks["mail"].renditions
    assert rendition is not None
    assert rendition.ssim is not None
    assert rendition.ssim < MIN_SIMILARITY
    assert about_pictures(looks["web"]) == []
    (problem,) = about_pictures(looks["mail"])
    assert (problem.field, problem.blocking) == ("images[0]", False)
    assert f"its likeness is {rendition.ssim:.2f} and should be at least 0.90" in problem.message
    assert "raise the channel's image_bytes limit, which is 60,000 here." in problem.message
    PostQueue(desk.at(NINE)).approve(post)


def test_colours_that_changed_are_reported(desk: Desk, tmp_path: Path) -> None:
    limit(desk, "mail", 40_000)
    picture = save(fluorescence(800, 600), tmp_path / "cells.png")
    looks = previews_of(desk, add(desk, ImageDraft(file=picture, alt_text="Green cells")))

    (rendition,) = looks["mail"].renditions
    assert rendition is not None
    assert rendition.colour_difference is not None
    assert rendition.colour_difference > MAX_COLOUR_DIFFERENCE
    (problem,) = about_pictures(looks["mail"])
    assert f"its colour difference is {rendition.colour_difference:.1f} and should be at most 3.0" in problem.message


def test_a_panel_that_lost_detail_leads_to_the_picture_it_was_cut_from(desk: Desk, tmp_path: Path) -> None:
    limit(desk, "mail", 9_000)
    plain = save(composite(2, 200), tmp_path / "plain.png")
    wide = save(fluorescence(800, 400), tmp_path / "wide.png")
    split = NewChoices(fit="split", gutters=(0.5,))
    post = add(
        desk,
        ImageDraft(file=plain, alt_text="Two panels"),
        ImageDraft(file=wide, alt_text="Two fields", choices=split),
    )

    looks = previews_of(desk, post)
    assert len(looks["mail"].renditions) == 4
    fields = [problem.field for problem in about_pictures(looks["mail"]) if "visibly differs" in problem.message]
    assert fields[-2:] == ["images[1]", "images[1]"]
    assert any(problem.message.startswith("Finished picture 4 ") for problem in about_pictures(looks["mail"]))
