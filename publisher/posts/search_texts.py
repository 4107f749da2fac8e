"""Lists the texts of a post that a search looks into: every field in every language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from publisher.core.content import LANGUAGE_CAPTION_PREFIX
from publisher.db.models import Post

OWN_FIELDS = ("title", "standfirst", "body", "written_by", "credit", "licence", "link")


@dataclass(frozen=True, slots=True)
class SearchText:
    """Holds one text of a post."""

    field: str
    language: str
    text: str
    picture: int | None = None
    """The number of the picture that it belongs to, counted from 1."""
    channel: str = ""
    """The channel that the caption was written for."""


def search_texts(post: Post) -> Iterator[SearchText]:
    """Yields the texts of a post that are not empty: first in the language that it was written in."""
    texts = (*_own_texts(post), *_captions(post), *_translations(post))
    return (text for text in texts if text.text.strip())


def _own_texts(post: Post) -> Iterator[SearchText]:
    for name in OWN_FIELDS:
        yield SearchText(name, post.language, getattr(post, name))
    for tag in post.tags:
        yield SearchText("tags", post.language, tag)
    for link in post.links:
        yield from _link_texts(post.language, link)
    for number, image in enumerate(post.images, start=1):
        yield SearchText("alt_text", post.language, image.alt_text, number)
        yield SearchText("credit", post.language, image.credit, number)
        yield SearchText("licence", post.language, image.licence, number)


def _captions(post: Post) -> Iterator[SearchText]:
    for key, caption in post.captions.items():
        language = key.removeprefix(LANGUAGE_CAPTION_PREFIX)
        if language != key:
            yield SearchText("captions", language, str(caption))
        else:
            yield SearchText("captions", post.language, str(caption), channel=key)


def _translations(post: Post) -> Iterator[SearchText]:
    for language, fields in post.translations.items():
        if isinstance(fields, Mapping):
            yield from _translation(language, fields)


def _translation(language: str, fields: Mapping[str, Any]) -> Iterator[SearchText]:
    for name, value in fields.items():
        if name == "alt_texts":
            for number, text in enumerate(value or (), start=1):
                yield SearchText("alt_text", language, str(text or ""), number)
        elif isinstance(value, str):
            yield SearchText(name, language, value)
        elif isinstance(value, list):
            for text in value:
                if isinstance(text, Mapping):
                    yield from _link_texts(language, text)
                else:
                    yield SearchText(name, language, str(text or ""))


def _link_texts(language: str, link: Mapping[str, Any]) -> Iterator[SearchText]:
    for name in ("label", "url"):
        yield SearchText("links", language, str(link.get(name) or ""))
