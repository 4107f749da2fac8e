"""What staff must know before a post goes out, one sentence each."""

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


def _note(field: str, message: str) -> Problem:
    return Problem(field=field, message=message, blocking=False)


def of_language(post: SourcePost, language: str, missing: Literal["hold", "skip", "original"]) -> tuple[Problem, ...]:
    """The post is not in the channel's language."""
    if post.language == language:
        return ()
    wanted, given = (_LANGUAGES.get(code.partition("-")[0], code) for code in (language, post.language))
    if missing == "hold":
        message = f"There is no {wanted} translation; add one, or let the channel show the {given} text."
        return (Problem(field="language", message=message),)
    what = "this channel skips the post" if missing == "skip" else f"this channel shows the {given} text"
    return (_note("language", f"There is no {wanted} translation, so {what}."),)


def of_fields(post: SourcePost) -> tuple[Problem, ...]:
    """Fields without which no post goes out, whatever the channel."""
    found = []
    if not post.title:
        found.append(Problem(field="title", message="The post has no title; write one."))
    if not credit_lines(post):
        found.append(Problem(field="credit", message="The post has no credit; say who made the picture."))
    if not licence_of(post) and not all(image.licence for image in post.images):
        found.append(_note("licence", "The post names no licence; add it, or make sure that its owner agreed."))
    if post.link and not regex.match(r"https?://[^\s/]+\.\S+\Z", post.link):
        found.append(_note("link", "The link is no web address; write it with https://."))
    return tuple(found)


def of_length(text: str, profile: Profile, *, shortened: bool) -> tuple[Problem, ...]:
    """The caption is empty or does not fit."""
    if not text:
        return (Problem(field="caption", message=f"The caption for {profile.label} is empty; write the post's text."),)
    over = excess(text, profile.text)
    if not over:
        return ()
    why = "with everything left out that may be" if shortened else "and written by hand, so it is never shortened"
    message = f"The caption is {over} too long for {profile.label} ({_limit(text, profile)}) {why}; shorten it."
    return (Problem(field="caption", message=message),)


def _limit(text: str, profile: Profile) -> str:
    """The limit that a text which is too long breaks, in words."""
    limits = profile.text
    rules = rules_of(limits)
    taken = f"limit {limits.limit} {rules.unit_name}"
    if rules.count(text) > limits.limit:
        return taken
    if limits.max_bytes is not None and len(text.encode()) > limits.max_bytes:
        return f"limit {limits.max_bytes} bytes"
    return f"{taken}, {rules.emoji_reserve(text)} of them kept free for emoji"


def of_missing_credit(post: SourcePost, rich: RichText, template: str) -> tuple[Problem, ...]:
    """The template does not show the credit."""
    if not credit_lines(post) or any(mark.value == "credit" for mark in rich.of_kind("field")):
        return ()
    message = f"The template {template} leaves out the credit; add {{{{ credit }}}} to it."
    return (Problem(field="caption", message=message),)


def of_unnamed_credit(post: SourcePost, text: str) -> tuple[Problem, ...]:
    """A caption written by hand that does not repeat the credit, or names nobody from it."""
    lines = credit_lines(post)
    caption = " ".join(text.split()).casefold()
    if all(" ".join(line.split()).casefold() in caption for line in lines):
        return ()
    names = [name for line in lines for name in _NAME.findall(line)]
    if any(name.casefold() in caption for name in names):
        return (_note("caption", "The caption written by hand does not hold the whole credit; check whom it names."),)
    message = "The caption written by hand names nobody from the credit; add the credit."
    return (Problem(field="caption", message=message),)


def of_tags(post: SourcePost, text: str, profile: Profile) -> tuple[Problem, ...]:
    """More tags or mentions than the platform takes."""
    found = []
    hashtags, mentions = len(_HASHTAG.findall(text)), len(_MENTION.findall(text))
    if profile.tags.where == "caption" and hashtags > profile.tags.maximum:
        message = f"The caption has {hashtags} hashtags and {profile.label} takes {profile.tags.maximum}; remove some."
        found.append(Problem(field="caption", message=message))
    if profile.mentions_maximum is not None and mentions > profile.mentions_maximum:
        most = profile.mentions_maximum
        message = f"The caption mentions {mentions} accounts and {profile.label} takes {most}; remove some."
        found.append(Problem(field="caption", message=message))
    if profile.tags.where == "field":
        lost = len({tag.casefold() for tag in post.tags}) - len(field_tags(post.tags, profile.tags))
        if lost > 0:
            message = (
                f"{profile.label} takes {profile.tags.maximum} tags of up to {profile.tags.max_length} characters, "
                f"so {lost} of the tags {'is' if lost == 1 else 'are'} left out."
            )
            found.append(_note("tags", message))
    return tuple(found)


def of_links(links: Sequence[str], profile: Profile) -> tuple[Problem, ...]:
    """A link where it can't be followed or makes the post dearer."""
    if not links:
        return ()
    prices = profile.prices
    if prices is not None and prices.post_with_link > prices.post:
        message = (
            f"The caption holds a link ({links[0]}), so {profile.label} charges {_dollars(prices.post_with_link)} "
            f"instead of {_dollars(prices.post)}."
        )
        return (_note("caption", message),)
    if profile.links == "dead":
        message = f"The caption holds a link ({links[0]}), which can't be followed on {profile.label}."
        return (_note("caption", message),)
    return ()


def _dollars(amount: float) -> str:
    cents = f"{amount:.2f}"
    return f"${cents}" if float(cents) == amount else f"${amount:.3f}"
