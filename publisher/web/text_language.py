"""Marks texts that are in another language than the page, so that they are read aloud in their own."""

from __future__ import annotations

import re

from markupsafe import Markup

from publisher.core.messages import current_reader


def lang(language: str | None) -> Markup:
    """Returns the attribute `lang` for an element whose text is in this language; empty where it is the page's."""
    if not language or language == current_reader().language:
        return Markup()
    return Markup(' lang="{}"').format(language)


def in_language(text: str, language: str | None) -> str | Markup:
    """Marks a text within a sentence as being in this language; one in the page's language stays as it is."""
    attribute = lang(language)
    return Markup("<span{}>{}</span>").format(attribute, text) if attribute else text


def language_of_field(name: str, original: str) -> str:
    """Returns the language of the text in a field of a post's form. `original`: the post's own."""
    match = re.match(r"tr-(\w+(?:-\w+)*?)-(?:title|standfirst|body|credit|alt-\d+)$|caption-lang:(.+)$", name)
    return (match[1] or match[2]) if match else original
