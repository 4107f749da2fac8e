"""Approves a post, if no problem blocks it on any channel."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.collaboration.notifications import notify_of_approval
from publisher.core.errors import ErrorKind
from publisher.core.messages import _
from publisher.db.models import Pick, Post
from publisher.posts.approved import Reach, changeable_pick, record_approval, update_waiting_deliveries
from publisher.posts.authors import refuse_own_work
from publisher.posts.desk_parts import DeskParts
from publisher.posts.errors import PostError
from publisher.posts.possibly_shown import possibly_shown
from publisher.posts.post_store import last_pick
from publisher.posts.problems import PostProblem, blocking_first, content_problems, own_problems
from publisher.posts.repeats import repeated_posts, repeats_among, repeats_of, without_blocking
from publisher.schedule.fixed_dates import fixed_date_problems

LOCK = 0x61707072  # "appr": any number, the same in every process, and no other lock's


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


def every_problem(session: Session, post: Post, desk: DeskParts) -> tuple[PostProblem, ...]:
    """Finds everything that staff should know before the post goes out, blocking problems first.

    A problem that several channels share is listed once. It compares the post with every other one: it is for one
    post; `schedule.listing` finds the same for many.
    """
    content = content_problems(post, desk.targets, desk.people)
    return blocking_first((*_queue_problems(session, post, desk), *content))


def problems_of_post(session: Session, post: Post, desk: DeskParts) -> tuple[PostProblem, ...]:
    """Finds those of `every_problem` that are the post's own, whatever the channel.

    `post`: also one that is stored nowhere, with the number of the stored one that it is to become.
    """
    own = map(PostProblem, own_problems(post, desk.targets))
    return blocking_first((*_queue_problems(session, post, desk), *own))


def _queue_problems(session: Session, post: Post, desk: DeskParts) -> tuple[PostProblem, ...]:
    """Finds what speaks against showing the post, whatever it says. One that has left the queue has its day."""
    repeats = repeats_of(session, post)
    is_stored = post.id is not None
    if is_stored and has_left(last_pick(session, post), post):
        return without_blocking(repeats)
    dates = map(PostProblem, fixed_date_problems(session, post, desk.settings, desk.now()))
    if not is_stored:
        return (*dates, *repeats)
    shown = (PostProblem(days.problem) for days in possibly_shown(session, [post.id]).values())
    return (*shown, *dates, *repeats)


def has_left(pick: Pick | None, post: Post) -> bool:
    """Decides whether followers had a post, so that the queue has it no more; the reserve is shown again and again."""
    return not post.reserve and (pick is not None or post.published_elsewhere_on is not None)


def find_obstacles(
    session: Session, post: Post, desk: DeskParts, actor: str, *, repeat_is_meant: bool = False
) -> tuple[PostProblem, ...]:
    """Returns the remarks on a post that can be approved, as far as that is known without its finished pictures.

    Raises:
        NotApproved: something blocks it. With `repeat_is_meant`, something else than a repeat.
        PostError: somebody else has to approve it, or it was picked already.
    """
    pick = last_pick(session, post)
    if pick is not None and has_left(pick, post) and post.state == "approved":
        raise PostError(
            _("post {post} was picked for {day:day} already; there is nothing to approve", post=post.id, day=pick.slot)
        )
    if post.state != "approved":
        refuse_own_work(session, post, desk.settings, actor)
    problems = every_problem(session, post, desk)
    excused = repeats_among(problems) if repeat_is_meant else []
    _refuse_blocked(post, tuple(problem for problem in problems if problem not in excused))
    return problems


def _refuse_blocked(post: Post, problems: tuple[PostProblem, ...]) -> None:
    if blocking := tuple(problem for problem in problems if problem.problem.blocking):
        raise NotApproved(post.id, blocking)


def _wait_for_other_approvals(session: Session) -> None:
    """Waits until every approval that began before is committed: of two doubles, the later one must see the earlier.

    There is one lock for all, since pictures that look alike have no key in common. SQLite lets one transaction write
    at a time.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(LOCK)))


def approve_post(
    session: Session,
    post: Post,
    desk: DeskParts,
    actor: str,
    of_pictures: tuple[PostProblem, ...] = (),
    *,
    repeat_is_meant: bool = False,
) -> Approval:
    """Approves a post within a transaction; see `PostQueue.approve`.

    `of_pictures`: what is wrong with the finished pictures of just this version of the post.
    """
    _wait_for_other_approvals(session)
    if repeat_is_meant and (repeated := repeated_posts(repeats_of(session, post))):
        post.intended_repeats = sorted({*post.intended_repeats, *repeated})
    problems = blocking_first((*find_obstacles(session, post, desk, actor), *of_pictures))
    _refuse_blocked(post, problems)
    if post.state == "approved":
        return Approval(problems)
    now, targets, people, pick = desk.now(), desk.targets, desk.people, last_pick(session, post)
    approved_before = post.approved_version
    version = record_approval(session, post, now)
    reach = update_waiting_deliveries(session, post, changeable_pick(pick, post), targets, people, now)
    pick_detail = {"applies_to": reach.applies_to, "too_late": reach.too_late} if pick is not None else {}
    repeat_detail = {"intended_repeats": post.intended_repeats} if repeat_is_meant else {}
    detail = {"version": version, "approved_before": approved_before, **pick_detail, **repeat_detail}
    lifecycle.record_event(session, "post approved", now=now, post_id=post.id, actor=actor, detail=detail)
    notify_of_approval(session, post.id, actor, now)
    return Approval(problems, reach)
