"""Tests that the fields of a post's form are read, and that a problem leads to its field."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from publisher.posts.drafts import PostContent, PostDraft, check_input
from publisher.posts.errors import PostError
from publisher.web.channel_fields import channels_of_fields
from publisher.web.field_labels import label_of
from publisher.web.form_field_names import anchor_of
from publisher.web.forms import (
    Mistakes,
    content_of_fields,
    fields_of_choices,
    file_name,
    image_numbers,
    next_image_number,
    with_placeholder_titles,
)
from publisher.web.window_fields import window_of_fields

ZONE = ZoneInfo("Europe/London")
A, B = "a" * 64, "b" * 64


def content_of(**fields: str) -> PostContent:
    return content_of_fields(PostContent, {"title": "T", **fields}, ZONE)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("2026-03-29T01:30", "There is no 01:30 on 2026-03-29, because the clocks go forward then; write 02:30."),
        ("0001-01-01T00:00", "The year 1 is no year of a desk; write one from 1990 to 2199."),
        ("9999-12-31T23:59", "The year 9999 is no year of a desk; write one from 1990 to 2199."),
        ("soon", "“soon” is not a date and time; write it like 2026-05-12T10:00."),
    ],
)
def test_a_local_time_that_does_not_exist_is_refused_with_a_sentence(value: str, sentence: str) -> None:
    with pytest.raises(Mistakes) as mistakes:
        content_of(embargo_until=value)
    assert {name: str(text) for name, text in mistakes.value.fields.items()} == {"embargo_until": sentence}


def test_an_hour_that_comes_twice_is_the_first_and_an_offset_is_kept() -> None:
    first = content_of(embargo_until="2026-10-25T01:30").embargo_until
    assert first is not None
    assert first.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert content_of(embargo_until="2026-05-05T10:00+03:00").embargo_until == datetime(2026, 5, 5, 7, tzinfo=UTC)


@pytest.mark.parametrize("title", ["\u200b\u200b", "\ufeff", "\u200f\u2066", " \u2060 "])
def test_a_title_that_nobody_can_see_is_none(title: str) -> None:
    with pytest.raises(PostError, match="title: nobody can see these characters; write something"):
        check_input(PostDraft, {"title": title})


def test_pictures_stand_in_the_order_of_the_form_and_removed_ones_are_gone() -> None:
    fields = {
        "images-0-media": A,
        "images-0-order": "2.5",
        "images-3-media": B,
        "images-3-order": "1",
        "images-4-media": A,
        "images-4-remove": "on",
        "images-12-media": A,
        "images-12-order": "nowhere",
    }
    assert image_numbers(fields) == [3, 0, 12]
    assert next_image_number(fields) == 13
    assert next_image_number({}) == 0
    assert [image.media for image in content_of(**fields).images] == [B, A, A]


@pytest.mark.parametrize(
    ("padding", "colour", "meant"),
    [("edge", "#102030", "edge"), ("colour", "#102030", "#102030"), ("#405060", "", "#405060"), ("", "", "edge")],
)
def test_a_padding_of_an_own_colour(padding: str, colour: str, meant: str) -> None:
    fields = {"images-0-media": A, "images-0-padding": padding, "images-0-padding_colour": colour}
    choices = content_of(**fields).images[0].choices
    assert choices.padding == meant
    again = {f"images-0-{name}": value for name, value in fields_of_choices(choices.model_dump()).items()}
    assert content_of(**{"images-0-media": A, **again}).images[0].choices == choices


def test_titles_that_are_not_written_yet_stand_in_for_the_look_only() -> None:
    unfinished = {"title": " ", "tr-ca-title": "", "tr-ca-body": "Una", "tr-es-title": "", "tr-es-body": ""}
    content = content_of_fields(PostContent, with_placeholder_titles(unfinished), ZONE)
    assert (content.title, list(content.translations), content.translations["ca"].title) == ("", ["ca"], "…")
    with pytest.raises(Mistakes) as mistakes:
        content_of_fields(PostContent, unfinished, ZONE)
    assert set(mistakes.value.fields) == {"tr-ca-title"}, "a draft needs no title, a translation does"


def test_a_translation_has_links_and_tags_of_its_own() -> None:
    catalan = {
        "tr-ca-title": "Ulls",
        "tr-ca-link": "https://example.org/ulls",
        "tr-ca-links": "Article | https://example.org/article",
        "tr-ca-tags": "ulls, #peix",
    }
    translation = content_of(title="Eyes", **catalan).translations["ca"]
    assert translation.link == "https://example.org/ulls"
    assert [(link.label, link.url) for link in translation.links] == [("Article", "https://example.org/article")]
    assert translation.tags == ("ulls", "peix")
    with pytest.raises(Mistakes) as mistakes:
        content_of(title="Eyes", **catalan | {"tr-ca-link": "ulls", "tr-ca-links": "no label"})
    assert {"tr-ca-links", "tr-ca-link"} & set(mistakes.value.fields)


def test_a_translation_without_own_links_and_tags_is_stored_as_before() -> None:
    stored = content_of(**{"title": "Eyes", "tr-ca-title": "Ulls"}).model_dump(mode="json")["translations"]
    assert set(stored["ca"]) == {"title", "standfirst", "body", "credit", "alt_texts"}


@pytest.mark.parametrize(
    ("field", "where", "anchor"),
    [
        ("images[1].alt_text", {"numbers": [4, 2]}, "images-2-alt_text"),
        ("images[1].alt_text", {"numbers": [4, 2], "translated": "ca"}, "tr-ca-alt-2"),
        ("images[1].padding", {}, "images-1-padding"),
        ("images[0].gutters", {"numbers": [4]}, "images-4"),
        ("images", {}, "pictures"),
        ("credit", {"translated": "ca"}, "tr-ca-credit"),
        ("credit", {}, "credit"),
        ("caption", {"channel": "x"}, "caption-x"),
        ("captions.lang:ca", {}, "caption-lang:ca"),
        ("something", {}, "title"),
    ],
)
def test_a_problem_leads_to_the_field_that_mends_it(field: str, where: dict[str, object], anchor: str) -> None:
    assert anchor_of(field, **where) == anchor  # type: ignore[arg-type]


def test_a_file_is_called_by_its_name_alone() -> None:
    assert file_name(r"C:\fake\path\cell 1.tif") == "cell 1.tif"
    assert file_name("../up/\x00\u202ecell.png") == "cell.png"
    assert file_name("/") == "the picture"
    assert len(file_name("x" * 999)) == 255


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ("images-0-alt_text", "Alt text of picture 1"),
        ("images-1-media", "Picture 2"),
        ("tr-ca-alt-0", "Alt text of picture 1 (ca)"),
        ("tr-ca-title", "Title (ca)"),
        ("caption-x", "Caption for x"),
        ("body", "Text"),
        ("standfirst", "Standfirst"),
    ],
)
def test_fields_have_names_for_people(field: str, label: str) -> None:
    assert str(label_of(field)) == label


def test_typed_values_of_a_picture_are_fields_of_the_form() -> None:
    picture = {
        "images-0-media": A,
        "images-0-window": "typed",
        "images-0-window_black": "-3",
        "images-0-channel_2_colour": "green",
    }
    picture |= {"images-0-window_white": "40.5", "images-0-channel_2_range": "typed"}
    picture |= {"images-0-channel_2_black": "200", "images-0-channel_2_white": "3000"}
    choices = content_of(**picture).images[0].choices
    assert list(choices.window or ()) == [-3, 40.5]
    channels = choices.colour_channels or ()
    assert [(channel.colour, channel.window) for channel in channels] == [("", None), ("#00ff00", (200, 3000))]
    again = {f"images-0-{name}": text for name, text in fields_of_choices(choices.model_dump(mode="json")).items()}
    assert {name: again[name] for name in picture if name != "images-0-media"} == {
        name: text for name, text in picture.items() if name != "images-0-media"
    }
    assert window_of_fields(picture, "images-0-") == "-3..40.5"
    assert channels_of_fields(picture, "images-0-") == ",green:200..3000"


def test_a_typed_value_that_is_none_is_told_at_its_field() -> None:
    picture = {"images-7-media": A, "images-7-window": "typed", "images-7-window_white": "9"}
    picture |= {"images-7-channel_1_range": "typed", "images-7-channel_1_black": "5", "images-7-channel_1_white": "4"}
    with pytest.raises(Mistakes) as mistakes:
        content_of(**picture)
    assert {name: str(text) for name, text in mistakes.value.fields.items()} == {
        "images-7-window": "A range needs both values, that of black and that of white.",
        "images-7-channel_1_range": "Black is 5 and white is 4; the value of black must be the smaller one.",
    }
    assert window_of_fields(picture, "images-7-") == channels_of_fields(picture, "images-7-") == ""
