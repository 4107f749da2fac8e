"""Finds what staff must know before a post goes out, and says it in one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import regex

from publisher.adapt.text.counting import excess, rules_of
from publisher.adapt.text.fields import credit_lines, licence_of
from publisher.adapt.text.hashtags import field_tags
from publisher.adapt.text.rich_text import RichText
from publisher.core.content import Problem, SourcePost
from publisher.platforms.profiles import Profile

_LANGUAGES = {
    "ca": "Catalan", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "eu": "Basque", "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "it": "Italian", "ja": "Japanese",
    "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "sv": "Swedish", "uk": "Ukrainian",
    "zh": "Chinese",
}  # fmt: skip
_HASHTAG = regex.compile(r"(?<![\w&/#])[#＃](?=[\w·]*[^\W\d_])[\w·]+")
_MENTION = regex.compile(r"(?<![\w/@.])@\w[\w.]*")
_NAME = regex.compile(r"\p{Lu}[\p{L}\p{M}’'-]{2,}")


def _warning(field: str, message: str) -> Problem:
    return Problem(field=field, message=message, blocking=False)


def language_problems(
    post: SourcePost, language: str, missing: Literal["hold", "skip", "original"]
) -> tuple[Problem, ...]:
    """Finds out whether the post is in the channel's language."""
    if post.language == language:
        return ()
    channel_language, post_language = (
        _LANGUAGES.get(code.partition("-")[0], code) for code in (language, post.language)
    )
    if missing == "hold":
        message = (
            f"There is no {channel_language} translation; add one, or let the channel show the {post_language} text."
        )
        return (Problem(field="language", message=message),)
    what = "this channel skips the post" if missing == "skip" else f"this channel shows the {post_language} text"
    return (_warning("language", f"There is no {channel_language} translation, so {what}."),)


def field_problems(post: SourcePost) -> tuple[Problem, ...]:
    """Finds missing fields without which no post goes out, whatever the channel."""
    problems = []
    if not post.title:
        problems.append(Problem(field="title", message="The post has no title; write one."))
    if not credit_lines(post):
        problems.append(Problem(field="credit", message="The post has no credit; say who made the picture."))
    if not licence_of(post) and not all(image.licence for image in post.images):
        problems.append(_warning("licence", "The post names no licence; add it, or make sure that its owner agreed."))
    if post.link and not regex.match(r"https?://[^\s/]+\.\S+\Z", post.link):
        problems.append(_warning("link", "The link is no web address; write it with https://."))
    return tuple(problems)


def length_problems(text: str, profile: Profile, *, shortened: bool) -> tuple[Problem, ...]:
    """Finds out whether the caption is empty or too long."""
    if not text:
        return (Problem(field="caption", message=f"The caption for {profile.label} is empty; write the post's text."),)
    over = excess(text, profile.text)
    if not over:
        return ()
    why = "with everything left out that may be" if shortened else "and written by hand, so it is never shortened"
    message = (
        f"The caption is {over} too long for {profile.label} ({_describe_limit(text, profile)}) {why}; shorten it."
    )
    return (Problem(field="caption", message=message),)


def _describe_limit(text: str, profile: Profile) -> str:
    """Describes the limit that a text exceeds, in words."""
    limits = profile.text
    rules = rules_of(limits)
    in_units = f"limit {limits.limit} {rules.unit_name}"
    if rules.count(text) > limits.limit:
        return in_units
    if limits.max_bytes is not None and len(text.encode()) > limits.max_bytes:
        return f"limit {limits.max_bytes} bytes"
    return f"{in_units}, {rules.emoji_reserve(text)} of them kept free for emoji"


def missing_credit_problems(post: SourcePost, rich: RichText, template: str) -> tuple[Problem, ...]:
    """Finds out whether the template shows the credit."""
    if not credit_lines(post) or any(mark.value == "credit" for mark in rich.marks_of_kind("field")):
        return ()
    message = f"The template {template} leaves out the credit; add {{{{ credit }}}} to it."
    return (Problem(field="caption", message=message),)


def unnamed_credit_problems(post: SourcePost, text: str) -> tuple[Problem, ...]:
    """Finds out whether a caption written by hand repeats the credit, or names anybody from it."""
    lines = credit_lines(post)
    caption = " ".join(text.split()).casefold()
    if all(" ".join(line.split()).casefold() in caption for line in lines):
        return ()
    names = [name for line in lines for name in _NAME.findall(line)]
    if any(name.casefold() in caption for name in names):
        return (
            _warning("caption", "The caption written by hand does not hold the whole credit; check whom it names."),
        )
    message = "The caption written by hand names nobody from the credit; add the credit."
    return (Problem(field="caption", message=message),)


def tag_problems(post: SourcePost, text: str, profile: Profile) -> tuple[Problem, ...]:
    """Finds more tags or mentions than the platform takes."""
    problems = []
    hashtags, mentions = len(_HASHTAG.findall(text)), len(_MENTION.findall(text))
    if profile.tags.where == "caption" and hashtags > profile.tags.maximum:
        message = f"The caption has {hashtags} hashtags and {profile.label} takes {profile.tags.maximum}; remove some."
        problems.append(Problem(field="caption", message=message))
    if profile.mentions_maximum is not None and mentions > profile.mentions_maximum:
        maximum = profile.mentions_maximum
        message = f"The caption mentions {mentions} accounts and {profile.label} takes {maximum}; remove some."
        problems.append(Problem(field="caption", message=message))
    if profile.tags.where == "field":
        lost = len({tag.casefold() for tag in post.tags}) - len(field_tags(post.tags, profile.tags))
        if lost > 0:
            message = (
                f"{profile.label} takes {profile.tags.maximum} tags of up to {profile.tags.max_length} characters, "
                f"so {lost} of the tags {'is' if lost == 1 else 'are'} left out."
            )
            problems.append(_warning("tags", message))
    return tuple(problems)


def link_problems(links: Sequence[str], profile: Profile) -> tuple[Problem, ...]:
    """Finds links that can't be followed or make the post dearer."""
    if not links:
        return ()
    prices = profile.prices
    if prices is not None and prices.post_with_link > prices.post:
        price, usual_price = _format_dollars(prices.post_with_link), _format_dollars(prices.post)
        message = f"The caption holds a link ({links[0]}), so {profile.label} charges {price} instead of {usual_price}."
        return (_warning("caption", message),)
    if profile.links == "dead":
        message = f"The caption holds a link ({links[0]}), which can't be followed on {profile.label}."
        return (_warning("caption", message),)
    return ()


def _format_dollars(amount: float) -> str:
    cents = f"{amount:.2f}"
    return f"${cents}" if float(cents) == amount else f"${amount:.3f}"
