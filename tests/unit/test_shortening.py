"""Tests that texts are shortened between sentences or words, and never inside a grapheme."""

from __future__ import annotations

from itertools import pairwise

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.text.counting import graphemes
from publisher.adapt.text.left_out import LeftOut
from publisher.adapt.text.rich_text import Mark, RichText
from publisher.adapt.text.shortening import find_cuts, sentence_ends, shorten, shorten_plain
from publisher.adapt.text.word_gaps import Grade


def within(most: int, text: str) -> str:
    return shorten_plain(text, lambda candidate: len(candidate) <= most)


def described(left_out: tuple[LeftOut, ...]) -> tuple[str, ...]:
    return tuple(str(part.describe()) for part in left_out)


def stops(text: str, *marks: Mark) -> list[str]:
    return [text[: cut.at] for cut in find_cuts(RichText(text, marks))]


def sentences(text: str) -> list[str]:
    ends = [0, *sentence_ends(text), len(text)]
    return [text[start:end].strip() for start, end in pairwise(ends)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cells move. They divide.", ["Cells move.", "They divide."]),
        ("Why? Nobody knows! So they look…", ["Why?", "Nobody knows!", "So they look…"]),
        ("Grown with E. coli. It worked.", ["Grown with E. coli.", "It worked."]),
        ("Roig et al. found it. Dr. Mas agreed.", ["Roig et al. found it.", "Dr. Mas agreed."]),
        ("See Fig. 3 (left). A gap, e.g. Here, shows.", ["See Fig. 3 (left).", "A gap, e.g. Here, shows."]),
        ("It cost 3.5 mg. 12 mice ate.", ["It cost 3.5 mg.", "12 mice ate."]),
        ("“It moves.” She saw it.", ["“It moves.”", "She saw it."]),
        (
            "Hi ha cèl·lules. És cert? “Sí.” Vegeu la fig. 2.",
            ["Hi ha cèl·lules.", "És cert?", "“Sí.”", "Vegeu la fig. 2."],
        ),
        ("細胞が動く。分裂する。", ["細胞が動く。", "分裂する。"]),
        ("See Eq. 4 and Ref. Then pp. 3. Supp. Fig. 2 too.", ["See Eq. 4 and Ref. Then pp. 3.", "Supp. Fig. 2 too."]),
        ("On Jan. 5 it grew. In Nat. Commun. Roig said so.", ["On Jan. 5 it grew.", "In Nat. Commun. Roig said so."]),
        ("Van a EE. UU. Después. Pág. Nova.", ["Van a EE. UU. Después.", "Pág. Nova."]),
        ("J. R. R. Tolkien saw D. melanogaster. Yes.", ["J. R. R. Tolkien saw D. melanogaster.", "Yes."]),
        (
            "It has vitamin C. The cells do. So. They go. No. It is not.",
            [
                "It has vitamin C.",
                "The cells do.",
                "So.",
                "They go.",
                "No.",
                "It is not.",
            ],
        ),
        ("See No. 5 here. La pàg. 7 i el núm. 8. És així.", ["See No. 5 here.", "La pàg. 7 i el núm. 8.", "És així."]),
        ("Seen c. 1900 by Hon. Prof. Mas. Yes.", ["Seen c. 1900 by Hon. Prof. Mas.", "Yes."]),
        ("A l'av. Diagonal. Als ss. XIX i XX hi era.", ["A l'av. Diagonal.", "Als ss. XIX i XX hi era."]),
        (
            "In Front. Immunol. Roig, and in Sci. Rep. 10, too. Yes.",
            ["In Front. Immunol. Roig, and in Sci. Rep. 10, too.", "Yes."],
        ),
        ("See Chap. 4, App. B and Eqn. 5. Yes.", ["See Chap. 4, App. B and Eqn. 5.", "Yes."]),
        ("It acts. p53 stops it. mRNA goes.", ["It acts.", "p53 stops it.", "mRNA goes."]),
        ("Supp. Mov. 3 and Vid. 2 show it. Yes.", ["Supp. Mov. 3 and Vid. 2 show it.", "Yes."]),
        ("Cells of unkn. kinds move.", ["Cells of unkn. kinds move."]),
        ("First paragraph\n\nSecond one", ["First paragraph", "Second one"]),
        ("The sample (see A. Mas, B. Roig) is new. Yes.", ["The sample (see A. Mas, B. Roig) is new.", "Yes."]),
    ],
)
def test_sentences_end_where_an_editor_ends_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_lines_end_where_they_end_whatever_is_around_them() -> None:
    assert sentence_ends("\n\nOne\nTwo\n") == [5]


def test_a_text_that_fits_is_left_alone() -> None:
    assert within(40, "Cells move, and they divide.") == "Cells move, and they divide."


def test_whole_sentences_are_kept_first() -> None:
    text = "Cells move. They divide, too. Nobody knows why they do so at night."
    assert within(60, text) == "Cells move. They divide, too."


def test_a_clause_is_kept_where_no_sentence_fits() -> None:
    text = "Cells move towards a wound; they divide there until the gap has closed for good."
    assert within(50, text) == "Cells move towards a wound…"


def test_a_line_without_a_full_stop_ends_at_its_dash() -> None:
    assert within(40, "How skin closes a wound –\u00a0and what goes wrong in scars") == "How skin closes a wound…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Seen in three places:\n\n• the brain, which is large\n• the heart", "Seen in three places…"),
        ("A heading without a stop\n\nCells move towards the wound.", "A heading without a stop…"),
        ("Nobody knows why… and so they look again and again", "Nobody knows why…"),
        ("Nobody knows why... and so they look again and again", "Nobody knows why…"),
    ],
)
def test_a_cut_that_ends_no_sentence_has_one_ellipsis(text: str, shown: str) -> None:
    assert within(26, text) == shown


def test_a_cut_after_a_word_counts_its_ellipsis() -> None:
    text = "Migrating keratinocytes close wounds quickly"
    assert within(38, text) == "Migrating keratinocytes close wounds…"
    assert within(36, text) == "Migrating keratinocytes close…"


def test_a_sentence_is_not_kept_where_it_would_leave_almost_nothing() -> None:
    text = "Look. Thousands of cells cross the gap within hours of the injury and settle there."
    assert within(60, text) == "Look. Thousands of cells cross the gap within hours…"


def test_no_shortened_text_ends_with_a_word_that_leads_on() -> None:
    assert within(28, "Cells from the edge of the wound migrate") == "Cells from the edge…"


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("Bars of 5 µm show", "of 5 µm"),
        ("Held at 37 °C overnight", "at 37 °C"),
        ("Doses of 20 mg/kg daily", "of 20 mg/kg"),
        ("Taken from n = 12 animals", "n = 12"),
        ("Length 5 ± 2 mm here", "Length 5 ± 2 mm"),
        ("Fed with E. coli alone", "E. coli"),
        ("Seen by Dr. Roig first", "Dr. Roig"),
        ("Read https://example.com/a,b;c today", "https://example.com/a,b;c"),
        ("Tags #Breast·Cancer shown", "#Breast·Cancer"),
        ("By @ana.roig yesterday", "@ana.roig"),
    ],
)
def test_pieces_that_belong_together_are_never_cut(text: str, piece: str) -> None:
    start = text.index(piece)
    for stop in stops(text):
        assert not start < len(stop) < start + len(piece), stop


def test_a_latin_name_in_italics_is_one_piece() -> None:
    text = "Skin of Homo sapiens heals"
    assert stops(text, Mark(8, 20, "italic")) == ["Skin", "Skin of", "Skin of Homo sapiens"]
    assert "Skin of Homo" in stops(text)


def test_brackets_are_left_before_they_open_where_there_is_a_choice() -> None:
    text = "Researchers compared the cells of two tissues (left and right in the picture) for weeks"
    assert within(62, text) == "Researchers compared the cells of two tissues…"


def test_scripts_without_spaces_are_cut_between_characters() -> None:
    assert within(5, "細胞が傷口へ移動") == "細胞が傷…"


def test_a_word_that_alone_is_too_long_is_left_out() -> None:
    assert within(5, "Electroencephalography") == ""


def test_the_part_that_was_marked_last_is_shortened_first() -> None:
    first, second = "Cells move. They divide.", "Wounds close. Scars stay."
    text = f"{first}\n{second}\nImage: Ana Roig"
    marks = (
        Mark(0, len(first), "shorten"),
        Mark(0, len(first), "field", "standfirst"),
        Mark(len(first) + 1, len(first) + 1 + len(second), "shorten"),
        Mark(len(first) + 1, len(first) + 1 + len(second), "field", "body"),
    )
    rich = RichText(text, marks)
    once, left_out = shorten(rich, lambda candidate: len(candidate.text) <= 56)
    assert once.text == f"{first}\nWounds close.\nImage: Ana Roig"
    assert described(left_out) == ("1 sentence of the body",)
    twice, left_out = shorten(rich, lambda candidate: len(candidate.text) <= 28)
    assert twice.text == "Cells move.\nImage: Ana Roig"
    assert described(left_out) == ("1 sentence of the standfirst", "the body")
    assert [(part.field, part.is_whole) for part in left_out] == [("standfirst", False), ("body", True)]


def test_what_was_left_out_is_reported_in_words() -> None:
    text = "Cells move towards the wound at night. They divide. They settle."
    rich = RichText(text, (Mark(0, len(text), "shorten"), Mark(0, len(text), "field", "body")))
    _, left_out = shorten(rich, lambda candidate: len(candidate.text) <= 40)
    assert described(left_out) == ("2 sentences of the body",)
    _, left_out = shorten(rich, lambda candidate: len(candidate.text) <= 25)
    assert described(left_out) == ("the end of a sentence and 2 more sentences of the body",)


def test_nothing_that_is_not_marked_is_shortened() -> None:
    rich = RichText("Image: Ana Roig, University of Somewhere")
    assert shorten(rich, lambda candidate: len(candidate.text) <= 10) == (rich, ())


TEXTS = st.text(
    alphabet=st.sampled_from("abcdeÀñ  ..,;–!?()“”\n5µ°@#/:…細胞。、क्षि\u0301\u200d👩🔬🏽❤️🇪🇸각\u0600"),
    min_size=1,
    max_size=80,
)


@settings(deadline=None)
@given(TEXTS)
def test_no_cut_is_inside_a_grapheme(text: str) -> None:
    whole = graphemes(text)
    for cut in find_cuts(RichText(text)):
        graphemes_of_cut = graphemes(text[: cut.at])
        assert graphemes_of_cut == whole[: len(graphemes_of_cut)]


@settings(deadline=None)
@given(TEXTS, st.integers(min_value=0, max_value=60))
def test_shortening_fits_keeps_the_beginning_and_is_idempotent(text: str, most: int) -> None:
    short = within(most, text)
    assert len(short) <= most
    assert within(most, short) == short
    assert " ".join(text.split()).startswith(" ".join(short.removesuffix("…").split()))


@settings(deadline=None)
@given(TEXTS.map(lambda text: " ".join(text.split())), st.integers(min_value=1, max_value=60))
def test_a_shortened_text_ends_a_sentence_or_has_one_ellipsis(text: str, most: int) -> None:
    short = within(most, text)
    if short and short != text:
        assert regex.search(r"(?:[.!?…][\"'’”»)\]]*|。)\Z", short)
        assert not regex.search(r"[….]{2,}\Z", short) or short in text


@settings(deadline=None)
@given(TEXTS)
def test_cuts_are_in_order_and_only_sentences_end_without_an_ellipsis(text: str) -> None:
    cuts = find_cuts(RichText(text))
    assert [cut.at for cut in cuts] == sorted({cut.at for cut in cuts})
    assert all(cut.ending == "" for cut in cuts if cut.grade is Grade.SENTENCE)
    assert all(cut.ending == "…" for cut in cuts if cut.grade is not Grade.SENTENCE)
