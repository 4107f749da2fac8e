"""Lets a delivery that waits for a person try again; adapts its post again where that was the problem."""

from __future__ import annotations

from pydantic import ValidationError

from publisher.core.content import AdaptedPost
from publisher.core.states import BY_HAND, State
from publisher.db.models import Delivery
from publisher.delivery import operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.problem_codes import ActProblem, blocked
from publisher.delivery.row import version_of
from publisher.desk import Desk
from publisher.lifecycle import replace_adapted


def retry(desk: Desk, delivery_id: int, *, actor: str, i_have_looked: bool = False, seen: str = "") -> None:
    """Lets a delivery try again. `seen`: the version that the person decided upon.

    The post of a delivery that was held because nothing could be adapted is adapted again first: the channel's
    template or the directory of people may be mended by now. The delivery gets the approved text, even where
    somebody changed the post since.

    Raises:
        Refused: it isn't waiting for a person, still can't be adapted, may already be public, or
            changed since it was `seen`.
    """
    seen = _adapt_again(desk, delivery_id, seen)
    operate.retry(desk.database, delivery_id, now=desk.now(), actor=actor, i_have_looked=i_have_looked, seen=seen)


def _adapt_again(desk: Desk, delivery_id: int, seen: str) -> str:
    """Returns the version that the delivery has afterwards, where it had the one that was `seen`."""
    with desk.database.writing() as session:
        delivery = session.get(Delivery, delivery_id)
        if delivery is None or (seen and version_of(delivery) != seen) or delivery.state not in BY_HAND:
            return seen
        target = desk.targets.get(delivery.channel_name)
        if target is None:
            raise ActRefused(ActProblem.CHANNEL_REMOVED, channel=delivery.channel_name, delivery=delivery_id)
        post = delivery.pick.post
        if post is None or post.state == "withdrawn" or not _lacks_a_text(delivery):
            return seen
        from publisher.posts.approved import approved_post  # noqa: PLC0415 - adapting is seldom needed
        from publisher.posts.channel_posts import adapt_for_channel  # noqa: PLC0415

        approved = approved_post(session, post, desk.now())
        if approved is None:
            raise ActRefused(ActProblem.NOT_APPROVED, delivery=delivery_id)
        fresh = adapt_for_channel(approved.post, target, desk.people)
        if fresh.adapted is None:
            raise ActRefused(ActProblem.NOT_TRANSLATED, channel=target.channel, delivery=delivery_id)
        if not replace_adapted(session, delivery, fresh.adapted, desk.now(), version=approved.version):
            return seen
        session.refresh(delivery)
        blocking = blocked([problem.problem for problem in fresh.blocking])
        if blocking:
            delivery.problem = blocking
        version = version_of(delivery)
    if blocking:
        raise ActRefused(ActProblem.NOT_ADAPTED, delivery=delivery_id, why=blocking)
    return version if seen else ""


def _lacks_a_text(delivery: Delivery) -> bool:
    """Decides whether a delivery is held because its adapted post has a blocking problem, or can't be read."""
    if delivery.state != State.HELD:
        return False
    try:
        return any(problem.blocking for problem in AdaptedPost.model_validate(delivery.adapted).problems)
    except ValidationError:
        return True
