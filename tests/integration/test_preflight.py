"""Tests that the preflight of tomorrow's post has green lines if it is safe, and a red one for each problem."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.alerts import Notifier, Preflight, preflight, standing_checks
from publisher.alerts.addresses import PING_VARIABLE, URLS_VARIABLE
from publisher.alerts.link_check import BrokenLink, check_link
from publisher.cli.main import cli
from publisher.core import public_hosts
from publisher.core.problems import recorded_problem
from publisher.db.models import PostImage
from publisher.db.operations import Alert, AlertKind, Channel
from publisher.desk import Desk
from publisher.health import SCHEDULER, WORKER, Heartbeat, last_heartbeats, record_heartbeat
from publisher.lifecycle import record_event
from publisher.posts.errors import PostError
from publisher.schedule.slots import slot_day, slot_instant
from tests.conftest import OpenOutlet
from tests.outlet import Outlet, environment, set_environment
from tests.post_box import PostBox, open_post_box

# One of Apprise's services brings a module along that later versions of Python don't have.
pytestmark = pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostBox]:
    with open_post_box() as opened:
        set_environment(monkeypatch, {URLS_VARIABLE: opened.apprise, PING_VARIABLE: ""})
        yield opened


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has scheduler and worker run, as far as the preflight sees."""

    def living(_session: Session, now: datetime) -> dict[str, Heartbeat]:
        return dict.fromkeys((SCHEDULER, WORKER), Heartbeat("here", now, now))

    monkeypatch.setattr(standing_checks, "last_heartbeats", living)


def tomorrow(outlet: Outlet) -> date:
    return slot_day(outlet.desk.now(), outlet.desk.settings.outlet.zone) + timedelta(days=1)


def fill(outlet: Outlet, **fields: Any) -> int:
    """Adds a post for today and one for tomorrow, and returns the id of the second."""
    outlet.add_post("Today")
    return outlet.add_post("A quiet cell", **fields)


def red(result: Preflight) -> dict[tuple[str, str], str]:
    return {(line.channel, str(line.what)): line.message for line in result.red}


def test_a_safe_day_is_green_on_every_channel_and_nothing_is_sent(outlet: Outlet, box: PostBox) -> None:
    post = fill(outlet, link=box.url("/page"), body=f"See [more]({box.url('/cèl·lula')}).")
    box.redirects["/page"], box.statuses["/page"] = "/elsewhere", 302
    box.statuses["HEAD /c%C3%A8l%C2%B7lula"] = 405
    report = preflight(outlet.desk, tomorrow(outlet))
    assert red(report) == {}
    assert report.good
    texts = {(line.channel, str(line.what)): line.message for line in report.lines}
    assert texts[("", "post")] == f"{post} “A quiet cell” (queue)"
    for channel in ("instagram", "tumblr", "x"):
        assert texts[(channel, "credentials")].startswith("answers as ")
        assert (texts[(channel, "pictures")], texts[(channel, "alt text")]) == ("1 made", "there")
        assert (channel, "caption") in texts
    assert sorted(box.requests) == [
        "GET /c%C3%A8l%C2%B7lula",
        "HEAD /c%C3%A8l%C2%B7lula",
        "HEAD /elsewhere",
        "HEAD /page",
    ]
    assert [outlet.copies(platform) for platform in ("instagram", "tumblr", "x")] == [[], [], []]


def test_each_thing_that_would_hold_a_post_up_is_red(open_outlet: OpenOutlet, box: PostBox) -> None:
    outlet = open_outlet("tumblr", "x")
    post = fill(outlet, link=box.url("/gone"), body="See https://10.1.2.3/inside.")
    box.statuses["/gone"] = 404
    with outlet.desk.database.writing() as session:
        image = session.scalars(select(PostImage).where(PostImage.post_id == post)).one()
        image.alt_text = ""
        session.get_one(Channel, "x").paused_at = outlet.desk.now()
        session.get_one(Channel, "x").pause_problem = recorded_problem("The password was changed.")
    with environment({"PUBLISHER_TUMBLR_OAUTH_TOKEN": "another"}):
        problems = red(preflight(outlet.desk, tomorrow(outlet)))
    assert problems[("x", "channel")] == (
        "is paused: The password was changed. Once that is mended, run: publisher resume x"
    )
    assert ("tumblr", "credentials") in problems
    assert ("x", "credentials") not in problems
    assert problems[("tumblr", "alt text")] == "missing for picture 1; write it"
    links = [line.message for line in preflight(outlet.desk, tomorrow(outlet)).red if line.what == "link"]
    assert links == [
        f"{box.url('/gone')}: it answers 404",
        "https://10.1.2.3/inside: 10.1.2.3 is no public address, and is not asked",
    ]


def test_a_picture_that_cannot_be_made_is_red(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    post = fill(outlet)
    with outlet.desk.database.writing() as session:
        image = session.scalars(select(PostImage).where(PostImage.post_id == post)).one()
        image.choices = {**image.choices, "crop_box": {"left": 0.0, "top": 0.0, "width": 0.0, "height": 0.0}}
    problems = red(preflight(outlet.desk, tomorrow(outlet)))
    assert ("tumblr", "pictures") in problems


def test_a_day_without_a_post_is_red_and_one_that_is_over_is_refused(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    outlet.add_post("Today")
    report = preflight(outlet.desk, tomorrow(outlet))
    assert red(report) == {("", "post"): "no post is ready for the day; add and approve one. See: publisher queue"}
    with pytest.raises(PostError, match="is over"):
        preflight(outlet.desk, tomorrow(outlet) - timedelta(days=2))


def test_a_link_is_requested_by_name_over_tls_and_needs_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    with open_post_box(context) as box:
        with pytest.raises(BrokenLink, match="certificate can't be trusted"):
            check_link(f"https://localhost:{box.port}/", loopback=True)
        monkeypatch.setattr(public_hosts, "DEFAULT_CA_BUNDLE_PATH", str(trusted))
        assert str(check_link(f"https://localhost:{box.port}/", loopback=True)) == "answers"
        with pytest.raises(BrokenLink, match="certificate can't be trusted"):
            check_link(f"https://127.0.0.1:{box.port}/", loopback=True)
        assert box.requests == ["HEAD /"]


def run(outlet: Outlet, *arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(
        cli, ["--config", str(outlet.config), *arguments], catch_exceptions=False
    )


def test_the_command_is_red_or_green_for_programs_too(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    outlet.add_post("Today")
    today = tomorrow(outlet) - timedelta(days=1)
    result = run(outlet, "preflight", "--json")
    assert (result.exit_code, json.loads(result.output)["good"]) == (1, False)
    result = run(outlet, "preflight", "--day", today.isoformat(), "--json")
    assert result.exit_code == 0
    assert {line["what"] for line in json.loads(result.output)["lines"]} >= {"post", "credentials", "pictures"}
    assert "✓ post 1 “Today” (queue)" in run(outlet, "preflight", "--day", today.isoformat()).output


def to_evening(outlet: Outlet, hour: int = 18) -> None:
    """Sets the clock to tomorrow at this hour, so that the test can run at any hour."""
    outlet_settings = outlet.desk.settings.outlet
    evening = outlet_settings.hour.replace(hour=hour)
    outlet.sandbox_servers.ledger.shift(
        outlet.clock.shift_to(slot_instant(tomorrow(outlet), evening, outlet_settings.zone))
    )


def test_one_message_is_sent_in_the_evening_however_many_schedulers_run(open_outlet: OpenOutlet, box: PostBox) -> None:
    outlet = open_outlet("tumblr")
    for title in ("Today", "A quiet cell"):
        outlet.add_post(title)
    to_evening(outlet, 17)
    desks = [outlet.desk, Desk(outlet.config, outlet.clock), Desk(outlet.config, outlet.clock)]
    notifiers = [Notifier(desk) for desk in desks]
    notifiers[0].examine_tomorrow(outlet.desk.now())
    with outlet.desk.database.reading() as session:
        assert not session.scalars(select(Alert)).all(), "it is not yet time"
    to_evening_of_today(outlet)
    threads = [threading.Thread(target=notifier.examine_tomorrow, args=(outlet.desk.now(),)) for notifier in notifiers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(2):
        for notifier in notifiers:
            notifier.examine_tomorrow(outlet.desk.now())
            notifier.notify(outlet.desk.now())
    for desk in desks[1:]:
        desk.database.close()
    safe = [message["message"] for message in box.messages if "is safe" in message["message"]]
    assert len(safe) == 1
    assert "“A quiet cell” goes out on Tumblr 00:00." in safe[0]
    with outlet.desk.database.reading() as session:
        alert = session.scalars(select(Alert).where(Alert.kind == AlertKind.PREFLIGHT)).one()
    assert alert.closed_at is not None


def to_evening_of_today(outlet: Outlet) -> None:
    outlet.sandbox_servers.ledger.shift(outlet.clock.shift_to(outlet.desk.now() + timedelta(hours=1, minutes=1)))


def test_a_red_evening_names_each_problem_and_survives_a_dead_examiner(
    open_outlet: OpenOutlet, box: PostBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = open_outlet("tumblr")
    to_evening(outlet)
    notifier = Notifier(outlet.desk)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("publisher.alerts.tomorrow.preflight", die)
        with pytest.raises(SystemExit):
            notifier.examine_tomorrow(outlet.desk.now())
    notifier.examine_tomorrow(outlet.desk.now() + timedelta(minutes=19))
    notifier.notify(outlet.desk.now())
    assert "preflight" not in json.dumps(box.messages)
    notifier.examine_tomorrow(outlet.desk.now() + timedelta(minutes=21))
    notifier.notify(outlet.desk.now() + timedelta(minutes=21))
    day = tomorrow(outlet)
    text = "\n".join(message["message"] for message in box.messages)
    assert f"✗ {day:%A %Y-%m-%d} is not safe: one thing to mend" in text
    assert "✗ post: no post is ready for the day" in text
    assert f"→ publisher preflight --day {day}" in text


def test_the_test_message_says_what_arrived(open_outlet: OpenOutlet, box: PostBox) -> None:
    outlet = open_outlet("tumblr")
    with environment({URLS_VARIABLE: f"{box.apprise} json://127.0.0.1:{box.port}/closed nonsense"}):
        box.statuses["/closed"] = 401
        result = run(outlet, "alerts", "--test")
    assert result.exit_code == 1
    assert result.output == (
        "The test message was accepted by 1 (json), not accepted by 2 (json) because it answered 401; "
        "3 (not a URL) because it is not an address that Apprise knows: mend PUBLISHER_NOTIFY_URLS.\n"
    )
    assert len(box.messages) == 1
    assert run(outlet, "alerts", "--test").output == "The test message was accepted by 1 (json).\n"


def test_the_doctor_names_an_address_that_takes_no_message(open_outlet: OpenOutlet, box: PostBox) -> None:
    outlet = open_outlet("tumblr")

    def doctor_lines() -> dict[str, tuple[bool, str]]:
        return {
            line["what"]: (line["good"], line["message"]) for line in json.loads(run(outlet, "doctor", "--json").output)
        }

    assert doctor_lines()["alerts"] == (True, "go to 1 (json)")
    box.statuses["/notify"] = 503
    Notifier(outlet.desk).notify(outlet.desk.now())
    assert doctor_lines()["alerts"] == (
        False,
        "address 1 (json): it answered 503: mend PUBLISHER_NOTIFY_URLS, then run publisher alerts --test",
    )
    listed = run(outlet, "alerts")
    assert "The queue runs dry" in listed.output
    assert "it answered 503" in listed.output
    with environment({URLS_VARIABLE: ""}):
        lines = doctor_lines()
    assert lines["alerts"][0]
    assert lines["alerts"][1].startswith("no address is set, so nobody gets alerts")
    assert lines["ping"][1].startswith("no address is set")


# --- what every post stands on --------------------------------------------------------------------------


def test_what_would_fail_tomorrow_whatever_the_post_is_told(
    open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = open_outlet("tumblr")
    fill(outlet)
    set_environment(monkeypatch, {URLS_VARIABLE: ""})
    monkeypatch.setattr(standing_checks, "last_heartbeats", last_heartbeats)
    with outlet.desk.database.writing() as session:
        record_event(session, "an old event", now=outlet.desk.now() - timedelta(days=3))

    result = preflight(outlet.desk, tomorrow(outlet))

    lines = {str(line.what): line for line in result.lines if not line.channel}
    assert red(result)[("", "processes")].startswith("nothing publishes: neither a scheduler nor a worker runs")
    assert "Start it with: publisher run" in lines["processes"].message
    assert (lines["alerts"].good, lines["alerts"].warning) == (True, True)
    assert lines["alerts"].message == f"nobody is told when something needs a person: set {URLS_VARIABLE}"
    assert lines["backup"].warning
    assert "run publisher backup" in lines["backup"].message
    record_heartbeat(outlet.desk.database, "here:1", "scheduler", outlet.desk.now())
    assert red(preflight(outlet.desk, tomorrow(outlet)))[("", "processes")].startswith("nothing publishes: no worker")
    doctor = json.loads(run(outlet, "doctor", "--json").output)
    assert {line["what"] for line in doctor if line["warning"]} >= {"alerts", "worker"}


def test_a_secret_with_stray_quotation_marks_is_red_before_its_day(
    open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = open_outlet("x")
    fill(outlet)
    variable = outlet.desk.settings.channels["x"].secret_variable("access_token")
    monkeypatch.setenv(variable, '"a-token"')
    why = red(preflight(outlet.desk, tomorrow(outlet)))[("x", "credentials")]
    assert f"{variable} begins with a quotation mark" in why
    assert "a-token" not in why


def test_an_hour_that_was_changed_is_told(open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = open_outlet("tumblr")
    fill(outlet)
    outlet.pick()
    text = outlet.config.read_text()
    start = text.index("[outlet]")
    end = text.index("\n[", start)
    outlet.config.write_text(
        f'{text[:start]}[outlet]\nname = "A"\ntime_zone = "UTC"\nhour = "00:05"\nlateness = "until 23:59"\n{text[end:]}'
    )
    changed = Desk(outlet.config, outlet.clock)
    lines = {(line.channel, str(line.what)): line for line in preflight(changed, tomorrow(outlet)).lines}
    changed.database.close()
    assert lines[("tumblr", "hour")].warning
    assert "the hour or the time zone was changed" in lines[("tumblr", "hour")].message
