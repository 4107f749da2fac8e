"""Finds and prints what is wrong with a post, alike in every command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from publisher.cli.echo import echo
from publisher.cli.output import escape
from publisher.desk import Desk
from publisher.posts.post_store import load_post
from publisher.posts.problems import PostProblem, blocking_first, problem_to_json
from publisher.schedule.approval import every_problem


def problems_of(desk: Desk, post_id: int) -> tuple[PostProblem, ...]:
    """Returns everything that staff should know before a post goes out, blocking problems first."""
    with desk.database.reading() as session:
        return every_problem(session, load_post(session, post_id), desk)


def merge_problems(known: Sequence[PostProblem], of_approval: Sequence[PostProblem]) -> tuple[PostProblem, ...]:
    """Adds what only an approval finds, such as pictures that can't be made. Blocking problems come first."""
    return blocking_first((*known, *(problem for problem in of_approval if problem not in known)))


def echo_problems(problems: Sequence[PostProblem], *, err: bool = False) -> None:
    """Prints each problem on a line of its own."""
    for problem in problems:
        echo(f"  {problem}", err=err)


def problem_rows(problems: Sequence[PostProblem]) -> list[dict[str, Any]]:
    """Returns the problems as programs get them."""
    return [{"problem": problem_to_json(problem.problem), "channels": problem.channels} for problem in problems]


def styled_problem(problem: PostProblem) -> str:
    """Renders a problem for a table: red where it blocks the approval."""
    return f"[{'red' if problem.problem.blocking else 'yellow'}]{escape(str(problem))}[/]"
