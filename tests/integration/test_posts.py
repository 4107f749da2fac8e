"""Tests that posts are added, edited, approved, moved and withdrawn."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from publisher import lifecycle
from publisher.adapt.images.rendering import Renderer
from publisher.core.content import AdaptedPost
from publisher.core.messages import Reader, reading_as
from publisher.core.states import State
from publisher.db.models import Delivery, Media, Post, PostImage
from publisher.db.problem_column import read_recorded
from publisher.db.session import Database
from publisher.posts import pictures
from publisher.posts.channel_posts import adapt_for_channels, source_post
from publisher.posts.drafts import ImageDraft, NewChoices, PostChanges, PostDraft, Translation
from publisher.posts.errors import PostError
from publisher.posts.post_store import load_post
from publisher.posts.posts import AddedPost, EditOutcome, add_post, withdraw_post
from publisher.posts.preview import preview
from publisher.schedule.approval import Approval, NotApproved, every_problem
from publisher.schedule.listing import queue_listing
from publisher.schedule.order import After, Before, FixedDate, Front, Place, Position, Reserve, waits_in_order
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.projection import days_of_cover
from tests.image_samples import composite, fluorescence, save, telling_jpeg, tissue
from tests.queue_desk import Desk, facts_of_content, open_desk

NINE = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
MONDAY = date(2026, 5, 4)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path)


@pytest.fixture
def quick_inspection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "inspect_image", facts_of_content)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a file with this content; decoding it is not the subject."""

    def make(content: str) -> Path:
        path = tmp_path / f"{content}.png"
        path.write_text(content, encoding="utf-8")
        return path

    return make


def draft(title: str, *files: Path, **values: object) -> PostDraft:
    images = tuple(ImageDraft(file=file, alt_text="A cell", credit="Jane Doe") for file in files)
    return PostDraft.model_validate({"title": title, "credit": "Jane Doe", "images": images, **values})


def sentences(result: AddedPost | EditOutcome) -> tuple[str, ...]:
    """Returns the warnings as people read them."""
    return tuple(map(str, result.warnings))


def edit(desk: Desk, post_id: int, changes: PostChanges, expected_version: int | None = None) -> EditOutcome:
    return PostQueue(desk.at(NINE)).edit(post_id, changes, expected_version=expected_version)


def approve_it(desk: Desk, post_id: int, now: datetime = NINE) -> Approval:
    return PostQueue(desk.at(now)).approve(post_id)


# --- adding ----------------------------------------------------------------------------------


def test_an_added_post_is_a_draft_with_its_originals_on_disk(desk: Desk, tmp_path: Path) -> None:
    picture = telling_jpeg(fluorescence(300, 200), tmp_path / "cells.jpg", orientation=6)
    added = add_post(desk.database, desk.store, draft("Cells", picture, tags=["cells"]), NINE, "ada")

    post = desk.load(added.id)
    [image] = post.images
    assert (post.state, post.title, post.tags, added.warnings) == ("draft", "Cells", ["cells"], ())
    assert (image.media.format, image.media.width, image.media.height) == ("jpeg", 200, 300)
    assert image.media.phash is not None
    assert desk.store.path(image.media_sha256).read_bytes() == picture.read_bytes()
    assert [event.actor for event in desk.events("post added")] == ["ada"]


def test_cuts_between_panels_are_found_unless_staff_name_them(desk: Desk, tmp_path: Path) -> None:
    picture = save(composite(2, 300), tmp_path / "panels.png")
    automatic = add_post(desk.database, desk.store, draft("Found", picture), NINE).id
    named = ImageDraft(file=picture, choices=NewChoices(gutters=(0.25,)))
    named_by_staff = add_post(desk.database, desk.store, PostDraft(title="Told", images=(named,)), NINE).id

    assert desk.load(automatic).images[0].media.gutters == [pytest.approx(0.5, abs=0.03)]
    assert desk.load(automatic).images[0].choices["gutters"] is None
    assert desk.load(named_by_staff).images[0].choices["gutters"] == [0.25]


def test_a_refused_picture_leaves_nothing_behind(desk: Desk, tmp_path: Path) -> None:
    good = save(tissue(300, 200), tmp_path / "good.png")
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")

    with pytest.raises(PostError, match=r"bad\.png: "):
        add_post(desk.database, desk.store, draft("Cells", good, bad), NINE)

    assert not list(desk.store.originals())
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 0


def test_a_missing_or_huge_picture_is_refused_by_name(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Callable[[str], Path]
) -> None:
    with pytest.raises(PostError, match=r"gone\.png can't be read: No such file"):
        add_post(desk.database, desk.store, draft("Cells", tmp_path / "gone.png"), NINE)
    monkeypatch.setattr(pictures, "MAX_PICTURE_BYTES", 3)
    with pytest.raises(PostError, match="save it smaller"):
        add_post(desk.database, desk.store, draft("Cells", file("four")), NINE)


def test_the_same_picture_in_another_format_is_reported(desk: Desk, tmp_path: Path) -> None:
    cells = fluorescence(400, 300)
    first = add_post(desk.database, desk.store, draft("Cells", save(cells, tmp_path / "a.png")), NINE)
    again = add_post(desk.database, desk.store, draft("Again", save(cells, tmp_path / "b.jpg", Q=60)), NINE)
    other = add_post(desk.database, desk.store, draft("Other", save(tissue(400, 300), tmp_path / "c.png")), NINE)

    assert sentences(again) == (f"Picture 1 is the same as in post {first.id} “Cells”, which waits to be shown.",)
    assert other.warnings == ()


def meant(post: int) -> str:
    return f"If the repeat is meant, run: publisher approve {post} --repeat-meant"


@pytest.mark.usefixtures("quick_inspection")
def test_the_same_picture_shown_before_is_reported_with_its_day(desk: Desk, file: Callable[[str], Path]) -> None:
    first = add_post(desk.database, desk.store, draft("Cells", file("cells")), NINE).id
    approve_it(desk, first)
    desk.pick(NINE)
    withdrawn = add_post(desk.database, desk.store, draft("Never shown", file("never")), NINE).id
    withdraw_post(desk.database, withdrawn, NINE)

    again = add_post(desk.database, desk.store, draft("Again", file("cells"), file("never")), NINE)

    assert sentences(again) == (
        f"Picture 1 is the same as in post {first} “Cells”, shown on 2026-05-04. {meant(again.id)}",
    )
    recorded = desk.events("post added")[-1].detail["warnings"]
    assert [str(read_recorded(warning)) for warning in recorded] == list(sentences(again))


@pytest.mark.usefixtures("quick_inspection")
def test_the_same_picture_published_before_is_reported_with_its_link(desk: Desk, file: Callable[[str], Path]) -> None:
    first = add_post(desk.database, desk.store, draft("Cells", file("cells"), reserve=True), NINE).id
    approve_it(desk, first)
    desk.pick(NINE)
    web, mail = desk.picks()[0].deliveries
    settle(desk, web.id, None)
    settle(desk, mail.id, "https://mail.example.org/1")

    again = add_post(desk.database, desk.store, draft("Again", file("cells")), NINE)

    assert sentences(again) == (
        f"Picture 1 is the same as in post {first} “Cells”, shown on 2026-05-04 at https://mail.example.org/1. "
        f"{meant(again.id)}",
    )

    year_later = NINE + timedelta(days=366)
    desk.pick(year_later)
    assert desk.picks()[-1].post_id == first
    once_more = add_post(desk.database, desk.store, draft("Once more", file("cells")), year_later)
    assert (
        sentences(once_more)[0]
        == f"Picture 1 is the same as in post {first} “Cells”, shown on 2027-05-05. {meant(once_more.id)}"
    )


@pytest.mark.usefixtures("quick_inspection")
def test_a_picture_that_waits_twice_is_reported_for_each_place(desk: Desk, file: Callable[[str], Path]) -> None:
    first, second = (add_post(desk.database, desk.store, draft(title, file("cells")), NINE).id for title in "AB")
    third = add_post(desk.database, desk.store, draft("C", file("other"), file("cells")), NINE)
    assert sentences(third) == (
        f"Picture 2 is the same as in post {second} “B”, which waits to be shown.",
        f"Picture 2 is the same as in post {first} “A”, which waits to be shown.",
    )


def settle(desk: Desk, delivery_id: int, url: str | None) -> None:
    """Makes the delivery public, at an address if the platform gives one."""
    with desk.database.writing() as session:
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state, delivery.remote_id, delivery.remote_url, delivery.published_at = "published", "1", url, NINE


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"title": " "}, "at least 1 character"),
        ({"link": "javascript:alert(1)"}, "no web address"),
        ({"links": [{"label": "x", "url": "data:text/html,x"}]}, "no web address"),
        ({"embargo_until": datetime(2026, 1, 1)}, "timezone"),  # noqa: DTZ001
        ({"language": "English"}, "match pattern"),
        ({"reserve": True, "fixed_date": MONDAY}, "remove one of the two"),
        ({"tittle": "x"}, "Extra inputs"),
    ],
)
def test_a_draft_that_can_not_be_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PostDraft.model_validate({"title": "Cells", **values})


# --- editing ---------------------------------------------------------------------------------


def test_an_edit_replaces_what_was_given_and_nothing_else(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft", body="About cells")
    outcome = edit(desk, post, PostChanges(title="Neurons"))
    loaded = desk.load(post)
    assert (loaded.title, loaded.body, loaded.version) == ("Neurons", "About cells", 2)
    assert outcome == EditOutcome(2, back_to_review=False, applies_to=(), too_late=(), warnings=())


def test_an_edited_approved_post_goes_back_to_review(desk: Desk) -> None:
    post = desk.post("Cells", NINE)
    assert edit(desk, post, PostChanges(title="Neurons")).back_to_review
    assert desk.load(post).state == "in_review"
    assert desk.pick(NINE).result == "empty"


def test_a_second_editor_is_refused_and_overwrites_nothing(desk: Desk) -> None:
    post = desk.post("Cells", NINE)
    edit(desk, post, PostChanges(title="First"), expected_version=1)
    with pytest.raises(PostError, match="you saw version 1, it has version 2 now"):
        edit(desk, post, PostChanges(title="Second"), expected_version=1)
    assert desk.load(post).title == "First"


@pytest.mark.usefixtures("quick_inspection")
def test_pictures_are_replaced_as_a_whole_and_may_be_kept(desk: Desk, file: Callable[[str], Path]) -> None:
    post = add_post(desk.database, desk.store, draft("Cells", file("one"), file("two")), NINE).id
    unchanged = desk.load(post).images[1].media_sha256
    images = (
        ImageDraft(media=unchanged, alt_text="Two"),
        ImageDraft(file=file("three"), choices=NewChoices(fit="crop")),
    )

    outcome = edit(desk, post, PostChanges(images=images))

    loaded = desk.load(post)
    assert [image.alt_text for image in loaded.images] == ["Two", ""]
    assert [image.media.file_name for image in loaded.images] == ["two.png", "three.png"]
    assert loaded.images[1].choices["fit"] == "crop"
    assert outcome.version == loaded.version == 2
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PostImage)) == 2
        assert session.scalar(select(func.count()).select_from(Media)) == 3


def test_a_picture_that_was_never_stored_is_refused(desk: Desk) -> None:
    post = desk.post("Cells", NINE)
    with pytest.raises(PostError, match="hand in its file"):
        edit(desk, post, PostChanges(images=(ImageDraft(media="f" * 64),)))
    assert len(desk.load(post).images) == 1


def test_an_approved_edit_reaches_picked_deliveries_that_were_never_sent(desk: Desk) -> None:
    post = desk.post("Cells", NINE)
    desk.pick(NINE)
    web, mail = desk.picks()[0].deliveries
    with desk.database.writing() as session:
        lifecycle.move(
            session, web.id, lifecycle.Move(State.PENDING, State.PREPARING), fence=0, now=NINE,
            lease_owner="worker", lease_until=NINE + timedelta(seconds=30),
        )  # fmt: skip

    outcome = edit(desk, post, PostChanges(title="Neurons"))

    assert (outcome.applies_to, outcome.too_late, outcome.back_to_review) == (("mail",), ("web",), True)
    assert captions(desk) == {"web": "Cells\n\nJane Doe", "mail": "Cells\n\nJane Doe"}
    reach = approve_it(desk, post).reach
    assert (reach.applies_to, reach.too_late) == (("mail",), ("web",))
    assert captions(desk) == {"web": "Cells\n\nJane Doe", "mail": "Neurons\n\nJane Doe"}
    with desk.database.reading() as session:
        assert session.get_one(Delivery, mail.id).fence == mail.fence + 1


def test_a_change_that_a_waiting_channel_could_not_carry_is_not_approved(desk: Desk) -> None:
    post = desk.post("Cells", NINE)
    desk.pick(NINE)
    edit(desk, post, PostChanges(credit=""))
    with pytest.raises(NotApproved, match=r"web, mail: .*credit"):
        approve_it(desk, post)
    assert desk.load(post).state == "in_review"
    assert captions(desk) == {"web": "Cells\n\nJane Doe", "mail": "Cells\n\nJane Doe"}


def captions(desk: Desk) -> dict[str, str]:
    return {
        delivery.channel_name: AdaptedPost.model_validate(delivery.adapted).caption
        for pick in desk.picks()
        for delivery in pick.deliveries
    }


# --- approving -------------------------------------------------------------------------------


def test_an_approved_post_may_be_picked(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft")
    assert desk.pick(NINE).result == "empty"
    approve_it(desk, post)
    approve_it(desk, post)
    loaded = desk.load(post)
    assert (loaded.state, loaded.approved_at) == ("approved", NINE)
    assert len(desk.events("post approved")) == 1
    assert desk.pick(NINE).post_id == post


def test_a_blocking_problem_refuses_approval_and_names_the_channels_once(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft", credit="")
    with pytest.raises(NotApproved) as refused:
        approve_it(desk, post)
    assert [(problem.problem.field, problem.channels) for problem in refused.value.problems] == [
        ("credit", ("web", "mail"))
    ]
    assert desk.load(post).state == "draft"


def test_a_post_without_alt_text_or_picture_is_refused(desk: Desk) -> None:
    unseen = desk.post("Unseen", NINE, state="draft")
    with desk.database.writing() as session:
        load_post(session, unseen).images[0].alt_text = ""
    bare = desk.post("Bare", NINE, state="draft", images=[])
    for post, field in ((unseen, "images[0].alt_text"), (bare, "images")):
        with pytest.raises(NotApproved) as refused:
            approve_it(desk, post)
        assert field in [problem.problem.field for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fixed_date": MONDAY - timedelta(days=1)}, "has passed"),
        ({"fixed_date": MONDAY + timedelta(days=9)}, "already goes out on 2026-05-13"),
        (
            {"fixed_date": MONDAY + timedelta(days=1), "embargo_until": NINE + timedelta(days=1, seconds=1)},
            "embargo ends on 2026-05-05 at 09:00",
        ),
        ({"captions": {"wbe": "By hand"}}, "did you mean “web”"),
        (
            {"captions": {"lang:ca": "A mà"}},
            "for channels in the language “ca”, which are not there; did you mean “lang:en”",
        ),
        ({"captions": {"xyz": "By hand"}}, "for the channel “xyz”, which is not there; remove it"),
    ],
)
def test_dates_and_captions_that_can_not_be_block_the_approval(
    desk: Desk, values: dict[str, object], message: str
) -> None:
    desk.post("Taken", NINE, fixed_date=MONDAY + timedelta(days=9))
    post = desk.post("Cells", NINE, state="draft", **values)
    with reading_as(Reader(zone=desk.settings.outlet.zone)), pytest.raises(NotApproved, match=message):
        approve_it(desk, post)


def test_captions_for_a_channel_and_for_a_language_in_use_can_be_approved(desk: Desk) -> None:
    captions = {"lang:en": "Everywhere, by Jane Doe", "mail": "In the mail, by Jane Doe"}
    post = desk.post("Cells", NINE, state="draft", captions=captions)
    approve_it(desk, post)
    desk.pick(NINE)
    deliveries = {
        delivery.channel_name: AdaptedPost.model_validate(delivery.adapted) for delivery in desk.picks()[0].deliveries
    }
    assert {name: adapted.caption for name, adapted in deliveries.items()} == {
        "web": captions["lang:en"],
        "mail": captions["mail"],
    }


def test_a_caption_for_a_language_is_shown_only_with_that_languages_text(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, web={}, ca={"language": "ca", "missing_translation": "original"})
    captions = {"lang:ca": "A mà, per Jane Doe", "lang:en": "By hand, by Jane Doe"}
    catalan = {"ca": {"title": "Cèl·lules", "alt_texts": ["Una cèl·lula"]}}
    bare = desk.post("Bare", NINE, captions=captions)
    translated = desk.post("Cells", NINE, captions=captions, translations=catalan)
    for post, caption in ((bare, captions["lang:en"]), (translated, captions["lang:ca"])):
        fresh = adapt_for_channels(desk.load(post), desk.targets, desk.people)
        assert [channel_post.adapted.caption for channel_post in fresh if channel_post.adapted] == [
            captions["lang:en"],
            caption,
        ]


def test_a_translation_shows_its_own_links_and_tags_or_the_originals(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, ca={"language": "ca"})
    own = {
        "link": "https://example.org/ulls",
        "links": [{"label": "Article", "url": "https://example.org/article"}],
        "tags": ["ulls"],
    }
    texts = {"title": "Ulls", "alt_texts": ["Un ull"]}
    original = {
        "link": "https://example.org/eyes",
        "links": [{"label": "Paper", "url": "https://example.org/paper"}],
        "tags": ["eyes"],
    }
    for title, translation, expected in (("Own", texts | own, own), ("None", texts, original)):
        post = desk.load(desk.post(title, NINE, translations={"ca": translation}, **original))
        source = source_post(post, "ca")
        assert source is not None
        assert source.model_dump(mode="json", include=set(own)) == expected


def test_today_is_a_fixed_date_until_it_is_filled(desk: Desk) -> None:
    early, late = (desk.post(title, NINE, state="draft", fixed_date=MONDAY) for title in ("early", "late"))
    desk.pick(NINE)
    approve_it(desk, early)
    desk.pick(NINE)
    with pytest.raises(NotApproved, match="has passed"):
        approve_it(desk, late)
    with pytest.raises(PostError, match="nothing to approve"):
        approve_it(desk, early)


def test_a_missing_translation_blocks_only_where_the_channel_holds(database: Database, tmp_path: Path) -> None:
    desk = open_desk(
        database,
        tmp_path,
        held={"language": "ca"},
        skipping={"language": "ca", "missing_translation": "skip"},
        original={"language": "ca", "missing_translation": "original"},
    )
    post = desk.post("Cells", NINE, state="draft")
    with pytest.raises(NotApproved) as refused:
        approve_it(desk, post)
    assert {problem.channels for problem in refused.value.problems} == {("held",)}
    edit(desk, post, PostChanges(translations={"ca": Translation(title="Cèl·lules", alt_texts=("Una cèl·lula",))}))
    approve_it(desk, post)


# --- withdrawing -----------------------------------------------------------------------------


def test_a_withdrawn_post_is_out_until_it_is_approved_again(desk: Desk) -> None:
    post = desk.post("Cells", NINE)
    withdraw_post(desk.database, post, NINE)
    assert desk.pick(NINE).result == "empty"
    with pytest.raises(PostError, match="withdrawn already"):
        withdraw_post(desk.database, post, NINE)
    with pytest.raises(PostError, match="approve it to bring it back"):
        move(desk, post, Front())
    approve_it(desk, post)
    assert desk.pick(NINE).post_id == post


def test_a_picked_post_can_not_be_withdrawn_silently(desk: Desk) -> None:
    queued, evergreen = desk.post("Cells", NINE), desk.post("Evergreen", NINE, reserve=True)
    desk.pick(NINE)
    desk.pick(NINE + timedelta(days=1))
    for post, day in ((queued, "2026-05-04"), (evergreen, "2026-05-05")):
        with pytest.raises(PostError, match=f"picked for {day}; cancel the deliveries"):
            withdraw_post(desk.database, post, NINE)


def test_there_is_no_such_post(desk: Desk) -> None:
    with pytest.raises(PostError, match="there is no post 7"):
        withdraw_post(desk.database, 7, NINE)


# --- order -----------------------------------------------------------------------------------


def move(desk: Desk, post_id: int, to: Place) -> None:
    PostQueue(desk.at(NINE)).move(post_id, to)


def line(desk: Desk, *, reserve: bool = False) -> list[int]:
    with desk.database.reading() as session:
        return list(
            session.scalars(select(Post.id).where(waits_in_order(reserve=reserve)).order_by(Post.position, Post.id))
        )


def test_moves_within_the_queue(desk: Desk) -> None:
    a, b, c, d = desk.posts("abcd", NINE)
    steps: list[tuple[int, Place, list[int]]] = [
        (c, Front(), [c, a, b, d]),
        (c, Position(3), [a, b, c, d]),
        (a, Position(99), [b, c, d, a]),
        (a, Before(c), [b, a, c, d]),
        (b, After(c), [a, c, b, d]),
        (a, After(d), [c, b, d, a]),
        (a, Position(1), [a, c, b, d]),
    ]
    for post, to, expected in steps:
        move(desk, post, to)
        assert line(desk) == expected
    assert {desk.load(post).version for post in (a, b, c, d)} == {1}


def test_random_moves_keep_the_order_that_a_list_would_have(desk: Desk) -> None:
    chance = random.Random(7)
    expected = desk.posts([f"post {number}" for number in range(8)], NINE)
    for _ in range(120):
        post, neighbour = chance.sample(expected, 2)
        places: list[Place] = [Front(), Position(chance.randint(1, 9)), Before(neighbour), After(neighbour)]
        to = chance.choice(places)
        expected.remove(post)
        match to:
            case Front():
                index = 0
            case Position(number):
                index = number - 1
            case Before(other):
                index = expected.index(other)
            case After(other):
                index = expected.index(other) + 1
        expected.insert(index, post)
        move(desk, post, to)
        assert line(desk) == expected


def test_positions_are_renumbered_when_they_get_too_close(desk: Desk) -> None:
    first, *rest = desk.posts("abcdef", NINE)
    expected = [first, *rest]
    for number in range(80):
        post = expected[-1] if number % 2 else expected[-2]
        move(desk, post, After(first))
        expected.remove(post)
        expected.insert(1, post)
        assert line(desk) == expected


def test_equal_positions_become_different_again(desk: Desk) -> None:
    a, b, c = desk.posts("abc", NINE, position=5.0)
    move(desk, c, Before(b))
    assert line(desk) == [a, c, b]


def test_the_reserve_is_a_queue_of_its_own(desk: Desk) -> None:
    a, b, c = desk.posts("abc", NINE)
    move(desk, b, Reserve())
    move(desk, a, Before(b))
    assert (line(desk), line(desk, reserve=True)) == ([c], [a, b])
    move(desk, b, After(c))
    assert (line(desk), line(desk, reserve=True)) == ([c, b], [a])


def test_a_fixed_date_removes_a_post_from_the_order_until_a_move(desk: Desk) -> None:
    a, b = desk.posts("ab", NINE)
    day = MONDAY + timedelta(days=3)
    move(desk, a, FixedDate(day))
    assert (desk.load(a).fixed_date, line(desk)) == (day, [b])
    with pytest.raises(PostError, match="already goes out on 2026-05-07"):
        move(desk, b, FixedDate(day))
    with pytest.raises(PostError, match="has passed"):
        move(desk, b, FixedDate(MONDAY - timedelta(days=1)))
    assert desk.load(b).fixed_date is None
    with pytest.raises(PostError, match=f"post {a} has no place in the queue"):
        move(desk, b, Before(a))
    move(desk, a, After(b))
    assert (desk.load(a).fixed_date, line(desk)) == (None, [b, a])


def test_a_shown_post_may_go_to_the_reserve_only(desk: Desk) -> None:
    a, b = desk.posts("ab", NINE)
    desk.pick(NINE)
    places: list[Place] = [Front(), Before(b), FixedDate(MONDAY + timedelta(days=4))]
    for to in places:
        with pytest.raises(PostError, match="picked for 2026-05-04; it can go to the reserve only"):
            move(desk, a, to)
    move(desk, a, Reserve())
    move(desk, a, Front())
    assert (line(desk), line(desk, reserve=True)) == ([b], [a])
    with pytest.raises(PostError, match="reserve only"):
        move(desk, a, After(b))


# --- what people see -------------------------------------------------------------------------


def test_the_listing_shows_the_day_and_the_problems_of_each_post(desk: Desk) -> None:
    a, b, c = desk.posts("abc", NINE)
    unfinished = desk.post("draft", NINE, state="draft", credit="")
    dated = desk.post("dated", NINE, fixed_date=MONDAY + timedelta(days=1))
    passed = desk.post("passed", NINE, fixed_date=MONDAY - timedelta(days=1))
    evergreen = desk.post("evergreen", NINE, reserve=True)
    desk.pick(NINE)

    with desk.database.reading() as session:
        rows = queue_listing(session, desk.settings, desk.targets, desk.people, now=NINE).rows
        cover = days_of_cover(session, desk.settings, NINE)

    tuesday = MONDAY + timedelta(days=1)
    assert [(row.post.id, row.place, row.number, row.projected) for row in rows] == [
        (passed, "fixed date", 1, None),
        (dated, "fixed date", 2, tuesday),
        (b, "queue", 1, tuesday + timedelta(days=1)),
        (c, "queue", 2, tuesday + timedelta(days=2)),
        (unfinished, "queue", 3, None),
        (evergreen, "reserve", 1, tuesday + timedelta(days=3)),
    ]
    assert a not in [row.post.id for row in rows]
    blocking = {
        row.post.id: [problem.problem.field for problem in row.problems if problem.problem.blocking] for row in rows
    }
    assert blocking[unfinished] == ["credit"]
    assert blocking[passed] == ["fixed_date"]
    assert blocking[b] == []
    assert cover == 4


def test_the_preview_shows_what_publishing_would_send(desk: Desk, tmp_path: Path) -> None:
    picture = save(fluorescence(600, 400), tmp_path / "cells.png")
    post = add_post(desk.database, desk.store, draft("Cells", picture), NINE).id
    previews = preview(desk.load(post), desk.targets, desk.people, Renderer(desk.store))
    approve_it(desk, post)
    desk.pick(NINE)

    deliveries = {
        delivery.channel_name: AdaptedPost.model_validate(delivery.adapted) for delivery in desk.picks()[0].deliveries
    }
    assert {channel_post.channel: channel_post.adapted for channel_post in previews} == deliveries
    [rendition] = previews[0].renditions
    assert rendition is not None
    assert (rendition.format, rendition.width, rendition.height) == ("jpeg", 600, 400)
    assert rendition.bytes == rendition.path.stat().st_size
    assert not [problem for problem in previews[0].problems if problem.blocking]


def test_the_preview_says_when_a_picture_can_not_be_rendered(desk: Desk) -> None:
    post = desk.post("No original", NINE)
    previews = preview(desk.load(post), desk.targets, desk.people, Renderer(desk.store))
    assert previews[0].renditions == (None,)
    assert previews[0].problems[-1].field == "images[0]"


def test_problems_come_blocking_ones_first(desk: Desk) -> None:
    post = desk.post("Cells", NINE, licence="", credit="", state="draft")
    with desk.database.reading() as session:
        problems = every_problem(session, load_post(session, post), desk.at(NINE))
    blocking = [problem.problem.blocking for problem in problems]
    assert blocking == sorted(blocking, reverse=True)
    assert set(blocking) == {True, False}
