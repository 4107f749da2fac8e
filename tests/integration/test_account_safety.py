"""Tests that nobody else logs in: with a stolen session, with a link to set a password, after many guesses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier

import pyotp
import pytest
import requests
from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from publisher.alerts import store
from publisher.alerts.account_alerts import wrong_codes
from publisher.alerts.conditions import Snapshot
from publisher.cli.main import cli
from publisher.core.clock import ShiftedClock
from publisher.core.encryption import SecretCipher
from publisher.db.models import Event
from publisher.db.operations import Alert
from publisher.db.session import Database
from publisher.db.staff import ApiToken, KnownBrowser, LoginFailure, Person, WebSession
from publisher.db.webhooks import Webhook
from publisher.lifecycle import record_event
from publisher.staff import accounts, calendar_keys, guesses, logins, second_factor
from publisher.staff.browsers import KNOWN_BROWSER_LIFETIME, LoginSource
from publisher.staff.guesses import (
    DAY,
    LOGINS_REFUSED,
    MAX_AGE,
    MAX_PER_ACCOUNT,
    MAX_PER_ACCOUNT_A_DAY,
    MAX_PER_BROWSER,
    MAX_PER_BROWSER_A_DAY,
    MAX_PER_PAIR,
    MAX_PER_PAIR_A_DAY,
    MAX_PER_SITE,
    MIN_REPORTED_CODES,
    WINDOW,
    WRONG_CODE,
    GuessedSubject,
    LoginRefused,
    begin_guess,
    failed_tries,
    guess_at,
)
from publisher.staff.reauthentication import REAUTHENTICATION_LIFETIME
from publisher.staff.tokens import hash_of
from publisher.web.access import CONFIRM_WITHIN, RULES
from publisher.web.guard import BROWSER_COOKIE, COOKIE
from tests.api_client import Program, token_of
from tests.conftest import WriteDesk, on_every_database
from tests.desk_site import PASSWORD, Client, Site, open_starter_site, text_of

NEW = "another quiet night of rain"
NUMBERS = count(1)
SECRET = pyotp.random_base32()


@pytest.fixture(scope="module")
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk, clock: ShiftedClock) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk")), clock) as opened:
        opened.person("admin", email="chief@example.org")
        yield opened


@pytest.fixture(autouse=True)
def _fresh(site: Site, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PUBLISHER_KEY", Fernet.generate_key().decode())
    yield
    clock.shift_to(ShiftedClock().now())
    with site.desk.database.writing() as session:
        session.query(LoginFailure).delete()


@pytest.fixture
def email(site: Site) -> str:
    """Adds a person that no other test uses."""
    address = f"person{next(NUMBERS)}@example.org"
    site.person("admin", email=address)
    return address


def with_factor(site: Site, email: str) -> None:
    """Gives a person a second factor; its code of this moment is not used up."""
    person = site.person("admin", email=email)
    with site.desk.database.writing() as session:
        sealed = SecretCipher.from_environment().encrypt(SECRET, f"second factor of {person}")
        session.execute(update(Person).where(Person.id == person).values(totp_secret=sealed, totp_last_step=0))


def code_now(site: Site) -> str:
    return pyotp.TOTP(SECRET).at(site.desk.now())


def borrowed(site: Site, email: str) -> Client:
    """Opens a browser with a stolen session, in which no password was given recently."""
    client = site.client("admin", email=email)
    with site.desk.database.writing() as session:
        session.execute(update(WebSession).values(confirmed_at=None))
    return client


def log_in(site: Site, email: str, password: str = PASSWORD, *, browser: str = "") -> requests.Response:
    client = site.client()
    if browser:
        client.cookies.set(BROWSER_COOKIE, browser)
    return client.post("/login", data={"email": email, "password": password}, allow_redirects=False)


def try_from(site: Site, email: str, password: str, address: str) -> bool:
    """Decides whether a log-in from a network address succeeds."""
    try:
        logins.check_password(site.desk.database, email, password, source=LoginSource(address), now=site.desk.now())
    except LoginRefused:
        return False
    return True


def person_of(site: Site, email: str) -> Person:
    with site.desk.database.reading() as session:
        return session.scalars(select(Person).where(Person.email == email)).one()


# A borrowed session.


def changes(site: Site, email: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Lists the changes of an account: the address and the fields of each form."""
    other = site.person("editor", email="other@example.org")
    hook = webhook(site)
    factor = {"secret": SECRET, "code": code_now(site)}
    return {
        "change_password": ("/account/password", {"new": NEW}),
        "set_second_factor": ("/account/second-factor", factor),
        "remove_second_factor": ("/account/second-factor/remove", {}),
        "make_token": ("/account/tokens", {"name": "thief", "scopes": "read", "days": "7"}),
        "make_calendar_key": ("/calendar/keys", {"name": "thief"}),
        "invite_person": ("/people", {"name": "T", "email": f"t{email}", "roles": "admin"}),
        "invite_person_again": (f"/people/{other}/invitation", {}),
        "change_roles": (f"/people/{other}/roles", {"roles": "admin"}),
        "change_active": (f"/people/{other}/active", {"active": "false"}),
        "remove_factor_of": (f"/people/{other}/second-factor/remove", {}),
        "set_chat_addresses": ("/account/chats", {"addresses": "tgram://123456789:abcdefg_hijklmnop/12315544/"}),
        "log_out_elsewhere": ("/account/log-out-elsewhere", {}),
        "begin_connecting": ("/channels/x/connect", {}),
        "add_webhook": ("/webhooks", {"url": "https://10.0.0.1/hook"}),
        "switch_webhook": (f"/webhooks/{hook}/active", {"active": "false"}),
        "remove_webhook": (f"/webhooks/{hook}/remove", {}),
    }


def webhook(site: Site) -> int:
    """Adds a webhook that nothing is sent to."""
    with site.desk.database.writing() as session:
        hook = Webhook(url=f"https://hook{next(NUMBERS)}.example", secret="sealed", created_at=site.desk.now())
        session.add(hook)
        session.flush()
        return hook.id


def everything_of_accounts(site: Site) -> list[object]:
    with site.desk.database.reading() as session:
        people = session.execute(
            select(Person.id, Person.email, Person.roles, Person.active, Person.password_hash, Person.totp_secret,
                   Person.invite_hash, Person.chat_addresses).order_by(Person.id)
        ).all()  # fmt: skip
        return [
            *people,
            *session.execute(select(ApiToken.id, ApiToken.revoked_at).order_by(ApiToken.id)).all(),
            *session.execute(select(Webhook.id, Webhook.active).order_by(Webhook.id)).all(),
            *session.execute(
                select(WebSession.token_hash, WebSession.connecting).order_by(WebSession.token_hash)
            ).all(),
        ]


def test_every_change_of_an_account_is_in_the_table_of_confirmations(site: Site, email: str) -> None:
    assert set(changes(site, email)) == set(CONFIRM_WITHIN)
    assert set(CONFIRM_WITHIN) <= set(RULES)


@pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", CONFIRM_WITHIN)
def test_a_borrowed_session_changes_no_account(site: Site, email: str, name: str) -> None:
    client = borrowed(site, email)
    address, form = changes(site, email)[name]
    before = everything_of_accounts(site)
    question = client.send_form(address, form, allow_redirects=False)
    assert question.status_code == 403
    assert "Confirm that it is you" in question.text
    wrong = client.send_form(address, {**form, "confirm_password": "guessed at random"}, allow_redirects=False)
    assert wrong.status_code == 403
    assert everything_of_accounts(site) == before
    answer = client.send_form(address, {**form, "confirm_password": PASSWORD}, allow_redirects=False)
    assert answer.status_code in (200, 303, 422), text_of(answer)
    assert "Confirm that it is you" not in answer.text


@pytest.mark.parametrize("name", CONFIRM_WITHIN)
def test_who_has_a_second_factor_is_asked_for_a_code_too(site: Site, email: str, name: str) -> None:
    with_factor(site, email)
    client = borrowed(site, email)
    address, form = changes(site, email)[name]
    before = everything_of_accounts(site)
    for code in ("", "000000"):
        fields = {**form, "confirm_password": PASSWORD, "confirm_code": code}
        assert client.send_form(address, fields, allow_redirects=False).status_code == 403
    assert everything_of_accounts(site) == before


def test_what_was_filled_in_is_not_lost_by_the_question(site: Site, email: str) -> None:
    client = borrowed(site, email)
    answer = client.send_form("/people", {"name": "Noa", "email": "noa@example.org", "roles": ["editor", "operator"]})
    hidden = re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">', answer.text)
    fields: dict[str, list[str]] = {}
    for name, value in hidden:
        fields.setdefault(name, []).append(value)
    assert fields["roles"] == ["editor", "operator"]
    client.post("/people", data={**fields, "confirm_password": PASSWORD})
    assert person_of(site, "noa@example.org").roles == ["editor", "operator"]


def test_a_new_password_is_not_written_into_a_page(site: Site, email: str) -> None:
    answer = borrowed(site, email).send_form("/account/password", {"new": NEW})
    assert NEW not in answer.text


def test_a_confirmation_lasts_for_minutes_and_for_one_session(site: Site, email: str, clock: ShiftedClock) -> None:
    client = borrowed(site, email)
    other = site.person("editor", email="other@example.org")
    address = f"/people/{other}/roles"
    client.send_form(address, {"roles": "editor", "confirm_password": PASSWORD})
    assert client.send_form(address, {"roles": "editor"}, allow_redirects=False).status_code == 303
    elsewhere = Client(site.url)
    token = site.session_token("admin", email=email)
    with site.desk.database.writing() as session:
        session.execute(update(WebSession).where(WebSession.token_hash == hash_of(token)).values(confirmed_at=None))
        elsewhere.csrf = session.get_one(WebSession, hash_of(token)).csrf
    elsewhere.cookies.set(COOKIE, token)
    assert elsewhere.send_form(address, {"roles": "editor"}, allow_redirects=False).status_code == 403
    # The password and the second factor are asked about each time.
    assert client.send_form("/account/password", {"new": NEW}, allow_redirects=False).status_code == 403
    clock.shift_to(site.desk.now() + REAUTHENTICATION_LIFETIME + timedelta(seconds=1))
    assert client.send_form(address, {"roles": "editor"}, allow_redirects=False).status_code == 403


def test_guesses_in_a_borrowed_session_are_counted(site: Site, email: str) -> None:
    client = borrowed(site, email)
    for _ in range(12):
        client.send_form("/account/password", {"new": NEW, "confirm_password": "guessed at random"})
    right = client.send_form("/account/password", {"new": NEW, "confirm_password": PASSWORD}, allow_redirects=False)
    assert right.status_code == 403
    assert "Too many log-ins were refused" in right.text
    with site.desk.database.reading() as session:
        assert session.query(LoginFailure).count() == MAX_PER_PAIR


# What another password ends.


def keys_of(site: Site, email: str) -> tuple[Program, str]:
    """Makes a valid program's token and a valid calendar address."""
    person = site.person("admin", email=email)
    program = Program(site.url, token_of(site, person))
    key = calendar_keys.new_calendar_key(site.desk.database, person, "phone", now=site.desk.now())
    assert program.get("/queue").status_code == 200
    assert requests.get(f"{site.url}/calendar.ics?key={key}", timeout=30).status_code == 200
    return program, key


def shut(site: Site, program: Program, key: str) -> bool:
    feed = requests.get(f"{site.url}/calendar.ics?key={key}", timeout=30)
    return program.get("/queue").status_code == 401 and feed.status_code in (401, 403, 404)


def test_a_changed_password_ends_other_log_ins_and_the_tokens_of_programs(site: Site, email: str) -> None:
    here, elsewhere = site.client("admin", email=email), site.client("admin", email=email)
    program, key = keys_of(site, email)
    here.send_form("/account/password", {"new": NEW, "confirm_password": PASSWORD})
    assert here.get("/account", allow_redirects=False).status_code == 200
    assert elsewhere.get("/account", allow_redirects=False).status_code == 303
    assert shut(site, program, key)


def test_a_link_that_sets_a_password_ends_everything_and_asks_for_the_code(site: Site, email: str) -> None:
    with_factor(site, email)
    client = site.client("admin", email=email)
    program, key = keys_of(site, email)
    person = person_of(site, email).id
    token = accounts.invite_again(site.desk.database, person, now=site.desk.now(), actor="chief@example.org")
    guest = site.client()
    assert "your programs stop working" in guest.get(f"/invitation/{token}").text
    answer = guest.post(f"/invitation/{token}", data={"password": NEW}, allow_redirects=False)
    assert (answer.status_code, COOKIE in guest.cookies) == (200, False)
    assert "The six digits" in answer.text
    assert shut(site, program, key)
    assert client.get("/account", allow_redirects=False).status_code == 303
    ticket = answer.text.partition('name="ticket" value="')[2].partition('"')[0]
    data = {"ticket": ticket, "code": code_now(site)}
    assert guest.post("/login/code", data=data, allow_redirects=False).status_code == 303
    assert COOKIE in guest.cookies


def test_a_ticket_is_worthless_after_another_password(site: Site, email: str) -> None:
    with_factor(site, email)
    answer = log_in(site, email)
    ticket = answer.text.partition('name="ticket" value="')[2].partition('"')[0]
    person = person_of(site, email).id
    token = accounts.invite_again(site.desk.database, person, now=site.desk.now(), actor="test")
    accounts.accept_invite(site.desk.database, token, NEW, site.desk.now())
    late = site.client().post("/login/code", data={"ticket": ticket, "code": code_now(site)})
    assert (late.status_code, "Log in again" in late.text) == (401, True)


def test_an_admin_helps_somebody_who_lost_their_phone(site: Site, email: str) -> None:
    with_factor(site, email)
    locked_out = site.client("admin", email=email)
    chief = site.client("admin", email="chief@example.org")
    chief.send_form(f"/people/{person_of(site, email).id}/second-factor/remove")
    assert person_of(site, email).totp_secret is None
    assert locked_out.get("/account", allow_redirects=False).status_code == 303
    with_factor(site, email)
    command = ["--config", str(site.desk.config), "user", "remove-second-factor", email]
    assert "password alone" in CliRunner().invoke(cli, command, catch_exceptions=False).output
    assert log_in(site, email).status_code == 303


# Guessing.


def test_strangers_do_not_lock_a_person_out(site: Site, email: str) -> None:
    """Tests that guesses elsewhere never lock out the person's own address, and are reported."""
    for _ in range(MAX_PER_PAIR + 3):
        assert not try_from(site, email, "guessed", "203.0.113.9")
    assert not try_from(site, email, PASSWORD, "203.0.113.9")
    entered = log_in(site, email)
    assert entered.status_code == 303
    client = site.client()
    client.cookies.set(COOKIE, entered.cookies[COOKIE])
    page_text = text_of(client.get("/"))
    assert f"{MAX_PER_PAIR} log-ins with your address and a wrong password were refused" in page_text
    assert "the last from 203.0.113.9" in page_text
    again = log_in(site, email)
    client.cookies.set(COOKIE, again.cookies[COOKIE])
    assert "were refused" not in text_of(client.get("/"))


def test_many_guesses_are_slowed_and_a_known_browser_gets_through(site: Site, email: str, clock: ShiftedClock) -> None:
    browser_cookie = log_in(site, email).cookies[BROWSER_COOKIE]
    addresses = (f"198.51.{number // 250}.{number % 250}" for number in count())
    for _ in range(MAX_PER_ACCOUNT_A_DAY // MAX_PER_ACCOUNT + 1):
        for _ in range(MAX_PER_ACCOUNT):
            try_from(site, email, "guessed", next(addresses))
        clock.shift_to(site.desk.now() + WINDOW)
    with site.desk.database.reading() as session:
        tries = session.query(LoginFailure).count()
    assert tries == MAX_PER_ACCOUNT_A_DAY
    assert not try_from(site, email, PASSWORD, next(addresses))
    assert log_in(site, email).status_code == 401
    assert log_in(site, email, browser=browser_cookie).status_code == 303
    with site.desk.database.reading() as session:
        events = session.scalars(select(Event).where(Event.name == LOGINS_REFUSED)).all()
    assert email in [event.detail["person"] for event in events]


def test_a_known_browser_is_no_way_to_guess(site: Site, email: str) -> None:
    browser_cookie = log_in(site, email).cookies[BROWSER_COOKIE]
    for _ in range(MAX_PER_BROWSER):
        assert log_in(site, email, "guessed at random", browser=browser_cookie).status_code == 401
    assert "Too many" in log_in(site, email, browser=browser_cookie).text


def test_a_browser_is_known_for_one_person_and_until_that_ends(site: Site, email: str, clock: ShiftedClock) -> None:
    client = site.client()
    client.post("/login", data={"email": email, "password": PASSWORD}, allow_redirects=False)
    first = client.cookies[BROWSER_COOKIE]
    assert client.get("/account", allow_redirects=False).status_code == 200
    with site.desk.database.reading() as session:
        stored_hashes = [row.token_hash for row in session.scalars(select(KnownBrowser))]
    assert first not in stored_hashes
    other = f"person{next(NUMBERS)}@example.org"
    site.person("editor", email=other)
    lock(site, other)
    assert log_in(site, other, browser=first).status_code == 401
    lock(site, email)
    second = log_in(site, email, browser=first).cookies[BROWSER_COOKIE]
    assert log_in(site, email, browser=first).status_code == 401, "the former token is worth nothing"
    with site.desk.database.writing() as session:
        session.execute(update(WebSession).values(confirmed_at=site.desk.now()))
    client.send_form("/account/log-out-elsewhere")
    assert log_in(site, email, browser=second).status_code == 401
    clock.shift_to(site.desk.now() + KNOWN_BROWSER_LIFETIME)


def lock(site: Site, email: str) -> None:
    """Makes so many guesses from many networks that only a known browser gets through."""
    for number in range(MAX_PER_ACCOUNT + 1):
        try_from(site, email, "guessed", f"192.0.2.{number}")


def test_the_limits_do_not_reveal_whether_a_person_exists(site: Site, email: str) -> None:
    nobody = f"nobody{next(NUMBERS)}@example.org"
    answers = [[text_of(log_in(site, who, "guessed at random")) for _ in range(MAX_PER_PAIR + 1)]
               for who in (email, nobody)]  # fmt: skip
    assert answers[0] == answers[1]
    with site.desk.database.reading() as session:
        people = [event.detail["person"] for event in session.scalars(
            select(Event).where(Event.name == LOGINS_REFUSED).order_by(Event.id.desc()).limit(2))]  # fmt: skip
    assert people == ["", email]


@on_every_database
def test_tries_at_the_same_moment_are_counted_too(database: Database, site: Site) -> None:
    now, together = site.desk.now(), Barrier(8)
    accounts.add_person(
        database, accounts.NewPerson("ada@example.org", "Ada", ["editor"]), password=PASSWORD, now=now, actor="test",
    )  # fmt: skip

    def judged(number: int) -> bool:
        together.wait()
        with pytest.raises(LoginRefused) as refusal:
            logins.check_password(
                database, "ada@example.org", f"guess {number}", source=LoginSource("192.0.2.1"), now=now
            )
        return refusal.value.text == logins.WRONG_LOGIN_MESSAGE

    with ThreadPoolExecutor(8) as tries:
        assert sum(tries.map(judged, range(16))) == MAX_PER_PAIR


@on_every_database
def test_tries_that_are_too_old_or_too_many_are_forgotten(
    database: Database, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, numbers = site.desk.now(), count(1)
    monkeypatch.setattr(guesses, "MAX_TRIES", 40)
    monkeypatch.setattr(guesses, "MAX_DELETED_AT_ONCE", 3)

    def kept_after(tries: int, at: datetime) -> int:
        for _ in range(tries):
            number = next(numbers)
            begin_guess(database, guess_at(GuessedSubject.LOG_IN, f"{number}@x.example", f"10.0.0.{number}"), at)
        with database.reading() as session:
            return session.query(LoginFailure).count()

    assert kept_after(60, now) == 41
    assert kept_after(30, now + MAX_AGE + timedelta(seconds=1)) == 30


def test_a_household_counts_as_one_address() -> None:
    assert guess_at(GuessedSubject.LOG_IN, "a@example.org", "2001:db8:1:2:3::4").network == "2001:db8:1:2::/64"
    assert guess_at(GuessedSubject.LOG_IN, "a@example.org", "192.0.2.7").network == "192.0.2.7"
    assert guess_at(GuessedSubject.LOG_IN, "a@example.org", "::ffff:192.0.2.7").network == "192.0.2.7"
    assert guess_at(GuessedSubject.LOG_IN, "a@example.org", "").network == ""


def test_codes_are_slowed_too_and_a_right_one_is_not_counted(site: Site, email: str) -> None:
    with_factor(site, email)
    person, seal = person_of(site, email).id, SecretCipher.from_environment()

    def try_code(code: str) -> None:
        second_factor.check_code(
            site.desk.database, person, code, source=LoginSource("192.0.2.1"), seal=seal, now=site.desk.now()
        )

    for _ in range(MAX_PER_PAIR - 1):
        with pytest.raises(LoginRefused, match="wrong"):
            try_code("000000")
    try_code(code_now(site))
    with pytest.raises(LoginRefused, match="wrong"):
        try_code("000000")
    with pytest.raises(LoginRefused, match="Too many"):
        try_code("000000")


# A right password that somebody else knows.


def give_codes(site: Site, email: str, number: int, address: str) -> None:
    """Gives wrong codes after the right password."""
    person, seal = person_of(site, email).id, SecretCipher.from_environment()
    for _ in range(number):
        with pytest.raises(LoginRefused, match="wrong"):
            second_factor.check_code(site.desk.database, person, "000000", source=LoginSource(address), seal=seal,
                                     now=site.desk.now())  # fmt: skip


def enter(site: Site, email: str) -> Client:
    """Logs a person in with password and code, in a browser of their own."""
    client = site.client()
    answer = client.post("/login", data={"email": email, "password": PASSWORD})
    ticket = answer.text.partition('name="ticket" value="')[2].partition('"')[0]
    with site.desk.database.writing() as session:
        session.execute(update(Person).where(Person.email == email).values(totp_last_step=0))
    client.post("/login/code", data={"ticket": ticket, "code": code_now(site)}, allow_redirects=False)
    return client


def alerts_of(site: Site, email: str) -> list[str]:
    """Returns the alerts about a person."""
    with site.desk.database.reading() as session:
        conditions = list(wrong_codes(Snapshot(session, site.desk.settings, site.desk.now())))
    return [str(condition.problem) for condition in conditions if email in str(condition.headline)]


def test_wrong_codes_are_reported_to_the_person_and_to_operators(
    site: Site, email: str, caplog: pytest.LogCaptureFixture
) -> None:
    with_factor(site, email)
    give_codes(site, email, MIN_REPORTED_CODES, "203.0.113.9")
    assert caplog.text.count("a wrong code came after the right password") == MIN_REPORTED_CODES
    assert ["3 wrong codes" in alert and "203.0.113.9" in alert for alert in alerts_of(site, email)] == [True]
    client = enter(site, email)
    page_text = text_of(client.get("/"))
    assert "3 wrong codes came after your right password" in page_text
    assert "somebody knows your password: change it now" in page_text
    assert "was not found out" not in page_text
    assert "somebody knows your password" not in text_of(client.get("/"))
    account = text_of(client.get("/account"))
    assert "A wrong code, after your right password, from 203.0.113.9" in account
    assert alerts_of(site, email), "a right code from elsewhere explains nothing"
    assert "A wrong code" not in text_of(site.client("admin", email="chief@example.org").get("/account"))


def test_one_wrong_code_is_reported_unless_its_person_mistyped(site: Site, email: str, clock: ShiftedClock) -> None:
    with_factor(site, email)
    give_codes(site, email, 1, "203.0.113.9")
    give_codes(site, email, 1, "127.0.0.1")
    assert alerts_of(site, email) == [], "the right one may come in a moment"
    enter(site, email)
    clock.shift_to(site.desk.now() + WINDOW)
    assert ["A wrong code" in alert and "203.0.113.9" in alert for alert in alerts_of(site, email)] == [True]


def test_an_alert_of_wrong_codes_is_sent_and_ends_silently(site: Site, email: str) -> None:
    with_factor(site, email)
    give_codes(site, email, MIN_REPORTED_CODES, "203.0.113.9")
    store.reconcile(site.desk.database, site.desk.settings, site.desk.now())
    with site.desk.database.reading() as session:
        titles = [str(headline) for headline in session.scalars(select(Alert.headline).where(Alert.kind == "codes"))]
    assert f"Somebody may know the password of {email}" in titles


@on_every_database
def test_tries_are_found_by_person_on_every_database(database: Database, clock: ShiftedClock) -> None:
    now = clock.now()
    for address in ("a@example.org", "b@example.org"):
        accounts.add_person(
            database, accounts.NewPerson(address, "A", ["editor"]), password=PASSWORD, now=now, actor="test"
        )
    with database.writing() as session:
        first, second = session.scalars(select(Person).order_by(Person.id))
        for name in (WRONG_CODE, LOGINS_REFUSED, "logged in"):
            record_event(session, name, now=now, detail={"person": first.email, "from": "192.0.2.1"})
    with database.reading() as session:
        assert [event.name for event in failed_tries(session, first, now)] == [LOGINS_REFUSED, WRONG_CODE]
        assert failed_tries(session, second, now) == []
        assert failed_tries(session, first, now + MAX_AGE) == []


# A link that sets a password.


@pytest.mark.parametrize("change", ["password", "factor set", "factor removed", "deactivated"])
def test_a_link_to_set_a_password_ends_with_a_change_of_the_account(site: Site, email: str, change: str) -> None:
    database, now = site.desk.database, site.desk.now()
    if change == "factor removed":
        with_factor(site, email)
    person = person_of(site, email).id
    token = accounts.invite_again(database, person, now=now, actor="chief@example.org")
    match change:
        case "password":
            logins.change_own_password(database, person, NEW, keep_session="", keep_browser="", now=now)
        case "factor set":
            nowhere = WebSession(person_id=person, token_hash="")
            second_factor.enable(
                database, nowhere, SECRET, code_now(site), seal=SecretCipher.from_environment(), now=now
            )
        case "factor removed":
            second_factor.disable(database, person, now=now, actor=email)
        case _:
            accounts.set_active(database, person, False, now=now, actor="chief@example.org")
            accounts.set_active(database, person, True, now=now, actor="chief@example.org")
    assert site.client().get(f"/invitation/{token}").status_code == 404
    with pytest.raises(accounts.AccountError, match="used already or is too old"):
        accounts.accept_invite(database, token, "thieves walk over green roofs", now)


# Which tries count together.


def test_a_log_in_name_can_not_be_the_key_of_a_second_factor(site: Site, email: str) -> None:
    with_factor(site, email)
    person, seal = person_of(site, email).id, SecretCipher.from_environment()
    for number in range(MAX_PER_ACCOUNT):
        assert not try_from(site, f"Code of {person}", "guessed", f"203.0.113.{number}")
        assert not try_from(site, f"second-factor {person}", "guessed", f"203.0.113.{number}")
    with site.desk.database.reading() as session:
        assert session.query(LoginFailure).count() == 0, "a name that is no mail address is not counted"
    second_factor.check_code(
        site.desk.database, person, code_now(site), source=LoginSource("192.0.2.1"), seal=seal, now=site.desk.now()
    )


def test_each_kind_of_try_has_keys_of_its_own() -> None:
    same = [guess_at(kind, "7", "192.0.2.1").account for kind in GuessedSubject]
    assert len(set(same)) == len(GuessedSubject) > 1


def test_a_name_that_is_no_mail_address_gets_the_usual_answer(site: Site) -> None:
    answers = [text_of(site.client().post("/login", data={"email": name, "password": "guessed"}))
               for name in ("code of 1", "nobody@example.org")]  # fmt: skip
    assert answers[0] == answers[1]


def test_one_address_never_closes_an_account_for_others(site: Site, email: str, clock: ShiftedClock) -> None:
    """Tests two days of the maximum of tries from one address: a new browser elsewhere still gets in."""
    for _ in range(2 * DAY // WINDOW):
        for _ in range(MAX_PER_PAIR + 1):
            try_from(site, email, "guessed", "203.0.113.9")
        clock.shift_to(site.desk.now() + WINDOW + timedelta(seconds=1))
    assert try_from(site, email, PASSWORD, "198.51.100.7")
    with site.desk.database.reading() as session:
        assert session.query(LoginFailure).count() <= 3 * MAX_PER_PAIR_A_DAY


def test_one_network_of_many_addresses_never_closes_an_account(site: Site, email: str) -> None:
    for number in range(MAX_PER_ACCOUNT + 1):
        try_from(site, email, "guessed", f"2001:db8:7:{number:x}::1")
    with site.desk.database.reading() as session:
        assert session.query(LoginFailure).count() == MAX_PER_SITE, "and its tries are bounded together"
    assert not try_from(site, email, PASSWORD, "2001:db8:7:ffff::1")
    assert try_from(site, email, PASSWORD, "2001:db8:8::1")


def test_a_few_addresses_never_close_an_account_for_a_day(site: Site, email: str, clock: ShiftedClock) -> None:
    """Tests that the tries of one site count five times at most against an account."""
    assert 8 * MAX_PER_PAIR_A_DAY > MAX_PER_ACCOUNT_A_DAY
    tried = 0
    for _ in range(MAX_PER_PAIR_A_DAY):
        for number in range(8):
            guess = guess_at(GuessedSubject.LOG_IN, email, f"203.0.113.{number}")
            with suppress(LoginRefused):
                begin_guess(site.desk.database, guess, site.desk.now())
                tried += 1
        clock.shift_to(site.desk.now() + WINDOW + timedelta(seconds=1))
    assert tried == 8 * MAX_PER_PAIR_A_DAY
    assert try_from(site, email, PASSWORD, "198.51.100.7")


def test_a_known_browser_has_a_limit_for_the_day(site: Site, email: str, clock: ShiftedClock) -> None:
    browser_cookie = log_in(site, email).cookies[BROWSER_COOKIE]
    for _ in range(MAX_PER_BROWSER_A_DAY // MAX_PER_BROWSER + 2):
        for _ in range(MAX_PER_BROWSER):
            log_in(site, email, "guessed at random", browser=browser_cookie)
        clock.shift_to(site.desk.now() + WINDOW + timedelta(seconds=1))
    with site.desk.database.reading() as session:
        assert session.query(LoginFailure).count() == MAX_PER_BROWSER_A_DAY
    refused = log_in(site, email, browser=browser_cookie)
    assert refused.status_code == 401
    assert "try again tomorrow" in refused.text
    clock.shift_to(site.desk.now() + DAY)
    assert log_in(site, email, browser=browser_cookie).status_code == 303


def test_an_old_place_of_a_desk_keeps_its_people(tmp_path: Path, write_desk: WriteDesk) -> None:
    """Tests that a new desk knows no browser, and that a log-in makes one known."""
    with open_starter_site(write_desk(tmp_path)) as fresh:
        fresh.person("admin", email="a@example.org")
        entered = log_in(fresh, "a@example.org")
        cookies = entered.headers["set-cookie"]
    assert cookies.count("HttpOnly") == 2
    assert cookies.count("SameSite=lax") == 2
