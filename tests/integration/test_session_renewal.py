"""Tests that a person's changes end copies of their session, and lose nothing typed in other tabs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import count

import pyotp
import pytest
import requests
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from publisher.core.clock import ShiftedClock
from publisher.db.models import Post
from publisher.db.staff import KnownBrowser, Person, WebSession
from publisher.staff.tokens import hash_of
from publisher.web.guard import BROWSER_COOKIE, COOKIE
from tests.conftest import WriteDesk
from tests.desk_site import HOST, PASSWORD, Client, Site, open_starter_site, text_of

NEW = "another quiet night of rain"
NUMBERS = count(1)
SECRET = pyotp.random_base32()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk")), ShiftedClock()) as opened:
        opened.person("admin", email="chief@example.org")
        yield opened


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_KEY", Fernet.generate_key().decode())


@pytest.fixture
def email(site: Site) -> str:
    """Somebody whom no other test knows."""
    address = f"owner{next(NUMBERS)}@example.org"
    site.person("admin", email=address)
    return address


@pytest.fixture
def owner(site: Site, email: str) -> Client:
    """Logs somebody in with a browser in which nothing was confirmed yet."""
    client = site.client()
    client.post("/login", data={"email": email, "password": PASSWORD}, allow_redirects=False)
    return client


def copy_of(site: Site, client: Client) -> Client:
    """Opens a browser elsewhere, with the same cookies and the same key."""
    copied = Client(site.url)
    for name in (COOKIE, BROWSER_COOKIE):
        copied.cookies.set(name, client.cookies[name], domain=HOST)
    copied.csrf = site.form_key(client.cookies[COOKIE])
    return copied


def is_in(client: Client) -> bool:
    return client.get("/account", allow_redirects=False).status_code == 200


def set_confirmed(site: Site, client: Client) -> None:
    """Records that the person was confirmed a moment ago, in this session."""
    mine = update(WebSession).where(WebSession.token_hash == hash_of(client.cookies[COOKIE]))
    with site.desk.database.writing() as session:
        session.execute(mine.values(confirmed_at=site.desk.now()))


def with_factor(site: Site, owner: Client) -> None:
    form = {"secret": SECRET, "code": pyotp.TOTP(SECRET).at(site.desk.now()), "confirm_password": PASSWORD}
    assert owner.send_form("/account/second-factor", form, allow_redirects=False).status_code == 303
    with site.desk.database.writing() as session:
        session.execute(update(Person).values(totp_last_step=0))


ACTS = {
    "confirms another change": ("/calendar/keys", {"name": "phone"}),
    "changes the password": ("/account/password", {"new": NEW}),
    "sets a second factor": ("/account/second-factor", {"secret": SECRET}),
    "fails to change the password": ("/account/password", {"new": "short"}),
    "logs out elsewhere": ("/account/log-out-elsewhere", {}),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_copied_cookie_is_worth_nothing_after_its_owner(site: Site, owner: Client, act: str) -> None:
    thief = copy_of(site, owner)
    assert is_in(thief)
    address, form = ACTS[act]
    code = {"code": pyotp.TOTP(SECRET).at(site.desk.now())} if "secret" in form else {}
    answer = owner.send_form(address, {**form, **code, "confirm_password": PASSWORD}, allow_redirects=False)
    assert answer.status_code in (200, 303, 422), text_of(answer)
    assert owner.cookies[COOKIE] != thief.cookies[COOKIE]
    assert site.form_key(owner.cookies[COOKIE]) != thief.csrf
    assert is_in(owner)
    assert not is_in(thief)
    with site.desk.database.reading() as session:
        assert session.get(WebSession, hash_of(thief.cookies[COOKIE])) is None
        former = hash_of(thief.cookies[BROWSER_COOKIE])
        assert session.scalar(select(KnownBrowser).where(KnownBrowser.token_hash == former)) is None


def test_removing_a_second_factor_ends_copies_and_other_browsers(site: Site, owner: Client) -> None:
    with_factor(site, owner)
    thief = copy_of(site, owner)
    code = pyotp.TOTP(SECRET).at(site.desk.now())
    form = {"confirm_password": PASSWORD, "confirm_code": code}
    assert owner.send_form("/account/second-factor/remove", form, allow_redirects=False).status_code == 303
    assert (is_in(owner), is_in(thief)) == (True, False)


@pytest.mark.parametrize("act", [act for act in ACTS if not act.startswith(("confirms", "fails"))])
def test_other_browsers_of_the_person_are_logged_out(site: Site, owner: Client, email: str, act: str) -> None:
    other = site.client("admin", email=email)
    address, form = ACTS[act]
    code = {"code": pyotp.TOTP(SECRET).at(site.desk.now())} if "secret" in form else {}
    owner.send_form(address, {**form, **code, "confirm_password": PASSWORD}, allow_redirects=False)
    assert (is_in(owner), is_in(other)) == (True, False)


def test_logging_out_elsewhere_needs_no_second_confirmation_to_end_a_copy(site: Site, owner: Client) -> None:
    set_confirmed(site, owner)
    thief = copy_of(site, owner)
    assert owner.send_form("/account/log-out-elsewhere", allow_redirects=False).status_code == 303
    assert (is_in(owner), is_in(thief)) == (True, False)
    assert owner.send_form("/calendar/keys", {"name": "phone"}).status_code == 200, "it is still confirmed"


def test_the_owner_of_a_copy_is_not_confirmed_by_it(site: Site, owner: Client) -> None:
    thief = copy_of(site, owner)
    owner.send_form("/calendar/keys", {"name": "phone", "confirm_password": PASSWORD})
    answer = thief.post("/account/tokens", data={"csrf": thief.csrf, "name": "t", "scopes": "read", "days": "7"})
    assert "pub_" not in answer.text
    answer = thief.post(
        "/account/tokens",
        data={"csrf": site.form_key(owner.cookies[COOKIE]), "name": "t", "scopes": "read", "days": "7"},
    )
    assert "pub_" not in answer.text


def test_the_new_cookie_comes_with_every_answer(site: Site, owner: Client) -> None:
    """Also with a refusal: else its owner would be logged out by their own confirmation."""
    refused = owner.send_form("/people/987654/roles", {"roles": "editor", "confirm_password": PASSWORD})
    assert refused.status_code == 409
    assert refused.headers["set-cookie"].count("HttpOnly") == 2
    assert is_in(owner)


def test_a_wrong_confirmation_renews_nothing(site: Site, owner: Client) -> None:
    before = owner.cookies[COOKIE]
    assert owner.send_form("/calendar/keys", {"confirm_password": "guessed at random"}).status_code == 403
    assert owner.cookies[COOKIE] == before


# What was typed in another tab of the same browser.


def hidden_fields(page: requests.Response) -> dict[str, str]:
    pairs = re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)">', page.text.partition("<main")[2])
    return {name: unescape(value) for name, value in pairs}


def test_a_form_that_was_open_in_another_tab_loses_no_text(site: Site, owner: Client) -> None:
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/calendar/keys", {"confirm_password": PASSWORD})
    typed = {"csrf": key, "title": "Typed “before”", "body": " two\nlines & more", "language": "en", "place": "queue"}
    question = owner.post("/posts", data=typed)
    assert question.status_code == 403
    assert "Send it once more" in question.text
    fields = hidden_fields(question)
    assert fields == {**typed, "csrf": site.form_key(owner.cookies[COOKIE])}
    with site.desk.database.reading() as session:
        assert session.scalars(select(Post).where(Post.title == "Typed “before”")).all() == []
    assert owner.post("/posts", data=fields).status_code == 200
    with site.desk.database.reading() as session:
        assert session.scalars(select(Post.body).where(Post.title == "Typed “before”")).one() == " two\nlines & more"


def test_a_form_that_is_sent_after_its_log_in_ended_loses_no_text(site: Site, owner: Client, email: str) -> None:
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/logout")
    typed = {
        "csrf": key,
        "title": "Typed “too long”",
        "body": " two\nlines & <more>",
        "language": "en",
        "place": "queue",
    }
    question = owner.post("/posts", data=typed)
    assert question.status_code == 401
    assert "what you entered is kept here" in question.text
    assert hidden_fields(question) == typed
    assert hidden_fields(owner.post("/posts", data=hidden_fields(question))) == typed, "also when it is sent too early"

    owner.post("/login", data={"email": email, "password": PASSWORD}, allow_redirects=False)
    again = owner.post("/posts", data=hidden_fields(question))
    assert hidden_fields(again) == {**typed, "csrf": site.form_key(owner.cookies[COOKIE])}
    assert owner.post("/posts", data=hidden_fields(again)).status_code == 200
    with site.desk.database.reading() as session:
        assert session.scalars(select(Post.body).where(Post.title == typed["title"])).one() == typed["body"]


def test_a_strangers_large_form_is_not_sent_back(site: Site) -> None:
    stranger = site.client()
    small = stranger.post("/posts", data={"title": "a" * 100_000})
    large = stranger.post("/posts", data={"title": "a" * 4_000_000})
    assert (small.status_code, large.status_code) == (401, 401)
    assert (len(small.text) > 100_000, len(large.text) < 10_000) == (True, True)


def test_somebody_else_who_logs_in_sends_nothing_of_it(site: Site, owner: Client) -> None:
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/logout")
    question = owner.post("/posts", data={"csrf": key, "title": "Foreign", "language": "en"})
    owner.post("/login", data={"email": "chief@example.org", "password": PASSWORD}, allow_redirects=False)
    refused = owner.post("/posts", data=hidden_fields(question))
    assert (refused.status_code, "Foreign" in refused.text) == (403, False)


@pytest.mark.parametrize("address", ["/account/password", "/channels/instagram/connect/answer", "/people"])
def test_secrets_that_come_after_the_log_in_ended_are_in_no_page(site: Site, owner: Client, address: str) -> None:
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/logout")
    form = {"csrf": key, "password": "of instagram", "new": NEW, "confirm_password": PASSWORD, "email": "a@example.org"}
    refused = owner.post(address, data=form)
    assert refused.status_code == 401
    assert [value for value in form.values() if value in refused.text] == []
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert "Foreign" not in owner.post("/posts", data={"csrf": key, "title": "Foreign"}, headers=elsewhere).text


def test_a_script_is_given_the_new_key(site: Site, owner: Client) -> None:
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/calendar/keys", {"confirm_password": PASSWORD})
    form = {"title": "kept", "language": "en"}
    refusal = owner.post("/preview", data=form, headers={"x-csrf-token": key})
    assert refusal.status_code == 403
    assert refusal.headers["x-csrf-token"] == site.form_key(owner.cookies[COOKIE])
    again = owner.post("/preview", data=form, headers={"x-csrf-token": refusal.headers["x-csrf-token"]})
    assert again.status_code in (200, 422)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_a_piece_of_a_picture_is_never_read_as_a_form(site: Site, owner: Client, kind: str) -> None:
    key = {"x-csrf-token": site.form_key(owner.cookies[COOKIE])}
    upload = owner.post("/uploads", data={"name": "cell.png", "size": "9"}, headers=key).json()["id"]
    answer = owner.post(f"/uploads/{upload}/0", data=b"csrf=abc", headers={**key, "content-type": kind})
    assert (answer.status_code, answer.json()["received"]) == (200, 8)


def test_chosen_files_are_said_to_be_lost(site: Site, owner: Client) -> None:
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/calendar/keys", {"confirm_password": PASSWORD})
    files = {"files": ("a.png", b"x", "image/png")}
    question = owner.post("/posts", data={"csrf": key, "title": "With a file"}, files=files)
    assert "choose them again" in question.text


def test_an_old_form_that_changes_an_account_asks_for_the_password(site: Site, owner: Client) -> None:
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/calendar/keys", {"confirm_password": PASSWORD})
    form = {"csrf": key, "new": NEW, "confirm_password": PASSWORD}
    question = owner.post("/account/password", data=form)
    assert "Confirm that it is you" in question.text
    assert NEW not in question.text
    assert PASSWORD not in question.text


def test_the_key_of_somebody_else_or_of_nobody_is_answered_with_nothing(site: Site, owner: Client) -> None:
    stranger = site.client("admin", email="chief@example.org")
    for key in (stranger.csrf, "", "0" * 43):
        refused = owner.post("/posts", data={"csrf": key, "title": "Foreign"})
        assert refused.status_code == 403
        assert "did not come from a page of the desk" in refused.text
        assert "Foreign" not in refused.text
        assert "x-csrf-token" not in refused.headers
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/calendar/keys", {"confirm_password": PASSWORD})
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    refused = owner.post("/posts", data={"csrf": key, "title": "Foreign"}, headers=elsewhere)
    assert "Foreign" not in refused.text


def test_the_answers_to_a_platform_are_never_written_into_a_page(site: Site, owner: Client) -> None:
    key = site.form_key(owner.cookies[COOKIE])
    owner.send_form("/calendar/keys", {"confirm_password": PASSWORD})
    refused = owner.post("/channels/instagram/connect/answer", data={"csrf": key, "password": "of instagram"})
    assert refused.status_code == 403
    assert "of instagram" not in refused.text
