"""Tests that the sandbox, as a process of its own, has a control port, faults, a clock and pages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from publisher.sandbox_client import SandboxClient, running_sandbox
from tests.waiting import TIMEOUT


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxClient]:
    with running_sandbox("--fault", "tumblr:drop-after:1") as client:
        yield client


def test_accounts_show_how_to_reach_each_platform(sandbox: SandboxClient) -> None:
    accounts = sandbox.get("/accounts")
    assert set(accounts) == {"tumblr", "x", "instagram"}
    assert accounts["instagram"]["settings"]["proxy"].startswith("http://127.0.0.1:")
    assert all(account["settings"] and account["secrets"] for account in accounts.values())


def test_each_value_of_a_habit_that_a_proof_draws_is_accepted(sandbox: SandboxClient) -> None:
    habits_by_platform = sandbox.get("/habits")
    assert set(habits_by_platform) == {"tumblr", "x", "instagram"}
    for platform, habits in habits_by_platform.items():
        assert set(habits["evidence"]) <= set(habits["drawn"])
        for name, values in habits["drawn"].items():
            for value in values:
                assert sandbox.post("/habits", {"platform": platform, name: value}) == {name: value}
        sandbox.post("/habits", {"platform": platform, **habits["evidence"]})
        sandbox.post("/habits", {"platform": platform, **habits["usual"]})


def test_accounts_show_which_platforms_need_a_log_in(sandbox: SandboxClient) -> None:
    accounts = sandbox.get("/accounts")
    assert [name for name, account in accounts.items() if account["needs_login"]] == ["instagram"]


def test_the_ledger_begins_empty(sandbox: SandboxClient) -> None:
    assert sandbox.ledger() == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"platform": "myspace", "fault": "429"}, "platform must be one of instagram, tumblr, x"),
        ({"platform": "x", "fault": "earthquake"}, "there is no fault 'earthquake'"),
        ({"platform": "x", "fault": "slow-after"}, "take seconds"),
        ({"platform": "x", "fault": "429:3"}, "take seconds"),
        ({"platform": "x", "fault": "429", "times": 0}, "times must be between 1 and 10000"),
        ({"platform": "x"}, "fault"),
        ([], ""),
    ],
)
def test_an_invalid_fault_is_refused_with_a_sentence(sandbox: SandboxClient, body: object, sentence: str) -> None:
    answer = requests.post(f"{sandbox.url}/faults", json=body, timeout=TIMEOUT)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_the_clock_can_be_shifted(sandbox: SandboxClient) -> None:
    answer = sandbox.post("/clock", {"offset_seconds": 86400})
    ahead = datetime.fromisoformat(answer["now"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < ahead < timedelta(hours=24, minutes=1)
    sandbox.post("/clock", {"offset_seconds": 0})


def test_a_platforms_clock_may_differ(sandbox: SandboxClient) -> None:
    answer = sandbox.post("/clock", {"platform": "x", "skew_seconds": 400 * 86400})
    assert datetime.fromisoformat(answer["now"]) > datetime.now(UTC) + timedelta(days=399)
    for platform, days in (("x", 400), ("tumblr", 0)):
        address = sandbox.get("/accounts")[platform]["settings"]["base_url"]
        date = requests.get(f"{address}/nowhere", timeout=TIMEOUT).headers["Date"]
        assert abs(parsedate_to_datetime(date) - datetime.now(UTC) - timedelta(days=days)) < timedelta(hours=1)
    sandbox.post("/clock", {"platform": "x", "skew_seconds": 0})


def test_a_lag_is_one_number_or_two(sandbox: SandboxClient) -> None:
    assert sandbox.post("/lag", {"platform": "x", "seconds": 840}) == {"seconds": [840, 840]}
    body = {"platform": "x", "seconds": [0, 840], "seed": 7, "hides_ids": True}
    assert sandbox.post("/lag", body) == {"seconds": [0, 840]}
    assert sandbox.post("/lag", {"platform": "x", "seconds": 0}) == {"seconds": [0, 0]}
    assert sandbox.get("/late") == {"tumblr": 0, "x": 0, "instagram": 0}


@pytest.mark.parametrize("seconds", [[840, 0], [1, 2, 3], -5, "soon", None])
def test_an_invalid_lag_is_refused(sandbox: SandboxClient, seconds: object) -> None:
    answer = requests.post(f"{sandbox.url}/lag", json={"platform": "x", "seconds": seconds}, timeout=TIMEOUT)
    assert answer.status_code == 400


def test_lag_skew_and_faults_can_be_set_on_the_command_line() -> None:
    with running_sandbox("--lag", "x:0-840", "--skew", "tumblr:90", "--fault", "x:read/drip-body:0.01:2") as sandbox:
        address = sandbox.get("/accounts")["tumblr"]["settings"]["base_url"]
        date = requests.get(f"{address}/nowhere", timeout=TIMEOUT).headers["Date"]
        assert timedelta(seconds=80) < parsedate_to_datetime(date) - datetime.now(UTC)


@pytest.mark.parametrize("page", ["/", "/tumblr", "/x", "/instagram"])
def test_pages_are_served_without_posts(sandbox: SandboxClient, page: str) -> None:
    answer = requests.get(sandbox.url + page, timeout=TIMEOUT)
    assert answer.status_code == 200
    assert "<html" in answer.text


def test_an_unknown_path_or_method_is_refused(sandbox: SandboxClient) -> None:
    assert requests.get(f"{sandbox.url}/nowhere", timeout=TIMEOUT).status_code == 404
    assert requests.put(f"{sandbox.url}/ledger", timeout=TIMEOUT).status_code == 405


@pytest.mark.parametrize(
    "arguments",
    [
        ("--fault", "tumblr"),
        ("--fault", "tumblr:drop-after"),
        ("--fault", "tumblr:nothing:1"),
        ("--fault", "tumblr:drop-after:many"),
        ("--lag", "myspace:5"),
        ("--lag", "x:9-5"),
        ("--skew", "x:soon"),
    ],
)
def test_an_invalid_option_is_refused(arguments: tuple[str, ...]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "publisher.sandbox", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_habits_are_set_by_their_names(sandbox: SandboxClient) -> None:
    bodies: list[dict[str, Any]] = [
        {"platform": "x", "refuse_duplicates": False, "hides_time_windows": True},
        {"platform": "instagram", "echoes_upload_id": False, "conflict_status": 500},
        {"platform": "tumblr", "slug_limit": 31, "states": ["queued"], "hidden_for": 60, "reading_lag": 0.5},
        {"platform": "tumblr", "slug_limit": None, "states": [], "hidden_for": None, "reading_lag": 0},
    ]
    for body in bodies:
        assert sandbox.post("/habits", body) == {name: value for name, value in body.items() if name != "platform"}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"platform": "x", "echoes_upload_id": True}, "there is no habit 'echoes_upload_id'; known are refuse_dup"),
        ({"platform": "x", "hides_time_windows": "yes"}, "hides_time_windows must be true or false"),
        ({"platform": "instagram", "conflict_status": 204}, "conflict_status must be one of 200, 400, 500"),
        ({"platform": "tumblr", "slug_limit": 0}, "slug_limit must be a whole number from 1"),
        ({"platform": "tumblr", "states": ["lost"]}, "states must be one of queued"),
        ({"platform": "tumblr", "states": "queued"}, "states must be a list"),
        ({"platform": "tumblr", "reading_lag": -1}, "reading_lag must be seconds"),
    ],
)
def test_an_invalid_habit_is_refused(sandbox: SandboxClient, body: object, sentence: str) -> None:
    answer = requests.post(f"{sandbox.url}/habits", json=body, timeout=TIMEOUT)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_a_request_with_a_fault_is_recorded_with_its_text(sandbox: SandboxClient) -> None:
    sandbox.post("/faults", {"platform": "x", "fault": "500-before"})
    address = sandbox.get("/accounts")["x"]["settings"]["base_url"]
    assert requests.post(f"{address}/2/tweets", json={"text": "Cell 7"}, timeout=TIMEOUT).status_code == 500
    latest = sandbox.get("/struck")[-1]
    assert (latest["platform"], latest["fault"]) == ("x", "500-before")
    assert "Cell 7" in latest["text"]
