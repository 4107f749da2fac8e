"""Tests that captions which say where something is are noticed with pictures that are shown in parts."""

from __future__ import annotations

import pytest

from publisher.adapt.posts import Target, adapt_post
from publisher.adapt.text.spatial_words import spatial_word_problems
from publisher.core.content import AdaptedImage, Box, Fit, ImageChoices, RenditionSpec, SourceImage, SourcePost
from publisher.platforms.profiles import load_profile


def slide(fit: Fit, crop: Box | None = None) -> AdaptedImage:
    spec = RenditionSpec(
        source="ab" * 32, formats=("jpeg",), max_bytes=10**6, max_width=900, max_height=900, fit=fit, crop=crop
    )
    return AdaptedImage(spec=spec, alt_text="Cells")


HALF = Box(left=0, top=0, width=0.5, height=1)
IN_PARTS = [slide("split"), slide("split", HALF)]


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A healthy retina on the left and one with a tear.", "on the left"),
        ("Neurons (top) and glia (bottom).", "top"),
        ("Bottom-right: a dividing cell.", "Bottom-right"),
        ("Right: after two days.", "Right"),
        ("The left panel shows a control.", "left panel"),
        ("A dalt, el teixit sa.", "A dalt"),
        ("La retina sana, a l’esquerra.", "a l’esquerra"),
    ],
)
def test_a_place_in_a_picture_shown_in_parts_is_reported(caption: str, words: str) -> None:
    (problem,) = spatial_word_problems(caption, IN_PARTS)
    assert (problem.field, problem.blocking) == ("caption", False)
    assert f"“{words}”" in problem.message


@pytest.mark.parametrize(
    "caption",
    ["The cells left the tissue right away.", "She got the right answer.", "A stop at the laboratory.", ""],
)
def test_words_of_another_meaning_are_not_told(caption: str) -> None:
    assert spatial_word_problems(caption, IN_PARTS) == ()


@pytest.mark.parametrize("images", [[slide("pad")], [slide("crop", HALF)], [slide("split")], []])
def test_a_picture_shown_whole_may_be_spoken_of_by_places(images: list[AdaptedImage]) -> None:
    assert spatial_word_problems("A healthy retina on the left.", images) == ()


@pytest.mark.parametrize(("fit", "count"), [("split", 1), ("pad", 0)])
def test_a_post_is_reported_where_both_meet(fit: Fit, count: int) -> None:
    image = SourceImage(
        media="ab" * 32,
        format="jpeg",
        width=3000,
        height=1000,
        gutters=(0.5,),
        alt_text="Two retinas side by side.",
        choices=ImageChoices(fit=fit),
    )
    post = SourcePost(
        title="Two retinas",
        body="A healthy retina on the left, a torn one beside it.",
        language="en",
        credit="A. Maker",
        images=(image,),
    )
    target = Target(
        channel="grid",
        platform="instagram",
        profile=load_profile("instagram"),
        language="en",
        template="{{ body }}\n{{ credit }}",
        template_name="grid.j2",
    )
    spatial = [problem for problem in adapt_post(post, target).problems if "slide of its own" in problem.message]
    assert len(spatial) == count
