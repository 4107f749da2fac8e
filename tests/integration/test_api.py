"""Tests that the API keeps permissions, versions, idempotency keys and rate limits, and describes problems."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from publisher.core.clock import ShiftedClock
from publisher.core.errors import SettingsError, UserError
from publisher.core.messages import Message
from publisher.core.problems import recorded_problem
from publisher.core.rate_limits import Buckets
from publisher.core.states import State
from publisher.db.models import Delivery, Post
from publisher.db.staff import ApiToken, IdempotentAnswer
from publisher.delivery import operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.channels import Channels
from publisher.delivery.problem_codes import ActProblem
from publisher.lifecycle import Move, move
from publisher.media import MediaUnreachable
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import Unavailable
from publisher.posts.pictures import MAX_PICTURE_BYTES
from publisher.staff import accounts, calendar_keys
from publisher.staff.api_tokens import PREFIX, SCOPES
from publisher.staff.passwords import WeakPassword
from publisher.staff.roles import ROLE_PERMISSIONS, Permission, Role
from publisher.web.access import RULES, Access
from publisher.web.api import idempotency
from publisher.web.api.app import ROUTERS
from publisher.web.api.guard import MAX_JSON_BYTES, GuardedRoute
from publisher.web.errors import as_sentence
from publisher.web.guard import COOKIE
from tests.api_client import Program, problem, program, token_of
from tests.conftest import WriteDesk
from tests.desk_site import Site, everyone, open_starter_site, text_of
from tests.fakes import add_delivery, the_delivery
from tests.outlet import draw
from tests.waiting import TIMEOUT

LOOK = recorded_problem("Look.")

ROUTES = sorted(
    (method, route.path, route.name)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, GuardedRoute)
    for method in route.methods or ()
)
LINK = "https://picture-of-the-day.tumblr.com/post/4711"


@pytest.fixture(scope="module")
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk, clock: ShiftedClock) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk")), clock) as opened:
        opened.person("admin", email="first@example.org")
        opened.server._app.state.api.state.buckets = Buckets(quota=10**6)
        yield opened


@pytest.fixture(autouse=True)
def _now(clock: ShiftedClock) -> Iterator[None]:
    yield
    clock.shift_to(ShiftedClock().now())


@pytest.fixture(scope="module")
def editor(site: Site) -> Program:
    return program(site, "editor")


@pytest.fixture
def picture(site: Site, editor: Program, tmp_path: Path) -> str:
    """Stores a picture, and returns its hash."""
    draw(tmp_path / "cells.png")
    answer = editor.post("/images?name=cells.png", data=(tmp_path / "cells.png").read_bytes(), headers=PNG)
    assert answer.status_code == 201, answer.text
    sha256: str = answer.json()["sha256"]
    return sha256


PNG = {"Content-Type": "image/png"}


def new_post(program: Program, picture: str = "", **fields: Any) -> dict[str, Any]:
    """Adds a post, and returns it as the API does; with a picture, nothing blocks it."""
    images = [{"media": picture, "alt_text": "Cells that divide."}] if picture else []
    answer = program.post("/posts", json={"title": "Cells", "credit": "Jane Doe", "images": images, **fields})
    assert answer.status_code == 201, answer.text
    post: dict[str, Any] = answer.json()
    return post


def count(site: Site, table: Any) -> int:
    with site.desk.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def add_held_delivery(site: Site, *, unknown: bool = False) -> int:
    """Adds a delivery that waits for a person."""
    now = site.desk.now()
    days = count(site, Delivery)
    delivery = add_delivery(site.desk.database, now, channel="tumblr", title="A held cell", day_offset=-days)
    values: dict[str, Any] = {"unknown_since": now} if unknown else {}
    with site.desk.database.writing() as session:
        move(
            session,
            delivery,
            Move(State.PENDING, State.HELD),
            fence=0,
            now=now,
            problem=LOOK,
            **values,
        )
    return delivery


# Who may ask for what.


@pytest.mark.parametrize("scope", [*SCOPES, "every scope"])
@pytest.mark.parametrize("role", everyone())
def test_each_route_lets_in_whom_role_and_scope_let_in(site: Site, role: str, scope: str) -> None:
    """A token that was made when its person was an admin, of somebody who now has this role."""
    scopes = frozenset(SCOPES) if scope == "every scope" else frozenset({Permission(scope)})
    person = site.person("admin", email=f"{role}-of-late@example.org")
    token = token_of(site, person, *scopes)
    accounts.set_roles(site.desk.database, person, [role], now=site.desk.now(), actor="test")
    asking = Program(site.url, token)
    for method, path, name in ROUTES:
        address = re.sub(r"\{sha256\}", "0" * 64, re.sub(r"\{(\w+_id)\}", "2147483647", path)).replace("{name}", "q")
        answer = asking.request(method, address)
        allowed = RULES[name] == Access.PUBLIC or RULES[name] in scopes & ROLE_PERMISSIONS[Role(role)]
        assert (answer.status_code != 403) == allowed, (method, path, answer.text)
        if not allowed:
            assert f'scope="{RULES[name]}"' in answer.headers["www-authenticate"]
            blamed = "roles" if RULES[name] in scopes else "scope"
            assert blamed in problem(answer)["detail"]
    accounts.set_roles(site.desk.database, person, ["admin"], now=site.desk.now(), actor="test")


@pytest.mark.parametrize(("method", "path", "name"), ROUTES, ids=[name for _, _, name in ROUTES])
def test_nobody_is_let_in_without_a_token_not_even_with_a_cookie(site: Site, method: str, path: str, name: str) -> None:
    address = re.sub(r"\{\w+\}", "1", path)
    browser = site.client("admin")
    for asking in (Program(site.url), Program(site.url, PREFIX + "x" * 43)):
        asking.cookies.set(COOKIE, browser.cookies[COOKIE])
        answer = asking.request(method, address, data=b"{", headers={"x-csrf-token": browser.csrf})
        if RULES[name] == Access.PUBLIC:
            assert answer.status_code == 200
        else:
            assert problem(answer)["status"] == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_every_route_of_the_api_is_guarded() -> None:
    for router in ROUTERS:
        assert all(isinstance(route, GuardedRoute) for route in router.routes)


def test_a_token_ends_with_its_time_its_revocation_and_its_person(site: Site, clock: ShiftedClock) -> None:
    person = site.person("editor", email="ends@example.org")
    asking = Program(site.url, token_of(site, person, "read", days=7))
    assert asking.get("/posts").status_code == 200
    clock.shift_to(site.desk.now() + timedelta(days=7, minutes=1))
    assert asking.get("/posts").status_code == 401
    client = site.client("editor", email="ends@example.org")
    answer = client.send_form("/account/tokens", {"name": "backup", "scopes": ["read"], "days": "30"})
    match = re.search(rf"<code>({PREFIX}[\w-]+)</code>", answer.text)
    assert match
    asking = Program(site.url, match[1])
    assert asking.get("/posts").status_code == 200
    listed = client.get("/account/tokens").text
    assert match[1] not in listed
    assert "last used" in text_of(client.get("/account/tokens"))
    with site.desk.database.reading() as session:
        assert match[1] not in session.scalars(select(ApiToken.token_hash)).all()
    ids = re.findall(r"/account/tokens/(\d+)/revoke", listed)
    client.send_form(f"/account/tokens/{ids[-1]}/revoke")
    assert asking.get("/posts").status_code == 401
    other = Program(site.url, token_of(site, person, "read"))
    assert other.get("/posts").status_code == 200
    accounts.set_active(site.desk.database, person, False, now=site.desk.now(), actor="test")
    assert other.get("/posts").status_code == 401


def test_a_token_is_made_within_ones_roles_and_revoked_by_its_owner_alone(site: Site) -> None:
    client = site.client("contributor")
    offered = client.get("/account/tokens").text
    assert 'value="approve"' not in offered
    for form, why in (
        ({"name": "p", "scopes": ["approve"], "days": "30"}, "roles don't allow the scope"),
        ({"name": "p", "scopes": ["administer"], "days": "30"}, "roles don't allow the scope"),
        ({"name": "p", "days": "30"}, "choose at least one"),
        ({"name": " ", "scopes": ["read"], "days": "30"}, "name the program"),
        ({"name": "p", "scopes": ["read"], "days": "9999"}, "A token lives for"),
    ):
        refused = client.send_form("/account/tokens", form)
        assert refused.status_code == 422
        assert why in refused.text.replace("&#39;", "'")
    token_of(site, site.person("editor"), "read")
    with site.desk.database.reading() as session:
        foreign = session.scalars(
            select(ApiToken.id).where(ApiToken.person_id == site.person("editor")).order_by(ApiToken.id)
        ).all()[-1]
    assert client.send_form(f"/account/tokens/{foreign}/revoke").status_code == 409


def test_a_calendar_key_is_no_token(site: Site) -> None:
    key = calendar_keys.new_calendar_key(site.desk.database, site.person("editor"), "phone", now=site.desk.now())
    assert Program(site.url, key).get("/posts").status_code == 401


# Posts.


def test_a_post_goes_from_draft_to_approved_and_out_again(site: Site, editor: Program, picture: str) -> None:
    writer = program(site, "contributor")
    post = new_post(writer, picture, tags=["cells"])
    address = f"/posts/{post['id']}"
    assert (post["state"], post["edited_by"]) == ("draft", "contributor@example.org")
    changed = writer.change("PATCH", address, post["version"], json={"standfirst": "They divide."})
    assert changed.json()["standfirst"] == "They divide."
    assert changed.json()["tags"] == ["cells"]
    reviewed = writer.change("POST", f"{address}/review", changed.json()["version"])
    assert reviewed.json()["state"] == "in_review"
    assert writer.change("POST", f"{address}/approval").status_code == 403
    approved = editor.change("POST", f"{address}/approval", reviewed.json()["version"])
    assert approved.json()["state"] == "approved"
    assert isinstance(approved.json()["remarks"], list)
    again = editor.change("PATCH", address, approved.headers["etag"].strip('"'), json={"title": "Newt cells"})
    assert again.json()["back_to_review"] is True
    out = editor.change("POST", f"{address}/withdrawal")
    assert out.json()["state"] == "withdrawn"
    details = problem(editor.change("POST", f"{address}/withdrawal"))
    assert (details["status"], details["detail"]) == (409, f"Post {post['id']} is withdrawn already.")
    assert details["code"] == "post-refused"


def test_blocking_problems_are_listed_field_by_field(editor: Program) -> None:
    post = new_post(editor, credit="")
    details = problem(editor.change("POST", f"/posts/{post['id']}/approval"))
    assert (details["status"], details["code"]) == (422, "approval-blocked")
    assert {"#/credit", "#/images"} <= {error["pointer"] for error in details["errors"]}
    assert editor.get(f"/posts/{post['id']}").json()["state"] == "draft"


def test_mistakes_are_reported_with_their_place(editor: Program) -> None:
    for body, pointer in (
        ({"titel": "x"}, "#/titel"),
        ({}, "#/title"),
        ({"title": "x", "link": "example.org"}, "#/link"),
        ({"title": "x", "images": [{"media": "beef"}]}, "#/images/0/media"),
        ({"title": "x", "fixed_date": "9999-12-31"}, "#/fixed_date"),
        ({"title": "x", "embargo_until": "0001-01-01T00:00:00+14:00"}, "#/embargo_until"),
        ({"title": "x", "captions": {"a/b~": 1}}, "#/captions/a~1b~0"),
    ):
        details = problem(editor.post("/posts", json=body))
        assert details["status"] == 422
        assert pointer in [error["pointer"] for error in details["errors"]], details
    unseen = editor.post("/posts", json={"title": "x\0y"})
    assert (unseen.status_code, unseen.json()["title"]) == (201, "xy"), "what nobody can see is left out"
    stray = problem(editor.get("/posts?limit=0"))
    assert stray["errors"][0]["parameter"] == "limit"


def test_no_file_of_the_machine_is_read_as_a_picture(site: Site, editor: Program, tmp_path: Path) -> None:
    draw(tmp_path / "secret.png")
    posts = count(site, Post)
    for image in ({"file": str(tmp_path / "secret.png")}, {"file": str(tmp_path / "secret.png"), "media": "0" * 64}):
        assert editor.post("/posts", json={"title": "x", "images": [image]}).status_code == 422
    missing = problem(editor.post("/posts", json={"title": "x", "images": [{"media": "0" * 64}]}))
    assert (missing["status"], missing["code"]) == (422, "picture-refused")
    assert "no stored picture" in missing["detail"]
    assert count(site, Post) == posts


def test_nobody_overwrites_a_version_they_have_not_read(editor: Program) -> None:
    post = new_post(editor)
    address = f"/posts/{post['id']}"
    assert problem(editor.patch(address, json={"title": "x"}))["status"] == 428
    assert editor.change("PATCH", address, 1, json={"title": "Mine"}).status_code == 200
    for tag in ('"1"', 'W/"2"', "2", '"9"'):
        details = problem(editor.patch(address, json={"title": "Lost"}, headers={"If-Match": tag}))
        assert details["status"] == 412, tag
    assert editor.get(address).json()["title"] == "Mine"
    several = editor.patch(address, json={"title": "Ours"}, headers={"If-Match": '"1", "2"'})
    assert (several.status_code, several.headers["etag"]) == (200, '"3"')
    answer = editor.get(address, headers={"If-None-Match": 'W/"3"'})
    assert (answer.status_code, answer.text) == (304, "")
    assert editor.get(address, headers={"If-None-Match": '"2"'}).status_code == 200


def test_of_two_who_change_one_version_at_once_one_is_refused(editor: Program, site: Site) -> None:
    post = new_post(editor)
    start = threading.Barrier(2)

    def change(title: str) -> int:
        start.wait()
        mine = Program(site.url, editor.token)
        return mine.change("PATCH", f"/posts/{post['id']}", 1, json={"title": title}).status_code

    with ThreadPoolExecutor(2) as threads:
        statuses = sorted(threads.map(change, ["A", "B"]))
    assert statuses == [200, 412]


# Adding a post once.


def test_the_same_key_adds_one_post_and_gets_one_answer(site: Site, editor: Program) -> None:
    posts = count(site, Post)
    body, key = {"title": "Once"}, {"Idempotency-Key": "once-1"}
    first, second = (editor.post("/posts", json=body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["location"] == second.headers["location"] == f"/api/v1/posts/{first.json()['id']}"
    assert count(site, Post) == posts + 1
    assert problem(editor.post("/posts", json={"title": "Other"}, headers=key))["status"] == 422
    stranger = program(site, "contributor")
    assert stranger.post("/posts", json={"title": "Other"}, headers=key).json()["id"] != first.json()["id"]


def test_a_refused_request_keeps_no_key(editor: Program) -> None:
    key = {"Idempotency-Key": "mended-1"}
    refused = editor.post("/posts", json={"title": "x", "images": [{"media": "0" * 64}]}, headers=key)
    assert refused.status_code == 422
    assert editor.post("/posts", json={"title": "x"}, headers=key).status_code == 201


def test_keys_are_kept_for_a_day(site: Site, editor: Program, clock: ShiftedClock) -> None:
    key = {"Idempotency-Key": "daily-1"}
    first = editor.post("/posts", json={"title": "Day"}, headers=key).json()["id"]
    clock.shift_to(site.desk.now() + timedelta(hours=23))
    assert editor.post("/posts", json={"title": "Day"}, headers=key).json()["id"] == first
    clock.shift_to(site.desk.now() + timedelta(hours=2))
    assert editor.post("/posts", json={"title": "Day"}, headers=key).json()["id"] != first


def test_many_at_once_with_one_key_add_one_post(site: Site, editor: Program) -> None:
    posts = count(site, Post)
    start = threading.Barrier(4)

    def add(_: int) -> requests.Response:
        start.wait()
        mine = Program(site.url, editor.token)
        return mine.post("/posts", json={"title": "Rush"}, headers={"Idempotency-Key": "rush-1"})

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(add, range(4)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert 201 in {answer.status_code for answer in answers}
    assert count(site, Post) == posts + 1


def test_the_key_of_a_dead_request_is_claimed_by_the_next(site: Site, editor: Program, clock: ShiftedClock) -> None:
    database, person = site.desk.database, site.person("editor")
    body, key = b'{"title": "Died"}', {"Idempotency-Key": "died-1", "Content-Type": "application/json"}
    begun = idempotency.begin(database, person, "died-1", body, site.desk.now())
    assert isinstance(begun, idempotency.ClaimedKey)
    waiting = editor.post("/posts", data=body, headers=key)
    assert problem(waiting)["status"] == 409
    assert waiting.headers["retry-after"] == "1"
    clock.shift_to(site.desk.now() + idempotency.MAX_REQUEST_AGE + timedelta(seconds=1))
    taken_over = editor.post("/posts", data=body, headers=key)
    assert taken_over.status_code == 201
    with pytest.raises(Exception, match="still being answered"), database.writing() as session:
        idempotency.finish(session, begun, {})
    assert editor.post("/posts", data=body, headers=key).json() == taken_over.json()


def test_answer_and_post_are_written_together(site: Site, editor: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that dies between the two adds nothing."""
    posts, answers = count(site, Post), count(site, IdempotentAnswer)

    def die(*_: object) -> None:
        raise RuntimeError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr("publisher.web.api.idempotency.finish", die)
        failed = editor.post("/posts", json={"title": "Cut"}, headers={"Idempotency-Key": "cut-1"})
    assert problem(failed)["status"] == 500
    assert "power" not in failed.text
    assert (count(site, Post), count(site, IdempotentAnswer)) == (posts, answers)


# Lists, queue, calendar, pictures, channels.


def test_pages_follow_each_other_to_the_end(site: Site, editor: Program) -> None:
    post_ids = [new_post(editor, title=f"Leaf {number} & more")["id"] for number in range(5)]
    listed_ids: list[int] = []
    address: str | None = "/api/v1/posts?text=leaf %26&limit=2"
    while address:
        page = editor.get(site.url + address).json()
        listed_ids += [item["id"] for item in page["items"]]
        address = page["next"]
    assert listed_ids == post_ids[::-1]
    listed: list[int] = []
    address = "/api/v1/queue?limit=3"
    while address:
        page = editor.get(site.url + address).json()
        listed += [item["id"] for item in page["items"]]
        address = page["next"]
    assert len(set(listed)) == len(listed)
    assert [item for item in listed if item in post_ids] == post_ids
    no_posts = problem(editor.get("/queue?after=2147483647"))
    assert (no_posts["status"], "does not wait" in no_posts["detail"]) == (409, True)


def test_a_post_gets_another_place_and_its_day(site: Site, editor: Program, picture: str) -> None:
    ids = [new_post(editor, picture, title=f"Placed {number}")["id"] for number in range(3)]
    for post in ids:
        assert editor.change("POST", f"/posts/{post}/approval?repeat_is_meant=true").status_code == 200
    front = editor.change("PUT", f"/queue/{ids[2]}", json={"to": "front"}).json()
    assert (front["place"], front["number"]) == ("queue", 1)
    day = (site.desk.now() + timedelta(days=20)).date().isoformat()
    fixed = editor.change("PUT", f"/queue/{ids[1]}", json={"to": "date", "day": day})
    assert (fixed.json()["place"], fixed.json()["projected"]) == ("fixed date", day)
    days = editor.get(f"/calendar?first={day}&last={day}").json()["days"]
    assert [(entry["kind"], entry["post_id"]) for entry in days[0]["entries"]] == [("coming", ids[1])]
    behind = editor.change("PUT", f"/queue/{ids[1]}", json={"to": "after", "post": ids[2]}).json()
    assert (behind["place"], behind["number"]) == ("queue", 2)
    assert editor.change("PUT", f"/queue/{ids[1]}", json={"to": "reserve"}).json()["place"] == "reserve"
    assert editor.change("PUT", f"/queue/{ids[1]}", 1, json={"to": "end"}).status_code == 412
    assert editor.change("PUT", f"/queue/{ids[1]}", json={"to": "moon"}).status_code == 422
    assert problem(editor.get(f"/calendar?first={day}&last=2027-12-31"))["status"] == 422


def test_a_picture_is_inspected_and_named_by_its_content(editor: Program, picture: str, tmp_path: Path) -> None:
    facts = editor.get(f"/images/{picture}").json()
    assert (facts["format"], facts["width"], facts["height"], facts["file_name"]) == ("png", 640, 480, "cells.png")
    again = editor.post("/images?name=other.png", data=(tmp_path / "cells.png").read_bytes(), headers=PNG)
    assert again.json() == facts
    assert again.headers["location"] == f"/api/v1/images/{picture}"
    refused = problem(editor.post("/images?name=a%2Fnotes.txt", data=b"no picture", headers=PNG))
    assert (refused["status"], refused["code"]) == (422, "picture-refused")
    assert "“notes.txt”" in refused["detail"]
    assert problem(editor.get(f"/images/{'0' * 64}"))["status"] == 404


def test_channels_show_whether_they_can_publish(site: Site, editor: Program) -> None:
    assert [channel["name"] for channel in editor.get("/channels").json()["items"]] == ["instagram", "tumblr", "x"]
    tumblr = editor.get("/channels/tumblr").json()
    assert (tumblr["hour"], tumblr["language"], tumblr["paused_at"]) == ("09:00", "en", None)
    unknown = problem(editor.get("/channels/myspace"))
    assert (unknown["status"], unknown["code"]) == (404, "no-channel")


# Deliveries.


def test_what_may_be_public_goes_out_again_only_after_somebody_looked(site: Site) -> None:
    operator = program(site, "operator")
    delivery = add_held_delivery(site, unknown=True)
    delivery_before = operator.get(f"/deliveries/{delivery}").json()
    assert (delivery_before["state"], delivery_before["may_be_public"], delivery_before["version"]) == (
        "held",
        True,
        "held.0",
    )
    refused = problem(operator.change("POST", f"/deliveries/{delivery}/retry", delivery_before["version"], json={}))
    assert refused["status"] == 409
    assert "could post it twice" in refused["detail"]
    assert (refused["code"], "i_have_looked" in refused["detail"]) == ("may-be-public", True)
    answer = operator.change(
        "POST", f"/deliveries/{delivery}/retry", delivery_before["version"], json={"i_have_looked": True}
    )
    assert (answer.json()["state"], answer.headers["etag"]) == ("pending", '"pending.1"')


def test_an_act_upon_an_older_state_is_refused(site: Site) -> None:
    """Somebody looked; meanwhile it was tried again, and its outcome is unknown once more."""
    operator = program(site, "operator")
    delivery = add_held_delivery(site, unknown=True)
    looked = {"i_have_looked": True}
    assert operator.change("POST", f"/deliveries/{delivery}/retry", "held.0", json=looked).status_code == 200
    now = site.desk.now()
    with site.desk.database.writing() as session:
        move(
            session,
            delivery,
            Move(State.PENDING, State.HELD),
            fence=1,
            now=now,
            problem=LOOK,
            unknown_since=now,
        )
    for act, body in (("retry", looked), ("adopt", {"link": LINK}), ("cancel", None)):
        refused = operator.change("POST", f"/deliveries/{delivery}/{act}", "held.0", json=body)
        assert problem(refused)["status"] == 412, act
    with pytest.raises(ActRefused) as changed:
        # Also where it changes between the look at the header and the act.
        operate.retry(site.desk.database, delivery, now=now, actor="t", i_have_looked=True, seen="held.0")
    assert changed.value.reason == ActProblem.CHANGED_MEANWHILE
    assert the_delivery(site.desk.database, delivery).state == State.HELD
    assert operator.post(f"/deliveries/{delivery}/cancel").status_code == 428


def test_a_post_by_hand_is_adopted_and_another_delivery_canceled(site: Site) -> None:
    operator = program(site, "operator")
    delivery, other = add_held_delivery(site), add_held_delivery(site)
    for link, status, code in (
        ("tumblr", 422, "not-a-link"),
        ("https://x.com/a/status/1", 422, "other-platform"),
        ("https://another-blog.tumblr.com/post/4711", 422, "other-account"),
        ("https://picture-of-the-day.tumblr.com/archive", 422, "not-a-post"),
        # The channel has no keys yet, so that nothing can be read.
        (LINK, 409, "not-allowed-to-read"),
    ):
        wrong = problem(operator.change("POST", f"/deliveries/{delivery}/adopt", json={"link": link}))
        assert (wrong["status"], wrong["code"]) == (status, code)
        assert "publisher adopt" not in wrong["detail"]
    body = {"link": f"{LINK}/a-slug?source=share", "unread": True}
    adopted = operator.change("POST", f"/deliveries/{delivery}/adopt", json=body).json()
    assert (adopted["state"], adopted["url"], adopted["remote_id"]) == ("published", LINK, "4711")
    assert (adopted["was_read"], adopted["differences"]) == (False, [])
    assert operator.change("POST", f"/deliveries/{other}/cancel").json()["state"] == "canceled"
    twice = problem(operator.change("POST", f"/deliveries/{other}/cancel"))
    assert (twice["status"], twice["code"]) == (409, "already-canceled")
    listed = operator.get("/deliveries?state=canceled&channel=tumblr&text=held").json()["items"]
    assert [item["id"] for item in listed] == [other]


# The wire.


def test_types_and_lengths_that_are_not_taken(editor: Program) -> None:
    for options, status in (
        ({"data": b"title=x", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 415),
        ({"data": b"{}"}, 415),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b" " * (MAX_JSON_BYTES + 1), "headers": {"Content-Type": "application/json"}}, 413),
        ({"data": iter([b" " * MAX_JSON_BYTES, b"  "]), "headers": {"Content-Type": "application/json"}}, 413),
        ({"json": {"title": "x"}, "headers": {"Accept": "text/html, application/json;q=0"}}, 406),
    ):
        assert problem(editor.post("/posts", **options))["status"] == status
    assert problem(editor.post("/images", data=b"x", headers={"Content-Type": "text/plain"}))["status"] == 415
    assert editor.get("/posts", headers={"Accept": "text/html, */*;q=0.1"}).status_code == 200
    assert problem(editor.get("/nowhere"))["status"] == 404
    wrong = editor.delete("/posts")
    assert (problem(wrong)["status"], wrong.headers["allow"]) == (405, "GET, POST")


def test_a_picture_that_is_too_large_is_refused_before_it_is_read(site: Site, editor: Program) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=TIMEOUT)
    connection.putrequest("POST", "/api/v1/images")
    for name, value in (("Authorization", f"Bearer {editor.token}"), ("Content-Type", "image/png")):
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(MAX_PICTURE_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_token_that_asks_too_often_has_to_wait(site: Site) -> None:
    api = site.server._app.state.api
    patient, hasty = program(site, "editor"), program(site, "editor")
    usual, api.state.buckets = api.state.buckets, Buckets(quota=3, window=3600)
    try:
        limit_headers = [hasty.get("/channels").headers["ratelimit"] for _ in range(3)]
        assert [header.partition(";t=")[0] for header in limit_headers] == ['"token";r=2', '"token";r=1', '"token";r=0']
        refused = hasty.get("/channels")
        assert problem(refused)["status"] == 429
        assert 1000 < int(refused.headers["retry-after"]) <= 1200
        assert refused.headers["ratelimit-policy"] == '"token";q=3;w=3600'
        assert patient.get("/channels").status_code == 200
    finally:
        api.state.buckets = usual


def test_people_can_read_what_programs_can_ask(site: Site) -> None:
    page = text_of(site.client("contributor").get("/api/v1/docs"))
    for part in ("PATCH /api/v1/posts/{post_id}", "approve", "412", "428"):
        assert part in page
    assert site.client().get("/api/v1/docs", allow_redirects=False).status_code == 303


def test_a_platform_that_can_not_be_reached_is_a_problem_of_its_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_channels: Channels, _name: str) -> PlatformAdapter:
        raise Unavailable(recorded_problem("Tumblr was not reached"))

    monkeypatch.setattr(Channels, "open", unreachable)
    delivery = add_held_delivery(site)
    details = problem(program(site, "operator").change("POST", f"/deliveries/{delivery}/adopt", json={"link": LINK}))
    assert (details["status"], details["code"]) == (503, "not-read")
    assert the_delivery(site.desk.database, delivery).state == State.HELD


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MediaUnreachable(Message("The media store was not reached; try again later.")), 503),
        (SettingsError(Message("outlet.name is missing; write it")), 500),
        (WeakPassword(Message("A password has at least 12 characters.")), 422),
    ],
)
def test_every_error_that_is_fit_to_show_is_answered_with_its_code(
    editor: Program,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: UserError,
    status: int,
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("publisher.web.api.posts.load_post", refuse)
    details = problem(editor.get("/posts/1"))
    assert (details["status"], details["code"], details["detail"]) == (status, error.code, as_sentence(str(error)))
    assert (error.code in caplog.text) == (status >= 500)
