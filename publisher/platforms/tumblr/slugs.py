"""Makes the slug of a Tumblr post, by which it is found again."""

from __future__ import annotations

import re
import unicodedata

from publisher.platforms.base import (
    KeySeed,
)

SLUG_WORDS = 40
"""The most characters that the title gives to a slug."""


def make_slug(seed: KeySeed) -> str:
    """Joins the whole token and words of the title."""
    letters = unicodedata.normalize("NFKD", seed.title.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) > SLUG_WORDS:
        words = words[: SLUG_WORDS + 1].rpartition("-")[0] or words[:SLUG_WORDS]
    return f"{seed.token}-{words}".rstrip("-")
