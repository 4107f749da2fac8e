"""Finds what staff must know before a post goes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import regex

from publisher.adapt.problem_codes import AdaptProblem
from publisher.adapt.text.counting import excess, rules_of
from publisher.adapt.text.fields import credit_lines, licence_of
from publisher.adapt.text.hashtags import field_tags
from publisher.adapt.text.rich_text import RichText
from publisher.core.content import ContentProblem, SourcePost
from publisher.core.problems import Problem
from publisher.platforms.profiles import Profile

_HASHTAG = regex.compile(r"(?<![\w&/#])[#＃](?=[\w·]*[^\W\d_])[\w·]+")
_MENTION = regex.compile(r"(?<![\w/@.])@\w[\w.]*")
_NAME = regex.compile(r"\p{Lu}[\p{L}\p{M}’'-]{2,}")


def _warning(field: str, problem: Problem) -> ContentProblem:
    return ContentProblem(field=field, problem=problem, blocking=False)


def language_problems(
    post: SourcePost, language: str, missing: Literal["hold", "skip", "original"]
) -> tuple[ContentProblem, ...]:
    """Finds out whether the post is in the channel's language."""
    if post.language == language:
        return ()
    if missing == "hold":
        problem = AdaptProblem.NO_TRANSLATION(language=language, original=post.language)
        return (ContentProblem(field="language", problem=problem),)
    if missing == "skip":
        return (_warning("language", AdaptProblem.NO_TRANSLATION_POST_SKIPPED(language=language)),)
    shown = AdaptProblem.NO_TRANSLATION_ORIGINAL_SHOWN(language=language, original=post.language)
    return (_warning("language", shown),)


def field_problems(post: SourcePost) -> tuple[ContentProblem, ...]:
    """Finds missing fields without which no post goes out, whatever the channel."""
    problems = []
    if not post.title:
        problems.append(ContentProblem(field="title", problem=AdaptProblem.NO_TITLE()))
    if not credit_lines(post):
        problems.append(ContentProblem(field="credit", problem=AdaptProblem.NO_CREDIT()))
    if not licence_of(post) and not all(image.licence for image in post.images):
        problems.append(_warning("licence", AdaptProblem.NO_LICENCE()))
    if post.link and not regex.match(r"https?://[^\s/]+\.\S+\Z", post.link):
        problems.append(_warning("link", AdaptProblem.LINK_IS_NO_ADDRESS()))
    return tuple(problems)


def length_problems(text: str, profile: Profile, *, shortened: bool) -> tuple[ContentProblem, ...]:
    """Finds out whether the caption is empty or too long."""
    if not text:
        return (ContentProblem(field="caption", problem=AdaptProblem.CAPTION_EMPTY(platform=profile.label)),)
    over = excess(text, profile.text)
    return (ContentProblem(field="caption", problem=_too_long(text, over, profile, shortened)),) if over else ()


def _too_long(text: str, over: int, profile: Profile, shortened: bool) -> Problem:
    """Says which of the platform's limits a text exceeds, and by how much."""
    limits, rules = profile.text, rules_of(profile.text)
    size = {"over": over, "platform": profile.label, "limit": limits.limit, "count": rules.count(text)}
    size |= {"unit": rules.unit, "unit_name": rules.unit_name}
    if rules.count(text) > limits.limit:
        code = AdaptProblem.TEXT_TOO_LONG if shortened else AdaptProblem.HANDWRITTEN_TEXT_TOO_LONG
        return code(**size)
    if limits.max_bytes is not None and len(text.encode()) > limits.max_bytes:
        code = AdaptProblem.TEXT_TOO_LONG_IN_BYTES if shortened else AdaptProblem.HANDWRITTEN_TEXT_TOO_LONG_IN_BYTES
        return code(over=over, platform=profile.label, limit=limits.max_bytes, count=len(text.encode()), unit="bytes")
    code = AdaptProblem.TEXT_TOO_LONG_WITH_EMOJI if shortened else AdaptProblem.HANDWRITTEN_TEXT_TOO_LONG_WITH_EMOJI
    return code(**size, reserve=rules.emoji_reserve(text))


def missing_credit_problems(post: SourcePost, rich: RichText, template: str) -> tuple[ContentProblem, ...]:
    """Finds out whether the template shows the credit."""
    if not credit_lines(post) or any(mark.value == "credit" for mark in rich.marks_of_kind("field")):
        return ()
    problem = AdaptProblem.TEMPLATE_WITHOUT_CREDIT(template=template)
    return (ContentProblem(field="caption", problem=problem),)


def unnamed_credit_problems(post: SourcePost, text: str) -> tuple[ContentProblem, ...]:
    """Finds out whether a caption written by hand repeats the credit, or names anybody from it."""
    lines = credit_lines(post)
    caption = " ".join(text.split()).casefold()
    if all(" ".join(line.split()).casefold() in caption for line in lines):
        return ()
    names = [name for line in lines for name in _NAME.findall(line)]
    if any(name.casefold() in caption for name in names):
        return (_warning("caption", AdaptProblem.CREDIT_INCOMPLETE()),)
    return (ContentProblem(field="caption", problem=AdaptProblem.CREDIT_NAMES_NOBODY()),)


def tag_problems(post: SourcePost, text: str, profile: Profile) -> tuple[ContentProblem, ...]:
    """Finds more tags or mentions than the platform takes."""
    problems = []
    hashtags, mentions = len(_HASHTAG.findall(text)), len(_MENTION.findall(text))
    limits, label = profile.tags, profile.label
    if limits.where == "caption" and hashtags > limits.maximum:
        too_many = AdaptProblem.TOO_MANY_HASHTAGS(count=hashtags, platform=label, maximum=limits.maximum)
        problems.append(ContentProblem(field="caption", problem=too_many))
    if profile.mentions_maximum is not None and mentions > profile.mentions_maximum:
        maximum = profile.mentions_maximum
        too_many = AdaptProblem.TOO_MANY_MENTIONS(count=mentions, platform=label, maximum=maximum)
        problems.append(ContentProblem(field="caption", problem=too_many))
    if limits.where == "field":
        lost = len({tag.casefold() for tag in post.tags}) - len(field_tags(post.tags, limits))
        if lost > 0:
            size = {"maximum": limits.maximum, "length": limits.max_length}
            problems.append(_warning("tags", AdaptProblem.TAGS_LEFT_OUT(count=lost, platform=label, **size)))
    return tuple(problems)


def link_problems(links: Sequence[str], profile: Profile) -> tuple[ContentProblem, ...]:
    """Finds links that can't be followed or make the post dearer."""
    if not links:
        return ()
    prices = profile.prices
    if prices is not None and prices.post_with_link > prices.post:
        costs = {"price": prices.post_with_link, "usual_price": prices.post}
        return (_warning("caption", AdaptProblem.LINK_COSTS_MORE(link=links[0], platform=profile.label, **costs)),)
    if profile.links == "dead":
        dead = AdaptProblem.LINK_CANNOT_BE_FOLLOWED(link=links[0], platform=profile.label)
        return (_warning("caption", dead),)
    return ()
