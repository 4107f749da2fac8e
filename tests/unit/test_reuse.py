"""Tests the answers to who may use a picture: never a yes that its licence does not give."""

from __future__ import annotations

import pytest

from publisher.posts.reuse import ANSWERS, ASK, FREE, Rights, reuse_answer, reuse_answers
from publisher.settings import ReuseRule

RULES = (
    ReuseRule(licence="CC BY-NC", credit="Example  Institute", answer="Theirs", answers={"ca": "Seva"}),
    ReuseRule(licence="CC BY 3.0", answer="Old"),
    ReuseRule(credit="wellcome", answer="Wellcome's"),
    ReuseRule(licence="© the artist", answer="Hers"),
)


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC BY 4.0", ANSWERS[""]),
        ("cc-by-sa", ANSWERS["sa"]),
        ("CC BY-NC-ND 4.0 International", ANSWERS["nc-nd"]),
        ("Creative Commons Attribution 4.0 (CC BY 4.0)", ANSWERS[""]),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", ANSWERS["nc-sa"]),
        ("CC0 1.0", ANSWERS[FREE]),
        ("Public domain", ANSWERS[FREE]),
        ("CC BY non-commercial", ASK),
        ("CC BY-NonCommercial", ASK),
        ("CC BY 4.0 or CC BY-NC 4.0", ASK),
        ("not public domain", ASK),
        ("CC BY 4.0, all rights reserved elsewhere", ASK),
        ("All rights reserved", ASK),
        ("https://creativecommons.org/licenses/by/4.0/deed.ca", ANSWERS[""]),
        ("https://creativecommons.org/publicdomain/zero/1.0/deed.en", ANSWERS[FREE]),
        *[
            (doubtful, ASK)
            for doubtful in (
                "CC BY?",
                "CC BY 4.0 ???",
                "CC0?",
                "~~CC BY 4.0~~",
                "≠ CC BY",
                "CC BY 4.0 (2019-2020)",
                "CC BY 9.9",
                "CC-BY 4.0 / 2.0",
                "CC BY-NC-",
                "CC BY 4.05",
                "Attribution 3.0 (CC BY 4.0)",
            )
        ],
        ("", ASK),
    ],
)
def test_a_known_licence_answers_and_every_other_is_asked_for(licence: str, expected: object) -> None:
    assert reuse_answer((), Rights(licence, "Jane Doe"), "en") == expected


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (Rights("CC BY-NC 4.0", "Jane, EXAMPLE Institute"), "Theirs"),
        (Rights("CC BY 4.0", "Jane, Example Institute"), ANSWERS[""]),
        (Rights("cc by 3.0", "Jane"), "Old"),
        (Rights("CC BY-NC 3.0", "Jane"), ANSWERS["nc"]),
        (Rights("anything", "Wellcome Collection"), "Wellcome's"),
        (Rights("© The  Artist", "Jane"), "Hers"),
        (Rights("anything", "Wellcomes"), ASK),
        (Rights("anything", "Wellcome Collection; Getty Images"), ASK),
    ],
)
def test_the_first_rule_that_fits_answers(rights: Rights, expected: object) -> None:
    assert reuse_answer(RULES, rights, "en") == expected


def test_pictures_with_one_answer_are_told_together() -> None:
    pictures = (Rights("CC0", ""), Rights("CC BY-NC", "Example Institute"), Rights("CC0", "Jane"))
    answers = reuse_answers(RULES, pictures, "ca")
    assert [(answer.pictures, str(answer.text)) for answer in answers] == [
        ((1, 3), "Yes, for everything."), ((2,), "Seva")
    ]  # fmt: skip
    assert reuse_answers(RULES, (), "en") == ()
