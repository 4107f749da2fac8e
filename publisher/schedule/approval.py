"""Approves a post, if no problem blocks it on any channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.errors import ErrorKind
from publisher.core.messages import _
from publisher.db.models import Post
from publisher.posts.approved import Reach, changeable_pick, record_approval, update_waiting_deliveries
from publisher.posts.authors import refuse_own_work
from publisher.posts.desk_parts import DeskParts
from publisher.posts.errors import PostError
from publisher.posts.possibly_shown import possibly_shown
from publisher.posts.post_store import last_pick
from publisher.posts.problems import PostProblem, blocking_first, content_problems
from publisher.schedule.fixed_dates import fixed_date_problems
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class Approval:
    """Holds the remarks that block nothing and, for a picked post, the channels that the approval reaches."""

    remarks: tuple[PostProblem, ...]
    reach: Reach = field(default_factory=Reach)


class NotApproved(PostError):
    """Says that problems block the approval of a post; `problems` are these."""

    code = "approval-blocked"
    kind = ErrorKind.INVALID

    def __init__(self, post_id: int, problems: tuple[PostProblem, ...]) -> None:
        super().__init__(
            _(
                "post {post} can't be approved: {problems:sentences}",
                post=post_id,
                problems=[problem.text for problem in problems],
            )
        )
        self.problems = problems


def post_problems(
    session: Session,
    post: Post,
    settings: Settings,
    targets: Mapping[str, Target],
    people: PeopleDirectory,
    *,
    now: datetime,
) -> tuple[PostProblem, ...]:
    """Finds everything that staff should know before the post goes out, blocking problems first.

    A problem that several channels share is listed once.
    """
    date_problems = tuple(PostProblem(problem) for problem in fixed_date_problems(session, post, settings, now))
    shown = tuple(PostProblem(days.problem) for days in possibly_shown(session, [post.id]).values())
    return blocking_first((*shown, *date_problems, *content_problems(post, targets, people)))


def approve_post(session: Session, post: Post, desk: DeskParts, actor: str) -> Approval:
    """Approves a post within a transaction; see `PostQueue.approve`."""
    now, targets, people = desk.now(), desk.targets, desk.people
    pick = last_pick(session, post)
    has_left = pick is not None and not post.reserve
    if pick is not None and has_left and post.state == "approved":
        raise PostError(
            _("post {post} was picked for {day:day} already; there is nothing to approve", post=post.id, day=pick.slot)
        )
    if post.state != "approved":
        refuse_own_work(session, post, desk.settings, actor)
    problems = (
        blocking_first(content_problems(post, targets, people))
        if has_left
        else post_problems(session, post, desk.settings, targets, people, now=now)
    )
    if blocking := tuple(problem for problem in problems if problem.problem.blocking):
        raise NotApproved(post.id, blocking)
    if post.state == "approved":
        return Approval(problems)
    version = record_approval(session, post, now)
    reach = update_waiting_deliveries(session, post, changeable_pick(pick, post), targets, people, now)
    pick_detail = {"applies_to": reach.applies_to, "too_late": reach.too_late} if pick is not None else {}
    detail = {"version": version, **pick_detail}
    lifecycle.record_event(session, "post approved", now=now, post_id=post.id, actor=actor, detail=detail)
    return Approval(problems, reach)
