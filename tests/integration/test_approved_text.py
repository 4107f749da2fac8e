"""Tests that only the text of an approved version goes out, with every face, role and state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from publisher.cli.main import cli
from publisher.core.clock import FixedClock
from publisher.core.states import State
from publisher.db.models import Delivery, Pick, Post
from publisher.db.staff import PostVersion
from publisher.desk import Desk
from publisher.posts.errors import PostError
from publisher.posts.undo import PostChange, Undo, snapshot
from publisher.retrying import retry
from publisher.schedule.picking import pick_slot
from publisher.settings.channel_names import channel_names
from tests import queue_desk
from tests.api_client import program
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site, text_of
from tests.outlet import draw

pytestmark = pytest.mark.usefixtures("instant_pictures")

NOON = datetime(2026, 5, 4, 11, 0, tzinfo=UTC)
SLIPPED_IN = "Zebra"
"""A text that nobody approved."""

# The states of a post when somebody changes it; those after the pick are of its deliveries.
WAITING = ("draft", "in_review", "approved")
PICKED = (State.PENDING, State.HELD, State.FAILED)
STATES = (*WAITING, *PICKED)
ROLES = ("contributor", "editor")


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk, clock: FixedClock) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk")), clock) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _next_day(site: Site, clock: FixedClock) -> Iterator[None]:
    """Gives each test its own day and an empty queue: a desk whose history is cut short does not open any more."""
    yield
    clock.instant += timedelta(days=1)
    with site.desk.database.writing() as session:
        session.execute(update(Post).values(state="withdrawn", approved_at=None))


def ask_second_person(site: Site, wanted: bool) -> None:
    """Sets the outlet's rule, in its file too: a command reads it there."""
    desk = site.desk
    outlet = desk.settings.outlet.model_copy(update={"second_person": wanted})
    desk.__dict__["settings"] = desk.settings.model_copy(update={"outlet": outlet})
    text = desk.config.read_text(encoding="utf-8").replace("second_person = true\n", "")
    if wanted:
        text = text.replace("[outlet]\n", "[outlet]\nsecond_person = true\n", 1)
    desk.config.write_text(text, encoding="utf-8")


def post_in(site: Site, state: str) -> int:
    """Makes a post in a state, or one that was picked and whose deliveries are in a state."""
    desk = site.desk
    queue = queue_desk.Desk(desk.database, desk.settings, desk.targets, desk.store, desk.people)  # type: ignore[arg-type]
    waits = state in WAITING
    post = queue.post(
        f"Cells of {desk.now().date()}",
        desk.now(),
        state=state if waits else "approved",
        edited_by="author@example.org",
    )
    if not waits:
        pick(desk)
        with desk.database.writing() as session:
            for delivery in todays(desk, session):
                delivery.state = state
    return post


def pick(desk: Desk) -> None:
    pick_slot(desk.database, desk.settings, desk.targets, desk.people, desk.now())


def todays(desk: Desk, session: Session) -> list[Delivery]:
    return list(session.scalars(select(Delivery).join(Pick).where(Pick.slot == desk.now().date())))


def texts_going_out(site: Site) -> list[str]:
    """Returns the texts that today's deliveries would publish, after all that could change them."""
    desk = site.desk
    pick(desk)
    with desk.database.reading() as session:
        stopped = [row.id for row in todays(desk, session) if row.state in (State.HELD, State.FAILED)]
    for delivery in stopped:
        retry(desk, delivery, actor="operator@example.org")
    with desk.database.reading() as session:
        return [json.dumps(delivery.adapted) for delivery in todays(desk, session)]


# Each face changes the post; `role` is of whoever does.


def save_form(site: Site, post: int, role: str) -> None:
    fields = {"title": SLIPPED_IN, "credit": "Jane Doe", "licence": "CC BY 4.0", "language": "en"}
    picture = {"images-0-media": load(site, post).images[0].media_sha256, "images-0-alt_text": "A cell"}
    assert_done(
        site.client(role).send_form(f"/posts/{post}", {**fields, **picture, "then": "save"}, allow_redirects=False)
    )


def restore_version(site: Site, post: int, role: str) -> None:
    number = load(site, post).version + 100
    with site.desk.database.writing() as session:
        content = {"title": SLIPPED_IN, "credit": "Jane Doe", "language": "en"}
        images = [{"media": load(site, post).images[0].media_sha256, "alt_text": "A cell"}]
        session.add(
            PostVersion(
                post_id=post, version=number, at=site.desk.now(), actor="x", content={**content, "images": images}
            )
        )
    client = site.client(role)
    assert_done(client.send_form(f"/posts/{post}/versions/{number}", allow_redirects=False))


def patch_by_api(site: Site, post: int, role: str) -> None:
    answer = program(site, role).change("PATCH", f"/posts/{post}", json={"title": SLIPPED_IN})
    assert answer.status_code == 200, answer.text


def patch_caption_by_api(site: Site, post: int, role: str) -> None:
    captions = dict.fromkeys(site.desk.settings.channels, f"{SLIPPED_IN}. Jane Doe, CC BY 4.0")
    answer = program(site, role).change("PATCH", f"/posts/{post}", json={"captions": captions})
    assert answer.status_code == 200, answer.text


def tag_several(site: Site, post: int, role: str) -> None:
    assert_done(site.client(role).send_form("/queue/tag", {"posts": [post], "tags": SLIPPED_IN}, allow_redirects=False))


def forge_undo(site: Site, post: int, role: str) -> None:
    """Sends an invented request to undo a change of tags that was never made."""
    now = snapshot(load(site, post))
    before = now.model_copy(update={"tags": (SLIPPED_IN,), "state": "approved"})
    undo = Undo(act="tag", changes=(PostChange(post=post, before=before, after=now),))
    form = {"undo": undo.model_dump_json()}
    assert_done(site.client(role).send_form("/queue/undo", form, allow_redirects=False))


def edit_by_command(site: Site, post: int, role: str) -> None:
    command(site, "edit", str(post), "--title", SLIPPED_IN)


def command(site: Site, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--config", str(site.desk.config), *arguments])
    assert isinstance(result.exception, SystemExit | PostError | None), result.output
    return result.output


def assert_done(answer: requests.Response) -> None:
    assert answer.status_code == 303, (answer.status_code, answer.text)


def load(site: Site, post: int) -> Post:
    with site.desk.database.reading() as session:
        return session.get_one(Post, post)


Face = Callable[[Site, int, str], None]
FACES: tuple[Face, ...] = (
    save_form, restore_version, patch_by_api, patch_caption_by_api, tag_several, forge_undo, edit_by_command,
)  # fmt: skip


@pytest.mark.parametrize("second_person", [False, True])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_a_change_goes_out_only_when_somebody_who_may_approves_it(
    site: Site, face: Face, state: str, role: str, second_person: bool
) -> None:
    ask_second_person(site, second_person)
    post = post_in(site, state)
    face(site, post, role)

    editor_undoes = face is forge_undo and role == "editor" and not second_person
    if not editor_undoes:  # An undo by somebody who may approve says that they want it approved as before.
        assert load(site, post).state != "approved"
        going_out = texts_going_out(site)
        assert [text for text in going_out if SLIPPED_IN in text] == []
        assert len(going_out) == (0 if state in WAITING else len(site.desk.settings.channels))

    refused = approve_as(site, post, role, by_command=face is edit_by_command)
    may = face is edit_by_command or role == "editor"
    assert refused == (not may or second_person)
    if refused:
        assert [text for text in texts_going_out(site) if SLIPPED_IN in text] == []
        site.person("editor", email="second@example.org")
        assert not approve_as(site, post, "editor", email="second@example.org")
    assert len([text for text in texts_going_out(site) if SLIPPED_IN in text]) == len(site.desk.settings.channels)


def approve_as(site: Site, post: int, role: str, *, by_command: bool = False, email: str = "") -> bool:
    """Decides whether the answer refuses the approval to this role."""
    if by_command:
        command(site, "approve", str(post))
    else:
        site.client(role, email=email).send_form(f"/posts/{post}/approve", allow_redirects=False)
    return load(site, post).state != "approved"


@pytest.mark.parametrize("role", ROLES)
def test_a_held_delivery_is_adapted_anew_from_the_approved_text(site: Site, role: str) -> None:
    """Tests that a retry after a mended template uses the approved text while a change waits."""
    desk = site.desk
    template = desk.settings.file.parent / desk.settings.channels["x"].caption
    sound = template.read_text(encoding="utf-8")
    template.write_text("{{ titel }}", encoding="utf-8")
    post = post_in(site, State.PENDING)
    with desk.database.writing() as session:
        [on_x] = [row for row in todays(desk, session) if row.channel_name == "x"]
        on_x.state = State.HELD
    patch_by_api(site, post, role)
    template.write_text(sound, encoding="utf-8")
    texts = texts_going_out(site)
    assert [SLIPPED_IN in text for text in texts] == [False] * len(texts)
    with desk.database.reading() as session:
        [on_x] = [row for row in todays(desk, session) if row.channel_name == "x"]
    assert (on_x.state, "Cells" in on_x.adapted["caption"]) == (State.PENDING, True)


@pytest.mark.parametrize("second_person", [False, True])
def test_a_file_that_is_added_and_approved_in_one_command_follows_the_rule(site: Site, second_person: bool) -> None:
    ask_second_person(site, second_person)
    picture = site.desk.config.parent / "cell.png"
    draw(picture)
    output = command(
        site, "add", "--title", SLIPPED_IN, "--credit", "Jane Doe", "--licence", "CC BY 4.0", "--image", str(picture),
        "--alt", "A cell", "--approve",
    )  # fmt: skip
    assert ("second person" in output) == second_person, output
    assert len(texts_going_out(site)) == (0 if second_person else len(site.desk.settings.channels))


def test_another_name_in_the_environment_makes_nobody_a_second_person(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_second_person(site, True)
    post = post_in(site, "draft")
    command(site, "edit", str(post), "--title", SLIPPED_IN)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "colleague")
    command(site, "approve", str(post))
    assert load(site, post).state == "draft"


@pytest.mark.parametrize("page", ["/", "/queue"])
def test_a_waiting_change_is_shown_with_what_goes_out_meanwhile(site: Site, page: str) -> None:
    post = post_in(site, State.PENDING)
    with site.desk.database.writing() as session:
        for delivery in todays(site.desk, session):
            delivery.due_at = site.desk.now() + timedelta(hours=1)
    editor, contributor = site.client("editor"), site.client("contributor")
    assert "waits for approval" not in text_of(editor.get(page))
    patch_by_api(site, post, "contributor")
    channels = ", ".join(channel_names(site.desk.settings).values())
    at = site.desk.local(site.desk.now() + timedelta(hours=1), "%H:%M")
    sentence = (
        f"The approved version goes out at {at} ({channels}); "
        "a later change by contributor@example.org waits for approval."
    )
    assert sentence in text_of(editor.get(page))
    assert f'href="/posts/{post}">Look and approve' in editor.get(page).text
    assert f'href="/posts/{post}">Look at it' in contributor.get(page).text
    with site.desk.database.writing() as session:
        for delivery in todays(site.desk, session):
            delivery.state = State.HELD
    command(site, "edit", str(post), "--title", f"{SLIPPED_IN} once more")
    assert f"The approved version waits for a person ({channels})" in text_of(editor.get(page))
    approve_as(site, post, "editor")
    assert "waits for approval" not in text_of(editor.get(page))


def test_a_change_that_comes_too_late_asks_for_no_approval(site: Site) -> None:
    post = post_in(site, State.PENDING)
    with site.desk.database.writing() as session:
        for delivery in todays(site.desk, session):
            delivery.sent_at = site.desk.now()
    patch_by_api(site, post, "contributor")
    assert "waits for approval" not in text_of(site.client("editor").get("/"))


def test_an_old_retry_finds_no_text_that_nobody_approved(site: Site) -> None:
    """Tests that a post that was never approved has no approved text, even with a delivery."""
    post = post_in(site, State.PENDING)
    with site.desk.database.writing() as session:
        row = session.get_one(Post, post)
        row.state, row.approved_at, row.approved_version = "draft", None, None
        for delivery in todays(site.desk, session):
            problem = {"field": "caption", "message": "Broken.", "blocking": True}
            delivery.state, delivery.adapted = "held", {**delivery.adapted, "problems": [problem]}
            number = delivery.id
    answer = program(site, "operator").change("POST", f"/deliveries/{number}/retry", json={})
    assert answer.status_code == 409
    assert "Nobody approved the post" in answer.text
