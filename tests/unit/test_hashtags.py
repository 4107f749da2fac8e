"""Tests that tags become hashtags, and names become mentions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.text.hashtags import field_tags, hashtag, hashtags
from publisher.adapt.text.mentions import PeopleDirectory, PeopleDirectoryError
from publisher.platforms.profiles import TagLimits

FIVE = TagLimits(maximum=5)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("lactation", "#Lactation"),
        ("mammary gland", "#MammaryGland"),
        ("BPoD", "#BPoD"),
        ("mRNA vaccine", "#mRNAVaccine"),
        ("3D culture", "#3DCulture"),
        ("Alzheimer’s disease", "#AlzheimersDisease"),
        ("#already-tagged", "#AlreadyTagged"),
        ("β-catenin", "#βCatenin"),
        ("TNFα", "#TNFα"),
        ("ciència oberta", "#CiènciaOberta"),
        ("cèl·lules mare", "#CèllulesMare"),
        ("细胞", "#细胞"),
        ("COVID-19", "#COVID19"),
        ("p53", "#p53"),
        ("p53 mutation", "#p53Mutation"),
        ("mutant p53", "#Mutantp53"),
        ("sox2-positive cells", "#sox2PositiveCells"),
        ("ｆｕｌｌ width", "#FullWidth"),
        ("2024", ""),
        ("!?", ""),
        ("", ""),
    ],
)
def test_a_hashtag_is_readable_aloud(tag: str, expected: str) -> None:
    assert hashtag(tag) == expected


def test_the_catalan_middle_dot_stays_where_the_platform_takes_it() -> None:
    assert hashtag("cèl·lules mare", middle_dot=True) == "#Cèl·lulesMare"
    assert hashtags(["cèl·lula"], TagLimits(maximum=5, middle_dot=True)) == ("#Cèl·lula",)
    assert hashtags(["cèl·lula"], TagLimits(maximum=5)) == ("#Cèllula",)


def test_hashtags_are_different_and_limited() -> None:
    tags = ("cells", "Cells", "wound", "2024", "skin", "scar", "mouse", "rat")
    assert hashtags(tags, FIVE) == ("#Cells", "#Wound", "#Skin", "#Scar", "#Mouse")
    assert hashtags(tags, FIVE, 2) == ("#Cells", "#Wound")
    assert hashtags(tags, FIVE, 9) == hashtags(tags, FIVE)
    assert hashtags(tags, FIVE, -1) == ()


def test_a_hashtag_that_is_too_long_is_left_out_whole() -> None:
    assert hashtags(("wound", "regeneration"), TagLimits(maximum=5, max_length=8)) == ("#Wound",)


def test_tags_for_a_field_keep_their_words_and_lose_commas() -> None:
    tags = ("#wound healing", "skin, scar", "Wound  Healing", "x" * 30)
    assert field_tags(tags, TagLimits(maximum=30, max_length=20, where="field")) == ("wound healing", "skin scar")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_hashtag_is_one_word_and_stays_what_it_is(tag: str) -> None:
    cleaned = hashtag(tag)
    assert not any(character.isspace() for character in cleaned)
    assert cleaned.count("#") == bool(cleaned)
    assert hashtag(cleaned) == cleaned


DIRECTORY = """
[[people]]
name = "Ana Roig"
handles = { x = "anaroig", instagram = "@ana.roig" }

[[people]]
name = "Institute of Skin"
"""


def test_a_person_has_a_handle_by_platform(tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    file.write_text(DIRECTORY, encoding="utf-8")
    people = PeopleDirectory.load(file)
    assert people.handle("Ana Roig", "x") == "@anaroig"
    assert people.handle("ana  roig", "instagram") == "@ana.roig"
    assert people.handle("Ana Roig", "tumblr") is None
    assert people.handle("Institute of Skin", "x") is None
    assert people.handle("Nobody", "x") is None


def test_no_directory_is_an_empty_one(tmp_path: Path) -> None:
    assert PeopleDirectory.load(tmp_path / "people.toml") == PeopleDirectory()


@pytest.mark.parametrize("text", ["[[people]\n", "[[people]]\nnom = 'Ana'\n", "people = 3\n"])
def test_a_directory_that_says_something_else_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "people.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PeopleDirectoryError, match=r"people\.toml"):
        PeopleDirectory.load(file)
