"""Prepares the fields of a post for captions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from publisher.adapt.problem_codes import AdaptProblem
from publisher.adapt.text.cleaning import clean, one_line
from publisher.adapt.text.hashtags import hashtags
from publisher.adapt.text.markdown import TextMarker
from publisher.adapt.text.templates import words_in_language
from publisher.core import post_limits
from publisher.core.content import ContentProblem, SourceImage, SourcePost
from publisher.core.field_names import FIELD_NAMES
from publisher.platforms.profiles import Profile

_ONE_LINE_FIELDS = frozenset({"title", "standfirst", "written_by", "licence", "link"})
"""The fields of one line."""


def clean_post(post: SourcePost) -> tuple[SourcePost, tuple[ContentProblem, ...]]:
    """Returns the post with every text cleaned, and a problem for each field that is far too long."""
    changes: dict[str, object] = {}
    problems = []
    for name, limit in post_limits.FIELD_LENGTHS.items():
        value: str = getattr(post, name)
        if len(value) > limit:
            problem = AdaptProblem.FIELD_TOO_LONG(name=FIELD_NAMES[name], limit=limit)
            problems.append(ContentProblem(field=name, problem=problem))
            value = value[:limit]
        changes[name] = one_line(value) if name in _ONE_LINE_FIELDS else clean(value)
    changes["captions"] = {channel: text[: post_limits.CAPTION] for channel, text in post.captions.items()}
    changes["images"] = tuple(_clean_image(image) for image in post.images[: post_limits.IMAGES])
    changes["tags"] = tuple(tag[: post_limits.TAG] for tag in post.tags[: post_limits.TAGS])
    changes["links"] = post.links[: post_limits.LINKS]
    return post.model_copy(update=changes), tuple(problems)


def _clean_image(image: SourceImage) -> SourceImage:
    credit, licence = clean(image.credit[: post_limits.CREDIT]), one_line(image.licence[: post_limits.LICENCE])
    alt_text = image.alt_text[: post_limits.ALT_TEXT]
    return image.model_copy(update={"credit": credit, "licence": licence, "alt_text": alt_text})


def credit_lines(post: SourcePost) -> tuple[str, ...]:
    """Lists the credit of the post, then those of its pictures that it does not hold already."""
    lines = [post.credit] if post.credit else []
    for image in post.images:
        own_licence = image.licence if image.licence and image.licence != licence_of(post) else ""
        line = f"{image.credit} ({own_licence})" if own_licence and image.credit else image.credit
        if line and not any(line in other for other in lines):
            lines.append(line)
    return tuple(lines)


def licence_of(post: SourcePost) -> str:
    """Returns the licence of the post, or the one that all its pictures share."""
    shared = {image.licence for image in post.images}
    return post.licence or (shared.pop() if len(shared) == 1 else "")


def caption_values(post: SourcePost, text: TextMarker, profile: Profile) -> dict[str, object]:
    """Returns the values of a template's helpers, for a cleaned post on one platform."""

    def field(name: str, value: str) -> str:
        return text.marker.wrap(value, "field", name)

    def joined_hashtags(maximum: int | None = None) -> str:
        return " ".join(text.marker.wrap(tag, "hashtag") for tag in hashtags(post.tags, profile.tags, maximum))

    def mention(name: str) -> str:
        return text.mention(one_line(name))

    functions: dict[str, Callable[..., str]] = {
        "hashtags": joined_hashtags,
        "in_language": partial(words_in_language, post.language),
        "mention": mention,
    }
    host = urlsplit(post.link).netloc.removeprefix("www.") if "://" in post.link else ""
    return {
        "title": field("title", text.inline(post.title)),
        "standfirst": field("standfirst", text.inline(post.standfirst)),
        "body": field("body", text.blocks(post.body)),
        "written_by": field("written_by", text.inline(post.written_by)),
        "credit": field("credit", "\n".join(text.inline(line) for line in credit_lines(post))),
        "licence": field("licence", text.inline(licence_of(post))),
        "link": field("link", text.plain(post.link)),
        "link_label": field("link", text.link(host, post.link)) if host else "",
        "links": tuple(text.link(one_line(link.label), link.url.strip()) for link in post.links),
        "language": post.language,
        "platform": profile.label,
        **functions,
    }
