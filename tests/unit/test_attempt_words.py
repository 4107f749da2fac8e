"""Tests that attempts and their ends are described to people."""

from __future__ import annotations

import pytest

from publisher.delivery.attempt_description import OUTCOMES, describe_attempt
from publisher.delivery.outcomes import NAMED_ERRORS
from publisher.delivery.verify import Finding


@pytest.mark.parametrize("kind", NAMED_ERRORS, ids=lambda kind: kind.__name__)
def test_each_kind_of_error_has_words(kind: type[Exception]) -> None:
    assert kind.__name__ not in describe_attempt("send", kind.__name__)


@pytest.mark.parametrize("outcome", [*Finding, "found", "absent", "cannot tell", "published", "lost"])
def test_each_other_end_has_words(outcome: str) -> None:
    assert describe_attempt("verify", outcome) == f"read-back: {OUTCOMES[outcome]}"


def test_what_has_not_ended_is_running() -> None:
    assert describe_attempt("lookup", None) == "look-up: running"
