"""Shortens texts as an editor does: at a sentence, else at a clause, else at a word.

Only what a template marks with `| shorten` or `| fill` is shortened, the part that was marked last first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import regex

from publisher.adapt.text.left_out import LeftOut
from publisher.adapt.text.rich_text import Mark, MarkKind, RichText
from publisher.adapt.text.word_gaps import SENTENCE_END, Grade, grade_of_gap

ELLIPSIS = "…"
FILL = "fill"
"""Value of the mark of a part that fills what is left with whole sentences."""
SAYING_FIELDS = frozenset({"standfirst", "body"})
"""The fields that say what a post is about."""

MIN_SHARE = {Grade.SENTENCE: 0.25, Grade.CLAUSE: 0.33, Grade.WORD: 0.6, Grade.ROUGH: 0.0}
"""A better place to stop is taken when it keeps at least this share of what the last possible place keeps."""

# These stay in one piece up to so many code points.
_UNSPLITTABLE: tuple[MarkKind, ...] = ("italic", "link", "mention", "prefix")
_MAX_UNSPLITTABLE = 80

_GAP = regex.compile(r"[ \t\n]+")
_LOOSE_END = regex.compile(r"(?:[ \t\n\u00a0\u202f,;:–—…¿¡-]|\.{2,})+\Z")
_OPENING = {"(": ")", "[": "]", "“": "”", "«": "»"}
# Scripts that put no spaces between words.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}、。，；：！？]")
_UNSPACED_GRADES = {"。": Grade.SENTENCE, "！": Grade.SENTENCE, "？": Grade.SENTENCE} | dict.fromkeys(
    "、，；：", Grade.CLAUSE
)


class Cut(NamedTuple):
    """Marks a place to stop: keep `text[:at]` and add `ending`. What is continued elsewhere goes on at `gap`."""

    at: int
    grade: Grade
    ending: str
    gap: int


def sentence_ends(text: str) -> list[int]:
    """Finds where sentences and lines end inside a text, the text's own end not included."""
    sentences = {cut.at for cut in find_cuts(RichText(text)) if cut.grade is Grade.SENTENCE}
    lines = {gap.start() for gap in _GAP.finditer(text) if "\n" in gap[0] and gap.start() > 0 and gap.end() < len(text)}
    return sorted(sentences | lines)


def find_cuts(part: RichText) -> list[Cut]:
    """Finds the places where a part may stop, in order: never in a grapheme, a link, a number with its unit, a name."""
    text = part.text
    boundaries = {grapheme.start() for grapheme in regex.finditer(r"\X", text)}
    marks = part.marks_of_kind(*_UNSPLITTABLE)
    pieces = _outermost([(mark.start, mark.end) for mark in marks if mark.end - mark.start <= _MAX_UNSPLITTABLE])
    bracketed = _outermost(_bracketed_ranges(text))
    best: dict[int, Cut] = {}
    for at, grade in (*_cuts_at_spaces(text), *_cuts_without_spaces(text, boundaries)):
        cut = _make_cut(text, at, Grade.ROUGH if _is_inside(at, bracketed) else grade)
        usable = 0 < cut.at < len(text) and cut.at in boundaries and not _is_inside(cut.at, pieces)
        if usable and (cut.at not in best or cut.grade < best[cut.at].grade):
            best[cut.at] = cut
    return [best[at] for at in sorted(best)]


def _make_cut(text: str, at: int, grade: Grade) -> Cut:
    if grade is Grade.SENTENCE:
        return Cut(at, grade, "", at)
    if text[at - 1 : at].isalnum():
        return Cut(at, grade, ELLIPSIS, at)
    window = text[max(0, at - _MAX_UNSPLITTABLE) : at]
    return Cut(at - len(window) + len(_LOOSE_END.sub("", window)), grade, ELLIPSIS, at)


def _cuts_at_spaces(text: str) -> Iterable[tuple[int, Grade]]:
    for gap in _GAP.finditer(text):
        if "\n" in gap[0]:
            ended = SENTENCE_END.search(text, max(0, gap.start() - 12), gap.start())
            yield gap.start(), Grade.SENTENCE if ended else Grade.CLAUSE
        elif gap.end() < len(text) and (grade := grade_of_gap(text, gap.start(), gap.end())) is not None:
            yield gap.start(), grade


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


_Fits = Callable[[RichText], bool]
_Shortened = tuple[RichText, tuple[LeftOut, ...]]


def shorten(rich: RichText, fits: _Fits) -> _Shortened:
    """Returns the text with its marked parts shortened as little as needed, and what was left out.

    Hashtags go first, where all words fit then, or where otherwise a sentence would be cut or one part more be missing.
    When even the shortest form does not fit, that form is returned; the caller sees that it does not.
    """
    whole = rich.tidy()
    if fits(whole):
        return whole, ()
    hashtags = rich.marks_of_kind("hashtag")
    for kept in reversed(range(len(hashtags))):
        fewer = without_hashtags(rich, hashtags[kept:])
        if fits(fewer.tidy()):
            return fewer.tidy(), left_out_hashtags(len(hashtags) - kept)
    fewest = _shorten_parts(without_hashtags(rich, hashtags), fits)
    missing = _count_missing(fewest[1])
    for kept in range(len(hashtags), 0, -1):
        short, left_out = _shorten_parts(without_hashtags(rich, hashtags[kept:]), fits)
        is_cut = any(part.cuts_sentence for part in left_out)
        if not is_cut and _count_missing(left_out) <= missing and fits(short):
            return short, (*left_out, *left_out_hashtags(len(hashtags) - kept))
    return fewest[0], (*fewest[1], *left_out_hashtags(len(hashtags)))


def left_out_hashtags(count: int) -> tuple[LeftOut, ...]:
    """Records that so many hashtags went; nothing where none did."""
    return (LeftOut("hashtags", hashtags=count),) if count else ()


def without_hashtags(rich: RichText, removed: list[Mark]) -> RichText:
    """Returns the text without these of its hashtags."""
    for mark in reversed(removed):
        rich = rich.replace(mark.start - rich.text[: mark.start].endswith(" "), mark.end)
    return rich


def _count_missing(left_out: tuple[LeftOut, ...]) -> int:
    return sum(part.is_whole for part in left_out)


def _shorten_parts(rich: RichText, fits: _Fits) -> _Shortened:
    left_out: list[LeftOut] = []
    for part in reversed(_parts(rich)):
        cuts = find_cuts(rich.part(part.start, part.end, *_UNSPLITTABLE))
        usable = [cut for cut in cuts if cut.grade is Grade.SENTENCE] if _only_fills(rich, part) else cuts
        cut = _choose_cut(usable, rich, part, fits)
        field = _field_name(rich, part)
        if cut is not None:
            left_out.insert(0, _left_out(cut, cuts, field))
            return _apply_cut(rich, part, cut), tuple(left_out)
        left_out.insert(0, LeftOut(field, is_whole=True))
        rich = _remove_part(rich, part)
        if fits(rich.tidy()):
            break
    return rich.tidy(), tuple(left_out)


def _only_fills(rich: RichText, part: Mark) -> bool:
    """Tells whether a part shows whole sentences or nothing: the text says what it is about without it."""
    said = (mark for mark in rich.marks_of_kind("field") if mark.value in SAYING_FIELDS)
    return part.value == FILL and any(mark.end <= part.start or mark.start >= part.end for mark in said)


def end_fill(rich: RichText, allowed: Callable[[str], bool]) -> _Shortened:
    """Ends each part that fills before its first sentence with something that is not allowed, and says what went.

    A part that alone says what the post is about keeps at least its first sentence.
    """
    removed: list[LeftOut] = []
    for part in reversed(_parts(rich)):
        text = rich.part(part.start, part.end, *_UNSPLITTABLE)
        if part.value != FILL or allowed(text.text):
            continue
        cuts = find_cuts(text)
        sentences = [cut for cut in cuts if cut.grade is Grade.SENTENCE]
        kept = sentences[: bisect_left(sentences, True, key=partial(_is_refused, text.text, allowed))]
        field = _field_name(rich, part)
        if kept:
            removed.append(_left_out(kept[-1], cuts, field))
            rich = rich.replace(part.start + kept[-1].at, part.end)
        elif _only_fills(rich, part):
            removed.append(LeftOut(field, is_whole=True))
            rich = _remove_part(rich, part)
    return rich, tuple(reversed(removed))


def _is_refused(text: str, allowed: Callable[[str], bool], cut: Cut) -> bool:
    return not allowed(text[: cut.at])


def without_fill(rich: RichText) -> RichText:
    """Returns the text without the parts that fill."""
    for part in reversed(_parts(rich)):
        if part.value == FILL:
            rich = _remove_part(rich, part)
    return rich


def last_end(part: RichText, fits: Callable[[int], bool]) -> int:
    """Finds where a part that is too long is best ended: at a sentence, else a word, else between graphemes.

    `fits` tells whether the first so many code points fit. 0: not even one grapheme does.
    """
    cuts = find_cuts(part)
    if places := cuts[: bisect_left(cuts, True, key=lambda cut: not fits(cut.gap))]:
        best = min(place.grade for place in places)
        return max(place.gap for place in places if place.grade == best)
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
            if cut.at < MIN_SHARE[grade] * fitting[-1].at:
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
