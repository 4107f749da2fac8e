"""Tests that the documents about webhooks describe what the desk does."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.webhooks.outbox import RETRY_PAUSES
from publisher.webhooks.sending import signature

DOCUMENT = Path(__file__).parents[2] / "docs" / "desk.md"
SECRET = "whsec_a-secret-for-tests"
BODY = '{"event": "delivery published", "title": "Cèl·lules"}'.encode()

Verify = Callable[[str, str, bytes], bool]


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    """Returns the document's own example."""
    code = DOCUMENT.read_text(encoding="utf-8").partition("```python\n")[2].partition("\n```")[0]
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    shown: Verify = runpy.run_path(str(tmp_path / "example.py"))["is_from_the_desk"]
    return shown


def test_the_example_takes_what_the_desk_signed_and_nothing_else(verify: Verify) -> None:
    now = datetime.now(UTC)
    signed = signature(SECRET, now, BODY)
    assert verify(SECRET, signed, BODY)
    assert not verify(SECRET, signed, BODY + b" ")
    assert not verify("whsec_another", signed, BODY)
    assert not verify(SECRET, signature(SECRET, now - timedelta(minutes=6), BODY), BODY)
    assert not verify(SECRET, "t=now", BODY)


def test_the_pauses_between_tries_are_those_of_the_document() -> None:
    told = "after 30 seconds, 2, 10 and 30 minutes, 1, 3 and 6 hours, then five times every 12 hours"
    assert told in " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    hours = (1, 3, 6, 12, 12, 12, 12, 12)
    minutes = (0.5, 2, 10, 30, *(60 * hour for hour in hours))
    assert tuple(timedelta(minutes=pause) for pause in minutes) == RETRY_PAUSES
