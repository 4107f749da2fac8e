"""Tests that a repeated picture or text is told in the checklist, in the queue and before approval."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from publisher.db.models import Post
from publisher.db.session import Database
from publisher.posts import posts_in_common
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft
from publisher.posts.post_store import changing_post, load_post
from publisher.posts.posts import add_post
from publisher.posts.repeats import repeated_posts, repeats_of, repeats_of_stored
from publisher.schedule.approval import NotApproved, approve_post
from publisher.schedule.post_queue import PostQueue
from tests.conftest import WriteDesk, on_every_database
from tests.desk_site import Site, open_starter_site, text_of
from tests.outlet import draw
from tests.queue_desk import open_desk
from tests.waiting import TIMEOUT, wait_until

BODY = "Two cells rest beside each other, and nothing moves."
SAME_PICTURE = "Picture 1 is the same as in post 1 “First”, which waits to be shown."
SAME_TEXT = "Its text is the same as that of post 1 “First”, which waits to be shown."


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path)) as opened:
        yield opened


def add(site: Site, folder: Path, title: str, *, name: str, body: str) -> int:
    """Adds a post with a picture; the same name is the same picture."""
    file = folder / name
    draw(file, seed=1 if name.startswith("same") else 5)
    image = ImageDraft(file=file, alt_text="A grey disc")
    draft = PostDraft(title=title, body=body, credit="The bench", images=(image,))
    return add_post(site.desk.database, site.desk.store, draft, site.desk.now()).id


def test_a_repeat_is_told_before_and_after_a_save(site: Site, tmp_path: Path) -> None:
    add(site, tmp_path, "First", name="same.png", body=BODY)
    # The same picture under another name, and the same words with other spaces and capitals.
    second = add(site, tmp_path, "Second", name="same-again.png", body=f"  {BODY.upper()}\n")
    editor = site.client("editor")
    for page in (f"/posts/{second}", "/queue"):
        shown = text_of(editor.get(page))
        assert SAME_PICTURE in shown, page
        assert SAME_TEXT in shown, page
    remarks = [str(remark) for remark in PostQueue(site.desk).approve(second).remarks]
    assert SAME_PICTURE in remarks
    assert SAME_TEXT in remarks


def test_the_form_tells_a_repeat_that_is_not_saved(site: Site, tmp_path: Path) -> None:
    first = add(site, tmp_path, "First", name="same.png", body=BODY)
    editor = site.client("editor")
    form = {"title": "Third", "body": BODY}
    assert SAME_TEXT in text_of(editor.send_form("/preview", form))
    assert SAME_TEXT not in text_of(editor.send_form(f"/preview?post={first}", form))


def test_what_is_alone_of_its_kind_repeats_nothing(site: Site, tmp_path: Path) -> None:
    add(site, tmp_path, "First", name="same.png", body=BODY)
    other = add(site, tmp_path, "Other", name="other.png", body="Something else is told here, and at some length.")
    assert "is the same as" not in text_of(site.client("editor").get(f"/posts/{other}"))
    PostQueue(site.desk).edit(other, PostChanges(body=BODY))
    assert SAME_TEXT in text_of(site.client("editor").get("/queue"))


MEANT = "If the repeat is meant, "


def test_a_repeat_of_an_approved_post_blocks_until_a_person_means_it(site: Site, tmp_path: Path) -> None:
    first = add(site, tmp_path, "First", name="same.png", body=BODY)
    second = add(site, tmp_path, "Second", name="same-again.png", body=BODY)
    queue, editor = PostQueue(site.desk), site.client("editor")
    queue.approve(first)

    with pytest.raises(NotApproved) as refusal:
        queue.approve(second)
    told = [str(problem) for problem in refusal.value.problems]
    command = f"{MEANT}run: publisher approve {second} --repeat-meant"
    assert told == [f"{SAME_PICTURE} {command}", f"{SAME_TEXT} {command}"]
    page = editor.get(f"/posts/{second}").text
    assert 'name="repeat_is_meant"' in page
    assert f"{MEANT}tick “The repeat is meant” and approve it." in page

    approval = queue.approve(second, repeat_is_meant=True)
    assert [str(remark) for remark in approval.remarks[:2]] == [SAME_PICTURE, SAME_TEXT]
    # What a person meant once stays meant: a change of the tags asks for nothing anew, in either of the two.
    for post in (second, first):
        queue.edit(post, PostChanges(tags=("changed",)))
        queue.approve(post)


def test_the_tick_of_the_form_approves_a_repeat(site: Site, tmp_path: Path) -> None:
    PostQueue(site.desk).approve(add(site, tmp_path, "First", name="same.png", body=BODY))
    second = add(site, tmp_path, "Second", name="other.png", body=BODY)
    editor = site.client("editor")
    refused = editor.send_form(f"/posts/{second}/approve", {"version": "1"})
    assert refused.status_code == 422
    editor.send_form(f"/posts/{second}/approve", {"version": "1", "repeat_is_meant": "yes"})
    with site.desk.database.reading() as session:
        assert session.get_one(Post, second).state == "approved"


def test_another_post_that_shows_it_again_is_asked_about_anew(site: Site, tmp_path: Path) -> None:
    queue = PostQueue(site.desk)
    ids = [add(site, tmp_path, title, name="same.png", body=BODY) for title in ("First", "Second", "Third")]
    for post in ids[:2]:
        queue.approve(post, repeat_is_meant=True)
    with pytest.raises(NotApproved, match=r"First.*Second"):
        queue.approve(ids[2])


def test_of_many_repeats_the_newest_few_are_told_and_all_are_meant(site: Site, tmp_path: Path) -> None:
    queue = PostQueue(site.desk)
    ids = [add(site, tmp_path, f"Post {number}", name="same.png", body=f"{BODY} {number}") for number in range(8)]
    for post in ids[:1] + ids[2:7]:
        queue.approve(post, repeat_is_meant=True)
    with pytest.raises(NotApproved) as refusal:
        queue.approve(ids[7])
    told = [str(problem).partition(" If ")[0] for problem in refusal.value.problems]
    first = [
        f"Picture 1 is the same as in post {post} “Post {post - 1}”, which waits to be shown." for post in (7, 6, 5)
    ]
    assert told == [*first, "Picture 1 is the same in 4 more posts."]
    queue.approve(ids[7], repeat_is_meant=True)
    with site.desk.database.reading() as session:
        assert session.get_one(Post, ids[7]).intended_repeats == [1, 3, 4, 5, 6, 7]


def test_a_list_reads_the_newest_of_very_many_repeats(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = PostQueue(site.desk)
    ids = [add(site, tmp_path, f"Post {number}", name="same.png", body=BODY) for number in range(8)]
    for post in ids[:7]:
        queue.approve(post, repeat_is_meant=True)
    monkeypatch.setattr(posts_in_common, "MAX_LISTED", 5)
    monkeypatch.setattr(posts_in_common, "_BATCH_ROWS", 7)
    with site.desk.database.reading() as session:
        repeats = repeats_of_stored(session, ids[7:])[ids[7]]
    listed = [str(repeat.problem.problem).partition(" If ")[0] for repeat in repeats]
    assert listed[0] == "Picture 1 is the same as in post 7 “Post 6”, which waits to be shown."
    assert listed[3::4] == [
        "Picture 1 is the same in more than 2 other posts.",
        "Its text is the same in more than 2 other posts.",
    ]
    # The approval looks at all of them.
    queue.approve(ids[7], repeat_is_meant=True)
    with site.desk.database.reading() as session:
        assert session.get_one(Post, ids[7]).intended_repeats == ids[:7]


@pytest.mark.parametrize("meant", [0, 6])
def test_a_list_names_the_block_by_an_old_post_among_very_many(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meant: int
) -> None:
    queue = PostQueue(site.desk)
    oldest = add(site, tmp_path, "Oldest", name="same.png", body=f"{BODY} 0")
    ids = [add(site, tmp_path, f"Post {number}", name="same.png", body=f"{BODY} {number}") for number in range(1, 8)]
    for post in ids[:meant]:
        queue.approve(post, repeat_is_meant=True)
    # A person has repeated the approved ones on purpose; the oldest was approved later.
    with site.desk.database.writing() as session:
        session.get_one(Post, ids[6]).intended_repeats = ids[:meant]
    queue.approve(oldest, repeat_is_meant=True)
    monkeypatch.setattr(posts_in_common, "MAX_LISTED", 3)
    monkeypatch.setattr(posts_in_common, "_BATCH_ROWS", 4)
    with site.desk.database.reading() as session:
        listed = repeats_of_stored(session, ids[6:])[ids[6]]
        complete = repeats_of(session, load_post(session, ids[6]))
    assert repeated_posts(complete) == {oldest}
    assert oldest in repeated_posts(listed)


def test_a_repeat_of_a_draft_blocks_nothing(site: Site, tmp_path: Path) -> None:
    add(site, tmp_path, "First", name="same.png", body=BODY)
    second = add(site, tmp_path, "Second", name="same.png", body=BODY)
    remarks = [str(remark) for remark in PostQueue(site.desk).approve(second).remarks]
    assert remarks[:2] == [SAME_PICTURE, SAME_TEXT]


@on_every_database
def test_two_doubles_approved_in_the_same_instant_do_not_both_pass(database: Database, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path).at(datetime(2026, 5, 4, 8, 0, tzinfo=UTC))
    first, second = desk.posts(["First", "Second"], desk.now(), state="draft", body=BODY)

    def waits_for_a_lock() -> bool:
        with database.asking() as connection:
            return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    with ThreadPoolExecutor(1) as other:
        with changing_post(database) as session:
            approve_post(session, load_post(session, first), desk, "ada")
            outcome = other.submit(PostQueue(desk, actor="bo").approve, second)
            if database.engine.dialect.name == "postgresql":
                wait_until(lambda: outcome.done() or waits_for_a_lock(), "the second approval")
        with pytest.raises(NotApproved, match="the same as that of post"):
            outcome.result(TIMEOUT)
    assert desk.load(second).state == "draft"
