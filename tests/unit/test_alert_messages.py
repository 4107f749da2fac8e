"""Tests that several alerts are one message, addresses keep their secrets, and private links are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.alerts.addresses import PING_VARIABLE, UNKNOWN_TO_APPRISE, URLS_VARIABLE, read_addresses, read_ping_url
from publisher.alerts.link_check import BrokenLink, check_link
from publisher.alerts.message import MAX_CHARACTERS, MAX_LISTED, compose, render_details
from publisher.alerts.problem_codes import AlertEnding, AlertHeadline
from publisher.core.problems import Problem, recorded_problem
from publisher.core.remedies import Remedy
from publisher.db.operations import Alert, AlertKind
from publisher.settings import SettingsError
from tests.outlet import environment

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


def alert(title: str, *, over: bool = False, message: str = "Mend it.") -> Alert:
    problem = recorded_problem(message)
    return Alert(
        kind=AlertKind.PAUSED,
        headline=recorded_problem(title),
        problem=problem,
        ending=problem if over else None,
        closed_at=NOW if over else None,
    )


def good_news() -> Alert:
    headline = AlertHeadline.TOMORROW_SAFE(day=NOW.date())
    return Alert(kind=AlertKind.PREFLIGHT, headline=headline, problem=recorded_problem("It goes out."))


def test_a_single_alert_is_its_own_title() -> None:
    message = compose("Cells", [alert("x is paused")])

    assert (message.title, message.body, message.bad) == ("Cells: x is paused", "✗ x is paused\nMend it.", True)
    assert compose("Cells", [alert("x is paused", over=True)]).title == "Cells: over: x is paused"


def test_several_are_counted_and_what_needs_a_person_comes_first() -> None:
    mixed = compose("Cells", [good_news(), alert("a", over=True), alert("b"), alert("d")])

    assert mixed.title == "Cells: 2 things need a person, one is over, tomorrow is safe"
    assert [part.splitlines()[0] for part in mixed.body.split("\n\n")] == [
        "✗ b",
        "✗ d",
        "✓ Monday 2026-05-04 is safe",
        "✓ over: a",
    ]
    assert mixed.bad
    assert not compose("Cells", [good_news(), alert("a", over=True)]).bad


def test_a_message_stays_short_enough_to_be_taken() -> None:
    many = compose("Cells", [alert(str(number), message="long " * 1000) for number in range(MAX_LISTED + 3)])

    assert many.body.endswith("... and 3 more: publisher alerts")
    assert len(many.body) < 8000


@pytest.mark.parametrize(
    ("problem", "link", "text"),
    [
        (recorded_problem("Refused"), "", "Refused"),
        (
            recorded_problem("Refused").with_remedy(Remedy.RETRY_DELIVERY, delivery=7),
            "",
            "Refused.\n→ publisher retry 7",
        ),
        (
            recorded_problem("Refused").with_remedy(Remedy.RETRY_DELIVERY, delivery=7),
            "https://desk.example/",
            "Refused.\n→ https://desk.example/deliveries/7",
        ),
        # What no page of the desk can do is named by its command.
        (
            recorded_problem("Refused.").with_remedy(Remedy.RUN_DOCTOR),
            "https://desk.example",
            "Refused.\n→ publisher doctor",
        ),
        (
            AlertEnding.CAPTIONS_MENDED(),
            "",
            "It is mended. Deliveries that it held wait for a retry.\n→ publisher deliveries --state held",
        ),
    ],
)
def test_the_page_or_command_that_mends_it_is_on_the_next_line(problem: Problem, link: str, text: str) -> None:
    assert render_details(problem, link) == text


def test_a_long_problem_is_cut_but_never_what_to_do() -> None:
    text = render_details(recorded_problem("long " * 1000).with_remedy(Remedy.RETRY_DELIVERY, delivery=7))
    assert len(text) < MAX_CHARACTERS + 50
    assert text.endswith("\n→ publisher retry 7")


@pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")
def test_an_address_is_known_by_its_place_and_service_alone(tmp_path: Path) -> None:
    with environment({URLS_VARIABLE: "slack://sekrit/one\n  mailto://me:sekrit@example.org  sekrit"}):
        addresses = read_addresses()

    assert [address.name for address in addresses] == ["1 (slack)", "2 (mailto)", "3 (not a URL)"]
    assert "sekrit" not in repr(addresses)
    assert [address.problem() for address in addresses[1:]] == [None, UNKNOWN_TO_APPRISE]
    file = tmp_path / "urls"
    file.write_text("json://one\njson://two\n", encoding="utf-8")
    with environment({URLS_VARIABLE: "", f"{URLS_VARIABLE}_FILE": str(file)}):
        assert len(read_addresses()) == 2


@pytest.mark.parametrize("url", ["ftp://sekrit.example", "sekrit", "http://", "https://[sekrit"])
def test_a_ping_address_must_be_one_and_is_not_quoted(url: str) -> None:
    with environment({PING_VARIABLE: url}), pytest.raises(SettingsError) as raised:
        read_ping_url()

    assert "sekrit" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "https://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:a00:1::]/",
        "http://[fe80::1]/",
        "http://224.0.0.1/",
    ],
)
def test_a_link_into_a_network_of_ones_own_is_not_asked(url: str) -> None:
    with pytest.raises(BrokenLink, match="no public address, and is not asked"):
        check_link(url, loopback=False)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/", "http:///", "//example.org", "http://a:b/"]
)
def test_a_link_that_is_none_is_not_asked(url: str) -> None:
    with pytest.raises(BrokenLink, match=r"only http|no address"):
        check_link(url, loopback=True)


def test_a_sandbox_may_reach_this_machine_and_no_other() -> None:
    with pytest.raises(BrokenLink, match="no public address"):
        check_link("http://10.1.2.3/", loopback=True)
