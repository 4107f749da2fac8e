"""Tests problems as data: they are stored and read back, and each place gets the remedy that it has."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from publisher.core.messages import Face, Reader, _, reading_as
from publisher.core.problems import Problem, ProblemCode, codes_containing, find_code, recorded_problem
from publisher.core.remedies import Remedy, find_remedy
from publisher.core.states import AttemptOutcome


class SampleProblem(ProblemCode):
    """Has problems that only these tests know."""

    NOT_CONNECTED = _("The channel {channel} is not connected."), Remedy.CONNECT_CHANNEL
    TOO_LATE = _("It was due at {at:moment}")
    REFUSED = _("The platform refused it: {answer:clause}.")


AT = datetime(2026, 5, 12, 6, 30, tzinfo=UTC)


def stored(problem: Problem) -> Problem:
    """Returns the problem after it was written and read."""
    return Problem.from_json(json.loads(json.dumps(problem.to_json())))


def test_a_problem_names_its_remedy_in_the_words_of_the_place() -> None:
    problem = SampleProblem.NOT_CONNECTED(channel="pictures")
    texts = {}
    for face in Face:
        with reading_as(Reader(face=face)):
            texts[face] = str(problem)
    assert texts == {
        Face.COMMAND: "The channel pictures is not connected. Run: publisher connect pictures",
        Face.PAGE: "The channel pictures is not connected. Connect it on the page Channels.",
        Face.PROGRAM: "The channel pictures is not connected. A person can connect the channel pictures again.",
    }


def test_programs_get_code_parameters_and_remedy() -> None:
    assert SampleProblem.NOT_CONNECTED(channel="pictures").to_json() == {
        "code": SampleProblem.NOT_CONNECTED.code,
        "parameters": {"channel": "pictures"},
        "remedy": "connect-channel",
    }


def test_a_stored_problem_is_the_same_problem() -> None:
    for problem in (
        SampleProblem.NOT_CONNECTED(channel="pictures"),
        SampleProblem.TOO_LATE(at=AT).with_remedy(Remedy.RETRY_DELIVERY, delivery=5),
        SampleProblem.REFUSED(answer=SampleProblem.TOO_LATE(at=AT)),
        SampleProblem.REFUSED(answer=_("no reason, {times} times", times=2)),
        recorded_problem("It {failed} an hour ago."),
    ):
        again = stored(problem)
        assert (again.code, again.remedy, str(again)) == (problem.code, problem.remedy, str(problem))


def test_a_remedy_follows_a_whole_sentence() -> None:
    problem = SampleProblem.TOO_LATE(at=AT).with_remedy(Remedy.RETRY_DELIVERY, delivery=5)
    assert str(problem) == "It was due at 06:30 on 2026-05-12. Then: publisher retry 5"


def test_the_problem_of_a_newer_version_is_shown_by_its_code() -> None:
    newer = {"code": "delivery.sent-by-pigeon", "parameters": {"pigeon": "Emma"}, "remedy": "feed-pigeon"}
    text = str(Problem.from_json(newer))
    assert "delivery.sent-by-pigeon" in text
    assert "Emma" in text
    assert find_remedy("feed-pigeon") is None


def test_a_model_stores_a_problem_as_json() -> None:
    class Check(BaseModel):
        problem: Problem

    check = Check(problem=SampleProblem.TOO_LATE(at=AT))
    assert str(Check.model_validate_json(check.model_dump_json()).problem) == str(check.problem)


def test_a_search_finds_codes_by_their_text() -> None:
    assert SampleProblem.NOT_CONNECTED.code in codes_containing("IS NOT CONNECTED")
    assert find_code(SampleProblem.NOT_CONNECTED.code) is SampleProblem.NOT_CONNECTED
    assert find_code("unit.nothing") is None


class Unprintable:
    """Is a value of which not even the text can be got."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "stored_value"),
    [
        (Path("/a/b"), "/a/b"),
        (timedelta(seconds=5), "0:00:05"),
        ({"a": 1}, "{'a': 1}"),
        (b"raw", "b'raw'"),
        (float("nan"), "nan"),
        (ValueError("why"), "why"),
        (Face.PAGE, "Face.PAGE"),
        (AttemptOutcome.LOST, "lost"),
        (Unprintable(), "Unprintable"),
        ("half a pair \ud83d and \0", "half a pair ? and "),
    ],
)
def test_a_value_that_nobody_foresaw_is_stored_as_text(value: object, stored_value: str) -> None:
    """What a request led to is recorded, whatever an adapter put into its problem."""
    problem = SampleProblem.REFUSED(answer=[_("it said {value}", value=value)])
    assert json.dumps(problem.to_json(), allow_nan=False).encode()
    inner = problem.to_json()["parameters"]["answer"][0]
    assert inner["values"] == {"value": stored_value}
    assert SampleProblem.TOO_LATE(at=value).to_json()["parameters"] == {"at": stored_value}


def test_a_problem_whose_value_can_not_be_shown_is_shown_by_its_code() -> None:
    for value in (Unprintable(), "on Monday"):
        problem = SampleProblem.TOO_LATE(at=value).with_remedy(Remedy.RETRY_DELIVERY, delivery=5)
        assert SampleProblem.TOO_LATE.code in str(problem)
        assert str(problem).endswith("Then: publisher retry 5")
    assert SampleProblem.REFUSED.code in str(SampleProblem.REFUSED(answer=Unprintable()))
