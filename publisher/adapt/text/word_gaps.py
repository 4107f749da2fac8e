"""Grades the gaps between words: where a sentence or a clause ends, and where nothing may be cut.

Knows the abbreviations of English, Catalan and Spanish texts about science.
"""

from __future__ import annotations

from enum import IntEnum

import regex


class Grade(IntEnum):
    """Grades places to stop; lower is better."""

    SENTENCE = 0
    CLAUSE = 1
    WORD = 2
    ROUGH = 3
    """After a connecting word (`of the`), or inside brackets."""


SENTENCE_END = regex.compile(r"[.!?…]+[\"'’”»)\]]*\Z")
_DASH = regex.compile(r"[–—-]\s")
_CLAUSE_END = regex.compile(r"(?:(?<=\w[\"'’”»)\]]*)[,;:]|(?<=\s)[–—-]|(?<=\w)—)\Z")
# A gene or a molecule keeps its small letter where a sentence begins: p53, mRNA.
_SENTENCE_BEGINS = regex.compile(
    r"[\p{Lu}\p{Lt}\p{Lo}\p{N}\"'‘“«(\[¿¡•–—@#*]|\p{Extended_Pictographic}|\p{Ll}{1,4}-?[\p{Lu}\p{N}]"
)
# It is matched backwards, from the gap on.
_LAST_WORD = regex.compile(r"(?r)[^\s(\[\"'‘“«]+")
_INITIAL = regex.compile(r"\p{Lu}\.\Z")
_ABBREVIATED = regex.compile(r"(?:\p{L}(?:\.-?\p{L})+|(\p{Lu})\1)\.\Z")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A word too many here only makes a sentence look longer.
_ABBREVIATIONS = _words(
    """al. approx. aprox. ca. cf. dr. dra. drs. etc. ex. excl. incl. jr. mr. mrs. ms. mt. prof. profs. resp. sp. spp.
    sr. sra. srta. st. subsp. subspp. ssp. var. vs. viz. fig. figs. eq. eqs. ref. refs. tab. supp. suppl. vol. vols. pp.
    pág. págs. pàg. pàgs. núm. núms. cap. caps. art. arts. ed. eds. col. cols. p.ej. p.ex. ej.
    jan. feb. mar. apr. jun. jul. aug. sep. sept. oct. nov. dec. gen. febr. abr. ag. set. des. ene. ago. dic.
    nat. commun. biol. proc. natl. acad. sci. lett. med. rev. chem. phys. mol. dev. genet. immunol. neurosci. res. exp.
    univ. dept. inst. ltd. inc. corp. assoc. bros. hon. capt. gov. lt. sgt. ave. blvd. av. avda. ctra. ss. ser.
    eqn. eqns. sect. chap. app. append. ext. ver. rep. annu. adv. appl. biochem. biophys. biotechnol. cardiol. clin.
    curr. opin. ecol. environ. eur. evol. microbiol. neurol. oncol. pharmacol. physiol. psychol. struct. syst.
    transl."""
)
_BEFORE_NUMBERS = _words("no. nos. nr. p. ch. sec. vers. v. lám. obs. est. b. c. d. f. l. n. mov. movs. vid. vids.")
_BEFORE_NAMES = _words("am. anal. ann. arch. br. comp. dis. front. int. soc. trans.")
"""Parts of the names of journals, such as Front. Immunol., that are words of their own too."""
_CONNECTING_WORDS = _words(
    """a an and are as at but by during for from has have if in into is its not of on or so than that the their
    these this those to was were when where which while who whose with without
    al als amb d'un d'una de del dels el els en és i la les l'un no o per però que quan sense són un una uns unes
    con como cuando donde entre las los más para pero por sin sobre su sus unas unos y"""
)
# Behind a single letter, these words begin a sentence: "vitamin C. The cells".
_SENTENCE_STARTERS = _words(
    """the this that these those it its we he she they in but and when while as for if our their here there so yet such
    el la els les los las lo un una uns unes unos unas en però pero és es aquest aquesta aquests este esta estos estas
    quan cuando així así amb con per para"""
)
_SIGN = frozenset("×±=<>≤≥≈~+/&")
_UNIT = regex.compile(r"[^\s\d]{1,6}(?:\s|[.,;:)\]]|\Z)")
_WORD = regex.compile(r"[\p{L}\p{M}'’]+")
_SHORTENED_NAME = regex.compile(r"\p{Lu}\p{L}{1,9}\.")
LOOK_AHEAD = 12
"""How many characters behind a gap are looked at."""


def grade_of_gap(text: str, start: int, end: int) -> Grade | None:
    """Grades the spaces `text[start:end]`. None: no text is cut there, as in `5 µm`, `n = 5`, `Dr. Roig`, `E. coli`."""
    found = _LAST_WORD.match(text, max(0, start - 80), start)
    word = found[0] if found else ""
    following = text[end : end + LOOK_AHEAD]
    if _is_inseparable(word, following):
        return None
    # No sentence and no clause ends in a letter or a digit, as most gaps follow one.
    window = "" if text[start - 1 : start].isalnum() else text[max(0, start - 12) : start]
    if SENTENCE_END.search(window):
        if _SENTENCE_BEGINS.match(following):
            return Grade.SENTENCE
        # An abbreviation that is not known, or a question inside a sentence.
        return Grade.WORD if window.endswith(("…", "...")) else None
    if _CLAUSE_END.search(window) or _DASH.match(following):
        return Grade.CLAUSE
    return Grade.ROUGH if word.casefold().strip("–—,;:") in _CONNECTING_WORDS else Grade.WORD


def _is_inseparable(word: str, following: str) -> bool:
    folded = word.casefold()
    if folded in _ABBREVIATIONS or (folded in _BEFORE_NUMBERS and following[:1].isdigit()):
        return True
    if _ABBREVIATED.match(word) or (folded in _BEFORE_NAMES and _SHORTENED_NAME.match(following)):
        return True
    if _INITIAL.match(word):
        next_word = _WORD.match(following)
        return not (next_word and next_word[0][0].isupper() and next_word[0].casefold() in _SENTENCE_STARTERS)
    if word in _SIGN or following[:1] in _SIGN or following[:1].isdigit():
        # A list of numbers or a sentence that begins with one has its own punctuation.
        return not word.endswith((".", ",", ";", ":", "!", "?", "…"))
    return word[-1:].isdigit() and _UNIT.match(following) is not None
