"""Makes the addresses of the site's pages, and reads the parts of an address that a visitor asks for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from publisher.core.words import words_of

MAX_SLUG_BYTES = 120
"""A file system allows a name of 255 bytes."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Makes the addresses of pages in one language."""

    base_url: str
    """Scheme and host, and the site's path."""
    root_path: str
    language: str
    default_language: str
    folders: bool = False
    """Pages are folders with an `index.html`, as a static export writes them: their addresses end with a slash."""

    def page(self, *parts: object) -> str:
        """Returns the path of a page, such as `/ca/archive/2022/2/12`."""
        language = [] if self.language == self.default_language else [self.language]
        path = "/".join(quote(str(part), safe="") for part in (*language, *parts))
        return f"{self.root_path}/{path}/" if self.folders and path else f"{self.root_path}/{path}"

    def file(self, *parts: object) -> str:
        """Returns the path of a file that all languages share, such as the style sheet."""
        return f"{self.root_path}/" + "/".join(quote(str(part), safe="") for part in parts)

    def feed(self) -> str:
        language = "" if self.language == self.default_language else f"/{self.language}"
        return f"{self.root_path}{language}/feed.xml"

    def day(self, day: date) -> str:
        """Returns the path of a day's page, in the form that the first user has had for years."""
        return self.page("archive", day.year, day.month, day.day)

    def whole(self, path: str) -> str:
        """Returns the whole address of a path that another method returned."""
        return self.base_url + path.removeprefix(self.root_path)

    def in_language(self, language: str) -> Addresses:
        return Addresses(self.base_url, self.root_path, language, self.default_language, self.folders)


def slug_of(text: str) -> str:
    """Returns the words of a tag or a name as a part of an address; texts with the same words share it."""
    slug = "-".join(word.folded for word in words_of(text))
    encoded = slug.encode()
    if len(encoded) <= MAX_SLUG_BYTES:
        return slug
    digest = hashlib.sha256(encoded).hexdigest()[:12]
    return f"{encoded[: MAX_SLUG_BYTES - 13].decode(errors='ignore')}-{digest}"


def day_of(parts: Sequence[str]) -> date | None:
    """Reads year, month and day of an address; None where they are no day."""
    numbers = [number_of(part) for part in parts]
    if len(numbers) != 3 or None in numbers:
        return None
    try:
        return date(*[number for number in numbers if number is not None])
    except ValueError:
        return None


def number_of(part: str) -> int | None:
    """Reads a number of at most four digits."""
    return int(part) if re.fullmatch(r"[0-9]{1,4}", part, re.ASCII) else None
