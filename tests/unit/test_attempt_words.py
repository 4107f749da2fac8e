"""Tests that attempts and their ends are described to people."""

from __future__ import annotations

import pytest

from publisher.core.states import AttemptOutcome
from publisher.delivery.attempt_description import OUTCOMES, describe_attempt
from publisher.delivery.outcomes import OUTCOMES as OUTCOME_OF_ERROR
from publisher.delivery.outcomes import outcome_of
from publisher.platforms.errors import PlatformError


@pytest.mark.parametrize("outcome", AttemptOutcome)
def test_each_end_has_words(outcome: AttemptOutcome) -> None:
    assert str(describe_attempt("verify", outcome)) == f"read-back: {OUTCOMES[outcome]}"


@pytest.mark.parametrize("kind", OUTCOME_OF_ERROR, ids=lambda kind: kind.__name__)
def test_each_kind_of_error_ends_an_attempt_under_its_code(kind: type[Exception]) -> None:
    narrower = type("Narrower", (kind,), {"__init__": Exception.__init__})
    assert outcome_of(narrower()) is OUTCOME_OF_ERROR[kind]
    if issubclass(kind, PlatformError) and "code" in vars(kind):
        assert OUTCOME_OF_ERROR[kind].value == kind.code
    assert kind.__name__ not in str(describe_attempt("send", OUTCOME_OF_ERROR[kind]))


def test_a_fault_of_the_program_is_no_answer_of_a_platform() -> None:
    assert outcome_of(ZeroDivisionError()) is AttemptOutcome.UNEXPECTED


def test_what_has_not_ended_is_running() -> None:
    assert str(describe_attempt("lookup", None)) == "look-up: running"
