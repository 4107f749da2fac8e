"""Tests texts as data: they keep their values, and are rendered for whoever reads them."""

from __future__ import annotations

import gettext
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from publisher.core import messages
from publisher.core.messages import Message, Reader, _, current_reader, ngettext, reading_as, render

MADRID = Reader(zone=ZoneInfo("Europe/Madrid"))


def test_a_text_is_rendered_with_its_values() -> None:
    assert str(_("Post {post} is not there.", post=7)) == "Post 7 is not there."


def test_a_number_chooses_singular_or_plural() -> None:
    texts = [str(ngettext("{count} day is covered.", "{count} days are covered.", count=count)) for count in (0, 1, 2)]
    assert texts == ["0 days are covered.", "1 day is covered.", "2 days are covered."]


@pytest.mark.parametrize(
    ("source", "value", "text"),
    [
        ("at {it:moment}", datetime(2026, 5, 12, 6, 30, tzinfo=UTC), "at 08:30 on 2026-05-12"),
        ("at {it:moment}", "2026-05-12T06:30:00+00:00", "at 08:30 on 2026-05-12"),
        ("at {it:clock}", datetime(2026, 5, 12, 6, 30, tzinfo=UTC), "at 08:30"),
        ("on {it:day}", date(2026, 5, 12), "on 2026-05-12"),
        ("on {it:weekday}", "2026-05-12", "on Tuesday 2026-05-12"),
        ("{it:number} bytes", 1234567, "1,234,567 bytes"),
        ("of {it:list}", ["a", "b"], "of a, b"),
        ("{it:lines}", [_("One."), "Two."], "One.\nTwo."),
        ("It answered: {it:clause}.", _("No."), "It answered: No."),
        ("{it:sentence} Mend it.", "It broke", "It broke. Mend it."),
        ("{it:sentence} Mend it.", _("Did it break?"), "Did it break? Mend it."),
        ("at {it:moment}", None, "at an unknown time"),
        ("{it:sentence}", _("no"), "no."),
        ("{it:sentence}", "Is it?", "Is it?"),
        ("{it:sentences}", [_("No."), "It is late."], "No. It is late."),
        ("in {it:language}", "ca", "in Catalan"),
        ("in {it:language}", "pt-BR", "in Portuguese"),
        ("in {it:language}", "qqq", "in qqq"),
        ("for {it:dollars}", 0.2, "for $0.20"),
        ("for {it:dollars}", 0.015, "for $0.015"),
    ],
)
def test_a_value_is_written_for_the_reader(source: str, value: object, text: str) -> None:
    assert render(Message(source, {"it": value}), MADRID) == text


def test_a_language_is_named_in_the_language_of_the_reader() -> None:
    assert render(Message("{it:language}", {"it": "en"}), Reader(language="ca")) == "anglès"


def test_a_value_that_is_missing_does_not_hide_the_text() -> None:
    assert render(Message("Post {post} is not there."), MADRID) == "Post ? is not there."


def test_a_text_reaches_no_attribute_of_a_value() -> None:
    assert render(Message("{post.__class__}", {"post": 7}), MADRID) == "?"


def test_the_reader_holds_within_a_block() -> None:
    with reading_as(MADRID):
        assert current_reader() == MADRID
    assert current_reader() == Reader()


class Catalogue(gettext.NullTranslations):
    """Translates by a small table."""

    def gettext(self, message: str) -> str:
        texts = {"Post {post} is not there.": "No hi ha l'entrada {post}.", "HH:mm": "HH.mm"}
        return texts.get(message, message)


def test_a_reader_gets_the_language_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "translations", lambda language: Catalogue())
    catalan = Reader(language="ca")
    assert render(_("Post {post} is not there.", post=7), catalan) == "No hi ha l'entrada 7."
    inner = _("Not read: {why}", why=_("Post {post} is not there.", post=8))
    assert render(inner, catalan) == "Not read: No hi ha l'entrada 8."
    assert render(_("{at:clock}", at=datetime(2026, 5, 12, 6, 30, tzinfo=UTC)), catalan) == "06.30"
