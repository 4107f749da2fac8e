"""Adapts a post for each channel. Preview, approval and picking all use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from publisher.adapt.posts import Target, adapt_post
from publisher.adapt.text.mentions import MENTION, PeopleDirectory
from publisher.core.content import AdaptedPost, ContentProblem, ImageChoices, Link, SourceImage, SourcePost
from publisher.core.logs import get_logger
from publisher.core.problems import Problem
from publisher.db.models import Post, PostImage
from publisher.posts.problem_codes import ChannelTargetProblem, PostContentProblem


@dataclass(frozen=True, slots=True)
class ChannelPost:
    """Holds what one channel gets of a post."""

    channel: str
    adapted: AdaptedPost | None
    """None: there is no text in the channel's language, and its rule is to leave such a post out."""

    @property
    def problems(self) -> tuple[ContentProblem, ...]:
        return self.adapted.problems if self.adapted else ()

    @property
    def blocking(self) -> tuple[ContentProblem, ...]:
        return tuple(problem for problem in self.problems if problem.blocking)


def source_post(post: Post, language: str) -> SourcePost | None:
    """Returns a post's texts in one language; None when nobody has written them.

    A translation without a credit, links or tags keeps the original ones; its other texts are never
    mixed with those of the original.
    """
    if language == post.language:
        return _original(post)
    translation = post.translations.get(language)
    if translation is None:
        return None
    alt_texts = translation.get("alt_texts") or ()
    images = tuple(
        _source_image(image, alt_texts[number] if number < len(alt_texts) else "")
        for number, image in enumerate(post.images)
    )
    return _original(post).model_copy(
        update={
            "title": translation.get("title") or "",
            "standfirst": translation.get("standfirst") or "",
            "body": translation.get("body") or "",
            "credit": translation.get("credit") or post.credit,
            "link": translation.get("link") or post.link,
            "links": tuple(Link(**link) for link in translation.get("links") or post.links),
            "tags": tuple(translation.get("tags") or post.tags),
            "language": language,
            "images": images,
        }
    )


def adapt_for_channels(post: Post, targets: Mapping[str, Target], people: PeopleDirectory) -> tuple[ChannelPost, ...]:
    """Adapts a post for every channel, in the configuration's order. Quick; reads and writes no file."""
    return tuple(adapt_for_channel(post, target, people) for target in targets.values())


def adapt_for_channel(post: Post, target: Target, people: PeopleDirectory) -> ChannelPost:
    """Adapts a post for one channel. Where a translation is missing, the channel's rule decides.

    A channel that can't be adapted for gets an empty text with a problem that says why. A fault
    of the program is such a reason too: it keeps this post from this channel, and nothing else.
    """
    source = source_post(post, target.language)
    if source is None and target.missing_translation == "skip":
        return ChannelPost(target.channel, None)
    source = source or _original(post)
    if target.broken:
        return _not_adapted(source, target, target.broken)
    try:
        adapted = adapt_post(source, target, people)
    except Exception:
        get_logger("adapt").exception("a post can't be adapted", post=post.id, channel=target.channel)
        return _not_adapted(source, target, ChannelTargetProblem.ADAPTING_FAILED())
    if people.unreadable and _mentions_somebody(source, target):
        unreadable = PostContentProblem.MENTIONS_UNREADABLE(why=people.unreadable)
        problem = ContentProblem(field="caption", problem=unreadable)
        adapted = adapted.model_copy(update={"problems": (*adapted.problems, problem)})
    return ChannelPost(target.channel, adapted)


def _not_adapted(source: SourcePost, target: Target, why: Problem) -> ChannelPost:
    adapted = AdaptedPost(
        channel=target.channel,
        platform=target.platform,
        language=source.language,
        title=" ".join(source.title.split()),
        caption="",
        problems=(ContentProblem(field="caption", problem=why),),
    )
    return ChannelPost(target.channel, adapted)


def _mentions_somebody(source: SourcePost, target: Target) -> bool:
    texts = (source.title, source.standfirst, source.body, source.written_by, source.credit, *source.captions.values())
    return any(MENTION.search(text) for text in texts) or "mention" in target.template


def _original(post: Post) -> SourcePost:
    return SourcePost(
        title=post.title,
        standfirst=post.standfirst,
        body=post.body,
        written_by=post.written_by,
        credit=post.credit,
        licence=post.licence,
        link=post.link,
        links=tuple(Link.model_validate(link) for link in post.links),
        tags=tuple(post.tags),
        language=post.language,
        images=tuple(_source_image(image, image.alt_text) for image in post.images),
        captions=dict(post.captions),
    )


def _source_image(image: PostImage, alt_text: str) -> SourceImage:
    return SourceImage.model_validate(
        {
            "media": image.media_sha256,
            "format": image.media.format,
            "width": image.media.width,
            "height": image.media.height,
            "bits": image.media.bits,
            "frames": image.media.frames,
            "values": image.media.values,
            "colour_channels": image.media.colour_channels,
            "gutters": image.media.gutters,
            "alt_text": alt_text,
            "credit": image.credit,
            "licence": image.licence,
            "choices": ImageChoices.model_validate(image.choices),
        }
    )
