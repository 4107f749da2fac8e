"""Tests that checks and metrics are true with a real database, which may be slow, locked or removed."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from starlette.responses import Response

from publisher.backup.files import BackupError
from publisher.cli.doctor import _check_platform_clocks
from publisher.cli.regular import alert_jobs, heartbeat_job, housekeeping_jobs
from publisher.core.clock import FixedClock
from publisher.core.http_connections import BoundedConnection, ConnectionLimits
from publisher.core.messages import Message
from publisher.db.models import Attempt, Delivery
from publisher.db.operations import Alert, Channel, Process, Quota
from publisher.db.session import Database
from publisher.db.upgrade import DatabaseError
from publisher.delivery.lease_owner import owner_name
from publisher.delivery.platform_clocks import PlatformClocks
from publisher.desk import Desk
from publisher.health import HealthServer, check_ready, last_heartbeats, record_heartbeat, render_metrics
from publisher.health.failing import JOB_TITLES, TICK_FAILURES, TICK_TITLES
from publisher.health.ready import describe_readiness
from publisher.health.server import LIMITS, MAX_ANSWERS
from publisher.job_failures import FailureLog, TickPart
from publisher.proving.postgres import ThrowawayPostgres
from publisher.settings import SettingsError
from publisher.starter import write_starter
from tests.conftest import WriteDesk
from tests.fakes import add_delivery
from tests.idle_crowd import idle_crowd
from tests.outlet import environment
from tests.waiting import TIMEOUT, wait_until

NAMES = ["database", "scheduler", "jobs", "deliveries", "clock", "captions", "disk"]
Samples = dict[tuple[str, tuple[str, ...]], float]


@contextlib.contextmanager
def open_desk(folder: Path, clock: FixedClock, database: str) -> Iterator[Desk]:
    config = folder / "outlet" / "config" / "publisher.toml"
    write_starter(folder / "outlet")
    with environment({"PUBLISHER__STORAGE__DATABASE": database}):
        desk = Desk(config, clock)
        yield desk
        desk.database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, write_desk: WriteDesk, clock: FixedClock) -> Iterator[Desk]:
    """Opens an empty desk with the starter's channels on each kind of database."""
    url = "sqlite:///queue.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    write_desk(tmp_path / "outlet")
    with open_desk(tmp_path, clock, url) as opened:
        yield opened


@pytest.fixture
def small_desk(tmp_path: Path, write_desk: WriteDesk, clock: FixedClock) -> Iterator[Desk]:
    write_desk(tmp_path / "outlet")
    with open_desk(tmp_path, clock, "sqlite:///queue.db") as opened:
        yield opened


def metrics(desk: Desk) -> Samples:
    """Reads the metrics by name and by the values of the labels, in the order of their names."""
    families = text_string_to_metric_families(render_metrics(desk).decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def read_checks(desk: Desk) -> dict[str, tuple[bool, str]]:
    readiness = describe_readiness(desk.settings, check_ready(desk))
    return {check["name"]: (check["ok"], check["message"]) for check in readiness["checks"]}


def publish(desk: Desk, delivery: int, late: timedelta) -> None:
    with desk.database.writing() as session:
        row = session.get_one(Delivery, delivery)
        row.state, row.remote_id, row.published_at = "published", f"id{delivery}", row.scheduled_at + late


def add_attempt(desk: Desk, delivery: int, kind: str, outcome: str | None, at: datetime, micros: int = 0) -> None:
    attempt = Attempt(
        delivery_id=delivery, kind=kind, fence=1, worker="me", started_at=at, outcome=outcome, cost_micros=micros
    )
    with desk.database.writing() as session:
        session.add(attempt)


def test_metrics_are_true(desk: Desk, clock: FixedClock) -> None:
    now = clock.now()
    quick, slow, old, waiting = (
        add_delivery(desk.database, now, channel="x", day_offset=day, due_at=now - timedelta(minutes=10 - day))
        for day in range(4)
    )
    publish(desk, quick, timedelta(seconds=0.2))
    publish(desk, slow, timedelta(minutes=4))
    publish(desk, old, timedelta(days=-2))
    add_attempt(desk, quick, "send", "published", now, micros=15_000)
    add_attempt(desk, slow, "send", None, now - timedelta(hours=23), micros=200_000)
    add_attempt(desk, slow, "lookup", "absent", now)
    add_attempt(desk, old, "send", "published", now - timedelta(hours=25), micros=5)
    add_attempt(desk, old, "send", "published", now - timedelta(days=5), micros=7_000_000)
    with desk.database.writing() as session:
        session.get_one(Channel, "tumblr").paused_at = now
        session.add(
            Quota(
                channel_name="x", name="posts", kind="window", maximum=17, remaining=3, seen_at=now,
                resets_at=now + timedelta(hours=1),
            )
        )  # fmt: skip
        for number, closed_at in enumerate((None, None, now), start=1):
            session.add(Alert(kind="held", occurrence=str(number), opened_at=now, closed_at=closed_at, next_try_at=now))
    record_heartbeat(desk.database, "elsewhere", "scheduler worker", now)
    samples = metrics(desk)
    expected = {
        ("publisher_database_up", ()): 1,
        ("publisher_deliveries", ("x", "pending")): 1,
        ("publisher_deliveries", ("tumblr", "held")): 0,
        ("publisher_lateness_seconds_bucket", ("x", "0.3")): 1,
        ("publisher_lateness_seconds_bucket", ("x", "60")): 1,
        ("publisher_lateness_seconds_bucket", ("x", "300")): 2,
        ("publisher_lateness_seconds_count", ("x",)): 2,
        ("publisher_lateness_seconds_sum", ("x",)): 240.2,
        ("publisher_lateness_seconds_count", ("tumblr",)): 0,
        ("publisher_overdue_seconds", ("x",)): 420,
        ("publisher_overdue_seconds", ("instagram",)): 0,
        ("publisher_attempts_last_day", ("x", "send", "published")): 1,
        ("publisher_attempts_last_day", ("x", "send", "running")): 1,
        ("publisher_attempts_last_day", ("x", "lookup", "absent")): 1,
        ("publisher_quota_remaining", ("x", "posts")): 3,
        ("publisher_quota_maximum", ("x", "posts")): 17,
        ("publisher_quota_resets_timestamp_seconds", ("x", "posts")): (now + timedelta(hours=1)).timestamp(),
        ("publisher_spend_dollars", ("x",)): 0.215005,
        ("publisher_channel_paused", ("tumblr",)): 1,
        ("publisher_channel_paused", ("x",)): 0,
        ("publisher_alerts_open", ("held",)): 2,
        ("publisher_up", ("scheduler",)): 1,
        ("publisher_up", ("worker",)): 1,
        ("publisher_up", ("web",)): 0,
        ("publisher_days_of_cover", ()): 0,
    }
    assert {name: samples.get(name) for name in expected} == pytest.approx(expected)
    assert samples[("process_resident_memory_bytes", ())] > 1e6
    with desk.database.reading() as session:
        assert session.get_one(Delivery, waiting).state == "pending"


def test_a_desk_is_ready_while_a_scheduler_lives_and_no_work_is_overdue(desk: Desk, clock: FixedClock) -> None:
    assert not read_checks(desk)["scheduler"][0]
    record_heartbeat(desk.database, "elsewhere", "scheduler worker", clock.now())
    add_delivery(desk.database, clock.now(), channel="x")
    assert all(ok for ok, _ in read_checks(desk).values())
    clock.advance(minutes=6)
    checks = read_checks(desk)
    assert checks["scheduler"] == (False, "The last heartbeat was 360 s ago. Start it with: publisher run")
    assert checks["deliveries"] == (False, "Work waits for up to 6 minutes on X; see the worker's log.")
    assert checks["database"][0]
    assert checks["disk"][0]
    with desk.database.writing() as session:
        session.get_one(Channel, "x").paused_at = clock.now()
    assert read_checks(desk)["deliveries"][0]


def test_a_process_is_listed_from_its_first_heartbeat_until_it_ended(desk: Desk, clock: FixedClock) -> None:
    me = owner_name()
    host, _, started, machine = me.split(":")
    ended = f"{host}:999999999:{started}:{machine}"
    begun = clock.now()
    for owner in ("far:1:1:away", "silent:1:1:away"):
        record_heartbeat(desk.database, owner, "worker", begun)
    clock.advance(hours=23)
    record_heartbeat(desk.database, "far:1:1:away", "worker", clock.now())
    record_heartbeat(desk.database, me, "scheduler worker", clock.now())
    with desk.database.writing() as session:
        session.add(Process(owner=ended, role="web", started_at=begun, seen_at=clock.now()))
    clock.advance(hours=1, seconds=1)
    record_heartbeat(desk.database, me, "scheduler worker", clock.now())
    with desk.database.reading() as session:
        rows = {row.owner: (row.started_at, row.seen_at) for row in session.scalars(select(Process))}
        heartbeats = last_heartbeats(session, clock.now())
    assert rows == {
        "far:1:1:away": (begun, begun + timedelta(hours=23)),
        me: (begun + timedelta(hours=23), clock.now()),
    }
    assert (heartbeats["worker"].owner, heartbeats["scheduler"].owner, heartbeats["worker"].lives(clock.now())) == (
        me,
        me,
        True,
    )
    assert "web" not in heartbeats


def test_a_removed_database_is_noticed_although_the_open_file_answers(small_desk: Desk, clock: FixedClock) -> None:
    record_heartbeat(small_desk.database, "me", "scheduler", clock.now())
    file = small_desk.settings.database_file
    assert file is not None
    file.unlink()
    checks = read_checks(small_desk)
    ok, why = checks["database"]
    assert not ok
    assert why.startswith(f"the database {file} was removed or exchanged while the desk ran")
    assert "publisher restore FILE" in why
    assert not checks["scheduler"][0]
    assert metrics(small_desk)[("publisher_database_up", ())] == 0


@pytest.fixture
def postgres_desk(postgres: ThrowawayPostgres, tmp_path: Path, clock: FixedClock) -> Iterator[Desk]:
    with open_desk(tmp_path, clock, postgres.create_database()) as opened:
        yield opened


def test_a_server_that_is_down_is_reported_and_used_again_when_back(
    postgres_desk: Desk, postgres: ThrowawayPostgres, clock: FixedClock
) -> None:
    record_heartbeat(postgres_desk.database, "me", "scheduler", clock.now())
    postgres.stop(signal.SIGQUIT)
    try:
        ok, why = read_checks(postgres_desk)["database"]
        samples = metrics(postgres_desk)
    finally:
        postgres.start()
    assert not ok
    assert "\n" not in why
    assert samples[("publisher_database_up", ())] == 0
    assert not any(name.startswith("publisher_deliveries") for name, _ in samples)
    assert all(ok for ok, _ in read_checks(postgres_desk).values())
    assert metrics(postgres_desk)[("publisher_database_up", ())] == 1


def test_a_database_that_hangs_is_not_waited_for(postgres_desk: Desk) -> None:
    url = make_url(postgres_desk.settings.database_url)
    assert postgres_desk.database
    with psycopg.connect(host=str(url.query["host"]), user=url.username, dbname=url.database) as connection:
        connection.execute("LOCK TABLE process IN ACCESS EXCLUSIVE MODE")
        checks = {check.name: check for check in check_ready(postgres_desk, timeout=0.2)}
        connection.rollback()
    for question in [thread for thread in threading.enumerate() if thread.name == "health-question"]:
        question.join(TIMEOUT)
    assert (
        checks["database"].message
        == "The database can't be used: it did not answer within 0.2 s; check that its server or its file is well."
    )


Serve = Callable[[Desk, ConnectionLimits], HealthServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers of the probes, and stops them after the test."""
    with contextlib.ExitStack() as running:

        def start(desk: Desk, limits: ConnectionLimits) -> HealthServer:
            server = HealthServer(desk, "127.0.0.1", 0, limits)
            server.start()
            running.callback(server.stop)
            return server

        yield start


@pytest.fixture
def server(small_desk: Desk, serve: Serve) -> HealthServer:
    assert isinstance(small_desk.database, Database)
    return serve(small_desk, LIMITS)


def ask(server: HealthServer, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, str(answer.getheader("Content-Type")), answer.read()


def test_the_pages_are_served(server: HealthServer, small_desk: Desk, clock: FixedClock) -> None:
    assert ask(server, "/healthz") == (200, "text/plain; charset=utf-8", b"alive\n")
    status, kind, body = ask(server, "/readyz?verbose")
    answer = json.loads(body)
    assert (status, kind, answer["ready"]) == (503, "application/json", False)
    assert [check["name"] for check in answer["checks"]] == NAMES
    record_heartbeat(small_desk.database, "me", "scheduler", clock.now())
    assert ask(server, "/readyz")[0] == 200
    status, kind, body = ask(server, "/metrics")
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    assert b"publisher_database_up 1.0" in body
    assert ask(server, "/metrics", "HEAD")[::2] == (200, b"")
    assert ask(server, "/etc/passwd")[0] == 404
    assert ask(server, "/healthz", "POST")[0] == 501
    assert ask(server, "/etc/passwd", "POST")[0] == 501


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_caller_keeps_no_place_after_its_answer(server: HealthServer, method: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as caller:
        caller.sendall(f"{method} /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n".encode())
        with caller.makefile("rb") as answer:
            assert b"connection: close" in answer.read().lower()
    wait_until(lambda: server.connections == 0, "the place is free")


def test_rude_callers_do_no_harm(server: HealthServer) -> None:
    for rude in (b"GET /metrics HTTP/1.0\r\n\r\n", b"\x16\x03\x01 nonsense\r\n\r\n", b"GET"):
        caller = socket.create_connection(("127.0.0.1", server.port))
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.sendall(rude)
        caller.close()
    assert ask(server, "/healthz")[0] == 200


class CountedAdmissions:
    """Counts the connections that one server met, whatever other servers of the process do."""

    def __init__(self, server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
        assert server._server is not None
        connections = server._server._config.connections
        self._admit = connections.admit
        self.number = 0
        monkeypatch.setattr(connections, "admit", self._count)

    def _count(self, connection: BoundedConnection) -> bool:
        self.number += 1
        return self._admit(connection)


def test_callers_that_say_nothing_or_drip_shut_nobody_out(
    small_desk: Desk, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None of them is closed for its slowness, so that only their number closes any.
    server = serve(small_desk, replace(LIMITS, head_seconds=10 * TIMEOUT, progress_seconds=10 * TIMEOUT))
    admissions = CountedAdmissions(server, monkeypatch)
    with idle_crowd(server.port, 60, b"GET /metr") as crowd:
        for _ in range(5):
            # The crowd may come again in the midst of an answer; who is cut off asks again.
            wait_until(lambda: is_healthy(server), "a caller gets an answer")
        assert crowd.opened >= 60
        wait_until(lambda: admissions.number >= 60, "the whole crowd was met")
        wait_until(lambda: server.connections <= LIMITS.total, "the oldest connections are closed")


@contextlib.contextmanager
def hanging_probes(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has callers on every place of the server wait for answers that hang until the block ends."""
    release = threading.Event()
    begun = threading.Semaphore(0)

    def hang(_desk: Desk, *, with_reasons: bool) -> Response:
        begun.release()
        release.wait()
        return Response()

    monkeypatch.setattr("publisher.health.server.answer_ready", hang)
    try:
        with contextlib.ExitStack() as callers:
            for _ in range(LIMITS.total):
                caller = callers.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT))
                caller.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _ in range(MAX_ANSWERS):
                assert begun.acquire(timeout=TIMEOUT)
            wait_until(lambda: server.connections == LIMITS.total, "every place is taken")
            yield
    finally:
        release.set()
        for thread in [thread for thread in threading.enumerate() if thread.name == "health-answer"]:
            thread.join(TIMEOUT)


def test_answers_that_hang_shut_nobody_out(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging_probes(server, monkeypatch):
        assert ask(server, "/healthz") == (200, "text/plain; charset=utf-8", b"alive\n")


def test_a_server_stops_while_answers_hang(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging_probes(server, monkeypatch):
        stopping = threading.Thread(target=server.stop, daemon=True)
        stopping.start()
        stopping.join(TIMEOUT)
        assert not stopping.is_alive()
        answering = [thread for thread in threading.enumerate() if thread.name == "health-answer"]
        assert answering
        # Else the process would wait for them.
        assert all(thread.daemon for thread in answering)


def is_healthy(server: HealthServer) -> bool:
    try:
        return ask(server, "/healthz")[0] == 200
    except (http.client.HTTPException, ConnectionError):
        return False


def test_a_caller_that_drips_is_hung_up_on(small_desk: Desk, serve: Serve) -> None:
    server = serve(small_desk, replace(LIMITS, head_seconds=0.2))
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as caller:
        caller.sendall(b"GET /metr")
        caller.settimeout(0.05)
        wait_until(lambda: _was_hung_up_on(caller), "the server hangs up")


def _was_hung_up_on(caller: socket.socket) -> bool:
    try:
        caller.sendall(b"i")
        return caller.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_port_that_is_taken_is_reported_in_one_sentence(server: HealthServer, small_desk: Desk) -> None:
    with pytest.raises(SettingsError, match=f"health.port {server.port} at 127.0.0.1 can't be used"):
        HealthServer(small_desk, "127.0.0.1", server.port).start()


def test_a_stopped_server_gives_its_port_back(small_desk: Desk) -> None:
    first = HealthServer(small_desk, "127.0.0.1", 0)
    first.start()
    port = first.port
    first.stop()
    second = HealthServer(small_desk, "127.0.0.1", port)
    second.start()
    assert ask(second, "/healthz")[0] == 200
    second.stop()


# --- parts that fail, clocks, captions -----------------------------------------------------------


def fail(desk: Desk, clock: FixedClock, job: str, error: Exception) -> FailureLog:
    """Records that this job has failed for a while in a process that lives."""
    record_heartbeat(desk.database, "me:1", "scheduler worker", clock.now())
    failures = FailureLog(desk.database, "me:1", clock.now)
    failures.failed(job, error, tried_again_in=3600)
    return failures


def test_a_failing_part_of_the_tick_is_not_ready_and_says_why(desk: Desk, clock: FixedClock) -> None:
    assert read_checks(desk)["jobs"] == (True, "All of them work.")
    failures = fail(desk, clock, TickPart.PICK, SettingsError(Message("people.toml can't be read: line 3")))
    ok, sentence = read_checks(desk)["jobs"]
    assert not ok
    since = desk.local(clock.now(), "%H:%M on %Y-%m-%d")
    assert sentence == (
        f"The post of the day can't be picked, since {since}: people.toml can't be read: line 3. "
        "Mend that; it then goes on by itself."
    )
    assert metrics(desk)["publisher_job_failing", (TickPart.PICK,)] == 1
    assert metrics(desk)["publisher_job_failing", (TickPart.MISS,)] == 0
    failures.worked(TickPart.PICK)
    assert read_checks(desk)["jobs"][0]
    assert metrics(desk)["publisher_job_failing", (TickPart.PICK,)] == 0


def test_a_fault_of_the_program_is_reported_without_its_name(desk: Desk, clock: FixedClock) -> None:
    fail(desk, clock, TickPart.RECOVER, ZeroDivisionError("division by zero"))
    sentence = read_checks(desk)["jobs"][1]
    assert "ZeroDivisionError" not in sentence
    assert "The log of publisher run says where" in sentence


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (BackupError(Message("pg_dump is not there; install it")), "pg_dump is not there; install it. Mend that;"),
        (OSError(28, "No space left on device", "/backups"), "No space left on device: /backups. It is tried again"),
    ],
)
def test_what_a_person_can_mend_is_not_called_a_fault_of_the_program(
    small_desk: Desk, clock: FixedClock, error: Exception, sentence: str
) -> None:
    record_heartbeat(small_desk.database, "me:1", "scheduler", clock.now())
    log = FailureLog(small_desk.database, "me:1", clock.now)
    log.failed("the daily backup", error, tried_again_in=3600)
    assert sentence in read_checks(small_desk)["jobs"][1]


def test_a_regular_job_that_fails_is_a_warning(small_desk: Desk, clock: FixedClock) -> None:
    fail(small_desk, clock, "the daily backup", OSError("no space left on device"))
    [check] = [check for check in check_ready(small_desk) if check.name == "jobs"]
    assert (check.ok, check.warning) == (True, True)
    assert check.message.startswith("The daily backup does not work, since ")


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        ({}, "No platform has given its time lately."),
        ({"x": 9.0, "tumblr": -3.0}, "It agrees with the platforms'."),
        (
            {"x": 95.0, "tumblr": 94.0},
            "The platforms' clocks differ from this machine's (94 s ahead on tumblr, 95 s ahead on x): "
            "set this machine's clock right.",
        ),
        ({"x": -10800.0, "tumblr": 1.0}, "Some platforms' clocks differ from this machine's (3 h behind on x)"),
    ],
)
def test_the_platforms_clocks_are_shown_where_they_differ(
    desk: Desk, clock: FixedClock, ahead: dict[str, float], expected: str
) -> None:
    clocks = PlatformClocks(lambda: desk.database, clock)
    for channel, seconds in ahead.items():
        clocks.note(channel, timedelta(seconds=seconds))
    [check] = [check for check in check_ready(desk) if check.name == "clock"]
    assert str(check.message).startswith(expected)
    assert (check.ok, check.warning) == (True, max(map(abs, ahead.values()), default=0) > 10)
    line = _check_platform_clocks(desk)
    assert (line.good, line.warning, str(line.message)) == (check.ok, check.warning, str(check.message))
    for channel, seconds in ahead.items():
        assert metrics(desk)["publisher_platform_clock_ahead_seconds", (channel,)] == seconds


def test_a_history_file_that_cant_be_written_is_reported(small_desk: Desk) -> None:
    assert small_desk.database
    record = small_desk.history.record.path
    record.unlink()
    record.mkdir()
    [check] = [check for check in check_ready(small_desk) if check.name == "disk"]
    assert not check.ok
    assert check.message.startswith(f"{record} can't be read and written, and nothing is published until it can")


def test_a_platforms_time_is_recorded_only_if_needed_and_never_raises(small_desk: Desk, clock: FixedClock) -> None:
    clocks = PlatformClocks(lambda: small_desk.database, clock)
    changes = []
    for step, seconds in ((0, 0.0), (60, 1.5), (60, 30.0), (60, 31.0), (300, 31.0), (0, 0.0)):
        clock.advance(seconds=step)
        clocks.note("x", timedelta(seconds=seconds))
        with small_desk.database.reading() as session:
            row = session.get_one(Channel, "x")
            changes.append((row.clock_ahead_seconds, row.clock_seen_at == clock.now()))
    assert changes == [(0.0, True), (0.0, False), (30.0, True), (30.0, False), (31.0, True), (0.0, True)]

    for error in (
        OperationalError("UPDATE", {}, Exception("disk I/O error")),
        DatabaseError(Message("its tables are newer")),
    ):

        def broken(why: Exception = error) -> Database:
            raise why

        PlatformClocks(broken, clock).note("x", timedelta(seconds=99))


def test_what_was_seen_a_day_ago_or_by_another_clock_says_nothing(small_desk: Desk, clock: FixedClock) -> None:
    PlatformClocks(lambda: small_desk.database, clock).note("x", timedelta(seconds=99))
    clock.advance(hours=25)
    assert read_checks(small_desk)["clock"] == (True, "No platform has given its time lately.")


def test_a_process_with_a_wrong_clock_does_not_count_as_alive(small_desk: Desk, clock: FixedClock) -> None:
    record_heartbeat(small_desk.database, "ahead:1", "scheduler", clock.now() + timedelta(hours=3))
    assert not read_checks(small_desk)["scheduler"][0]
    record_heartbeat(small_desk.database, "me:1", "scheduler", clock.now())
    assert read_checks(small_desk)["scheduler"] == (True, "The last heartbeat was 0 s ago.")


def test_captions_that_can_not_be_made_are_a_warning_with_their_reason(small_desk: Desk) -> None:
    template = small_desk.settings.file.parent / small_desk.settings.channels["x"].caption
    sound = template.read_text(encoding="utf-8")
    template.write_text("{{ titel }}", encoding="utf-8")
    (small_desk.settings.file.parent / "people.toml").write_text("[[people", encoding="utf-8")
    [check] = [check for check in check_ready(small_desk) if check.name == "captions"]
    assert (check.ok, check.warning) == (True, True)
    assert "did you mean “title”" in check.message
    assert "people.toml can't be read" in check.message
    assert check.message.endswith("Posts that need it are held until you mend it.")
    template.write_text(sound, encoding="utf-8")
    (small_desk.settings.file.parent / "people.toml").unlink()
    assert read_checks(small_desk)["captions"] == (True, "Every template can be used.")


def test_programs_get_the_code_of_what_is_wrong(small_desk: Desk, clock: FixedClock) -> None:
    fail(small_desk, clock, TickPart.PICK, SettingsError(Message("people.toml can't be read: line 3")))
    readiness = json.loads(json.dumps(describe_readiness(small_desk.settings, check_ready(small_desk))))
    checks = {check["name"]: check for check in readiness["checks"]}
    assert not readiness["ready"]
    assert checks["disk"]["problems"] == []
    [problem] = checks["jobs"]["problems"]
    assert (problem["code"], problem["remedy"]) == ("health.job-mistake", None)
    assert problem["parameters"]["job"] == TickPart.PICK


def test_each_regular_job_has_a_sentence_for_when_it_fails(small_desk: Desk) -> None:
    jobs = [heartbeat_job(small_desk, "web"), *alert_jobs(small_desk), *housekeeping_jobs(small_desk)]
    assert {job.name for job in jobs} == set(JOB_TITLES)
    assert {*TickPart} == set(TICK_TITLES) == set(TICK_FAILURES)
