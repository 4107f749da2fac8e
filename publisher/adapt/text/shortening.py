"""Shortens texts as an editor does: at a sentence, else at a clause, else at a word.

Only what a template marks with `| shorten` is shortened, the part that was marked last first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import regex

from publisher.adapt.problem_codes import LeftOutText
from publisher.adapt.text.rich_text import Mark, MarkKind, RichText
from publisher.core.messages import Message, _
from publisher.core.problems import Problem

ELLIPSIS = "…"
PARTS: Mapping[str, Message] = {
    "title": _("the title"),
    "standfirst": _("the standfirst"),
    "body": _("the body"),
    "written_by": _("the writer"),
    "text": _("the text"),
}
"""The parts that may be left out, by field."""


class Grade(IntEnum):
    """Grades places to stop; lower is better."""

    SENTENCE = 0
    CLAUSE = 1
    WORD = 2
    ROUGH = 3
    """After a connecting word (`of the`), or inside brackets."""


# A better place is taken when it keeps at least this share of what the last possible place keeps.
_MIN_SHARE = {Grade.SENTENCE: 0.25, Grade.CLAUSE: 0.33, Grade.WORD: 0.6, Grade.ROUGH: 0.0}

# These stay in one piece up to so many code points.
_UNSPLITTABLE: tuple[MarkKind, ...] = ("italic", "link", "mention", "prefix")
_MAX_UNSPLITTABLE = 80

_GAP = regex.compile(r"[ \t\n]+")
_SENTENCE_END = regex.compile(r"[.!?…]+[\"'’”»)\]]*\Z")
_DASH = regex.compile(r"[–—-]\s")
_CLAUSE_END = regex.compile(r"(?:(?<=\w[\"'’”»)\]]*)[,;:]|(?<=\s)[–—-]|(?<=\w)—)\Z")
_SENTENCE_BEGINS = regex.compile(r"[\p{Lu}\p{Lt}\p{Lo}\p{N}\"'‘“«(\[¿¡•–—@#*]|\p{Extended_Pictographic}")
_LOOSE_END = " \t\n\u00a0\u202f,;:–—-"
_LAST_WORD = regex.compile(r"[^\s(\[\"'‘“«]+\Z")
_INITIAL = regex.compile(r"(?:\p{Lu}\p{Ll}?|\p{L}(?:\.\p{L})+)\.\Z")
# English, Catalan and Spanish. A word too many here only makes a sentence look longer.
_ABBREVIATIONS = frozenset(
    regex.findall(
        r"\S+",
        """al. approx. aprox. ca. cf. dr. dra. etc. ex. fig. figs. mr. mrs. ms. núm. pàg. prof. sp. spp. sr. sra. st.
        subsp. var. vol. vs.""",
    )
)
_CONNECTING_WORDS = frozenset(
    regex.findall(
        r"\S+",
        """a an and are as at but by during for from has have if in into is its not of on or so than that the their
        these this those to was were when where which while who whose with without
        al als amb d'un d'una de del dels el els en és i la les l'un no o per però que quan sense són un una uns unes
        con como cuando donde entre las los más para pero por sin sobre su sus unas unos y""",
    )
)
_SIGN = frozenset("×±=<>≤≥≈~+/&")
_UNIT = regex.compile(r"[^\s\d]{1,6}(?:\s|[.,;:)\]]|\Z)")
_OPENING = {"(": ")", "[": "]", "“": "”", "«": "»"}
# Scripts that put no spaces between words.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}、。，；：！？]")
_UNSPACED_GRADES = {"。": Grade.SENTENCE, "！": Grade.SENTENCE, "？": Grade.SENTENCE} | dict.fromkeys(
    "、，；：", Grade.CLAUSE
)


class Cut(NamedTuple):
    """Marks a place to stop: keep `text[:at]` and add `ending`."""

    at: int
    grade: Grade
    ending: str


def sentence_ends(text: str) -> list[int]:
    """Finds where sentences end inside a text, the text's own end not included."""
    return [cut.at for cut in find_cuts(RichText(text)) if cut.grade is Grade.SENTENCE]


def find_cuts(part: RichText) -> list[Cut]:
    """Finds the places where a part may stop, in order: never in a grapheme, a link, a number with its unit, a name."""
    text = part.text
    clause_ending = ELLIPSIS if _SENTENCE_END.search(text.rstrip()) else ""
    boundaries = {grapheme.start() for grapheme in regex.finditer(r"\X", text)}
    marks = part.marks_of_kind(*_UNSPLITTABLE)
    pieces = _outermost([(mark.start, mark.end) for mark in marks if mark.end - mark.start <= _MAX_UNSPLITTABLE])
    bracketed = _outermost(_bracketed_ranges(text))
    best: dict[int, Cut] = {}
    for at, grade in (*_cuts_at_spaces(text), *_cuts_without_spaces(text, boundaries)):
        cut = _make_cut(text, at, Grade.ROUGH if _is_inside(at, bracketed) else grade, clause_ending)
        usable = 0 < cut.at < len(text) and cut.at in boundaries and not _is_inside(cut.at, pieces)
        if usable and (cut.at not in best or cut.grade < best[cut.at].grade):
            best[cut.at] = cut
    return [best[at] for at in sorted(best)]


def _make_cut(text: str, at: int, grade: Grade, clause_ending: str) -> Cut:
    if grade is Grade.SENTENCE:
        return Cut(at, grade, "")
    window = text[max(0, at - _MAX_UNSPLITTABLE) : at]
    return Cut(
        at - len(window) + len(window.rstrip(_LOOSE_END)), grade, clause_ending if grade is Grade.CLAUSE else ELLIPSIS
    )


def _cuts_at_spaces(text: str) -> Iterable[tuple[int, Grade]]:
    for gap in _GAP.finditer(text):
        before = _LAST_WORD.search(text, max(0, gap.start() - 80), gap.start())
        word = before[0] if before else ""
        if "\n" in gap[0]:
            yield gap.start(), Grade.SENTENCE
        elif gap.end() < len(text) and not _is_inseparable(word, text[gap.end() : gap.end() + 8]):
            yield gap.start(), _grade_of(text, word, gap.start(), gap.end())


def _grade_of(text: str, word: str, at: int, following: int) -> Grade:
    window = text[max(0, at - 12) : at]
    if _SENTENCE_END.search(window) and _SENTENCE_BEGINS.match(text, following):
        return Grade.SENTENCE
    if _CLAUSE_END.search(window) or _DASH.match(text, following):
        return Grade.CLAUSE
    if word.casefold().strip("–—,;:") in _CONNECTING_WORDS or word.endswith((".", "!", "?")):
        return Grade.ROUGH
    return Grade.WORD


def _is_inseparable(word: str, following: str) -> bool:
    """Tells whether a text must not be cut at a space: `5 µm`, `n = 5`, `Dr. Roig`, `E. coli`."""
    if word.casefold() in _ABBREVIATIONS or _INITIAL.match(word):
        return True
    if word in _SIGN or following[:1] in _SIGN or following[:1].isdigit():
        # A list of numbers or a sentence that begins with one has its own punctuation.
        return not word.endswith((".", ",", ";", ":", "!", "?"))
    return word[-1:].isdigit() and _UNIT.match(following) is not None


def _cuts_without_spaces(text: str, boundaries: set[int]) -> Iterable[tuple[int, Grade]]:
    for character in _UNSPACED.finditer(text):
        if character.end() < len(text) and character.end() in boundaries:
            yield character.end(), _UNSPACED_GRADES.get(character[0], Grade.WORD)


def _bracketed_ranges(text: str) -> list[tuple[int, int]]:
    """Finds the ranges between brackets or quotation marks that have both halves."""
    ranges: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []
    for bracket in regex.finditer(r"[()\[\]“”«»]", text):
        if bracket[0] in _OPENING:
            opened.append((_OPENING[bracket[0]], bracket.start()))
        elif opened and opened[-1][0] == bracket[0]:
            ranges.append((opened.pop()[1], bracket.end()))
    return ranges


def _outermost(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    outermost: list[tuple[int, int]] = []
    for start, end in sorted(ranges, key=lambda pair: (pair[0], -pair[1])):
        if not outermost or start >= outermost[-1][1]:
            outermost.append((start, end))
    return outermost


def _is_inside(at: int, ranges: list[tuple[int, int]]) -> bool:
    """Tells whether a position is strictly inside one of these ranges, which are in order and apart."""
    number = bisect_left(ranges, at, key=lambda pair: pair[0]) - 1
    return number >= 0 and at < ranges[number][1]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Records what shortening removed from one field."""

    field: str
    """The post's field, such as `body`; `text` where the part holds several fields or none."""
    is_whole: bool = False
    """Nothing of it is left; else the next two say what is missing at its end."""
    cuts_sentence: bool = False
    sentences: int = 0
    """Whole sentences that were removed."""

    def describe(self) -> Problem:
        """Returns it as a remark, such as `2 sentences of the body`."""
        part = PARTS.get(self.field, self.field)
        if self.is_whole:
            return LeftOutText.WHOLE_FIELD(part=part)
        if not self.cuts_sentence:
            return LeftOutText.SENTENCES(count=self.sentences, part=part)
        if self.sentences:
            return LeftOutText.END_AND_SENTENCES(count=self.sentences, part=part)
        return LeftOutText.END_OF_SENTENCE(part=part)


def shorten(rich: RichText, fits: Callable[[RichText], bool]) -> tuple[RichText, tuple[LeftOut, ...]]:
    """Returns the text with its marked parts shortened as little as needed, and what was left out.

    When even the shortest form does not fit, that form is returned; the caller sees that it does not.
    """
    whole = rich.tidy()
    if fits(whole):
        return whole, ()
    left_out: list[LeftOut] = []
    for part in reversed(_parts(rich)):
        cuts = find_cuts(rich.part(part.start, part.end, *_UNSPLITTABLE))
        cut = _choose_cut(cuts, rich, part, fits)
        field = _field_name(rich, part)
        if cut is not None:
            left_out.insert(0, _left_out(cut, cuts, field))
            return _apply_cut(rich, part, cut), tuple(left_out)
        left_out.insert(0, LeftOut(field, is_whole=True))
        rich = _remove_part(rich, part)
        if fits(rich.tidy()):
            break
    return rich.tidy(), tuple(left_out)


def last_end(part: RichText, fits: Callable[[int], bool]) -> int:
    """Finds where a part that is too long is best ended: at a sentence, else a word, else between graphemes.

    `fits` tells whether the first so many code points fit. 0: not even one grapheme does.
    """
    cuts = find_cuts(part)
    if places := cuts[: bisect_left(cuts, True, key=lambda cut: not fits(cut.at))]:
        best = min(place.grade for place in places)
        return max(place.at for place in places if place.grade == best)
    ends = [grapheme.end() for grapheme in regex.finditer(r"\X", part.text)]
    fitting = bisect_left(ends, True, key=lambda end: not fits(end))
    return ends[fitting - 1] if fitting else 0


def shorten_plain(text: str, fits: Callable[[str], bool]) -> str:
    """Shortens a plain text as a whole; empty when nothing of it fits."""
    rich = RichText(text, (Mark(0, len(text), "shorten"),) if text else ())
    return shorten(rich, lambda candidate: fits(candidate.text))[0].text


def _parts(rich: RichText) -> list[Mark]:
    """Returns the parts that may be shortened; a part inside another belongs to it."""
    parts: list[Mark] = []
    for mark in rich.marks_of_kind("shorten"):
        if not parts or mark.start >= parts[-1].end:
            parts.append(mark)
    return parts


def _apply_cut(rich: RichText, part: Mark, cut: Cut) -> RichText:
    return rich.replace(part.start + cut.at, part.end, cut.ending).tidy()


def _remove_part(rich: RichText, part: Mark) -> RichText:
    """Removes a part, and the line that it stood alone on."""
    alone = rich.text[: part.start].endswith("\n") and rich.text.startswith("\n", part.end)
    return rich.replace(part.start - alone, part.end)


def _choose_cut(cuts: list[Cut], rich: RichText, part: Mark, fits: Callable[[RichText], bool]) -> Cut | None:
    """Chooses a place to stop that fits: a late one, or a better one a little earlier."""
    too_long = bisect_left(range(len(cuts)), True, key=lambda number: not fits(_apply_cut(rich, part, cuts[number])))
    fitting = cuts[:too_long]
    for grade in Grade:
        for cut in reversed(fitting):
            if cut.at < _MIN_SHARE[grade] * fitting[-1].at:
                break
            if cut.grade <= grade and fits(_apply_cut(rich, part, cut)):
                return cut
    return None


def _field_name(rich: RichText, part: Mark) -> str:
    names = {mark.value for mark in rich.inside(part.start, part.end, "field")}
    return names.pop() if len(names) == 1 else "text"


def _left_out(cut: Cut, cuts: list[Cut], field: str) -> LeftOut:
    sentences = sum(other.grade is Grade.SENTENCE and other.at > cut.at for other in cuts)
    if cut.grade is Grade.SENTENCE:
        return LeftOut(field, sentences=sentences + 1)
    return LeftOut(field, cuts_sentence=True, sentences=sentences)
