"""Adapts a post to one channel. The preview and publishing both call `adapt_post`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from publisher.adapt import problems
from publisher.adapt.images.plans import plan_images
from publisher.adapt.markup_problems import markup_problems, typed_markup_problems
from publisher.adapt.problem_codes import AdaptProblem
from publisher.adapt.text.alt_text import adapt_alt_text
from publisher.adapt.text.blocks import plain_form, to_blocks
from publisher.adapt.text.cleaning import clean
from publisher.adapt.text.counting import excess, rules_of
from publisher.adapt.text.fields import caption_values, clean_post, credit_lines, licence_of
from publisher.adapt.text.hashtags import field_tags
from publisher.adapt.text.left_out import LeftOut, add_left_out
from publisher.adapt.text.markdown import LinkStyle, TextMarker, plain_words
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.adapt.text.rich_text import Marker, RichText
from publisher.adapt.text.shortening import end_fill, left_out_hashtags, shorten, without_fill, without_hashtags
from publisher.adapt.text.spatial_words import spatial_word_problems
from publisher.adapt.text.templates import TemplateError, render
from publisher.adapt.text.threads import split_thread
from publisher.core.content import (
    AdaptedImage,
    AdaptedPost,
    ContentProblem,
    Fit,
    Frozen,
    SourcePost,
    TextBlock,
    language_caption_key,
)
from publisher.core.problems import Problem
from publisher.platforms.profiles import Profile

EMPTY_DIRECTORY = PeopleDirectory()


class Target(Frozen):
    """Describes one channel for adaptation."""

    channel: str
    platform: str
    profile: Profile
    language: str
    template: str
    """The caption template, in Jinja2."""
    template_name: str
    """The template's file, for messages."""
    fit: Fit | None = None
    missing_translation: Literal["hold", "skip", "original"] = "hold"
    thread: bool = False
    """Replies show what the caption leaves out of the body."""
    broken: Problem | None = None
    """Why nothing can be adapted for the channel. None: it can."""


class Caption(Frozen):
    """Holds the text of an adapted post, and what is wrong with it."""

    text: str = ""
    blocks: tuple[TextBlock, ...] = ()
    left_out: tuple[Problem, ...] = ()
    thread: tuple[str, ...] = ()
    problems: tuple[ContentProblem, ...] = ()


def adapt_post(post: SourcePost, target: Target, people: PeopleDirectory = EMPTY_DIRECTORY) -> AdaptedPost:
    """Makes the exact text, images and alt texts that a channel will get. Pure; raises for no content.

    Whatever is wrong with the post, the template or the fit is in `problems`.
    """
    stored = post
    post, oversized = clean_post(post)
    profile = target.profile
    text = TextMarker(Marker(), target.platform, _link_style(profile), people)
    by_hand = _handwritten_text(post, target, text)
    caption = _handwritten_caption(by_hand, post, target, text) if by_hand else _render_caption(post, target, text)
    images, image_problems = _adapt_images(post, target)
    rules = rules_of(profile.text)
    links = rules.find_links(caption.text) if profile.links != "allowed" or profile.prices is not None else ()
    price = _estimate_price(profile, len(images), (caption.text, *caption.thread))
    all_problems = (
        *oversized,
        *problems.language_problems(post, target.language, target.missing_translation),
        *problems.field_problems(post),
        *_markup_problems(stored, target),
        *caption.problems,
        *problems.tag_problems(post, caption.text, profile),
        *problems.typed_name_problems("\n".join((caption.text, *caption.thread)), profile, target.platform, people),
        *problems.link_problems(links, profile),
        *image_problems,
        *spatial_word_problems(caption.text, images),
    )
    return AdaptedPost(
        channel=target.channel,
        platform=target.platform,
        language=post.language,
        title=_plain_words(post.title),
        caption=caption.text,
        blocks=caption.blocks,
        thread=caption.thread,
        tags=field_tags(post.tags, profile.tags) if profile.tags.where == "field" else (),
        link=post.link,
        images=images,
        count=rules.count(caption.text),
        limit=profile.text.limit,
        unit=rules.unit,
        left_out=caption.left_out,
        cost_usd=price,
        problems=all_problems,
    )


def _link_style(profile: Profile) -> LinkStyle:
    if profile.text.rich:
        return "marked"
    return _plain_links(profile)


def _plain_links(profile: Profile) -> LinkStyle:
    return "written" if profile.links == "allowed" else "label"


def _render_caption(post: SourcePost, target: Target, text: TextMarker) -> Caption:
    values = caption_values(post, text, target.profile)
    try:
        rich = render(target.template, target.template_name, values, text)
    except TemplateError as error:
        return Caption(problems=(ContentProblem(field="caption", problem=_unusable(error)),))
    rich, fewer_hashtags = _give_way_to_typed_hashtags(rich, target.profile)
    short, left_out, link_problems = _shorten_caption(rich, target)
    left_out = add_left_out(left_out, fewer_hashtags)
    thread: tuple[str, ...] = ()
    if target.thread:
        # The replies show what is left out of the body.
        left_out = tuple(part for part in left_out if part.field != "body")
        thread = _thread_parts(post, target, text, short)
    described = tuple(part.describe() for part in left_out)
    caption = _finish_caption(short, target.profile).model_copy(update={"thread": thread, "left_out": described})
    # Nothing is written yet where the title is missing, too: that is said once.
    is_unwritten = not post.title and not caption.text
    too_long = () if is_unwritten else problems.length_problems(caption.text, target.profile, shortened=True)
    target_names = target.profile, target.template_name
    caption_problems = (
        *problems.missing_credit_problems(post, short, target.template_name),
        *problems.lost_address_problems(rich if thread else short, target.profile),
        *(() if thread or too_long else problems.little_said_problems(post, rich, short, target_names)),
        *too_long,
        *link_problems,
    )
    return caption.model_copy(update={"problems": caption_problems})


def _give_way_to_typed_hashtags(rich: RichText, profile: Profile) -> tuple[RichText, tuple[LeftOut, ...]]:
    """Leaves out the last of the template's hashtags where those that were typed make them too many."""
    hashtags = rich.marks_of_kind("hashtag")
    surplus = min(len(hashtags), problems.surplus_hashtags(rich.text, profile))
    if not surplus:
        return rich, ()
    return without_hashtags(rich, hashtags[-surplus:]), left_out_hashtags(surplus)


def _shorten_caption(
    rich: RichText, target: Target
) -> tuple[RichText, tuple[LeftOut, ...], tuple[ContentProblem, ...]]:
    """Shortens a caption. Where words must go, none of those that only fill makes the post dearer by a link."""
    profile = target.profile
    rules = rules_of(profile.text)

    def fits(candidate: RichText) -> bool:
        return excess(_plain_text(candidate, profile), profile.text) == 0

    def is_free(text: str) -> bool:
        return not rules.find_links(text)

    short, left_out = shorten(rich, fits)
    is_cut = any(not part.hashtags for part in left_out)
    if not is_cut or target.thread or not problems.links_cost_more(profile) or is_free(short.text):
        return short, left_out, ()
    ended, removed = end_fill(rich, is_free)
    if not removed or not is_free(without_fill(rich).text):
        return short, left_out, ()
    (link, *_others) = rules.find_links(short.text)
    short, left_out = shorten(ended, fits)
    return short, add_left_out(removed, left_out), problems.priced_link_problems(link, profile)


def _unusable(error: TemplateError) -> Problem:
    return AdaptProblem.TEMPLATE_UNUSABLE(why=error.text)


def _thread_parts(post: SourcePost, target: Target, text: TextMarker, short: RichText) -> tuple[str, ...]:
    """Makes the replies that show what the caption left out of the body."""
    limits = target.profile.text
    body = next(
        (short.text[mark.start : mark.end] for mark in short.marks_of_kind("field") if mark.value == "body"), ""
    )
    if body == text.marker.read(text.blocks(post.body)).tidy().text:
        return ()
    # A reply is plain text: where the caption marks its links, a reply writes them out.
    written = TextMarker(Marker(), target.platform, _plain_links(target.profile), text.people)
    whole = written.marker.read(written.blocks(post.body)).tidy()
    return split_thread(whole, body, lambda part: excess(part, limits) == 0)


def _handwritten_text(post: SourcePost, target: Target, text: TextMarker) -> str:
    """Returns the caption written for this channel, else for its language; empty when there is none."""
    if own := clean(post.captions.get(target.channel, "")):
        return text.blocks(own) if target.profile.text.rich else text.plain(own)
    # Written for channels with and without rich text, so it is the small Markdown for all of them.
    return text.blocks(clean(post.captions.get(language_caption_key(post.language), "")))


def _markup_problems(post: SourcePost, target: Target) -> tuple[ContentProblem, ...]:
    """Finds markup, in a post as it is stored, that this channel can't show."""
    own = post.captions.get(target.channel, "")
    if not clean(own):
        return markup_problems(post, post.captions.get(language_caption_key(post.language), ""))
    if target.profile.text.rich:
        return markup_problems(post, own)
    return (*markup_problems(post, ""), *typed_markup_problems(own, target.profile.label))


def _handwritten_caption(marked: str, post: SourcePost, target: Target, text: TextMarker) -> Caption:
    rich = text.marker.read(marked).tidy()
    caption = _finish_caption(rich, target.profile)
    caption_problems = (
        *problems.lost_address_problems(rich, target.profile),
        *problems.unnamed_credit_problems(post, caption.text),
        *problems.length_problems(caption.text, target.profile, shortened=False),
    )
    return caption.model_copy(update={"problems": caption_problems})


def _finish_caption(rich: RichText, profile: Profile) -> Caption:
    if not profile.text.rich:
        return Caption(text=rich.text)
    blocks = to_blocks(rich, profile.text)
    return Caption(text=plain_form(blocks), blocks=blocks)


def _plain_text(rich: RichText, profile: Profile) -> str:
    return plain_form(to_blocks(rich, profile.text)) if profile.text.rich else rich.text


def _adapt_images(post: SourcePost, target: Target) -> tuple[tuple[AdaptedImage, ...], tuple[ContentProblem, ...]]:
    """Plans the pictures with the alt texts of this platform; one without a credit of its own gets the post's."""
    profile = target.profile
    alt_text_problems: list[ContentProblem] = []
    images = []
    shared = _plain_words("; ".join(credit_lines(post))), _plain_words(licence_of(post))
    for number, image in enumerate(post.images):
        alt_text, problems_here = adapt_alt_text(image, number, post.title, profile.alt_text, profile.label)
        credit, licence = _plain_words(image.credit) or shared[0], _plain_words(image.licence) or shared[1]
        choices = image.choices.for_channel(target.channel)
        texts = {"alt_text": alt_text, "credit": credit, "licence": licence}
        images.append(image.model_copy(update={**texts, "choices": choices}))
        alt_text_problems.extend(problems_here)
    adapted, image_problems = plan_images(images, profile.images, fit=target.fit, platform=profile.label)
    return adapted, (*alt_text_problems, *image_problems)


def _plain_words(text: str) -> str:
    """Returns a field without Markdown, on one line, for the metadata of a picture."""
    return "; ".join(plain_words(line) for line in text.split("\n") if line)


def _estimate_price(profile: Profile, images: int, texts: Iterable[str]) -> float | None:
    """Estimates the price of a post and its replies in US dollars; None where it is free."""
    prices = profile.prices
    if prices is None:
        return None
    find_links = rules_of(profile.text).find_links
    posts = sum(prices.post_with_link if find_links(text) else prices.post for text in texts)
    return round(posts + images * prices.alt_text + prices.newest_posts, 6)
