"""Tests the list of pictures without an alt text: its order, what counts, and what writing one does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.archive.alt_texts import (
    Deadline,
    NewAltText,
    PicturePlace,
    alt_text_progress,
    deadline_of,
    list_missing,
    next_missing,
    write_alt_text,
)
from publisher.db.session import Database
from publisher.posts.errors import PostError, StaleEdit
from publisher.posts.search import find_posts
from publisher.schedule.projection import project
from tests.conftest import on_every_database
from tests.queue_desk import Desk, open_desk, picture

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


def add(desk: Desk, title: str, *alt_texts: str, **values: Any) -> int:
    images = []
    for number, alt_text in enumerate(alt_texts):
        image = picture(f"{title}{number}", NOW)
        image.position, image.alt_text = number, alt_text
        images.append(image)
    return desk.post(title, NOW, images=images, **{"state": "draft", **values})


def shown(day: str, **more: Any) -> dict[str, Any]:
    return {"last_shown_on": date.fromisoformat(day), "published_elsewhere_on": date.fromisoformat(day), **more}


def listed(desk: Desk, after: PicturePlace | None = None, limit: int = 50) -> list[str]:
    with desk.database.reading() as session:
        pictures = list_missing(session, after=after, limit=limit)
    return [f"{picture.title} {picture.picture}" for picture in pictures]


def fill(desk: Desk) -> dict[str, int]:
    return {
        "old": add(desk, "old", "", "Two cells on black.", "", **shown("2019-06-03")),
        "new": add(desk, "new", "IMG_2034.jpg", **shown("2024-01-02")),
        "done": add(desk, "done", "A green spindle.", **shown("2024-01-03")),
        "late reserve": add(desk, "late reserve", "", **shown("2020-02-02", reserve=True)),
        "first reserve": add(desk, "first reserve", "", reserve=True),
        "draft": add(desk, "draft", ""),
        "withdrawn reserve": add(desk, "withdrawn reserve", "", reserve=True, state="withdrawn"),
    }


@on_every_database
def test_what_is_shown_again_comes_first_then_what_was_shown_last(desk: Desk) -> None:
    posts = fill(desk)
    whole = ["first reserve 1", "late reserve 1", "new 1", "old 1", "old 3"]
    assert listed(desk) == whole
    with desk.database.reading() as session:
        places = [picture.place for picture in list_missing(session)]
        assert alt_text_progress(session).missing == len(whole)
    for number, place in enumerate(places):
        assert listed(desk, after=place) == whole[number + 1 :]
        assert listed(desk, after=place, limit=1) == whole[number + 1 : number + 2]
    assert listed(desk, after=PicturePlace(posts["done"], 1)) == ["new 1", "old 1", "old 3"]
    assert listed(desk, after=PicturePlace(999, 1)) == whole


@on_every_database
def test_the_next_one_follows_and_begins_anew_at_the_end(desk: Desk) -> None:
    posts = fill(desk)
    with desk.database.reading() as session:
        following = next_missing(session, PicturePlace(posts["old"], 1))
        assert following is not None
        assert following.place == PicturePlace(posts["old"], 3)
        around = next_missing(session, following.place)
        assert around is not None
        assert around.place == PicturePlace(posts["first reserve"], 1)


def test_the_only_one_has_no_next(desk: Desk) -> None:
    post = add(desk, "only", "", **shown("2019-06-03"))
    with desk.database.reading() as session:
        assert next_missing(session, PicturePlace(post, 1)) is None


@on_every_database
def test_progress_is_counted_by_the_year_in_which_it_was_shown(desk: Desk) -> None:
    fill(desk)
    with desk.database.reading() as session:
        progress = alt_text_progress(session)
    assert [(year.year, year.done, year.pictures) for year in progress.years] == [
        (2024, 1, 2), (2020, 0, 1), (2019, 1, 3), (None, 0, 1)
    ]  # fmt: skip
    assert (progress.done, progress.missing, progress.pictures) == (2, 5, 7)


def test_a_deadline_says_how_many_a_day_it_takes() -> None:
    assert deadline_of(None, date(2026, 5, 4), 9) is None
    assert deadline_of(date(2026, 5, 8), date(2026, 5, 4), 9) == Deadline(date(2026, 5, 8), 4, 9)
    assert Deadline(date(2026, 5, 8), 4, 9).a_day == 3
    assert Deadline(date(2026, 5, 1), -3, 9).a_day == 9


@on_every_database
def test_a_written_alt_text_is_a_version_and_is_found(desk: Desk) -> None:
    post = fill(desk)["old"]
    outcome = write_alt_text(desk, NewAltText(PicturePlace(post, 3), " Threads of mycelium. ", 1), actor="ana")
    assert not outcome.unchanged
    assert listed(desk)[-1] == "old 1"
    row = desk.load(post)
    assert [image.alt_text for image in row.images] == ["", "Two cells on black.", "Threads of mycelium."]
    assert (row.state, row.edited_by, row.last_shown_on) == ("draft", "ana", date(2019, 6, 3))
    with desk.database.reading() as session:
        assert [found.id for found in find_posts(session, "mycelium")] == [post]


def test_a_text_that_says_nothing_is_refused(desk: Desk) -> None:
    post = fill(desk)["old"]
    for text, why in (
        ("  ", "Picture 3 has no alt text; describe in a sentence or two what it shows."),
        ("DSC 0042", "The alt text of picture 3 is a file name; describe what the picture shows."),
    ):
        with pytest.raises(PostError) as refused:
            write_alt_text(desk, NewAltText(PicturePlace(post, 3), text), actor="ana")
        assert str(refused.value) == why
    with pytest.raises(PostError, match=f"post {post} has no picture 4"):
        write_alt_text(desk, NewAltText(PicturePlace(post, 4), "Anything else."), actor="ana")
    assert desk.load(post).version == 1


def test_two_people_never_overwrite_each_other(desk: Desk) -> None:
    post = fill(desk)["old"]
    write_alt_text(desk, NewAltText(PicturePlace(post, 1), "A first text.", 1), actor="ana")
    with pytest.raises(StaleEdit):
        write_alt_text(desk, NewAltText(PicturePlace(post, 1), "Another text.", 1), actor="pau")
    assert desk.load(post).images[0].alt_text == "A first text."


def test_an_approved_post_goes_back_to_review(desk: Desk) -> None:
    post = add(desk, "old desk", "", state="approved", reserve=True, last_shown_on=date(2020, 1, 1))
    outcome = write_alt_text(desk, NewAltText(PicturePlace(post, 1), "A green spindle."), actor="ana")
    assert outcome.back_to_review
    assert desk.load(post).state == "in_review"


@on_every_database
def test_the_reserve_never_shows_a_picture_without_one(desk: Desk) -> None:
    add(desk, "silent", "Two cells on black.", "", state="approved", reserve=True)
    described = add(desk, "described", "Two cells.", state="approved", reserve=True)
    with desk.database.reading() as session:
        assert {day.post_id for day in list(project(session, desk.settings, NOW))[:400]} == {described, None}
    desk.pick(NOW + timedelta(hours=2))
    assert [pick.post_id for pick in desk.picks()] == [described]
