"""Tests that every event that is recorded has a name for people."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import publisher
from publisher import job_failures, lifecycle, lifecycle_late_success
from publisher.core.event_names import EVENT_NAMES, event_name
from publisher.core.states import State
from publisher.delivery import clock_changes, corrections, stray_drafts, verify
from publisher.posts import possibly_shown
from publisher.staff import guesses
from publisher.webhooks.events import EVENTS

RECORDERS = frozenset({"record_event", "_record_event", "_insert_person"})
NAMED_BY_CONSTANTS = {
    job_failures.JOB_FAILS,
    job_failures.JOB_WORKS,
    lifecycle.ADOPTED,
    lifecycle_late_success.SECOND_COPY,
    lifecycle_late_success.CANCELED_PUBLIC,
    clock_changes.CLOCK_SET,
    corrections.CORRECTED,
    corrections.CORRECTION_ASKED,
    corrections.CORRECTION_FAILED,
    corrections.CORRECTION_REPLACED,
    corrections.CORRECTION_UNKNOWN,
    stray_drafts.STRAY_DRAFT,
    verify.DIFFERS,
    verify.AS_SENT,
    possibly_shown.RESTORED,
    possibly_shown.DATABASE_RESTORED,
    guesses.WRONG_CODE,
    guesses.RIGHT_CODE_AFTER_WRONG,
    guesses.LOGINS_REFUSED,
}


def recorded_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if name in RECORDERS:
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def test_every_recorded_event_has_a_name() -> None:
    modules = Path(publisher.__file__).parent.rglob("*.py")
    literal = {name for path in modules for name in recorded_names(path)}
    names = literal | NAMED_BY_CONSTANTS | {f"delivery {state}" for state in State} | set(EVENTS)
    assert len(literal) > 20
    assert not names - set(EVENT_NAMES)
    assert all(str(event_name(name)) == name for name in names)


def test_an_event_of_another_version_has_its_stored_name() -> None:
    assert event_name("pigeon sent") == "pigeon sent"
