"""Tests how texts are split into words, and which forms of a word are the same for a search."""

from __future__ import annotations

import pytest

from publisher.core.search_query import SearchQuery
from publisher.core.words import forms_of, stems_of, words_of


def folded(text: str) -> list[str]:
    return [word.folded for word in words_of(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mouse neurons, in-vitro!", ["mouse", "neurons", "in", "vitro"]),
        ("cèl·lules", ["cellules"]),
        ("CEL·LULES", ["cellules"]),
        ("ce\u0140lules", ["cellules"]),  # ŀ is one character
        ("ce\u0301l\u2022lula", ["cellula"]),  # a combining accent, and a bullet in place of the dot
        ("l'Òrgan", ["l", "organ"]),
        ("Straße ﬁbre CO₂", ["strasse", "fibre", "co2"]),
        ("snake_case", ["snake", "case"]),
        ("a·b", ["a", "b"]),
        ("細胞", ["細胞"]),
        ("…—·", []),
    ],
)
def test_words_are_split_and_folded(text: str, words: list[str]) -> None:
    assert folded(text) == words


def test_a_word_knows_where_it_stands() -> None:
    text = "Les cèl·lules"
    word = list(words_of(text))[1]
    assert text[word.start : word.end] == "cèl·lules"


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("cells", "cell", "en"),
        ("staining", "stained", "en-GB"),
        ("cèl·lules", "cel·lula", "ca"),
        ("cellules", "cèl·lula", "ca"),
        ("investigació", "investigacions", "ca"),
        ("neurones", "neurona", "ca"),
    ],
)
def test_forms_of_a_word_share_a_stem(one: str, other: str, language: str) -> None:
    assert set(stems_of(one, language)) & set(stems_of(other, language))


def test_a_language_without_a_stemmer_has_its_words_alone() -> None:
    assert forms_of("細胞", "ja") == {"細胞"}


def test_a_search_leaves_out_small_words_and_says_the_rest_once() -> None:
    assert [word.folded for word in SearchQuery.of("the Cells of cells").words] == ["cells"]
    assert [word.folded for word in SearchQuery.of("the").words] == ["the"]
    assert SearchQuery.of(" – ").words == ()


@pytest.mark.parametrize(
    ("text", "wordless"),
    [
        ("title:...", ("title:...",)),
        ("neurons title:... tag:–", ("title:...", "tag:–")),
        ('neurons alt:"…"', ('alt:"…"',)),
        ('neurons "?!"', ('"?!"',)),
        (" – ", ("–",)),
        ("neurons & brain", ()),
        ('neurons ""', ()),
        ("", ()),
    ],
)
def test_what_holds_no_word_is_named(text: str, wordless: tuple[str, ...]) -> None:
    query = SearchQuery.of(text)
    assert query.wordless == wordless
    assert bool(query) == (bool(text) and not wordless)


def test_every_word_is_looked_for() -> None:
    many = [f"word{number}" for number in range(30)]
    assert [word.folded for word in SearchQuery.of(" ".join(many)).words] == many
    assert SearchQuery.of(f'"{" ".join(many)}"').phrases[0].folded == tuple(many)
    assert len(SearchQuery.in_field("tag", " ".join(many)).words) == 30
