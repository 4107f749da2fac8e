"""Says how the colour channels of pictures are merged, and of which of them little can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from publisher.core.colour_channels import ColourChannel, MergedChannel, merge_of
from publisher.core.content import ColourChannelChoice, ContentProblem, ImageChoices
from publisher.core.messages import Message, _
from publisher.core.value_range import Appearance, WindowChoice
from publisher.db.models import Post, PostImage
from publisher.posts.channel_texts import channel_label, colour_label
from publisher.posts.problem_codes import PostContentProblem


def merge_of_picture(image: PostImage) -> tuple[MergedChannel, ...]:
    """Returns how the colour channels of a picture are merged. Empty: there are none to merge."""
    choices = ImageChoices.model_validate(image.choices)
    return merge_of(image.media.colour_channels, choices.colour_channels or (), choices.window)


def channel_problems(post: Post) -> tuple[ContentProblem, ...]:
    """Says how colour channels are merged, and blocks until somebody has chosen where little could be seen."""
    return tuple(
        ContentProblem(field=f"images[{place}].window", problem=problem, blocking=is_blocking)
        for place, image in enumerate(post.images)
        if image.media.channel_facts
        for problem, is_blocking in _problems(post.id or 0, place + 1, image)
    )


def _problems(post_id: int, picture: int, image: PostImage) -> list[tuple[Any, bool]]:
    channels, merged = image.media.colour_channels, merge_of_picture(image)
    about = {"picture": picture, "post": post_id}
    if not merged:
        return [(PostContentProblem.COLOUR_CHANNELS_LEFT_OUT(**about), True)]
    choices = ImageChoices.model_validate(image.choices)
    unclear = [
        shown
        for shown in merged
        if chosen_window(choices, shown.number) is None and channels[shown.number - 1].values.needs_choice
    ]
    problems: list[tuple[Any, bool]] = []
    if unclear:
        is_open = len(unclear) == len(merged) or any(map(_spoils_all, (channels[one.number - 1] for one in unclear)))
        code = PostContentProblem.COLOUR_CHANNELS_OPEN if is_open else PostContentProblem.COLOUR_CHANNELS_FOUND
        problems.append((code(channels=[_describe_range(one, channels) for one in unclear], **about), is_open))
    hidden = [one for one in merged if one not in unclear and _is_hidden(one, channels)]
    if hidden:
        ranges = [_describe_range(one, channels) for one in hidden]
        problems.append((PostContentProblem.COLOUR_CHANNELS_HIDDEN(channels=ranges, **about), False))
    return [*problems, (_merged_remark(about, channels, merged), False)]


def chosen_window(choices: ImageChoices, number: int) -> WindowChoice | None:
    """Returns what somebody chose for the values of a colour channel. None: nobody has. `number`: from 1 on."""
    own = choices.colour_channels or ()
    return (own[number - 1] if number <= len(own) else ColourChannelChoice()).window or choices.window


def _spoils_all(channel: ColourChannel) -> bool:
    """Tells whether the whole picture is spoilt by this channel: it is nearly white, or has no black of its own."""
    return not channel.values.has_screen_range or channel.values.appearance() is Appearance.WHITE


def _is_hidden(shown: MergedChannel, channels: Sequence[ColourChannel]) -> bool:
    limits = (shown.black, shown.white)
    return channels[shown.number - 1].values.appearance(limits) is not None


def _merged_remark(about: dict[str, int], channels: Sequence[ColourChannel], merged: Sequence[MergedChannel]) -> Any:
    shown = [
        _(
            "{name} in {colour}",
            name=channel_label(channels[one.number - 1], one.number),
            colour=colour_label(one.colour),
        )
        for one in merged
    ]
    numbers = {one.number for one in merged}
    left_out = [
        channel_label(channel, number) for number, channel in enumerate(channels, start=1) if number not in numbers
    ]
    if left_out:
        return PostContentProblem.COLOUR_CHANNELS_SOME_SHOWN(channels=shown, left_out=left_out, **about)
    return PostContentProblem.COLOUR_CHANNELS_SHOWN(channels=shown, **about)


def _describe_range(shown: MergedChannel, channels: Sequence[ColourChannel]) -> Message:
    return _(
        "{name} from {black:number} to {white:number}",
        name=channel_label(channels[shown.number - 1], shown.number),
        black=shown.black,
        white=shown.white,
    )
