"""Tests that every kind of problem is rendered by every face, from the same data, in each language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from string import Formatter
from typing import Any

import pytest
from sqlalchemy import select, text
from starlette.requests import Request

from publisher.alerts.message import render_details
from publisher.cli.echo import harmless
from publisher.cli.output import escape
from publisher.core.content import ContentProblem
from publisher.core.messages import Face, Message, Reader, reading_as
from publisher.core.problems import Problem, ProblemCode, StoredProblem, import_code_lists
from publisher.core.remedies import Remedy
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.webhooks import Webhook, WebhookMessage
from publisher.delivery.row import problem_to_json as delivery_problem_to_json
from publisher.posts.problems import problem_to_json
from publisher.web.api.problems import RequestRefused, answer_of, problem_response
from publisher.web.event_details import event_details
from publisher.web.rendering import templates
from publisher.webhooks.events import render_message
from tests.pseudo_locale import CLOSING, OPENING, PSEUDO_LANGUAGE, pseudo_locale

AT = datetime(2026, 5, 12, 6, 30, tzinfo=UTC)
HOSTILE = (
    "{braces} {0} {unclosed",
    "100 % %s %(name)s %%",
    "two\nlines\r\nand\ttabs",
    "\u202eright to left\u202c \u0645\u0631\u062d\u0628\u0627",
    "half a pair \ud83d",
    "<b>&amp;</b> [bold red]markup[/]",
    "x" * 10_000,
)


def every_code() -> list[ProblemCode]:
    import_code_lists()
    return [
        code
        for listed in ProblemCode.__subclasses__()
        if listed.__module__.startswith("publisher.") and listed is not StoredProblem
        for code in listed
    ]


def fields_of(*texts: Message) -> dict[str, str]:
    """Returns the fields of texts, with the format of each."""
    sources = [source for message in texts for source in (message.source, message.plural)]
    return {name: form or "" for source in sources for _text, name, form, _ in Formatter().parse(source) if name}


def value_for(name: str, form: str) -> Any:
    """Returns a value that a field may have."""
    if name == "count":
        return 3
    if form in ("list", "lines", "clauses", "sentences"):
        return ["first", "second"]
    if form in ("day", "weekday", "short_weekday", "long_day", "month"):
        return date(2026, 5, 12)
    return {"moment": AT, "clock": AT, "number": 12_345, "dollars": 1.25, "language": "ca"}.get(form, f"the-{name}")


def problem_of(code: ProblemCode, remedy: Remedy | None = None) -> Problem:
    """Makes a problem of a kind with a value for each field, those of its remedy too."""
    remedy = remedy or code.remedy
    texts = [code.template, *(remedy.sentences.values() if remedy else ())]
    if remedy:
        texts += [remedy.command, Message(remedy.path)]
    return code(remedy, **{name: value_for(name, form) for name, form in fields_of(*texts).items()})


def as_api_answer(problem: Problem) -> dict[str, Any]:
    request = Request({"type": "http", "method": "GET", "path": "/api/v1/posts", "headers": [], "query_string": b""})
    answer: dict[str, Any] = json.loads(bytes(problem_response(request, answer_of(RequestRefused(409, problem))).body))
    return answer


def as_webhook(database: Database, problem: Problem) -> dict[str, Any]:
    event = Event(id=1, at=AT, name="channel paused", actor="", detail={"problem": problem.to_json()})
    with database.reading() as session:
        message: dict[str, Any] = json.loads(render_message(session, event, "Cells Daily"))
    return message


@pytest.fixture(scope="module")
def codes() -> list[ProblemCode]:
    return every_code()


@pytest.fixture(params=["en", PSEUDO_LANGUAGE])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    with pseudo_locale():
        yield request.param


def test_every_face_renders_every_kind_of_problem_with_its_remedy(
    codes: list[ProblemCode], language: str, database: Database
) -> None:
    assert len(codes) > 300
    template = templates().from_string("{{ problem }}")
    for code in codes:
        problem = problem_of(code)
        texts = {}
        for face in Face:
            with reading_as(Reader(language, UTC, face)):
                texts[face] = shown = str(problem)
                if problem.remedy:
                    assert shown.endswith(str(problem.remedy.sentence(face, problem.parameters))), code
                assert StoredProblem.UNKNOWN_CODE.template.source[:20] not in shown, code
                assert (OPENING in shown and CLOSING in shown) is (language == PSEUDO_LANGUAGE), code
        with reading_as(Reader(language, UTC, Face.PAGE)):
            assert template.render(problem=problem), code
            assert event_details({"problem": problem.to_json()})[0][1] == texts[Face.PAGE], code
            assert render_details(problem, "https://desk.example.org"), code
        with reading_as(Reader(language, UTC, Face.COMMAND)):
            assert render_details(problem), code
            assert harmless(problem).split() == texts[Face.COMMAND].split(), code
        with reading_as(Reader(language, UTC, Face.PROGRAM)):
            as_data = {**problem.to_json(), "message": texts[Face.PROGRAM]}
            sent = as_webhook(database, problem)
            assert sent["problem"] == json.loads(json.dumps(as_data)), code
            assert sent["detail"]["problem"] == texts[Face.PROGRAM], code
            assert delivery_problem_to_json(problem) == as_data, code
            content = problem_to_json(ContentProblem(field="title", problem=problem))
            assert content == {"field": "title", "blocking": True, **as_data}, code
            answer = as_api_answer(problem)
            assert answer["detail"].lower().startswith(texts[Face.PROGRAM].lower()), code
            assert answer["parameters"] == as_data["parameters"], code


def test_a_stored_problem_is_rendered_as_before(codes: list[ProblemCode]) -> None:
    for code in codes:
        problem = problem_of(code)
        stored = Problem.from_json(json.loads(json.dumps(problem.to_json())))
        assert str(stored) == str(problem), code


def test_every_remedy_is_said_in_every_place(language: str) -> None:
    for remedy in Remedy:
        problem = problem_of(StoredProblem.RECORDED, remedy)
        for face in Face:
            with reading_as(Reader(language, UTC, face)):
                assert "?" not in str(remedy.sentence(face, problem.parameters)).replace("?state=held", "")


@pytest.mark.parametrize("hostile", HOSTILE, ids=[ascii(value)[:12] for value in HOSTILE])
def test_a_value_with_any_text_is_shown_by_every_face(
    codes: list[ProblemCode], language: str, database: Database, hostile: str
) -> None:
    template = templates().from_string("{{ problem }}")
    for code in codes:
        forms = fields_of(code.template)
        values = {name: hostile if form in ("", "clause", "sentence") else value_for(name, form)
                  for name, form in forms.items()}  # fmt: skip
        problem = problem_of(code)
        problem = Problem(code, {**problem.parameters, **values, "count": 3}, problem.remedy)
        for face in Face:
            with reading_as(Reader(language, UTC, face)):
                assert str(problem)
                assert StoredProblem.UNKNOWN_CODE.template.source[:20] not in str(problem), code
        stored = problem.to_json()
        json.dumps(stored, ensure_ascii=False).encode()
        with reading_as(Reader(language, UTC, Face.PROGRAM)):
            assert as_webhook(database, problem)["problem"]["code"] == code.code
            assert "<b>" not in template.render(problem=problem)
            assert escape(problem)
            assert render_details(problem, "https://desk.example.org")
            assert as_api_answer(problem)["code"] == code.short_code


def test_what_older_versions_stored_of_a_failed_try_is_read_as_sentence(database: Database) -> None:
    old = "it {answered} 500; 100 %"
    with database.writing() as session:
        session.add(Webhook(id=1, url="https://hooks.example.org/", secret="sealed", created_at=AT))
        session.add(Event(id=1, at=AT, name="post added", actor="", detail={}))
        session.flush()
        session.add(WebhookMessage(webhook_id=1, event_id=1, body=b"{}", next_try_at=AT, trouble=None))
        session.flush()
        empty = session.scalar(text("SELECT trouble FROM webhook_message"))
        session.execute(text("UPDATE webhook_message SET trouble = :old"), {"old": old})
        session.expire_all()
        read = session.scalars(select(WebhookMessage)).one().trouble
    assert empty == "", "the column is never NULL"
    assert read == StoredProblem.RECORDED(sentence=old)
    assert str(read) == old
