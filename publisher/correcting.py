"""Corrects a published post: its own record, and what followers read on every platform that allows it.

The pages, the command line and the API call the same two functions. `plan_correction` says what would change on each
channel and what can't, and why; `correct_post` does what the plan said, if it says the same still. Nothing here sends
anything: a worker carries each correction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from publisher import lifecycle
from publisher.core.characters import clean_line
from publisher.core.content import AdaptedPost
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.core.states import State
from publisher.correction_plan import ChannelCorrection, CorrectionPlan
from publisher.db.models import Delivery, Pick, Post
from publisher.delivery import correction_history, corrections
from publisher.delivery.corrected_parts import effective_post, part_changes
from publisher.delivery.corrections import CORRECTED, CorrectionUnderWay, NewCorrection
from publisher.delivery.problem_codes import CorrectionTrouble, DeliveryProblem, blocked
from publisher.delivery.row import place_of
from publisher.desk import Desk
from publisher.posts.approved import Reach, changeable_pick, reach_of, update_waiting_deliveries
from publisher.posts.authors import refuse_own_work
from publisher.posts.channel_posts import adapt_for_channel
from publisher.posts.corrections import CorrectionRefused, changed_fields, corrected_content, store_correction
from publisher.posts.drafts import PostChanges, PostContent
from publisher.posts.errors import StaleEdit
from publisher.posts.post_store import changing_post, last_pick, load_post
from publisher.posts.problems import PostProblem, content_problems
from publisher.posts.unsaved import build_post

MAX_NOTE_LENGTH = 300
UNSETTLED = (State.PUBLISHING, State.UNCONFIRMED)
"""A post in these states may be public: it is corrected once that is known."""


@dataclass(frozen=True, slots=True)
class CorrectionRequest:
    """Holds what a person wants to be corrected."""

    post: int
    changes: PostChanges
    note: str = ""
    """Why, in their words."""
    expected_version: int | None = None
    """The version of the post that they saw."""
    seen: str = ""
    """The digest of the plan that they saw. Empty: they saw none."""


@dataclass(frozen=True, slots=True)
class CorrectionResult:
    """Holds what a correction has begun."""

    plan: CorrectionPlan
    version: int
    """Of the post, with the corrected text."""
    deliveries: tuple[int, ...]
    """Those whose posts a worker corrects now."""


def plan_correction(desk: Desk, request: CorrectionRequest) -> CorrectionPlan:
    """Returns what a correction would change on each channel, and what can't be changed, and why. Changes nothing.

    Raises:
        PostError: there is no such post, it was never published, or a field can't be corrected.
        StaleEdit: somebody changed the post since the expected version.
    """
    with desk.database.reading() as session:
        post = load_post(session, request.post, request.expected_version)
        return _plan(session, desk, post, corrected_content(post, request.changes))


def correct_post(desk: Desk, request: CorrectionRequest, *, actor: str) -> CorrectionResult:
    """Corrects the post's own record, and has a worker correct every published post that its platform lets change.

    Deliveries that wait and were never sent get the corrected text as well.

    Raises:
        PostError: what `plan_correction` raises; nothing would change; the outlet wants another person to approve it;
            a channel that waits for the post could not carry it. Then nothing was changed.
        StaleEdit: somebody changed the post, or the plan is not the one that was `seen`.
    """
    now, note = desk.now(), clean_line(request.note)[:MAX_NOTE_LENGTH]
    with _changing(desk) as session:
        post = load_post(session, request.post, request.expected_version)
        content = corrected_content(post, request.changes)
        plan = _plan(session, desk, post, content)
        if request.seen and plan.digest != request.seen:
            raise StaleEdit(_("what would be corrected has changed since you looked; look at it again"))
        refuse_blocked(plan)
        if not plan.changes_anything:
            raise CorrectionRefused(_("nothing would be changed by this correction of post {post}", post=post.id))
        version = store_correction(session, post, content, now=now, actor=actor)
        refuse_own_work(session, post, desk.settings, actor)
        if plan.fields and post.state == "approved":
            pick = changeable_pick(last_pick(session, post), post)
            update_waiting_deliveries(session, post, pick, desk.targets, desk.people, now)
        corrected = [channel for channel in plan.channels if channel.sent]
        for channel in corrected:
            delivery = session.get_one(Delivery, channel.delivery)
            new = NewCorrection(after=channel.after, post_version=version, actor=actor, note=note)
            corrections.open_correction(session, delivery, new, now)
        detail = {
            "version": version,
            "fields": list(plan.fields),
            "channels": [session.get_one(Delivery, channel.delivery).place for channel in corrected],
            **({"note": note} if note else {}),
        }
        lifecycle.record_event(session, CORRECTED, now=now, post_id=post.id, actor=actor, detail=detail)
        return CorrectionResult(plan, version, tuple(channel.delivery for channel in corrected))


def refuse_blocked(plan: CorrectionPlan) -> None:
    """Raises CorrectionRefused where the corrected text can't go out."""
    if plan.new_problems:
        problems = [problem.text for problem in plan.new_problems]
        raise CorrectionRefused(_("the corrected text can't go out: {problems:sentences}", problems=problems))


@contextmanager
def _changing(desk: Desk) -> Iterator[Session]:
    """Opens a writing transaction that raises StaleEdit when somebody, or a worker, is faster at the same moment."""
    try:
        with changing_post(desk.database) as session:
            yield session
    except (IntegrityError, CorrectionUnderWay):
        raise StaleEdit(_("a correction of this post began at the same moment; look at it again")) from None


def is_correctable(session: Session, post_id: int) -> bool:
    """Decides whether a post is published anywhere, so that there is something to correct."""
    query = select(Delivery.id).join(Pick).where(Pick.post_id == post_id, Delivery.state == State.PUBLISHED)
    return session.scalar(query.limit(1)) is not None


def _plan(session: Session, desk: Desk, post: Post, content: PostContent) -> CorrectionPlan:
    query = (
        select(Delivery)
        .join(Pick)
        .where(Pick.post_id == post.id)
        .options(joinedload(Delivery.pick))
        .order_by(Pick.slot.desc(), Delivery.channel_name, Delivery.part)
    )
    deliveries = list(session.scalars(query))
    published = [delivery for delivery in deliveries if delivery.state == State.PUBLISHED]
    if not published:
        raise CorrectionRefused(_("post {post} is not published anywhere; change it in its form", post=post.id))
    if post.state in ("draft", "in_review"):
        raise CorrectionRefused(
            _(
                "post {post} was changed after it went out, and the change is not approved: approve it, or make it "
                "the former version again; then correct it",
                post=post.id,
            )
        )
    fields = tuple(changed_fields(post, content))
    wanted = build_post(session, content)
    channels = tuple(_plan_channel(session, desk, wanted, delivery) for delivery in published)
    return CorrectionPlan(
        post=post.id,
        version=post.version,
        fields=fields,
        channels=channels,
        reach=reach_of(changeable_pick(last_pick(session, post), post)) if fields else Reach(),
        new_problems=_new_problems(desk, post, wanted) if fields else (),
        unsettled=tuple(place_of(delivery) for delivery in deliveries if delivery.state in UNSETTLED),
    )


def _new_problems(desk: Desk, post: Post, wanted: Post) -> tuple[PostProblem, ...]:
    """Returns what blocks the corrected post and not the present one: a template that is broken blocks both."""
    present = {problem.problem for problem in content_problems(post, desk.targets, desk.people)}
    problems = content_problems(wanted, desk.targets, desk.people)
    return tuple(problem for problem in problems if problem.problem.blocking and problem.problem not in present)


def _plan_channel(session: Session, desk: Desk, wanted: Post, delivery: Delivery) -> ChannelCorrection:
    channel = delivery.channel_name
    try:
        before = correction_history.present_text(session, delivery)
    except ValidationError:
        unreadable = AdaptedPost(channel=channel, platform="", language="en", title="", caption="")
        plan = _channel_plan(delivery, unreadable)
        return replace(plan, refusal=DeliveryProblem.TEXT_UNREADABLE(delivery=delivery.id).with_remedy(None))
    plan = _channel_plan(delivery, before)
    target = desk.targets.get(channel)
    if target is None:
        return replace(plan, refusal=CorrectionTrouble.CORRECTING_WITHOUT_CHANNEL(channel=channel))
    adapted = adapt_for_channel(wanted, target, desk.people)
    if adapted.adapted is None:
        return replace(plan, refusal=CorrectionTrouble.CORRECTING_WITHOUT_TRANSLATION(channel=channel))
    after = _part_of(adapted.adapted, delivery, before)
    if after is None:
        return replace(plan, refusal=CorrectionTrouble.CORRECTING_WITHOUT_PART(part=delivery.part + 1))
    changes = part_changes(before, after, desk.channels.adapter(channel))
    refusal = _refusal(session, delivery, [problem.problem for problem in adapted.blocking])
    effective = effective_post(before, after, changes)
    may_be_sent = any(change.why_not is None for change in changes)
    return replace(plan, after=effective, changes=changes, refusal=refusal if may_be_sent else None)


def _channel_plan(delivery: Delivery, before: AdaptedPost) -> ChannelCorrection:
    channel = delivery.channel_name
    return ChannelCorrection(
        delivery=delivery.id,
        channel=channel,
        place=place_of(delivery),
        day=delivery.pick.slot,
        url=delivery.remote_url,
        after=before,
        changes=(),
    )


def _refusal(session: Session, delivery: Delivery, blocking: Sequence[Problem]) -> Problem | None:
    """Returns why a published post is not corrected now; None: it is."""
    if problem := blocked(blocking):
        return problem
    under_way = correction_history.open_correction_of(session, delivery.id)
    if under_way is not None and not correction_history.may_be_replaced(under_way):
        return CorrectionTrouble.CORRECTING_UNDER_WAY()
    return None


def _part_of(adapted: AdaptedPost, delivery: Delivery, before: AdaptedPost) -> AdaptedPost | None:
    """Returns what this part of a thread is to say; None where the corrected text has no such part."""
    if delivery.part == 0:
        return adapted
    if len(adapted.thread) < delivery.part:
        return None
    return before.model_copy(update={"caption": adapted.thread[delivery.part - 1], "title": adapted.title})


# --- what people read ------------------------------------------------------------------------------------


def describe_result(result: CorrectionResult) -> list[Message]:
    """Says what a correction has begun, and what it can't change."""
    plan = result.plan
    sent = [channel.place for channel in plan.channels if channel.sent]
    texts = [_("Post {post} is corrected.", post=plan.post)] if plan.fields else []
    if sent:
        texts.append(_("The correction is being sent to {channels:list}.", channels=sent))
    if left := [channel.place for channel in plan.channels if channel.changes and not channel.sent]:
        texts.append(_("Left as it is: {channels:list}.", channels=left))
    return [*texts, *plan.remarks]
