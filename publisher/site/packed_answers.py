"""Prepares answers for sending: the digest that names a page's content, and its compressed form, made once a page."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass

from publisher.site.answers import Answer

SMALL_BYTES = 600
"""A shorter answer is not worth compressing."""
LEVEL = 5


@dataclass(frozen=True, slots=True)
class PackedAnswer:
    """Holds an answer with what would take long to make for each request."""

    answer: Answer
    digest: str
    compressed: bytes | None
    """None: it is too small to be worth it."""

    @classmethod
    def of(cls, answer: Answer) -> PackedAnswer:
        body = answer.body
        compressed = gzip.compress(body, LEVEL, mtime=0) if len(body) > SMALL_BYTES else None
        return cls(answer, hashlib.sha256(body).hexdigest(), compressed)

    @property
    def etag(self) -> str:
        return f'W/"{self.digest[:32]}"'

    def body_for(self, accepted: str) -> tuple[bytes, str | None]:
        """Returns what is sent to a client, and its encoding. `accepted`: its header `accept-encoding`."""
        if self.compressed is not None and _accepts_gzip(accepted):
            return self.compressed, "gzip"
        return self.answer.body, None


def _accepts_gzip(accepted: str) -> bool:
    for item in accepted.lower().split(","):
        name, _semicolon, parameters = item.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            weight = parameters.replace(" ", "").removeprefix("q=")
            return weight.strip("0.") != "" or not weight
    return False
