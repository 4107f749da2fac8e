"""Tests that the documents about webhooks describe what the desk does."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from publisher.webhooks.outbox import RETRY_PAUSES
from publisher.webhooks.sending import signed_headers

DOCUMENT = Path(__file__).parents[2] / "docs" / "desk.md"
SECRET, OTHER_SECRET = "whsec_YSBzZWNyZXQgZm9yIHRlc3Rz", "whsec_YW5vdGhlciBzZWNyZXQ="
BODY = '{"event": "delivery published", "title": "Cèl·lules"}'.encode()

Receive = Callable[[str, dict[str, str], bytes], dict[str, Any]]


@pytest.fixture
def receive(tmp_path: Path) -> Receive:
    """Returns the document's own example."""
    code = DOCUMENT.read_text(encoding="utf-8").partition("```python\n")[2].partition("\n```")[0]
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    example: Receive = runpy.run_path(str(tmp_path / "example.py"))["received_message"]
    return example


def test_the_example_takes_what_the_desk_signed_and_nothing_else(receive: Receive) -> None:
    now = datetime.now(UTC)
    headers = signed_headers(SECRET, "1", BODY, now)
    assert receive(SECRET, headers, BODY)["title"] == "Cèl·lules"
    late = signed_headers(SECRET, "1", BODY, now - timedelta(minutes=6))
    forgeries = [
        (SECRET, headers, BODY + b" "),
        (OTHER_SECRET, headers, BODY),
        (SECRET, late, BODY),
        (SECRET, {**headers, "webhook-id": "2"}, BODY),
        (SECRET, {}, BODY),
    ]
    for secret, forged_headers, body in forgeries:
        with pytest.raises(WebhookVerificationError):
            receive(secret, forged_headers, body)


def test_the_pauses_between_tries_are_those_of_the_document() -> None:
    sentence = "after 30 seconds, 2, 10 and 30 minutes, 1, 3 and 6 hours, then five times every 12 hours"
    assert sentence in " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    hours = (1, 3, 6, 12, 12, 12, 12, 12)
    minutes = (0.5, 2, 10, 30, *(60 * hour for hour in hours))
    assert tuple(timedelta(minutes=pause) for pause in minutes) == RETRY_PAUSES
