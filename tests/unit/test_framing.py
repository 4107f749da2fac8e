"""Tests that a crop, a focal point and a fit hold on the channels that they were chosen for, and on no other."""

from __future__ import annotations

from publisher.adapt.posts import Target, adapt_post
from publisher.core.content import AdaptedPost, Box, Framing, ImageChoices, RenditionSpec, SourceImage, SourcePost
from publisher.platforms.profiles import load_profile
from publisher.posts.drafts import NewChoices

BOX = Box(left=0.25, top=0.0, width=0.5, height=1.0)
PLATFORMS = ("instagram", "tumblr", "x")


def adapted(choices: ImageChoices) -> dict[str, AdaptedPost]:
    """Adapts a post with one picture of 4:3 for a channel on each platform, named like it."""
    image = SourceImage(
        media="ab" * 32, format="png", width=1600, height=1200, alt_text="Cells", credit="Jane Doe", choices=choices
    )
    post = SourcePost(title="Cells", credit="Jane Doe", images=(image,))
    return {
        name: adapt_post(
            post,
            Target(
                channel=name,
                platform=name,
                profile=load_profile(name),
                language="en",
                template="{{ title }}\n\n{{ credit }}",
                template_name="t.j2",
            ),
        )
        for name in PLATFORMS
    }


def crops(choices: ImageChoices) -> dict[str, Box | None]:
    return {name: post.images[0].spec.crop for name, post in adapted(choices).items()}


def test_a_crop_for_one_channel_crops_no_other() -> None:
    choices = ImageChoices(channels={"instagram": Framing(crop_box=BOX)})
    assert crops(choices) == {"instagram": BOX, "tumblr": None, "x": None}


def test_a_crop_for_a_group_of_channels_crops_these() -> None:
    choices = ImageChoices(channels={name: Framing(crop_box=BOX) for name in ("instagram", "x")})
    assert crops(choices) == {"instagram": BOX, "tumblr": None, "x": BOX}


def test_a_crop_without_channels_is_for_all_of_them_as_ever() -> None:
    assert crops(ImageChoices(crop_box=BOX)) == dict.fromkeys(PLATFORMS, BOX)


def test_a_channel_with_its_own_framing_takes_nothing_of_the_general_one() -> None:
    choices = ImageChoices(crop_box=BOX, channels={"tumblr": Framing(fit="pad")})
    assert crops(choices) == {"instagram": BOX, "tumblr": None, "x": BOX}


def test_a_framing_that_says_nothing_is_not_kept() -> None:
    assert NewChoices.model_validate({"channels": {"x": {"fit": None}}}).channels == {}


def test_choices_that_were_stored_before_are_read_as_they_were() -> None:
    stored = {"fit": "crop", "focal_point": [0.2, 0.4], "crop_box": None, "protected": [], "padding": "edge"}
    choices = ImageChoices.model_validate(stored)
    assert (choices.fit, choices.focal_point, choices.channels) == ("crop", (0.2, 0.4), {})
    assert choices.for_channel("x") == choices


def test_a_specification_of_before_has_the_same_digest() -> None:
    stored = {"source": "ab" * 32, "formats": ["jpeg"], "max_bytes": 1, "max_width": 2, "max_height": 3}
    spec = RenditionSpec.model_validate({**stored, "crop": BOX.model_dump()})
    # As the version that knew neither framings of channels nor colours to merge made it.
    assert spec.digest == "f4b3529b3a89bb413e8836d08225236b7995f26dc3704a28432a1bfcc8e29980"
