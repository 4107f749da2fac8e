"""Tests that the details of events have names for people, whatever version of the program recorded them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import publisher
from publisher.core.messages import Reader, _, reading_as
from publisher.core.problems import recorded_problem, value_to_json
from publisher.delivery.problem_codes import DeliveryProblem
from publisher.web.actor_names import actor_name
from publisher.web.event_details import DETAIL_NAMES, UNNAMED_DETAILS, detail_name, event_details
from tests.pseudo_locale import CLOSING, OPENING, PSEUDO_LANGUAGE, pseudo_locale

RECORDERS = ("record_event", "_record_event")
LIFECYCLE_COLUMNS = {"problem", "due_at", "remote_url", "lease_owner", "idempotency_key"}


def recorded_keys(path: Path) -> Iterator[str]:
    """Yields the keys of the dictionaries named `detail` in a module that records events."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if not any(getattr(call.func, "id", getattr(call.func, "attr", "")) in RECORDERS for call in calls):
        return
    details = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "detail"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "detail" for target in targets):
                details.append(node.value)
    for detail in details:
        if isinstance(detail, ast.Dict):
            yield from (
                key.value for key in detail.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            )


def test_every_recorded_detail_has_a_name() -> None:
    modules = Path(publisher.__file__).parent.rglob("*.py")
    keys = {key for path in modules if "sandbox" not in path.parts for key in recorded_keys(path)}
    assert len(keys) > 25, "the search finds what there is"
    assert (keys | LIFECYCLE_COLUMNS) - DETAIL_NAMES.keys() - UNNAMED_DETAILS == set()


def test_details_are_in_the_readers_language() -> None:
    detail = {
        "before": ["pending", "held"],
        "problem": DeliveryProblem.MISSED(delivery=7).to_json(),
        "due_at": "2026-05-12T08:00:00+00:00",
        "to": value_to_json(_("position {number}", number=3)),
        "fields": ["alt_text"],
        "late": True,
        "version": 0,
    }
    with pseudo_locale(), reading_as(Reader(PSEUDO_LANGUAGE, UTC)):
        shown = event_details(detail)
        for name, value in shown:
            assert str(name).startswith(OPENING), name
            assert value.startswith(OPENING), value
            assert value.endswith(CLOSING), value
    assert [str(name) for name, _value in shown] == ["before", "problem", "due at", "to", "fields", "late"]


def test_details_of_another_version_are_shown_as_they_are() -> None:
    detail = {
        "problem": "It {failed} at 100 %.",
        "to": "before post 7",
        "sent_by_pigeon": "Emma",
        "since": "on Monday",
        "warnings": [recorded_problem("too dark").to_json(), "blurred", {"code": 7}],
    }
    assert [(str(name), value) for name, value in event_details(detail)] == [
        ("problem", "It {failed} at 100 %."),
        ("to", "before post 7"),
        ("sent by pigeon", "Emma"),
        ("since", "on Monday"),
        ("warnings", "too dark, blurred, {'code': 7}"),
    ]
    assert str(detail_name("carrier_{braces}")) == "carrier {braces}"


def test_processes_are_told_as_people_say_it() -> None:
    process = "reef:31967:1449127:b16e1238-78e6/4026531836"
    assert [str(actor_name(actor)) for actor in ("", process, "cli:ada", "emma@example.org")] == [
        "the desk",
        "a worker on reef",
        "ada, on the command line",
        "emma@example.org",
    ]
    detail = {"before": "pending", "fence": 1, "lease_owner": process}
    assert [(str(name), value) for name, value in event_details(detail)] == [
        ("before", "pending"),
        ("worker", "a worker on reef"),
    ]


def test_a_problem_that_no_version_has_stored_is_shown_as_it_is() -> None:
    unreadable: list[dict[str, Any]] = [
        {"parameters": {}},
        {"code": "delivery.missed", "parameters": 7},
        {"code": "x.y", "parameters": [1]},
    ]
    for stored in unreadable:
        ((_name, shown),) = event_details({"problem": stored})
        assert shown == str(stored)
