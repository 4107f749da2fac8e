"""Tests that sessions in a folder and in the database are whole or not there, used one at a time, and secret."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from publisher.core.clock import ShiftedClock, SystemClock, monotonic
from publisher.core.encryption import KEY_VARIABLE, SecretCipher, WrongKey
from publisher.db.encrypted_values import encrypt_with_first_key
from publisher.db.operations import Channel, ChannelSession
from publisher.db.session import Database
from publisher.db.staff import Person
from publisher.delivery import sessions
from publisher.delivery.channels import Channels
from publisher.delivery.login_renewal import refresh_sessions
from publisher.delivery.sessions import DatabaseSession
from publisher.platforms import session_files
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.session_files import SessionFile, SessionStore
from publisher.sandbox.faults import FaultQueue
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import Ledger
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.accounts import USER_ID, USER_NAME
from publisher.sandbox.x.service import Sandbox as XSandbox
from publisher.settings import load_settings
from tests.outlet import environment, set_environment
from tests.session_counter import CHANNEL, KEY, count, store_at

ROOT = Path(__file__).parents[2]
OTHER_KEY = "YW5vdGhlciBrZXksIGZvciBhbm90aGVyIHNlYWwuLi4="
TIMEOUT = 30.0
WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
BACKENDS = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")


def with_channels(url: str) -> str:
    database = Database.open(url)
    with database.writing() as session:
        session.add_all([Channel(name=name, platform=name) for name in ("x", "tumblr")])
    database.close()
    return url


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    """Returns each place where a session may be stored."""
    if request.param == "file":
        return str(tmp_path / "sessions" / "x.json")
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'queue.db')}"
        return with_channels(url)
    url = request.getfixturevalue("postgres_url")
    assert isinstance(url, str)
    return with_channels(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'queue.db')}"
    else:
        url = request.getfixturevalue("postgres_url")
    opened = Database.open(with_channels(url))
    yield opened
    opened.close()


@pytest.fixture
def shared(postgres_url: str) -> Iterator[Database]:
    """Opens a database that several machines share."""
    opened = Database.open(with_channels(postgres_url))
    yield opened
    opened.close()


@pytest.fixture
def stores(place: str) -> Iterator[Callable[[], SessionStore]]:
    """Opens the same session again and again, as each process would."""
    opened: list[SessionStore] = []

    def open_one() -> SessionStore:
        opened.append(store_at(place))
        return opened[-1]

    yield open_one
    for store in opened:
        if isinstance(store, DatabaseSession):
            store._database.close()


def session_of(database: Database, channel: str = CHANNEL, key: str = KEY) -> DatabaseSession:
    return DatabaseSession(channel, database, SecretCipher(key), SystemClock())


def until(condition: Callable[[], bool]) -> None:
    give_up = monotonic() + TIMEOUT
    pause = threading.Event()
    while not condition():
        assert monotonic() < give_up, "it does not come about"
        pause.wait(0.01)


def everything_in(database: Database) -> str:
    """Returns the text that a dump of the table would hold."""
    with database.reading() as session:
        return str(session.execute(text("SELECT * FROM channel_session")).all())


def test_a_session_is_replaced_whole(stores: Callable[[], SessionStore]) -> None:
    store = stores()
    assert store.load() == {}
    store.save({"access_token": "one", "refresh_token": "first", "cookies": {"ñ": [1, 2.5, None]}})
    store.save({"access_token": "two", "cookies": {"ñ": [True]}})

    assert stores().load() == {"access_token": "two", "cookies": {"ñ": [True]}}


def test_a_session_that_can_not_be_saved_leaves_the_old_one(stores: Callable[[], SessionStore], place: str) -> None:
    store = stores()
    store.save({"access_token": "one"})
    with pytest.raises(TypeError):
        store.save({"access_token": object()})

    assert stores().load() == {"access_token": "one"}
    if "://" not in place:
        assert [file.name for file in Path(place).parent.iterdir()] == ["x.json"]


def test_a_reader_sees_the_old_one_or_the_new_one(stores: Callable[[], SessionStore]) -> None:
    store = stores()
    versions: list[dict[str, str]] = [{"token": "a"}, {"token": "b" * 50_000}]
    store.save(versions[0])
    all_written = threading.Event()

    def write() -> None:
        for number in range(30):
            store.save(versions[number % 2])
        all_written.set()

    reader = stores()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not all_written.is_set() and not writing.done():
            assert reader.load() in versions
        writing.result()


def test_threads_are_alone_one_after_the_other(stores: Callable[[], SessionStore]) -> None:
    """More of them than a pool has connections: those that wait must not keep the one inside from storing."""
    shared = stores()
    together = Barrier(20)

    def work(_: int) -> None:
        together.wait()
        count(shared)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    assert shared.load() == {"count": 20}


def test_processes_are_alone_and_one_that_is_killed_lets_go(stores: Callable[[], SessionStore], place: str) -> None:
    store = stores()
    command = [sys.executable, "-m", "tests.session_counter", place, "15"]
    children = [subprocess.Popen(arguments, cwd=ROOT) for arguments in (command, [*command, "die"])]
    statuses = [child.wait(TIMEOUT) for child in children]
    count(store)

    assert statuses == [0, -signal.SIGKILL]
    assert store.load() == {"count": 31}


def test_waiting_for_ones_turn_has_an_end(stores: Callable[[], SessionStore], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (session_files, sessions):
        monkeypatch.setattr(module, "LOCK_TIMEOUT_SECONDS", 1)
    with stores().alone(), pytest.raises(Unavailable, match="Somebody else is renewing"), stores().alone():
        raise AssertionError("two at once")
    count(stores())


def test_the_lock_file_is_private_and_never_a_link(tmp_path: Path) -> None:
    session, target = SessionFile(tmp_path / "sessions" / "x.json"), tmp_path / "elsewhere"
    lock = session.path.with_suffix(".lock")
    with session.alone():
        assert lock.stat().st_mode & 0o777 == 0o600
    lock.unlink()
    lock.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"), session.alone():
        raise AssertionError("locked through a link")
    assert not target.exists()


def test_channels_do_not_wait_for_each_other(shared: Database) -> None:
    with session_of(shared, "x").alone(), session_of(shared, "tumblr").alone():
        session_of(shared, "tumblr").save({"token": "t"})

    assert session_of(shared, "tumblr").load() == {"token": "t"}


def test_a_turn_whose_connection_is_lost_keeps_what_was_stored(shared: Database) -> None:
    with session_of(shared).alone():
        with shared.writing() as session:
            holder = session.scalars(BACKENDS).one()
            session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": holder})
        until(lambda: not _answers(shared, BACKENDS))
        session_of(shared).save({"token": "new"})
        with session_of(shared).alone():
            assert session_of(shared).load() == {"token": "new"}

    assert session_of(shared).load() == {"token": "new"}


def test_a_machine_that_is_frozen_inside_loses_its_turn(shared: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "MAX_LOCK_SECONDS", 0.1)
        frozen = session_of(shared).alone()
        frozen.__enter__()
    count(session_of(shared))
    frozen.__exit__(None, None, None)

    assert session_of(shared).load() == {"count": 1}


def _answers(database: Database, question: object) -> list[object]:
    with database.reading() as session:
        return list(session.scalars(question).all())  # type: ignore[call-overload]


def test_a_database_that_is_away_is_no_refusal(tmp_path: Path) -> None:
    away = Database.open(f"postgresql+psycopg://publisher@/outlet?host={tmp_path}")
    store = session_of(away)
    for use in (store.load, lambda: store.save({}), lambda: store.alone().__enter__()):
        with pytest.raises(Unavailable, match="Not reached: the session of x in the database"):
            use()
    away.close()


def test_nothing_of_a_session_can_be_read_in_the_database(database: Database, tmp_path: Path) -> None:
    session_of(database).save({"refresh_token": "never-to-be-seen", "sessionid": "nor-this"})
    content = everything_in(database)
    files = b"".join(file.read_bytes() for file in tmp_path.glob("queue.db*") if file.is_file())

    assert CHANNEL in content
    assert not [word for word in ("never-to-be-seen", "refresh_token", "nor-this") if word in content]
    assert b"never-to-be-seen" not in files


def test_the_session_of_one_channel_can_not_be_given_to_another(database: Database) -> None:
    session_of(database).save({"token": "mine"})
    session_of(database, "tumblr").save({"token": "yours"})
    with database.writing() as session:
        mine = session.get_one(ChannelSession, "x")
        session.get_one(ChannelSession, "tumblr").content = mine.content

    with pytest.raises(CredentialsRefused, match="something else"):
        session_of(database, "tumblr").load()


def test_another_key_is_reported_without_showing_any(database: Database) -> None:
    session_of(database).save({"token": "never-to-be-seen"})

    with pytest.raises(CredentialsRefused, match="PUBLISHER_KEY does not decrypt the session of x") as caught:
        session_of(database, key=OTHER_KEY).load()
    assert not [
        word for word in (KEY, OTHER_KEY, "never-to-be-seen") if word in f"{caught.value!r}{caught.value.answer}"
    ]


def test_keys_are_changed_all_at_once(database: Database, now: datetime) -> None:
    for channel in ("x", "tumblr"):
        session_of(database, channel).save({"token": channel})
    with database.writing() as session:
        session.add(
            Person(
                email="ada@example.org",
                name="Ada",
                totp_secret=SecretCipher(KEY).encrypt("seed", "hers"),
                created_at=now,
            )
        )
        session.add(Person(email="bob@example.org", name="Bob", created_at=now))
    with database.writing() as session:
        assert encrypt_with_first_key(session, SecretCipher(f"{OTHER_KEY} {KEY}")).resealed == 3

    assert session_of(database, "tumblr", OTHER_KEY).load() == {"token": "tumblr"}
    with database.reading() as session:
        sealed = {person.name: person.totp_secret for person in session.scalars(select(Person))}
    assert sealed["Bob"] is None
    assert SecretCipher(OTHER_KEY).decrypt(sealed["Ada"] or "", "hers") == "seed"
    with pytest.raises(CredentialsRefused):
        session_of(database).load()


def test_a_lost_key_changes_nothing_until_its_sessions_are_deleted(database: Database) -> None:
    session_of(database, "tumblr").save({"token": "tumblr"})
    session_of(database, "x", OTHER_KEY).save({"token": "x"})
    before = everything_in(database)
    with pytest.raises(WrongKey, match="session of x"), database.writing() as session:
        encrypt_with_first_key(session, SecretCipher(KEY))
    assert everything_in(database) == before

    with database.writing() as session:
        assert encrypt_with_first_key(session, SecretCipher(KEY), forget_lost=True).forgotten == ("x",)
    assert session_of(database, "x").load() == {}
    assert session_of(database, "tumblr").load() == {"token": "tumblr"}


CONFIG = """\
[outlet]
name = "Test outlet"
time_zone = "Europe/London"
hour = "09:00"

[storage]
database = "{database}"
sessions = "database"

[channels.x]
platform = "x"
account = "{account}"
caption = "captions/x.j2"
base_url = "{url}"
"""


class Machines:
    """Holds a desk of several machines with one database, and the sandbox's X."""

    def __init__(self, folder: Path, url: str) -> None:
        self.clock = ShiftedClock()
        self.sandbox = XSandbox(Ledger(), FaultQueue())
        self.requests: Counter[str] = Counter()
        self.instead: Callable[[Request], Answer | None] = lambda _request: None
        self.server = HttpServer(self._answer)
        self.config = folder / "publisher.toml"
        self.config.write_text(CONFIG.format(database=url, account=USER_NAME, url=self.server.url), encoding="utf-8")
        self._opened: list[Database] = []

    def _answer(self, request: Request) -> Answer:
        self.requests[request.path] += 1
        return self.instead(request) or self.sandbox.answer(request)

    @property
    def renewals(self) -> int:
        return self.requests["/2/oauth2/token"]

    def machine(self) -> Channels:
        settings = load_settings(self.config)
        self._opened.append(Database.open(settings.database_url))
        opened = self._opened[-1]
        return Channels(settings, self.clock, lambda: opened)

    def log_in(self, lives: timedelta) -> dict[str, str]:
        tokens = self.sandbox.accounts.new_tokens("tweet.write")
        session = {
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
            "expires_at": (self.clock.now() + lives).isoformat(),
        }
        self.store().save(session)
        return session

    def store(self) -> SessionStore:
        return self.machine()._session("x")

    def environment(self) -> dict[str, str]:
        accounts = self.sandbox.accounts
        return {
            "PUBLISHER_X_CLIENT_ID": accounts.client_id,
            "PUBLISHER_X_CLIENT_SECRET": accounts.client_secret,
            KEY_VARIABLE: KEY,
        }

    def command(self, *arguments: str) -> str:
        """Runs a command on one of the machines, and returns its output."""
        command = [sys.executable, "-m", "publisher", "--config", str(self.config), *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        assert result.stderr == ""
        return result.stdout

    def close(self) -> None:
        for database in self._opened:
            database.close()


@pytest.fixture
def machines(
    tmp_path: Path, shared: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machines]:
    new_machines = Machines(tmp_path, postgres_url)
    new_machines.server.start()
    set_environment(monkeypatch, new_machines.environment())
    yield new_machines
    new_machines.close()
    new_machines.server.stop()


def test_four_machines_renew_one_token_once(machines: Machines, shared: Database) -> None:
    before = machines.log_in(timedelta(minutes=1))

    def held_until_all_wait(request: Request) -> None:
        if request.path == "/2/oauth2/token":
            until(lambda: _answers(shared, WAITING) == [3])

    machines.instead = held_until_all_wait
    with ThreadPoolExecutor(4) as pool:
        user_ids = pool.map(
            lambda channels: channels.open("x").verify_credentials().id, [machines.machine() for _ in range(4)]
        )
        assert list(user_ids) == [USER_ID] * 4

    assert machines.renewals == 1
    assert machines.store().load()["refresh_token"] != before["refresh_token"]


def test_the_regular_look_renews_once_and_only_what_ends(machines: Machines) -> None:
    machines.log_in(timedelta(hours=2))
    assert refresh_sessions(machines.machine()) == {}
    assert machines.renewals == 0
    machines.clock.shift_to(machines.clock.now() + timedelta(hours=1))
    with ThreadPoolExecutor(4) as pool:
        looks = pool.map(refresh_sessions, [machines.machine() for _ in range(4)])
        assert list(looks) == [{}] * 4

    assert machines.renewals == 1


def test_a_refresh_that_fails_keeps_the_token_and_is_tried_again(machines: Machines) -> None:
    before = machines.log_in(timedelta(minutes=30))
    machines.instead = lambda request: Answer.of_json(500, {}) if request.path == "/2/oauth2/token" else None
    assert refresh_sessions(machines.machine()) == {}
    assert machines.store().load() == before
    assert machines.machine().open("x").verify_credentials().id == USER_ID

    machines.instead = lambda _request: None
    assert refresh_sessions(machines.machine()) == {}
    assert machines.store().load() != before


def test_a_spent_token_is_reported_and_no_secret_with_it(machines: Machines, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    session = machines.log_in(timedelta(minutes=30))
    assert refresh_sessions(machines.machine()) == {}
    renewed = machines.store().load()
    machines.store().save({**session, "access_token": renewed["access_token"]})

    refused = {name: str(problem) for name, problem in refresh_sessions(machines.machine()).items()}
    assert refused == {"x": "X refused the log-in (400). Run: publisher connect x"}
    assert "the log-in needs a person" in caplog.text
    secrets = [KEY, *session.values(), *renewed.values()]
    assert not [secret for secret in secrets if secret in caplog.text]


def test_without_a_key_nothing_is_asked_of_the_platform(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    machines.log_in(timedelta(0))
    monkeypatch.delenv(KEY_VARIABLE)

    with pytest.raises(CredentialsRefused, match="PUBLISHER_KEY is not set; make a key with `publisher key new`"):
        machines.machine().open("x")
    assert not machines.requests


def test_a_person_makes_and_changes_keys(machines: Machines) -> None:
    session = machines.log_in(timedelta(hours=2))
    key = machines.command("key", "new").strip()
    with environment({KEY_VARIABLE: f"{key} {KEY}"}):
        assert "Sealed with the first key: 1." in machines.command("key", "rotate")
    with environment({KEY_VARIABLE: key}):
        assert machines.store().load() == session
    assert "run `publisher connect x`" in machines.command("key", "rotate", "--forget-lost")
    assert machines.store().load() == {}


def test_doctor_shows_when_a_log_in_ends(machines: Machines) -> None:
    session = machines.log_in(timedelta(hours=1))
    del session["refresh_token"]
    machines.store().save(session)
    lines = {line["what"]: line["message"] for line in json.loads(machines.command("doctor", "--json"))}

    ends = datetime.fromisoformat(session["expires_at"]).astimezone(ZoneInfo("Europe/London"))
    assert lines["channel x"] == f"answers as {USER_NAME}; the log-in ends {ends:%H:%M on %Y-%m-%d}"
