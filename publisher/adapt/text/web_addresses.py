"""Finds the web addresses that stand written out in a text, each of them whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import regex

# The signs of an address. An old DOI holds "<1661::AID-SIM968>": both signs of such a pair belong to it.
START = regex.compile(r"(?<![\p{L}\p{N}&&\p{ASCII}])https?://", regex.IGNORECASE | regex.VERSION1)
_SIGNS = regex.compile(r"(?:[^\s<>\"“”«»…\ue000-\uf8ff]|<[\d:][^\s<>\"]*>)+")
_LOOSE_ENDS = frozenset(".,;:!?'’`*")
_PAIRS = {")": "(", "]": "[", "}": "{"}


_NO_SCHEME = regex.compile(r"www\.|(?:[a-z0-9-]+\.)+[a-z]{2,}/", regex.IGNORECASE)
_DOI = regex.compile(r"(?:doi:\s?)?(?=10\.\d{4,9}/)", regex.IGNORECASE)


def completed(address: str) -> str:
    """Returns the web address that a person means by `www.example.org`, `example.org/a` or `doi:10.1000/182`."""
    if doi := _DOI.match(address):
        return f"https://doi.org/{address[doi.end() :]}"
    whole = f"https://{address}" if _NO_SCHEME.match(address) else address
    return whole.replace(" ", "%20")


def address_end(text: str, start: int) -> int:
    """Returns where the address that begins at `start` ends, without the punctuation of the sentence around it."""
    signs = _SIGNS.match(text, start)
    if signs is None:
        return start
    address = signs[0]
    counts = Counter(sign for sign in address if sign in "()[]{}")
    end = len(address)
    while end:
        sign = address[end - 1]
        if sign in _PAIRS and counts[sign] > counts[_PAIRS[sign]]:
            counts[sign] -= 1
        elif sign not in _LOOSE_ENDS:
            break
        end -= 1
    return start + end


def find_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yields where each address begins and ends."""
    at = 0
    while found := START.search(text, at):
        end = address_end(text, found.start())
        at = max(end, found.end())
        if end > found.end():
            yield found.start(), end
