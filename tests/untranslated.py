"""Finds texts of a page that no catalogue translated, and that are no data of the desk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from sqlalchemy import select

from publisher.db.base import Base
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.posts.channel_posts import adapt_for_channels
from tests.pseudo_locale import CLOSING, OPENING

ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "data-busy")
EMPTY_TAGS = frozenset({"meta", "link", "input", "img", "br", "path", "hr"})
DATA_TAGS = frozenset({"code", "textarea"})
"""Elements that hold what is for programs, or what somebody typed. So do those that name a language of their own."""
POST_CLASSES = frozenset({"prose", "screen"})
"""Classes of elements that show parts of a post's text."""
OWN_LANGUAGE = "own-language"
WITHOUT_LANGUAGE = frozenset({"https://", "HTTP", "#ffffff"})
LONG_LINE = 60
"""A longer line may be a part of a post's text."""
NAMED_VALUES = frozenset({"state", "reason", "kind", "roles", "role"})
"""Columns whose values have names for people: they are no data."""


class _Texts(HTMLParser):
    """Collects the texts and attributes of a page that stand outside the brackets of the pseudo-locale."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, bool]] = []
        """Each text, and whether parts of data may stand there: where a post's text is shown."""
        self.script = ""
        self._open: list[tuple[str, str]] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        for name in ATTRIBUTES:
            outside, _depth = _outside_brackets(values.get(name, ""), 0)
            self.found.append((outside, False))
        if tag not in EMPTY_TAGS:
            own_language = OWN_LANGUAGE if "lang" in values and tag != "html" else ""
            self._open.append((tag, f"{values.get('class', '')} {values.get('type', '')} {own_language}"))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, kind = self._open[-1] if self._open else ("", "")
        if tag == "script":
            self.script += data if "json" in kind else ""
            return
        outside, self._depth = _outside_brackets(data, self._depth)
        classes = {name for _tag, kind in self._open for name in kind.split()}
        if tag not in DATA_TAGS and OWN_LANGUAGE not in classes:
            self.found.append((outside, bool(POST_CLASSES & classes)))


def _outside_brackets(text: str, depth: int) -> tuple[str, int]:
    outside = []
    for letter in text:
        depth += (letter == OPENING) - (letter == CLOSING)
        if depth == 0 and letter != CLOSING:
            outside.append(letter)
    return " ".join("".join(outside).split()), depth


def untranslated_texts(page: str, data: frozenset[str]) -> list[str]:
    """Lists the texts of a page with letters that are neither translated nor data."""
    parser = _Texts()
    parser.feed(page)
    scripts = json.loads(parser.script)["texts"].values() if parser.script else ()
    forms = [form for text in scripts for form in (text.values() if isinstance(text, dict) else [text])]
    hard_coded = [form for form in forms if not form.startswith(OPENING)]
    parts = " ".join(data)
    for text, shows_post in parser.found:
        if _has_letters(text) and not (shows_post and text in parts) and _has_letters(_without(text, data)):
            hard_coded.append(text)
    return hard_coded


def untranslated_parts(printed: str, data: frozenset[str]) -> list[str]:
    """Lists the parts of printed lines with letters that are neither translated nor data."""
    depth, parts, joined = 0, [], " ".join(data)
    for line in printed.splitlines():
        outside, depth = _outside_brackets(line, depth)
        is_paragraph = len(outside) > LONG_LINE and outside.strip(" :│") in joined
        if not is_paragraph and _has_letters(rest := _without(outside, data)):
            parts.append(rest)
    return parts


def _has_letters(text: str) -> bool:
    return any(letter.isalpha() for letter in text)


def _without(text: str, data: frozenset[str]) -> str:
    """Removes data from a text, the longest first, as whole words."""
    if text in data:
        return ""
    for known in sorted((value for value in data if value in text), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", " ", text)
    return text


def data_of(desk: Desk) -> frozenset[str]:
    """Returns every text that somebody configured or typed, or that a platform sent."""
    texts = {*WITHOUT_LANGUAGE, *_texts_in(desk.settings.model_dump(mode="json"))}
    with desk.database.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(table.select()).mappings():
                if table.name != "event":
                    texts |= set(_texts_in(dict(row)))
        for post in session.scalars(select(Post)):
            adapted = (channel_post.adapted for channel_post in adapt_for_channels(post, desk.targets, desk.people))
            shown_texts = [text for shown in adapted if shown for text in _texts_in(shown.model_dump(mode="json"))]
            texts |= {*shown_texts, *(line for text in shown_texts for line in text.splitlines())}
    for target in desk.targets.values():
        texts.add(target.profile.label)
    return frozenset(" ".join(text.split()) for text in texts if text.strip())


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in NAMED_VALUES:
                yield from _texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_in(inner)
