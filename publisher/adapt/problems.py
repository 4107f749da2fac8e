"""Finds what staff must know before a post goes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import regex

from publisher.adapt.problem_codes import AdaptProblem
from publisher.adapt.text.counting import excess, rules_of
from publisher.adapt.text.fields import credit_lines, licence_of
from publisher.adapt.text.hashtags import field_tags
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.adapt.text.rich_text import RichText
from publisher.adapt.text.shortening import SAYING_FIELDS
from publisher.core.content import ContentProblem, SourcePost
from publisher.core.problems import Problem
from publisher.platforms.profiles import Profile

_HASHTAG = regex.compile(r"(?<![\w&/#])[#＃](?=[\w·]*[^\W\d_])[\w·]+")
_MENTION = regex.compile(r"(?<![\w/@.])@\w[\w.]*")
_NAMES_ENOUGH = frozenset({"credit", "licence", "written_by", "link"})
MIN_SAID = 40
"""Fewer characters of standfirst and body than this say little."""
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


def surplus_hashtags(text: str, profile: Profile) -> int:
    """Returns how many hashtags a caption has more than the platform takes."""
    return max(0, len(_HASHTAG.findall(text)) - profile.tags.maximum) if profile.tags.where == "caption" else 0


def tag_problems(post: SourcePost, text: str, profile: Profile) -> tuple[ContentProblem, ...]:
    """Finds more tags or mentions than the platform takes."""
    problems = []
    limits, label, mentions = profile.tags, profile.label, len(_MENTION.findall(text))
    if surplus := surplus_hashtags(text, profile):
        hashtags = limits.maximum + surplus
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


def typed_name_problems(
    text: str, profile: Profile, platform: str, people: PeopleDirectory
) -> tuple[ContentProblem, ...]:
    """Finds names typed with `@` that tag an account of which the list of people knows nothing."""
    names = dict.fromkeys(name.rstrip(".") for name in _MENTION.findall(text)) if profile.typed_mentions else ()
    return tuple(
        _warning("caption", AdaptProblem.NAME_TAGS_ACCOUNT(name=name, platform=profile.label))
        for name in names
        if not people.knows(name, platform)
    )


def link_problems(links: Sequence[str], profile: Profile) -> tuple[ContentProblem, ...]:
    """Finds links that can't be followed or make the post dearer."""
    if not links:
        return ()
    if links_cost_more(profile):
        return (_warning("caption", AdaptProblem.LINK_COSTS_MORE(link=links[0], **_costs(profile))),)
    if profile.links == "dead":
        dead = AdaptProblem.LINK_CANNOT_BE_FOLLOWED(link=links[0], platform=profile.label)
        return (_warning("caption", dead),)
    return ()


def links_cost_more(profile: Profile) -> bool:
    """Decides whether the platform charges more for a post with a link."""
    return profile.prices is not None and profile.prices.post_with_link > profile.prices.post


def priced_link_problems(link: str, profile: Profile) -> tuple[ContentProblem, ...]:
    """Says that a caption ends before a link that would make the post dearer."""
    return (_warning("caption", AdaptProblem.LINK_LEFT_OUT(link=link, **_costs(profile))),)


def _costs(profile: Profile) -> dict[str, object]:
    prices = profile.prices
    costs = {"price": prices.post_with_link, "usual_price": prices.post} if prices is not None else {}
    return {"platform": profile.label, **costs}


def little_said_problems(
    post: SourcePost, rendered: RichText, short: RichText, target: tuple[Profile, str]
) -> tuple[ContentProblem, ...]:
    """Finds out whether a caption leaves out nearly all that the post says.

    `rendered` and `short`: before and after shortening. `target`: the platform, and the name of the template.
    """
    shown = sum(mark.end - mark.start for mark in short.marks_of_kind("field") if mark.value in SAYING_FIELDS)
    if shown >= min(MIN_SAID, len(post.standfirst) + len(post.body)):
        return ()
    profile, template = target
    if any(mark.value in SAYING_FIELDS for mark in rendered.marks_of_kind("field")):
        return (_warning("caption", AdaptProblem.SAYS_LITTLE(platform=profile.label)),)
    problem = AdaptProblem.SAYS_LITTLE_BY_TEMPLATE(platform=profile.label, template=template)
    return (_warning("caption", problem),)


def lost_address_problems(rich: RichText, profile: Profile) -> tuple[ContentProblem, ...]:
    """Finds words of a plain caption that were linked, and of which the platform shows no address.

    The name of a person or an institution in the credit says enough without one.
    """
    if profile.text.rich:
        return ()
    named = [mark for mark in rich.marks_of_kind("field") if mark.value in _NAMES_ENOUGH]
    words = [
        rich.text[mark.start : mark.end]
        for mark in rich.marks_of_kind("link")
        if not any(name.start <= mark.start and mark.end <= name.end for name in named)
    ]
    return tuple(
        _warning("caption", AdaptProblem.LINK_WITHOUT_ADDRESS(words=label, platform=profile.label))
        for label in dict.fromkeys(words)
    )
