"""Answers for each picture whether somebody else can use it, by its licence and credit.

An outlet's own rules come first, in their order; then what the known licences say. Whatever is not known is to be
asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from publisher.core.messages import Message, _
from publisher.core.words import words_of
from publisher.settings import ReuseRule

_CC = re.compile(
    r"(?:\bcc[ -]by|https?://creativecommons\.org/licenses/by)((?:[ -](?:nc|nd|sa))*)\b"
    r"(?:[ /-]v?(1\.0|2\.0|2\.1|2\.5|3\.0|4\.0)(?![\d.]*\d)(?:/[a-z]{2}(?=/|$))?)?"
    r"(?:/(?:deed|legalcode)(?:\.[a-z_-]{2,7})?)?/?"
)
_FREE = re.compile(
    r"\bcc[ -]?0\b(?: v?1\.0)?|\bcc zero\b|https?://creativecommons\.org/publicdomain/zero/1\.0"
    r"(?:/(?:deed|legalcode)(?:\.[a-z_-]{2,7})?)?/?|\bpublic domain\b"
)
_BESIDE = re.compile(r"\b(?:creative commons|attribution|international|unported|licen[cs]e|deed)\b")
"""Words that say nothing else beside the name of a licence. With any other one, nobody can tell what is meant."""
_LIGHT = re.compile(r"[\s,.;:()]*")
"""What may stand beside the name of a licence and says nothing."""
_JOINT = re.compile(r"[;/&+|\n]|\b(?:and|with|i|y|et|und)\b")
"""What stands between the names of a joint credit: each of them would have to say yes."""
FREE = "cc0"
ANSWERS: dict[str, Message] = {
    FREE: _("Yes, for everything."),
    "": _("Yes. Name the credit and the licence, and say what you have changed."),
    "nc": _("Yes, where it is not commercial. Name the credit and the licence, and say what you have changed."),
    "nd": _("Yes, without a change. Name the credit and the licence."),
    "sa": _(
        "Yes. Name the credit and the licence, say what you have changed, and share what you make of it under the same "
        "licence."
    ),
    "nc-nd": _("Yes, without a change and where it is not commercial. Name the credit and the licence."),
    "nc-sa": _(
        "Yes, where it is not commercial. Name the credit and the licence, say what you have changed, and share what "
        "you make of it under the same licence."
    ),
}
"""What the licences of Creative Commons say, by their conditions besides the credit."""
ASK = _("Ask whoever is credited first: nobody has said here that you can.")


@dataclass(frozen=True, slots=True)
class ReuseAnswer:
    """Holds an answer, and the pictures of a post that it is for."""

    pictures: tuple[int, ...]
    """Counted from 1."""
    text: Message | str


@dataclass(frozen=True, slots=True)
class Rights:
    """Holds what a picture says of its rights; where it says nothing itself, what its post says."""

    licence: str
    credit: str


def reuse_answers(rules: Sequence[ReuseRule], pictures: Iterable[Rights], language: str) -> tuple[ReuseAnswer, ...]:
    """Answers for the pictures of a post, in their order; those with the same answer together."""
    by_text: dict[str, tuple[Message | str, list[int]]] = {}
    for number, rights in enumerate(pictures, start=1):
        text = reuse_answer(rules, rights, language)
        by_text.setdefault(str(text), (text, []))[1].append(number)
    return tuple(ReuseAnswer(tuple(numbers), text) for text, numbers in by_text.values())


def reuse_answer(rules: Sequence[ReuseRule], rights: Rights, language: str) -> Message | str:
    """Answers whether somebody else can use a picture."""
    for rule in rules:
        if _is_for(rule, rights):
            return ASK if _is_one_of_several(rule.credit, rights.credit) else rule.answer_in(language)
    conditions = _conditions(rights.licence)
    return ASK if conditions is None else ANSWERS.get(conditions[0], ASK)


def _is_for(rule: ReuseRule, rights: Rights) -> bool:
    if rule.credit and not _has_words(rights.credit, rule.credit):
        return False
    if not rule.licence:
        return True
    wanted, given = _conditions(rule.licence), _conditions(rights.licence)
    if wanted is None or given is None:
        return _plain(rule.licence) == _plain(rights.licence)
    # A rule without a version is for all versions; CC BY is never CC BY-NC.
    return wanted[0] == given[0] and wanted[1] in ("", given[1])


def _has_words(text: str, wanted: str) -> bool:
    """Decides whether a text has these words, whole and one behind the other."""
    words, given = _folded(wanted), _folded(text)
    return any(given[start : start + len(words)] == words for start in range(len(given) - len(words) + 1))


def _is_one_of_several(wanted: str, credit: str) -> bool:
    """Decides whether a credit names somebody besides whom a rule speaks for: all of them would have to say yes."""
    return bool(wanted and _JOINT.search(credit.casefold())) and _folded(wanted) != _folded(credit)


def _folded(text: str) -> list[str]:
    return [word.folded for word in words_of(text)]


def _conditions(licence: str) -> tuple[str, str] | None:
    """Returns the conditions and the version of a licence of Creative Commons; None: it is another one, or several."""
    text = _plain(licence)
    found = list(_CC.finditer(text))
    kinds = {"-".join(sorted(re.findall("nc|nd|sa", match[1]))) for match in found}
    if _FREE.search(text):
        kinds.add(FREE)
    versions = {match[2] for match in found if match[2]}
    rest = _BESIDE.sub("", _FREE.sub("", _CC.sub("", text)))
    if len(versions) > 1:
        return None
    for version in versions:
        rest = re.sub(rf"(?<![\w.]){re.escape(version)}(?![\w.])", "", rest)
    if len(kinds) != 1 or not _LIGHT.fullmatch(rest):
        return None
    return kinds.pop(), next(iter(versions), "")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
