"""Finds the people whom a comment names with @."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from publisher.db.staff import Person


def mentioned_people(text: str, people: Sequence[Person]) -> list[Person]:
    """Returns the people whom a text names as @Mar Vila, @mar or, by the first part of a mail address, @mvila.

    A short form that two people share names nobody. Accents and case make no difference.
    """
    handles = _handles(people)
    folded = _fold(text)
    found: dict[int, Person] = {}
    for match in re.finditer(r"(?<![\w.@])@(?=\w)", folded):
        rest = folded[match.end() :]
        candidates = (handle for handle in handles if rest.startswith(handle) and _ends_word(rest, len(handle)))
        if handle := max(candidates, key=len, default=""):
            found[handles[handle].id] = handles[handle]
    return list(found.values())


def _handles(people: Iterable[Person]) -> dict[str, Person]:
    """Returns the person of each name that only one of them has."""
    named = [(handle, person) for person in people for handle in set(_names_of(person))]
    counts = Counter(handle for handle, _person in named)
    return {handle: person for handle, person in named if counts[handle] == 1}


def _names_of(person: Person) -> Iterator[str]:
    name = " ".join(_fold(person.name).split())
    if name:
        yield name
        yield name.partition(" ")[0]
    yield _fold(person.email.partition("@")[0])


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()


def _ends_word(text: str, position: int) -> bool:
    return position == len(text) or not re.match(r"\w", text[position])
