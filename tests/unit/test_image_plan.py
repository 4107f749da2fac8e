"""Tests that the plan of each picture fits its channel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.adapt.images.geometry import STRIP_SHARE, lay_out
from publisher.adapt.images.plans import MediaText, plan_images
from publisher.core.content import AdaptedImage, Box, ContentProblem, ImageChoices, SourceImage
from publisher.platforms.profiles import AnimationLimits, ImageLimits, load_profile

GRID = ImageLimits(
    maximum=10,
    formats=("jpeg",),
    max_bytes=8_000_000,
    max_width=1440,
    max_height=1800,
    min_ratio=0.8,
    max_ratio=1.91,
    same_ratio_as_first=True,
)
STREAM = ImageLimits(
    maximum=4,
    formats=("jpeg", "png", "gif"),
    max_bytes=5_000_000,
    max_width=4096,
    max_height=4096,
    animation=AnimationLimits(max_bytes=15_000_000, max_width=1280, max_height=1080, max_frames=350, alone=True),
)


def picture(width: int, height: int, **more: object) -> SourceImage:
    values = {"media": "ab" * 32, "format": "jpeg", "alt_text": "Two cells", "credit": "A. Maker", "licence": "CC BY"}
    return SourceImage.model_validate(values | {"width": width, "height": height} | more)


def plan_one(image: SourceImage, limits: ImageLimits = GRID) -> tuple[AdaptedImage, tuple[ContentProblem, ...]]:
    adapted, problems = plan_images([image], limits)
    assert len(adapted) == 1
    return adapted[0], problems


def canvas(adapted: AdaptedImage, image: SourceImage) -> tuple[int, int]:
    spec = adapted.spec
    box = spec.crop or Box(left=0, top=0, width=1, height=1)
    layout = lay_out(
        round(box.width * image.width),
        round(box.height * image.height),
        max_width=spec.max_width,
        max_height=spec.max_height,
        ratio=spec.canvas_ratio,
        strip=bool(spec.credit_strip),
    )
    return layout.canvas_width, layout.canvas_height


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 2000), (1080, 1350), (1910, 1000), (500, 500)])
def test_a_picture_that_the_channel_takes_as_it_is_gets_no_padding(size: tuple[int, int]) -> None:
    adapted, problems = plan_one(picture(*size))
    assert adapted.spec.canvas_ratio is None
    assert adapted.spec.crop is None
    assert problems == ()


def test_a_wide_composite_is_padded_to_the_widest_ratio_and_no_further() -> None:
    image = picture(6000, 2000)
    adapted, problems = plan_one(image)
    assert adapted.spec.canvas_ratio == 1.91
    assert adapted.spec.crop is None
    assert canvas(adapted, image) == (1440, 754)
    assert problems == ()


def test_a_tall_picture_is_padded_to_the_tallest_ratio() -> None:
    image = picture(1000, 3000)
    adapted, _ = plan_one(image)
    assert adapted.spec.canvas_ratio == 0.8
    assert canvas(adapted, image) == (1440, 1800)


@given(
    width=st.integers(64, 9000),
    height=st.integers(64, 9000),
    fit=st.sampled_from(["pad", "crop", "split", None]),
    strip=st.booleans(),
)
def test_no_canvas_leaves_the_channels_ratios_or_sizes(width: int, height: int, fit: str | None, strip: bool) -> None:
    image = picture(width, height, choices={"fit": fit, "credit_strip": strip})
    limits = GRID.model_copy(update={"maximum": 100})
    adapted, _ = plan_images([image], limits)
    wide, high = canvas(adapted[0], image)
    assert wide <= limits.max_width
    assert high <= limits.max_height
    assert 0.8 - 1e-6 <= wide / high <= 1.91 + 1e-6


SIDES = st.tuples(st.integers(64, 9000), st.integers(64, 9000))


@given(sizes=st.lists(SIDES, min_size=2, max_size=4))
def test_no_picture_of_a_carousel_leaves_the_channels_ratios(sizes: list[tuple[int, int]]) -> None:
    images = [picture(*size) for size in sizes]
    adapted, _ = plan_images(images, GRID)
    for adapted_image, image in zip(adapted, images, strict=True):
        wide, high = canvas(adapted_image, image)
        assert wide <= GRID.max_width
        assert high <= GRID.max_height
        assert 0.8 - 1e-6 <= wide / high <= 1.91 + 1e-6


@given(width=st.integers(64, 9000), height=st.integers(64, 9000), ratio=st.floats(0.5, 2.5), strip=st.booleans())
def test_a_picture_is_never_enlarged_nor_visibly_stretched(width: int, height: int, ratio: float, strip: bool) -> None:
    layout = lay_out(width, height, max_width=2000, max_height=2000, ratio=ratio, strip=strip)
    assert layout.width <= width + 1.5
    assert layout.height <= height + 1.5
    assert layout.left >= 0
    assert layout.top >= 0
    scale = layout.width / width if width > height else layout.height / height
    assert abs(layout.width - width * scale) <= 3
    assert abs(layout.height - height * scale) <= 3
    assert layout.top + layout.height + layout.strip_height <= layout.canvas_height


def test_staff_come_before_the_channel_and_the_channel_before_the_platform() -> None:
    wide = picture(4000, 1000)
    (by_platform,), _ = plan_images([wide], GRID)
    (by_channel,), _ = plan_images([wide], GRID, fit="crop")
    (by_staff,), _ = plan_images([picture(4000, 1000, choices={"fit": "pad"})], GRID, fit="crop")
    assert [image.spec.fit for image in (by_platform, by_channel, by_staff)] == ["pad", "crop", "pad"]


def test_cropping_keeps_the_focal_point_and_all_of_the_height() -> None:
    image = picture(4000, 1000, choices={"fit": "crop", "focal_point": (0.9, 0.5)})
    adapted, problems = plan_one(image)
    box = adapted.spec.crop
    assert box is not None
    assert box.left + box.width == pytest.approx(1.0)
    assert box.height == 1.0
    assert box.width == pytest.approx(1910 / 4000)
    assert problems == ()


def test_cropping_moves_aside_for_a_protected_part() -> None:
    protected = {"left": 0.02, "top": 0.4, "width": 0.2, "height": 0.2}
    image = picture(4000, 1000, choices={"fit": "crop", "focal_point": (0.9, 0.5), "protected": [protected]})
    adapted, problems = plan_one(image)
    assert problems == ()
    assert adapted.spec.crop is not None
    assert adapted.spec.crop.left <= 0.02


@pytest.mark.parametrize("choice", [{"fit": "crop"}, {"crop_box": {"left": 0.3, "top": 0, "width": 0.4, "height": 1}}])
def test_a_crop_that_cuts_a_protected_part_blocks(choice: dict[str, object]) -> None:
    protected = {"left": 0.1, "top": 0.4, "width": 0.8, "height": 0.2}
    _, problems = plan_one(picture(4000, 1000, choices=choice | {"protected": [protected]}))
    assert [(problem.field, problem.blocking) for problem in problems] == [("images[0].fit", True)]


def test_a_crop_box_is_shown_whole_and_padded_where_it_must_be() -> None:
    image = picture(4000, 1000, choices={"crop_box": {"left": 0.1, "top": 0.0, "width": 0.8, "height": 1.0}})
    adapted, problems = plan_one(image)
    assert adapted.spec.crop == Box(left=0.1, top=0.0, width=0.8, height=1.0)
    assert adapted.spec.canvas_ratio == 1.91
    assert problems == ()


def test_as_it_is_blocks_where_the_channel_does_not_take_it() -> None:
    _, problems = plan_one(picture(4000, 1000, choices={"fit": "as-is"}))
    assert [problem.field for problem in problems] == ["images[0].fit"]
    assert "too wide" in problems[0].message
    assert plan_one(picture(4000, 1000, choices={"fit": "as-is"}), STREAM)[1] == ()


def test_a_composite_becomes_the_whole_and_then_its_panels() -> None:
    image = picture(6000, 2000, gutters=(0.34, 0.67), choices={"fit": "split"})
    adapted, problems = plan_images([image], GRID)
    assert problems == ()
    assert adapted[0].spec.crop is None
    panels = [image.spec.crop for image in adapted[1:] if image.spec.crop]
    assert [panel.left for panel in panels] == [0.0, 0.34, 0.67]
    assert [panel.width for panel in panels] == pytest.approx([0.34, 0.33, 0.33])
    assert [image.alt_text for image in adapted] == [
        "Two cells",
        "Two cells (1/3)",
        "Two cells (2/3)",
        "Two cells (3/3)",
    ]
    assert {image.spec.canvas_ratio for image in adapted} == {1.91}


def test_staffs_own_cuts_come_before_those_found() -> None:
    image = picture(6000, 2000, gutters=(0.34, 0.67), choices={"fit": "split", "gutters": [0.5]})
    adapted, _ = plan_images([image], GRID)
    assert len(adapted) == 3


def test_a_wide_picture_without_gaps_becomes_overlapping_tiles() -> None:
    adapted, problems = plan_images([picture(5000, 1000, choices={"fit": "split"})], GRID)
    tiles = [image.spec.crop for image in adapted[1:]]
    assert len(tiles) == 3
    assert all(tile is not None for tile in tiles)
    ends = [tile.left + tile.width for tile in tiles if tile]
    starts = [tile.left for tile in tiles if tile]
    assert starts[0] == 0.0
    assert ends[-1] == pytest.approx(1.0)
    assert all(end > start for end, start in zip(ends, starts[1:], strict=False))
    assert [(problem.field, problem.blocking) for problem in problems] == [("images[0].gutters", False)]


def test_a_cut_through_a_protected_part_blocks() -> None:
    protected = {"left": 0.3, "top": 0.4, "width": 0.1, "height": 0.1}
    choices = {"fit": "split", "protected": [protected]}
    _, problems = plan_images([picture(6000, 2000, gutters=(0.34, 0.67), choices=choices)], GRID)
    assert [(problem.field, problem.blocking) for problem in problems] == [("images[0].gutters", True)]


def test_a_channel_of_one_picture_shows_a_composite_whole() -> None:
    image = picture(6000, 2000, gutters=(0.5,), choices={"fit": "split"})
    adapted, problems = plan_images([image], GRID.model_copy(update={"maximum": 1}))
    assert len(adapted) == 1
    assert [problem.blocking for problem in problems] == [False]


def test_every_picture_of_a_carousel_gets_the_first_ones_ratio() -> None:
    images = [picture(4000, 1000), picture(1000, 1000), picture(1000, 4000)]
    adapted, _ = plan_images(images, GRID)
    assert [image.spec.canvas_ratio for image in adapted] == [1.91, 1.91, 1.91]
    alone, _ = plan_images(images, STREAM)
    assert [image.spec.canvas_ratio for image in alone] == [None, None, None]


def test_of_too_many_pictures_the_first_are_shown_with_a_remark() -> None:
    adapted, problems = plan_images([picture(1000 + number, 1000) for number in range(6)], STREAM)
    first = plan_images([picture(1000 + number, 1000) for number in range(4)], STREAM)[0]
    assert adapted == first
    (problem,) = (problem for problem in problems if problem.field == "images")
    assert not problem.blocking
    assert "takes 4 pictures and would get 6" in problem.message


def test_a_channel_that_needs_a_picture_says_so() -> None:
    _, problems = plan_images([], GRID)
    assert [(problem.field, problem.blocking) for problem in problems] == [("images", True)]


def test_alt_texts_are_carried_as_they_come() -> None:
    adapted, problems = plan_images([picture(1000, 1000), picture(1000, 1000, alt_text="")], STREAM)
    assert [image.alt_text for image in adapted] == ["Two cells", ""]
    assert problems == ()


MOVING = picture(500, 500, format="gif", frames=9)


def test_an_animation_moves_within_the_limits_of_animations() -> None:
    animation, quiet = plan_one(MOVING, STREAM)
    assert animation.spec.animated
    assert (animation.spec.max_bytes, animation.spec.max_width, animation.spec.max_height) == (15_000_000, 1280, 1080)
    assert quiet == ()


WITHOUT_GIF = STREAM.model_copy(update={"formats": ("jpeg",)})
NARROW = STREAM.model_copy(update={"min_ratio": 1.2})


@pytest.mark.parametrize(
    ("image", "limits", "why"),
    [
        (MOVING, GRID, "shows no animations"),
        (MOVING, WITHOUT_GIF, "shows no animations"),
        (MOVING, NARROW, "shape"),
        (picture(500, 500, format="gif", frames=351), STREAM, "350 frames and the animation has 351"),
    ],
)
def test_an_animation_that_does_not_fit_shows_its_first_frame_and_says_why(
    image: SourceImage, limits: ImageLimits, why: str
) -> None:
    still, problems = plan_one(image, limits)
    assert not still.spec.animated
    assert (still.spec.max_bytes, still.spec.max_width) == (limits.max_bytes, limits.max_width)
    assert [(problem.field, problem.blocking) for problem in problems] == [("images[0].media", False)]
    assert why in problems[0].message
    assert "first frame" in problems[0].message


def test_an_animation_among_pictures_is_still_where_it_is_taken_only_alone() -> None:
    images = [picture(500, 500), MOVING]
    adapted, problems = plan_images(images, STREAM)
    assert [image.spec.animated for image in adapted] == [False, False]
    assert [(problem.field, problem.blocking) for problem in problems] == [("images[1].media", False)]
    assert "without other pictures" in problems[0].message
    blog, quiet = plan_images(images, load_profile("tumblr").images)
    assert [image.spec.animated for image in blog] == [False, True]
    assert quiet == ()


def test_an_animation_takes_no_more_than_its_share_of_all_bytes() -> None:
    limits = load_profile("tumblr").images
    adapted, _ = plan_images([MOVING] * 4, limits)
    assert {image.spec.max_bytes for image in adapted} == {5_000_000}


@pytest.mark.parametrize(("platform", "most_bytes"), [("x", 15_000_000), ("tumblr", 10_000_000)])
def test_a_platforms_own_animation_limits_reach_the_rendition(platform: str, most_bytes: int) -> None:
    animation, _ = plan_one(MOVING, load_profile(platform).images)
    assert (animation.spec.animated, animation.spec.max_bytes) == (True, most_bytes)


def test_only_the_first_page_of_several_is_shown() -> None:
    """That is told by the examination of the file, once."""
    adapted, problems = plan_one(picture(500, 500, format="tiff", frames=3), STREAM)
    assert not adapted.spec.animated
    assert not problems


def test_an_unknown_padding_colour_is_reported_and_replaced() -> None:
    adapted, problems = plan_one(picture(4000, 1000, choices={"padding": "mauve"}))
    assert adapted.spec.padding == "edge"
    assert [problem.field for problem in problems] == ["images[0].padding"]
    assert plan_one(picture(4000, 1000, choices={"padding": "#F0f0f0"}))[0].spec.padding == "#F0f0f0"


def test_a_credit_strip_carries_the_credit_and_counts_for_the_ratio() -> None:
    wide = picture(1900, 1000, choices={"credit_strip": True})
    adapted, problems = plan_one(wide)
    assert adapted.spec.credit_strip == "A. Maker (CC BY)"
    assert problems == ()
    tall = picture(800, 1000, choices=ImageChoices(credit_strip=True))
    assert plan_one(tall)[0].spec.canvas_ratio == 0.8
    assert canvas(plan_one(tall)[0], tall) == (832, 1000 + int(800 * STRIP_SHARE))


def test_a_credit_strip_without_a_credit_blocks() -> None:
    _, problems = plan_one(picture(900, 900, credit="", licence="", choices={"credit_strip": True}))
    assert [(problem.field, problem.blocking) for problem in problems] == [("images[0].credit", True)]


def test_metadata_comes_from_the_picture_unless_the_caller_knows_better() -> None:
    own, _ = plan_one(picture(900, 900))
    assert (own.spec.creator, own.spec.copyright, own.spec.description) == ("A. Maker", "A. Maker (CC BY)", "Two cells")
    text = MediaText(creator="The post's", copyright="All", description="Title")
    (other,), _ = plan_images([picture(900, 900)], GRID, media_text=lambda _: text)
    assert (other.spec.creator, other.spec.copyright, other.spec.description) == ("The post's", "All", "Title")


def test_the_pictures_of_a_post_share_its_total_bytes() -> None:
    limits = STREAM.model_copy(update={"max_total_bytes": 6_000_000})
    adapted, _ = plan_images([picture(900, 900)] * 3, limits)
    assert {image.spec.max_bytes for image in adapted} == {2_000_000}
    assert plan_one(picture(900, 900), limits)[0].spec.max_bytes == 5_000_000
