"""Tests that every route has its roles, and that every request is checked."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pyotp
import pytest
import requests
from cryptography.fernet import Fernet
from sqlalchemy import select
from starlette import formparsers
from starlette.routing import Route

from publisher.adapt.text.templates import TemplateError
from publisher.core.clock import ShiftedClock
from publisher.core.errors import SettingsError, UserError
from publisher.core.messages import Message
from publisher.db.errors import DatabaseError
from publisher.db.staff import Person, WebSession
from publisher.staff.guesses import MAX_PER_PAIR
from publisher.staff.logins import ABSOLUTE_LIMIT, IDLE_LIMIT
from publisher.staff.roles import ROLE_PERMISSIONS, Permission, Role, permissions_of
from publisher.web.access import RULES, Access, MissingRule, allows, check_rules
from publisher.web.api.app import ROUTERS as API_ROUTERS
from publisher.web.errors import NotFound, as_sentence
from publisher.web.guard import COOKIE
from publisher.web.pages import ROUTERS
from tests.conftest import WriteDesk
from tests.desk_site import PASSWORD, Client, Site, everyone, open_starter_site, text_of
from tests.waiting import TIMEOUT, wait_until

ROUTES = sorted(
    (method, route.path, route.name)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, Route)
    for method in route.methods or ()
)
PARAMETERS = {"{token}": "x" * 43, "{sha256}": "0" * 64, "{digest}": "0" * 64, "{width}": "320", "{person_id}": "1"}


@pytest.fixture(scope="module")
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk, clock: ShiftedClock) -> Iterator[Site]:
    """Serves a desk whose channels reach no platform; its pages need none."""
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk")), clock) as opened:
        opened.person("admin", email="first@example.org")
        yield opened


@pytest.fixture(autouse=True)
def _now(clock: ShiftedClock) -> Iterator[None]:
    yield
    clock.shift_to(ShiftedClock().now())


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    of_the_api = {route.name for router in API_ROUTERS for route in router.routes if isinstance(route, Route)}
    assert {name for _, _, name in ROUTES} | of_the_api | {"static"} == set(RULES)


def test_a_route_without_a_rule_is_found() -> None:
    class Unruled:
        name = "back_door"

    with pytest.raises(MissingRule, match="back_door"):
        check_rules([Unruled()])  # type: ignore[list-item]


def test_an_operator_can_not_write_and_a_contributor_can_not_approve() -> None:
    assert Permission.WRITE not in ROLE_PERMISSIONS[Role.OPERATOR]
    assert Permission.OPERATE not in ROLE_PERMISSIONS[Role.EDITOR]
    assert Permission.APPROVE not in ROLE_PERMISSIONS[Role.CONTRIBUTOR]
    assert permissions_of(["editor", "operator"]) == ROLE_PERMISSIONS[Role.EDITOR] | ROLE_PERMISSIONS[Role.OPERATOR]
    assert permissions_of(["nonsense"]) == frozenset()


@pytest.mark.parametrize("role", [*everyone(), "nobody"])
@pytest.mark.parametrize(("method", "path", "name"), ROUTES, ids=[f"{m} {n}" for m, _, n in ROUTES])
def test_each_route_lets_in_whom_its_rule_lets_in(site: Site, method: str, path: str, name: str, role: str) -> None:
    client = site.client() if role == "nobody" else site.client(role)
    for parameter, value in PARAMETERS.items():
        path = path.replace(parameter, value)
    path = re.sub(r"\{[^}]+\}", "1", path)
    # Changes are sent without the session's key, so that they are refused.
    answer = client.request(method, path, allow_redirects=False, stream=True, timeout=TIMEOUT)
    permissions = None if role == "nobody" else permissions_of([role])
    if method not in ("GET", "HEAD") and role != "nobody" and RULES[name] != Access.PUBLIC:
        assert answer.status_code == 403
        client.headers.update({"x-csrf-token": client.csrf})
        if allows(RULES[name], permissions):
            return
        answer = client.request(method, path, allow_redirects=False, stream=True, timeout=TIMEOUT)
    if allows(RULES[name], permissions):
        assert answer.status_code not in (401, 403), (answer.status_code, text_of(answer))
        # No scheduler runs here, and the probe says so.
        assert answer.status_code < 500 or name == "readyz"
    elif role == "nobody" and method in ("GET", "HEAD"):
        assert answer.status_code in (303, 401)
        assert "/login" in answer.headers.get("location", "/login")
    else:
        assert answer.status_code in (401, 403)


def log_in(site: Site, email: str, password: str, client: Client | None = None, **fields: str) -> requests.Response:
    browser = client or site.client()
    data = {"email": email, "password": password, **fields}
    return browser.post("/login", data=data, allow_redirects=False)


def test_a_log_in_makes_a_new_session_that_scripts_can_not_read(site: Site) -> None:
    site.person("editor")
    answer = log_in(site, "Editor@Example.org ", PASSWORD)
    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    again = log_in(site, "editor@example.org", PASSWORD)
    assert again.cookies[COOKIE] != answer.cookies[COOKIE]
    with site.desk.database.reading() as session:
        hashes = [row.token_hash for row in session.scalars(select(WebSession))]
    assert answer.cookies[COOKIE] not in hashes


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_after_the_log_in_nobody_is_sent_elsewhere(site: Site, target: str) -> None:
    site.person("editor")
    answer = log_in(site, "editor@example.org", PASSWORD, next=target)
    assert answer.headers["location"] == "/"


def test_an_unknown_address_has_a_page_with_links(site: Site) -> None:
    answer = site.client("editor").get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing here" in text_of(answer)
    assert 'href="/queue"' in answer.text
    stranger = requests.get(f"{site.url}/nowhere", timeout=TIMEOUT)
    assert stranger.status_code == 404
    assert 'href="/queue"' not in stranger.text


def test_wrong_passwords_and_unknown_people_get_the_same_answer(site: Site, clock: ShiftedClock) -> None:
    site.person("contributor", email="slow@example.org")
    wrong = log_in(site, "slow@example.org", "not the password")
    unknown = log_in(site, "nobody@example.org", "not the password")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert text_of(wrong) == text_of(unknown)
    for _ in range(MAX_PER_PAIR):
        log_in(site, "slow@example.org", "not the password")
    refused = log_in(site, "slow@example.org", PASSWORD)
    assert refused.status_code == 401
    assert "Too many log-ins were refused" in refused.text
    clock.shift_to(site.desk.now() + timedelta(minutes=16))
    assert log_in(site, "slow@example.org", PASSWORD).status_code == 303


@pytest.mark.parametrize("pause", [IDLE_LIMIT, ABSOLUTE_LIMIT])
def test_a_session_ends(site: Site, clock: ShiftedClock, pause: timedelta) -> None:
    client = site.client("editor")
    end = site.desk.now() + pause + timedelta(minutes=5)
    if pause == ABSOLUTE_LIMIT:
        while site.desk.now() < end - timedelta(minutes=10):
            assert client.get("/", allow_redirects=False).status_code == 200
            clock.shift_to(min(site.desk.now() + IDLE_LIMIT / 2, end))
    clock.shift_to(end)
    assert client.get("/", allow_redirects=False).status_code == 303


def test_a_deactivated_person_is_out_at_once_and_the_last_admin_stays(site: Site) -> None:
    person = site.person("operator", email="leaves@example.org")
    client = site.client("operator", email="leaves@example.org")
    admin = site.client("admin", email="first@example.org")
    assert client.get("/", allow_redirects=False).status_code == 200
    admin.send_form(f"/people/{person}/active", {"active": "false"})
    assert client.get("/", allow_redirects=False).status_code == 303
    assert log_in(site, "leaves@example.org", PASSWORD).status_code == 401


def test_requests_from_other_pages_are_refused(site: Site) -> None:
    client = site.client("admin", email="first@example.org")
    form = {"csrf": client.csrf, "email": "x@example.org", "name": "X", "roles": "editor"}
    for headers in (
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        refused = client.post("/people", data=form, headers=headers)
        assert refused.status_code == 403, headers
    assert client.post("/people", data={**form, "csrf": "0" * 43}).status_code == 403
    assert client.get("/people", headers={"Host": "evil.example"}).status_code == 400


def test_an_invitation_works_once(site: Site) -> None:
    admin = site.client("admin", email="first@example.org")
    answer = admin.send_form("/people", {"email": "new@example.org", "name": "Noa", "roles": "editor"})
    link = answer.text.partition("<code>http")[2].partition("</code>")[0].partition("/invitation/")[2]
    assert link
    guest = site.client()
    assert "Welcome, Noa" in guest.get(f"/invitation/{link}").text
    assert "at least 12 characters" in guest.post(f"/invitation/{link}", data={"password": "short"}).text
    entered = guest.post(f"/invitation/{link}", data={"password": PASSWORD}, allow_redirects=False)
    assert entered.status_code == 303
    assert guest.get(f"/invitation/{link}").status_code == 404
    assert log_in(site, "new@example.org", PASSWORD).status_code == 303


def test_nobody_is_invited_without_a_role_or_twice(site: Site) -> None:
    admin = site.client("admin", email="first@example.org")
    assert "may do nothing" in admin.send_form("/people", {"email": "q@example.org", "name": "Q"}).text
    again = admin.send_form("/people", {"email": "first@example.org", "name": "Q", "roles": "editor"})
    assert "is somebody here already" in again.text
    assert 'value="first@example.org"' in again.text


def test_a_code_is_asked_for_and_works_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_KEY", Fernet.generate_key().decode())
    person = site.person("editor", email="careful@example.org")
    client = site.client("editor", email="careful@example.org")
    secret = pyotp.random_base32()
    now = site.desk.now()
    form = {"secret": secret, "code": pyotp.TOTP(secret).at(now), "confirm_password": PASSWORD}
    set_up = client.send_form("/account/second-factor", form)
    assert "asked for a code at every log-in" in set_up.text
    with site.desk.database.reading() as session:
        assert secret not in str(session.get_one(Person, person).totp_secret)
    question = log_in(site, "careful@example.org", PASSWORD)
    ticket = question.text.partition('name="ticket" value="')[2].partition('"')[0]
    used = site.client().post("/login/code", data={"ticket": ticket, "code": pyotp.TOTP(secret).at(now)})
    assert used.status_code == 401
    fresh = pyotp.TOTP(secret).at(now + timedelta(seconds=30))
    entered = site.client().post("/login/code", data={"ticket": ticket, "code": fresh}, allow_redirects=False)
    assert entered.status_code == 303
    assert site.client().post("/login/code", data={"ticket": ticket, "code": fresh}).status_code == 401
    forged = site.client().post("/login/code", data={"ticket": "x", "code": fresh})
    assert "Log in again" in forged.text


def test_a_password_is_changed_by_who_knows_it(site: Site) -> None:
    site.person("contributor", email="changes@example.org")
    here, elsewhere = (site.client("contributor", email="changes@example.org") for _ in range(2))
    wrong = here.send_form("/account/password", {"confirm_password": "not it at all", "new": "another quiet night"})
    assert "don&#39;t belong together" in wrong.text
    here.send_form("/account/password", {"confirm_password": PASSWORD, "new": "another quiet night"})
    assert here.get("/account", allow_redirects=False).status_code == 200
    assert elsewhere.get("/account", allow_redirects=False).status_code == 303
    assert log_in(site, "changes@example.org", "another quiet night").status_code == 303


def test_a_failure_has_a_reference_that_stands_in_the_log(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the cellar is flooded")

    monkeypatch.setattr("publisher.web.pages.today.cached_page", broken)
    answer = site.client("editor").get("/")
    reference = answer.text.partition("<code>")[2].partition("</code>")[0]
    assert answer.status_code == 500
    assert len(reference) == 8
    assert "cellar" not in answer.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DatabaseError(Message("the database is damaged; restore a backup")), 503),
        (SettingsError(Message("outlet.name is missing; write it")), 409),
        (TemplateError(Message("x.j2: line 3 has no end; add one")), 409),
        (NotFound(Message("There is no such page.")), 404),
    ],
)
def test_a_page_shows_the_sentence_of_every_error_that_is_fit(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: UserError, status: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("publisher.web.pages.today.cached_page", refuse)
    answer = site.client("editor").get("/")
    assert answer.status_code == status
    assert as_sentence(str(error)) in answer.text


def test_the_audit_shows_who_did_what(site: Site) -> None:
    admin = site.client("admin", email="first@example.org")
    admin.send_form("/people", {"email": "audited@example.org", "name": "<b>Audited</b>", "roles": "editor"})
    audit = admin.get("/audit?actor=first@example.org&what=person invited")
    assert "audited@example.org" in audit.text
    assert "<b>Audited" not in admin.get("/people").text


def test_an_oversized_request_is_not_read(site: Site) -> None:
    answer = site.client("admin").post("/login", data=b"x" * 9_500_000, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 413


def test_the_pages_forbid_foreign_content(site: Site, tmp_path: Path) -> None:
    headers = site.client().get("/login").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "immutable" in site.client().get("/static/desk.css").headers["cache-control"]
    assert site.client().get("/static/../app.py").status_code == 404


@pytest.mark.parametrize("path", ["/logout", "/channels/nowhere/pause", "/posts", "/posts/1/approve"])
def test_files_that_nobody_asked_for_are_closed(site: Site, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unclosed file stays open until the garbage collector comes, and enough of them use up the descriptors."""
    opened: list[IO[bytes]] = []

    class Recorded(tempfile.SpooledTemporaryFile[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            opened.append(self)

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", Recorded)
    admin = site.client("admin")
    files = {"strange": ("a.png", b"x", "image/png")}
    admin.post(path, data={"csrf": admin.csrf, "title": "Cells"}, files=files, allow_redirects=False)
    wait_until(lambda: all(file.closed for file in opened), "every file of the form is closed")
    assert opened
