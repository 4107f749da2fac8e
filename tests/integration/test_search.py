"""Tests that posts are found by every text they have, on each kind of database, and that no list lacks one."""

from __future__ import annotations

import random
import string
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from publisher.core.search_query import MAX_SEARCH, SearchQuery
from publisher.core.words import STEMMERS
from publisher.db.imports import Import, ItemKey, PublishedLink
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.db.post_search import has_words, is_complete, matching_posts
from publisher.db.post_words import PostWords
from publisher.db.session import Database
from publisher.delivery.listing import DeliveryFilter, all_deliveries, find_deliveries
from publisher.posts.drafts import PostChanges, PostDraft, check_input
from publisher.posts.posts import add_post
from publisher.posts.search import PostFilter, find_posts, find_search_matches, platforms_shown, years_shown
from publisher.posts.search_index import FORMAT, index_post, post_words, refresh_index
from publisher.posts.search_matches import SearchMatch
from publisher.schedule.bulk import BulkChanges
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.waiting import QueueFilter, count_waiting, estimate_waiting, read_waiting
from tests.conftest import on_every_database
from tests.queue_desk import Desk, open_desk

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


def add(desk: Desk, title: str, **fields: Any) -> int:
    draft = check_input(PostDraft, {"title": title, **fields})
    return add_post(desk.database, desk.store, draft, NOW, "writer").id


def found(desk: Desk, text: str, **filters: Any) -> list[str]:
    with desk.database.reading() as session:
        return [post.title for post in find_posts(session, text, **filters)]


def the_match(desk: Desk, post: int, text: str) -> SearchMatch:
    with desk.database.reading() as session:
        return find_search_matches(session, [post], text)[post][0]


def marked(match: SearchMatch) -> str:
    return "".join(f"[{part.text}]" if part.is_match else part.text for part in match.parts)


@on_every_database
def test_a_post_is_found_by_every_field_in_every_language(desk: Desk) -> None:
    post = add(
        desk,
        "Mouse neurons",
        standfirst="Seen under a confocal microscope.",
        body="The **dendrites** reach far.",
        written_by="Núria Puig",
        credit="Jane Doe, Wellcome",
        licence="CC BY 4.0",
        tags=["fluorescència", "brain"],
        links=[{"label": "Preprint", "url": "https://example.org/1"}],
        captions={"web": "A caption of its own", "lang:ca": "Un peu d'imatge"},
        translations={"ca": {"title": "Cèl·lules nervioses", "body": "Les investigacions continuen."}},
    )
    with desk.database.writing() as session:
        row = session.get_one(Post, post)
        row.images = desk_picture("The Purkinje layer in blue", "Óscar Vila")
        index_post(session, row)
    for text in (
        "neuron", "microscopes", "dendrite", "nuria", "WELLCOME", "cc by", "fluorescencia", "preprint", "captions",
        "peu imatge", "cellula nerviosa", "cel·lules", "CÈL·LULA", "investigació", "purkinje layers", "oscar",
        "neurons puig dendrites", "neur", "the neurons of the mouse",
    ):  # fmt: skip
        assert found(desk, text) == ["Mouse neurons"], text
    for text in ("nowhere", "neurons nowhere", "eurons", "'", '"', "a:z*", "NOT AND OR", "\\ & | ! <->"):
        assert found(desk, text) == [], text


def desk_picture(alt_text: str, credit: str) -> list[Any]:
    from tests.queue_desk import picture

    image = picture("one", NOW)
    image.alt_text, image.credit = alt_text, credit
    return [image]


@on_every_database
def test_the_index_is_true_after_every_change_of_a_text(desk: Desk) -> None:
    post = add(desk, "Mouse neurons", tags=["brain"])
    other = add(desk, "Oak roots")
    queue, bulk = PostQueue(desk, "editor"), BulkChanges(desk, "editor")
    queue.edit(post, check_input(PostChanges, {"title": "Rat neurons"}), expected_version=1)
    assert (found(desk, "mouse"), found(desk, "rats")) == ([], ["Rat neurons"])
    tagged = bulk.tag([post, other], add=["Microscòpia"])
    assert sorted(found(desk, "microscopia")) == ["Oak roots", "Rat neurons"]
    assert tagged.undo is not None
    bulk.undo(tagged.undo, may_approve=False)
    assert found(desk, "microscopia") == []
    with desk.database.reading() as session:
        assert is_complete(session)
        for row in session.scalars(select(Post)):
            kept = session.get_one(PostWords, row.id)
            assert (kept.words, kept.stems) == post_words(row)


@on_every_database
def test_a_post_that_the_index_lacks_is_found_by_its_plain_texts(desk: Desk) -> None:
    [post] = desk.posts(["Glowing gills"], NOW, tags=["Medús"], translations={"ca": {"title": "Brànquies"}})
    with desk.database.reading() as session:
        assert not is_complete(session)
    for text in ("gill", "GLOWING", "medús", "brànquies", "what shows"):
        assert found(desk, text) == ["Glowing gills"], text
    assert found(desk, "branquia") == []

    assert refresh_index(desk.database) == 1
    assert refresh_index(desk.database) == 0
    assert found(desk, "branquia") == ["Glowing gills"]
    with desk.database.writing() as session:
        session.get_one(Post, post).title = "Glowing spores"  # by a way that does not call the index
    assert found(desk, "spores") == ["Glowing spores"]
    with desk.database.writing() as session:
        session.execute(delete(PostWords))
        session.execute(update(Post).values(words_stale=True))
    assert found(desk, "spores") == ["Glowing spores"]


@on_every_database
def test_an_index_of_an_older_format_is_made_anew(desk: Desk) -> None:
    add(desk, "Mouse neurons")
    with desk.database.writing() as session:
        session.execute(update(PostWords).values(format=FORMAT - 1, words="other", stems=""))
    assert refresh_index(desk.database) == 1
    assert found(desk, "neuron") == ["Mouse neurons"]


@on_every_database
def test_a_search_of_the_queue_keeps_its_order_and_numbers(desk: Desk) -> None:
    desk.posts([f"{'Leaf' if number % 2 else 'Root'} {number}" for number in range(6)], NOW)
    refresh_index(desk.database)
    with desk.database.reading() as session:
        posts = read_waiting(session, QueueFilter(text="leaves"), 0, 50)
        assert [(post.title, post.number) for post in posts] == []
        posts = read_waiting(session, QueueFilter(text="leaf"), 1, 50)
        assert [(post.title, post.number) for post in posts] == [("Leaf 3", 4), ("Leaf 5", 6)]
        assert count_waiting(session, QueueFilter(text="leaf"), 10) == 3


def test_many_matches_are_listed_in_the_order_of_the_list(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.db.post_search.MAX_LISTED", 2)
    desk.posts([f"Leaf {number}" for number in range(5)], NOW)
    refresh_index(desk.database)
    assert found(desk, "leaf") == [f"Leaf {number}" for number in (4, 3, 2, 1, 0)]
    assert found(desk, "leaf", limit=2) == ["Leaf 4", "Leaf 3"]


QUERIES = (
    "leaf", "leaves", "lea", "oak leaf", "le*", '"oak leaf"', '"leaf oak"', "title:leaf", "alt:leaf", "tag:oak",
    "credit:roig", "by:roig", 'title:"oak leaf"', "fulles", "fulla", "100%", "snake_case", "nowhere",
)  # fmt: skip


@on_every_database
def test_words_looked_at_one_by_one_find_what_the_index_finds(desk: Desk) -> None:
    add(desk, "Oak leaf", tags=["oak"], credit="Anna Roig")
    add(desk, "Leaves of an oak", body="100% snake_case", written_by="Anna Roig")
    add(desk, "Root", body="An oak leaf", translations={"ca": {"title": "Arrel", "body": "Les fulles"}})
    add(desk, "Learning", body="leaf, oak")
    stale = add(desk, "Stem", body="An oak leaf")
    refresh_index(desk.database)
    with desk.database.writing() as session:
        session.execute(update(Post).where(Post.id == stale).values(words_stale=True))
    with desk.database.reading() as session:
        for text in QUERIES:
            query = SearchQuery.of(text)
            by_index = sorted(session.scalars(select(Post.id).where(matching_posts(session, query))))
            assert sorted(session.scalars(select(Post.id).where(has_words(session, query)))) == by_index, text
        assert session.scalars(select(Post.id).where(has_words(session, SearchQuery.of("leaf")))).all()


@on_every_database
@pytest.mark.parametrize("walked", [1, 3, 100])
def test_lists_of_many_matches_lack_none(desk: Desk, monkeypatch: pytest.MonkeyPatch, walked: int) -> None:
    for module in ("schedule.waiting", "delivery.listing", "posts.search"):
        monkeypatch.setattr(f"publisher.{module}.WALKED", walked)
    monkeypatch.setattr("publisher.db.post_search.MAX_LISTED", 2)
    titles = [f"{'Root' if number % 3 == 1 else 'Leaf'} {number}" for number in range(9)]
    desk.posts(titles, NOW)
    desk.post("Leaf of the reserve", NOW, reserve=True)
    refresh_index(desk.database)
    leaves = [title for title in titles if title.startswith("Leaf")]
    with desk.database.reading() as session:
        criteria = QueueFilter(text="leaf")
        pages = [read_waiting(session, criteria, begin, 2) for begin in range(0, 10, 2)]
        counted = estimate_waiting(session, criteria, 100)
        ids = [post.id for post in find_posts(session, "leaf")]
        paged = find_posts(session, "leaf", limit=2)
        paged += find_posts(session, "leaf", limit=9, before=paged[-1].id)
    assert [post.title for page in pages for post in page] == [*leaves, "Leaf of the reserve"]
    assert counted.number == 7 or (counted.has_more and 0 < counted.number < 7)
    assert counted.has_more == (walked < 9)
    assert ids == [post.id for post in paged] == sorted(ids, reverse=True)
    assert len(ids) == 7
    for day in range(6):
        desk.pick(NOW + timedelta(days=day, hours=3))
    with desk.database.reading() as session:
        rows = list(all_deliveries(session, DeliveryFilter(text="leaf")))
        shown = find_deliveries(session, DeliveryFilter(text="leaf"), limit=2)
    assert {row.title for row in rows} == {"Leaf 0", "Leaf 2", "Leaf 3", "Leaf 5"}
    assert [row.id for row in shown] == [row.id for row in rows[:2]]


def test_results_tell_where_they_matched(desk: Desk) -> None:
    body = "Nothing here. " * 30 + "The **dendrites** of this cell branch twice. " + "More words follow. " * 30
    post = add(
        desk,
        "A picture",
        body=body,
        translations={"ca": {"title": "Una imatge", "body": "Una cèl·lula, dues cèl·lules."}},
    )
    match = the_match(desk, post, "dendrite")
    assert (match.where.field, match.where.language) == ("body", "en")
    assert "The **[dendrites]** of this cell branch twice." in marked(match)
    assert marked(match).startswith("… ")
    assert marked(match).endswith(" …")
    assert len(marked(match)) < 200
    match = the_match(desk, post, "cellula")
    assert (match.where.field, match.where.language) == ("body", "ca")
    assert marked(match) == "Una [cèl·lula], dues [cèl·lules]."


@on_every_database
def test_a_post_is_found_by_its_addresses(desk: Desk) -> None:
    post = add(
        desk,
        "Mouse neurons",
        link="https://www.example.org/papers/42-purkinje",
        links=[{"label": "Preprint", "url": "https://doi.example/10.1234/zx81"}],
        translations={
            "ca": {
                "title": "Neurones",
                "link": "https://exemple.cat/article",
                "links": [{"label": "Esborrany", "url": "https://arxiv.example/abs/7788"}],
            }
        },
    )
    add(desk, "Oak roots", link="https://www.example.org/papers/7-oak")
    for text in (
        "https://www.example.org/papers/42-purkinje", "http://example.org/papers/42", "doi.example", "10.1234/zx81",
        "exemple.cat", "abs/7788", "neurons 42-purkinje",
    ):  # fmt: skip
        assert found(desk, text) == ["Mouse neurons"], text
    assert sorted(found(desk, "https://www.example.org")) == ["Mouse neurons", "Oak roots"]
    shown = {
        text: (match.where.field, match.where.language, marked(match))
        for text in ("purkinje", "zx81", "exemple", "7788")
        for match in (the_match(desk, post, text),)
    }
    assert shown == {
        "purkinje": ("link", "en", "https://www.example.org/papers/42-[purkinje]"),
        "zx81": ("links", "en", "https://doi.example/10.1234/[zx81]"),
        "exemple": ("link", "ca", "https://[exemple].cat/article"),
        "7788": ("links", "ca", "https://arxiv.example/abs/[7788]"),
    }


@on_every_database
def test_a_post_that_the_index_lacks_is_found_by_its_addresses(desk: Desk) -> None:
    desk.posts(["Glowing gills"], NOW, link="https://example.org/papers/42", links=[{"label": "a", "url": "b/zx81"}])
    for text in ("https://example.org/papers/42", "zx81"):
        assert found(desk, text) == ["Glowing gills"], text


def test_the_text_with_most_of_the_words_is_shown_first(desk: Desk) -> None:
    post = add(desk, "Neurons", standfirst="Stained neurons of a mouse")
    match = the_match(desk, post, "mouse neurons")
    assert match.where.field == "standfirst"


def test_both_databases_are_asked_for_the_same_forms() -> None:
    (word,) = SearchQuery.of("Cèl·lules").words
    assert (word.folded, word.is_prefix) == ("cellules", True)
    assert "cellu" in word.stems


@pytest.fixture
def archive(desk: Desk) -> dict[str, int]:
    """Fills an archive of four posts."""
    fields: dict[str, dict[str, Any]] = {
        "Mouse neurons": {"credit": "Jane Doe, Wellcome", "tags": ["brain cells"], "licence": "CC BY 4.0"},
        "Neurons of a mouse": {"written_by": "Jane Roca", "tags": ["brain"], "body": "A confocal image."},
        "A quiet brain": {"body": "One mouse. Its neurons fire in green cells.", "licence": "CC0"},
        "Roots": {"standfirst": "No animal", "body": "The mouse was not here."},
    }
    posts = {title: add(desk, title, **values) for title, values in fields.items()}
    with desk.database.writing() as session:
        for year, post in enumerate(posts.values(), start=2019):
            session.get_one(Post, post).last_shown_on = date(year, 6, 3)
        channel = Channel(name="blog", platform="tumblr")
        run = Import(source="x", source_key="x", actor="cli", started_at=NOW)
        session.add_all([channel, run])
        session.flush()
        key = ItemKey(import_id=run.id, key="1", digest="0", post_id=posts["Roots"], made_post=True, post_version=1)
        pick = Pick(slot=date(2019, 6, 3), post_id=posts["Mouse neurons"], reason="queue", picked_at=NOW)
        session.add_all([key, pick])
        session.flush()
        session.add(PublishedLink(post_id=posts["Roots"], item_id=key.id, platform="site", url="https://a.example/1"))
        session.add(
            Delivery(
                pick_id=pick.id, slot=pick.slot, channel_name="blog", part=0, state="published", token="t",
                scheduled_at=NOW, due_at=NOW, expires_at=NOW, remote_id="1", adapted={},
            )
        )  # fmt: skip
    return posts


@on_every_database
@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ('"mouse neurons"', ["Mouse neurons"]),
        ('"MOUSE   Neurons"', ["Mouse neurons"]),
        ('"neurons jane"', []),  # the end of one text and the beginning of the next
        ('"neuron mous"', []),  # stems that follow each other by chance
        ("title:mouse", ["Neurons of a mouse", "Mouse neurons"]),
        ("title:mice", []),
        ("title:neuron", ["Neurons of a mouse", "Mouse neurons"]),
        ("credit:jane", ["Mouse neurons"]),
        ("by:jane", ["Neurons of a mouse"]),
        ("person:jane", ["Neurons of a mouse", "Mouse neurons"]),
        ('tag:"brain cells"', ["Mouse neurons"]),
        ('title:"a mouse"', ["Neurons of a mouse"]),
        ("ro*", ["Neurons of a mouse", "Roots"]),
        ("ro", []),
        ('"neuro"', []),
        ('"neuron"', []),  # a quoted word is that word, and none with the same stem
        ('"roots"', ["Roots"]),
        ('title:"neuron"', []),
        ('title:"neurons"', ["Neurons of a mouse", "Mouse neurons"]),
        ("z*", []),
        ('"', []),
        ("title:", []),
    ],
)
def test_phrases_beginnings_and_fields(desk: Desk, archive: dict[str, int], text: str, titles: list[str]) -> None:
    assert sorted(found(desk, text)) == sorted(titles)


@on_every_database
def test_phrases_are_found_late_in_a_long_text(desk: Desk) -> None:
    add(desk, "Long", body="of cells " * 400 + "of mouse neurons")

    assert found(desk, '"of mouse"') == ["Long"]
    assert found(desk, '"mouse neurons"') == ["Long"]
    assert found(desk, '"neurons of"') == []


@on_every_database
def test_a_post_with_more_words_than_can_be_indexed_is_stored(desk: Desk) -> None:
    """Tests a million bytes of different words in many languages: the post's own ones are found."""
    chance = random.Random(1)

    def words() -> str:
        return " ".join("".join(chance.choices(string.ascii_lowercase, k=8)) for _number in range(2200))

    captions = {f"lang:{language}": words() for language in sorted(STEMMERS)}
    translations = {language: {"title": "x", "body": words()} for language in sorted(STEMMERS)}
    add(desk, "Own zebra", body=words(), captions=captions, translations=translations)

    assert found(desk, "zebra") == ["Own zebra"]
    assert found(desk, '"own zebra"') == ["Own zebra"]


@on_every_database
def test_a_title_with_all_the_words_comes_first(desk: Desk, archive: dict[str, int]) -> None:
    ranked = ["Neurons of a mouse", "Mouse neurons", "A quiet brain"]
    assert found(desk, "mouse neurons") == ranked
    assert found(desk, "brain") == ["A quiet brain", "Neurons of a mouse", "Mouse neurons"]
    assert found(desk, "mouse neurons", limit=1) == ranked[:1]
    assert found(desk, "mouse neurons", before=archive[ranked[0]]) == ranked[1:]
    # Somebody changed the last post of the former page, so that it is not found any more.
    assert found(desk, "mouse neurons", before=archive["Roots"]) == ranked


@on_every_database
@pytest.mark.parametrize(
    ("criteria", "titles"),
    [
        (PostFilter(year=2020), ["Neurons of a mouse"]),
        (PostFilter(year=2030), []),
        (PostFilter(tag="brain"), ["Neurons of a mouse", "Mouse neurons"]),
        (PostFilter(person="Jane"), ["Neurons of a mouse", "Mouse neurons"]),
        (PostFilter(person="jane roca"), ["Neurons of a mouse"]),
        (PostFilter(credit="wellcome"), ["Mouse neurons"]),
        (PostFilter(licence="cc by"), ["Mouse neurons"]),
        (PostFilter(platform="site"), ["Roots"]),
        (PostFilter(platform="tumblr"), ["Mouse neurons"]),
        (PostFilter(platform="nowhere"), []),
        (PostFilter("mouse", year=2022, platform="site"), ["Roots"]),
        (PostFilter("mouse", state="shown", tag="brain", year=2019), ["Mouse neurons"]),
        (PostFilter(tag="·"), []),
    ],
)
def test_a_filter_selects(desk: Desk, archive: dict[str, int], criteria: PostFilter, titles: list[str]) -> None:
    assert found(desk, "", criteria=criteria) == titles


def test_a_desk_without_matches_has_years_and_platforms(desk: Desk, archive: dict[str, int]) -> None:
    with desk.database.reading() as session:
        assert years_shown(session) == [2022, 2021, 2020, 2019]
        assert platforms_shown(session) == ["site", "tumblr"]


def test_what_is_searched_for_is_marked_and_nothing_else(desk: Desk, archive: dict[str, int]) -> None:
    assert marked(the_match(desk, archive["A quiet brain"], '"green cells"')).endswith("fire in [green] [cells].")
    match = the_match(desk, archive["Mouse neurons"], "tag:brain")
    assert (match.where.field, marked(match)) == ("tags", "[brain] cells")


def test_a_post_that_the_index_lacks_is_found_in_the_field_alone(desk: Desk) -> None:
    desk.posts(["Glowing gills"], NOW, body="A mushroom at night.", tags=["fungi"])
    for text in ("title:gills", '"glowing gills"', "tag:fungi", '"at night"'):
        assert found(desk, text) == ["Glowing gills"], text
    for text in ("title:mushroom", "tag:gills", '"gills glowing"', "by:gills"):
        assert found(desk, text) == [], text


@on_every_database
@pytest.mark.parametrize(
    "criteria",
    [
        PostFilter("title:..."),
        PostFilter("neurons title:..."),
        PostFilter('neurons alt:"…"'),
        PostFilter("neurons", tag="..."),
        PostFilter(person="–", year=2020),
    ],
)
def test_a_part_without_a_word_finds_nothing(desk: Desk, archive: dict[str, int], criteria: PostFilter) -> None:
    assert found(desk, "", criteria=criteria) == []
    assert criteria.mistake is not None


@on_every_database
@pytest.mark.parametrize("indexed", [True, False])
def test_the_last_of_many_words_decides(desk: Desk, indexed: bool) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = " ".join([*letters, *(f"{letter}x" for letter in letters)])
    assert len(words) < MAX_SEARCH
    add(desk, "All of them", body=words)
    add(desk, "All but the last", body=words.rpartition(" ")[0])
    if not indexed:
        with desk.database.writing() as session:
            session.execute(update(Post).values(words_stale=True))
    assert found(desk, words) == ["All of them"]
    assert found(desk, f'"{words}"') == ["All of them"]
