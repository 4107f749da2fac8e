"""Tests whom a comment mentions."""

from __future__ import annotations

import pytest

from publisher.collaboration.mentions import mentioned_people
from publisher.db.staff import Person

PEOPLE = [
    Person(id=1, email="mar@example.org", name="Mar Vila"),
    Person(id=2, email="jserra@example.org", name="Jordi Serra"),
    Person(id=3, email="jordi@example.org", name="Jordi Puig"),
    Person(id=4, email="nuria@example.org", name="Núria Camps"),
    Person(id=5, email="ann@example.org", name="Ann"),
]


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("@Mar Vila, which stain?", [1]),
        ("@mar and @nuria: look", [1, 4]),
        ("@NÚRIA!", [4]),
        ("@Jordi Serra", [2]),
        ("@Jordi", []),
        ("@jserra", [2]),
        ("@Jordi Puig's picture", [3]),
        ("(@ann)", [5]),
        ("@annex", []),
        ("write to mar@mar.org", []),
        ("@Mar Vilanova", [1]),
        ("@@mar", []),
        ("@mar @mar", [1]),
        ("@ mar", []),
        ("@" * 2000, []),
    ],
)
def test_people_are_named_with_an_at_sign(text: str, mentioned: list[int]) -> None:
    assert [person.id for person in mentioned_people(text, PEOPLE)] == mentioned
