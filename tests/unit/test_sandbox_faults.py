"""Tests which faults can be requested, and which request each fault waits for."""

from __future__ import annotations

import re

import pytest

from publisher.sandbox.faults import ALL_KINDS, STEPS, Fault, FaultQueue

SECONDS_SENTENCE = (
    "slow-after, drip-head, drip-body, late-504, late-drop, late-silence take seconds, and only they do: slow-after:2.5"
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop-after", Fault("drop-after")),
        ("slow-after:2.5", Fault("slow-after", 2.5)),
        ("publish/429", Fault("429")),
        ("read/slow-after:0.5", Fault("slow-after", 0.5, "read")),
        ("upload/garbage-after", Fault("garbage-after", step="upload")),
    ],
)
def test_a_fault_is_read_with_its_step(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fire", f"there is no fault 'fire'; known are {', '.join(ALL_KINDS)}"),
        ("write/429", f"there is no step 'write'; known are {', '.join(STEPS)}"),
        ("slow-after", SECONDS_SENTENCE),
        ("429:3", SECONDS_SENTENCE),
        ("read/refuse", "refuse takes no step: it strikes when a connection is opened, whatever it is for"),
    ],
)
def test_an_unknown_fault_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Fault.parse(text)


def test_a_fault_waits_for_a_request_of_its_step() -> None:
    faults = FaultQueue()
    for text in ("read/429", "drop-after", "upload/reject"):
        faults.add("x", Fault.parse(text))
    assert faults.take("x") == Fault("drop-after")
    assert faults.take("x") is None
    assert faults.take("tumblr", "read") is None
    assert faults.take("x", "upload") == Fault("reject", step="upload")
    assert faults.summary() == {"x": {"drop-after": 1, "upload/reject": 1}}


def test_a_refusal_strikes_a_connection_and_nothing_else_does() -> None:
    faults = FaultQueue()
    faults.add("x", Fault("refuse"))
    assert faults.take("x") is None
    assert faults.take("x", at_connection=True) == Fault("refuse")
