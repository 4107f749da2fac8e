"""Tests the column of a problem: what is stored is data, and a search finds it."""

from __future__ import annotations

import json

from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from publisher.core.messages import _
from publisher.core.problems import Problem, ProblemCode, recorded_problem
from publisher.db.problem_column import ProblemColumn, ProblemsColumn, problem_contains, read_recorded


class ColumnProblem(ProblemCode):
    """Has the problem that these tests store."""

    NO_ROOM = _("There is no room for {name} on the shelf.")


class TableBase(DeclarativeBase):
    pass


class Row(TableBase):
    __tablename__ = "row"

    id: Mapped[int] = mapped_column(primary_key=True)
    problem: Mapped[Problem | None] = mapped_column(ProblemColumn)


def test_a_problem_is_stored_as_data_and_found_by_text_and_value() -> None:
    engine = create_engine("sqlite://")
    TableBase.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Row(id=1, problem=ColumnProblem.NO_ROOM(name="Ana “Nit”")), Row(id=2, problem=None)])
        session.flush()
        stored = session.scalar(text("SELECT problem FROM row WHERE id = 1"))
        assert json.loads(stored)["parameters"] == {"name": "Ana “Nit”"}
        session.expunge_all()
        assert str(session.get_one(Row, 1).problem) == "There is no room for Ana “Nit” on the shelf."
        assert session.get_one(Row, 2).problem is None
        for wanted, rows in (("on the SHELF", [1]), ("“nit”", [1]), ("100%", []), ("attic", [])):
            found = session.scalars(select(Row.id).where(problem_contains(Row.problem, wanted)))
            assert list(found) == rows, wanted
    engine.dispose()


def test_a_list_of_problems_is_read_as_older_versions_stored_it_too() -> None:
    column = ProblemsColumn()
    dialect = create_engine("sqlite://").dialect
    stored = column.process_bind_param([ColumnProblem.NO_ROOM(name="Ana")], dialect)
    assert stored == [ColumnProblem.NO_ROOM(name="Ana").to_json()]
    read = column.process_result_value([*stored, "It is {dark}."], dialect)
    assert [str(problem) for problem in read] == ["There is no room for Ana on the shelf.", "It is {dark}."]
    assert column.process_result_value(None, dialect) == []


def test_an_event_of_an_older_version_keeps_its_sentence() -> None:
    assert str(read_recorded("It {failed}.")) == "It {failed}."
    assert str(read_recorded(recorded_problem("It failed.").to_json())) == "It failed."
    assert read_recorded(None) is None
    assert read_recorded("") is None


def test_a_row_whose_problem_is_none_can_be_read() -> None:
    engine = create_engine("sqlite://")
    TableBase.metadata.create_all(engine)
    stored = (
        "It {failed}.",
        "7",
        "[]",
        "{}",
        '{"code": 5, "parameters": [1]}',
        '{"code": "unit.no-room", "parameters": 7}',
    )
    with Session(engine) as session:
        for number, value in enumerate(stored):
            session.execute(text("INSERT INTO row (id, problem) VALUES (:id, :value)"), {"id": number, "value": value})
        problems = [session.get_one(Row, number).problem for number in range(len(stored))]
    assert [str(problem) for problem in problems] == list(stored)
    engine.dispose()
