"""Makes the index with which a script in the browser searches an export: small files, by the first letters of words."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

from publisher.core.messages import reading_as
from publisher.core.words import forms_of, words_of
from publisher.posts.public_posts import PublicPost
from publisher.posts.search_texts import search_texts
from publisher.site.catalogue import Catalogue
from publisher.site.rendering import describe_day
from publisher.site.site_parts import PageParts

LETTERS = 2
"""The first letters of a word that decide which file it is in."""


class WordIndex:
    """Collects the words of public posts, whatever their language, post by post."""

    def __init__(self) -> None:
        self._posts: dict[str, set[int]] = defaultdict(set)

    def add(self, posts: Iterable[PublicPost]) -> None:
        """Adds the words of some posts, and their stems. Captions of channels are no part of the site."""
        for post in posts:
            for text in search_texts(post.content):
                if text.field == "captions":
                    continue
                for word in words_of(text.text):
                    for form in forms_of(text.text[word.start : word.end], text.language):
                        self._posts[form].add(post.id)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yields the files of the index: the posts of each word, by a name made of the word's first letters."""
        shards: dict[str, dict[str, list[int]]] = defaultdict(dict)
        for word in sorted(self._posts):
            shards[shard_of(word)][word] = sorted(self._posts[word])
        for name, words in shards.items():
            yield f"{name}.json", _json(words)


def shard_of(word: str) -> str:
    """Returns the name of the file that has a word: the numbers of its first letters, which any host can name."""
    return "-".join(str(ord(letter)) for letter in word[:LETTERS])


def listed_posts(parts: PageParts, catalogue: Catalogue) -> bytes:
    """Makes the list of what the search shows of each post, in the language of a page."""
    posts = {}
    with reading_as(parts.reader):
        for entry in catalogue.newest_first():
            text = entry.text(parts.language)
            picture = text.thumbnail
            posts[entry.id] = {
                "url": parts.addresses.day(entry.day),
                "title": text.title,
                "standfirst": text.standfirst,
                "language": text.language,
                "day": entry.day.isoformat(),
                "date": describe_day(entry.day),
                "picture": parts.addresses.file("pictures", picture.name) if picture else "",
                "width": picture.width if picture else 0,
                "height": picture.height if picture else 0,
            }
    return _json(posts)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
