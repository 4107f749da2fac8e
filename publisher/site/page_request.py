"""Holds what a visitor asks for. Path and query are decoded here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote

SEARCH = ("search",)
READ_QUERIES = (SEARCH, ("oembed",))
"""The pages that the query decides."""
QUERY_CHARACTERS = "%/:?#[]@!$&'()*+,;=~"
"""What stays as it is in a query that is already quoted."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Holds the parts of an address below the site's own path."""

    path: str
    """Decoded once. It begins with a slash."""
    query_string: str
    """As it was sent."""
    language: str
    segments: tuple[str, ...]
    """The path's segments below that of the language."""

    @classmethod
    def of(cls, path: str, query_string: str, languages: Sequence[str]) -> PageRequest:
        """Reads a decoded path, whose first segment may name one of the other languages."""
        segments = tuple(path.strip("/").split("/")) if path.strip("/") else ()
        if segments and segments[0] in languages[1:]:
            return cls(path, query_string, segments[0], segments[1:])
        return cls(path, query_string, languages[0], segments)

    @property
    def query(self) -> Mapping[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def is_search(self) -> bool:
        """Decides whether words are searched: this costs more than any other page."""
        return self.segments == SEARCH and bool(self.query.get("q", "").strip())

    @property
    def reads_query(self) -> bool:
        """Decides whether the page is another one with another query."""
        return self.segments in READ_QUERIES and bool(self.query_string)

    @property
    def single_path(self) -> str:
        """Returns the one form of the path: one slash at its beginning, none at its end."""
        return "/" + self.path.strip("/")

    @property
    def target(self) -> str:
        """Returns path and query as they stand in an address: quoted, and on this host."""
        query = quote(self.query_string, safe=QUERY_CHARACTERS)
        return quote(self.single_path) + (f"?{query}" if query else "")

    def without_query(self) -> PageRequest:
        return replace(self, query_string="")
