"""Two texts side by side: what was taken out, what was put in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal


@dataclass(frozen=True, slots=True)
class Piece:
    kind: Literal["same", "out", "in"]
    text: str


def pieces(before: str, after: str) -> list[Piece]:
    """Word by word, in reading order."""
    old, new = _words(before), _words(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [piece for opcode in matcher.get_opcodes() for piece in _of(opcode, old, new)]


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", text)


def _of(opcode: tuple[str, int, int, int, int], old: list[str], new: list[str]) -> Iterator[Piece]:
    tag, i1, i2, j1, j2 = opcode
    if tag == "equal":
        yield Piece("same", "".join(old[i1:i2]))
        return
    if i2 > i1:
        yield Piece("out", "".join(old[i1:i2]))
    if j2 > j1:
        yield Piece("in", "".join(new[j1:j2]))


def changed_fields(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The names whose texts differ, those of `before` first. What is not there is empty."""
    names = list(dict.fromkeys([*before, *after]))
    return [name for name in names if before.get(name, "").strip() != after.get(name, "").strip()]
