"""Makes a post that is public already the record of a delivery, after reading it on the platform.

A link is parsed and never opened: the post is read from the channel's own platform, by its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.core.characters import make_visible
from publisher.core.content import AdaptedPost, PublishedPost
from publisher.core.logs import get_logger
from publisher.core.problems import Problem
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery.act_refusals import LINK_FAULTS, ActRefused
from publisher.delivery.channels import Channels
from publisher.delivery.differences import differences_between
from publisher.delivery.operate import ADOPTABLE, get_delivery, move_by_hand, require_move
from publisher.delivery.problem_codes import ActProblem, ChannelProblem, PublicPostProblem
from publisher.delivery.row import version_of
from publisher.lifecycle import ADOPTED, may_become_public, record_delivery_event
from publisher.platforms.abilities import SupportsReadBack
from publisher.platforms.errors import CredentialsRefused, PlatformError, Unavailable
from publisher.platforms.links import LinkRefused

EXAMPLE_ID = "3141592653589793238"


@dataclass(frozen=True, slots=True)
class AdoptionRequest:
    """Names the post, and the delivery whose record it is to be."""

    delivery: int
    link: str
    """A link to the post in any form, or its id."""
    seen: str = ""
    """The version of the delivery that the person decided upon. Empty: the present one."""
    unread: bool = False
    """A person sees the post: adopt it also where it can't be read."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """Holds a post that can become the record of a delivery."""

    delivery: int
    version: str
    remote_id: str
    url: str
    was_read: bool
    differences: tuple[Problem, ...]
    """How what followers see differs from what would have been sent."""


def adopt(database: Database, channels: Channels, request: AdoptionRequest, *, now: datetime, actor: str) -> Adoption:
    """Reads a post and makes it the delivery's record. Raises Refused; then nothing was changed."""
    adoption = read_adoption(database, channels, request)
    record_adoption(database, adoption, now=now, actor=actor)
    return adoption


def read_adoption(database: Database, channels: Channels, request: AdoptionRequest) -> Adoption:
    """Reads the post that is to be adopted and compares it with what was to be sent. Changes nothing.

    Raises:
        Refused: it is no post of the channel's account that followers see, it can't be read and
            nobody says that they see it, or the delivery can't be adopted.
    """
    with database.reading() as session:
        delivery = get_delivery(session, request.delivery, request.seen)
        require_move(delivery, State.PUBLISHED, ADOPTABLE)
        channel, version = delivery.channel_name, version_of(delivery)
        adapted = AdaptedPost.model_validate(delivery.adapted)
    post = _PostOnChannel.of(channels, channel, request.link, request.delivery)
    shown = post.read(unread=request.unread)
    with database.reading() as session:
        _require_unused(session, channel, shown.remote_id if shown else post.id, request.delivery)
    differences = () if shown is None else differences_between(channels.open(channel), adapted, shown)
    return Adoption(
        delivery=request.delivery,
        version=version,
        remote_id=post.id if shown is None else shown.remote_id,
        url=(shown and shown.url) or post.url,
        was_read=shown is not None,
        differences=tuple(differences),
    )


def record_adoption(database: Database, adoption: Adoption, *, now: datetime, actor: str) -> None:
    """Makes the post the delivery's record; the delivery is never posted again.

    One that was not read is read back as soon as its platform answers. Where a request may make another post still,
    that is looked for as after any lost request.

    Raises:
        Refused: the delivery has changed since the post was read.
    """
    try:
        _record_adoption(database, adoption, now=now, actor=actor)
    except IntegrityError:
        # A look-up of another delivery has found the same post at this moment.
        with database.reading() as session:
            delivery = get_delivery(session, adoption.delivery)
            _require_unused(session, delivery.channel_name, adoption.remote_id, delivery.id)
        raise


def _record_adoption(database: Database, adoption: Adoption, *, now: datetime, actor: str) -> None:
    with database.writing() as session:
        delivery = get_delivery(session, adoption.delivery, adoption.version)
        require_move(delivery, State.PUBLISHED, ADOPTABLE)
        _require_unused(session, delivery.channel_name, adoption.remote_id, delivery.id)
        detail: dict[str, Any] = {"url": adoption.url, "was_read": adoption.was_read}
        if problem := _adoption_problem(adoption):
            detail["problem"] = problem.to_json()
        record_delivery_event(session, delivery.id, ADOPTED, now=now, actor=actor, detail=detail)
        lost_requests = (
            max(delivery.lost_requests, 1) if may_become_public(delivery.unknown_since, delivery.lost_requests) else 0
        )
        move_by_hand(
            session, delivery, State.PUBLISHED, now, actor, remote_id=adoption.remote_id, remote_url=adoption.url,
            published_at=now, unknown_since=None, problem=None, lost_requests=lost_requests,
            verify_at=now if lost_requests or not adoption.was_read else None,
        )  # fmt: skip


def _adoption_problem(adoption: Adoption) -> Problem | None:
    """Says what a person accepted with the post; None: it was read, and is as it was to be sent."""
    if not adoption.was_read:
        return PublicPostProblem.ADOPTED_UNREAD()
    if adoption.differences:
        return PublicPostProblem.ADOPTED_AND_DIFFERS(differences=list(adoption.differences))
    return None


@dataclass(frozen=True, slots=True)
class _PostOnChannel:
    """Names a post of a channel's account by its canonical id, and the delivery that it is to be the record of."""

    channels: Channels
    channel: str
    id: str
    url: str
    delivery: int

    @classmethod
    def of(cls, channels: Channels, channel: str, link: str, delivery: int) -> _PostOnChannel:
        """Parses a link. Raises Refused when it names no post of the channel's account."""
        if channel not in channels:
            raise ActRefused(ActProblem.CHANNEL_REMOVED, channel=channel, delivery=delivery)
        adapter, account, profile = channels.adapter(channel), channels.account(channel), channels.profile(channel)
        try:
            post_id = adapter.post_id_of(link, account)
        except LinkRefused as refused:
            raise ActRefused(
                LINK_FAULTS[refused.fault], link=make_visible(link[:200]), channel=channel, account=account,
                platform=profile.label, example=adapter.post_url_of(EXAMPLE_ID, account, profile),
            ) from None  # fmt: skip
        return cls(channels, channel, post_id, adapter.post_url_of(post_id, account, profile), delivery)

    def read(self, *, unread: bool) -> PublishedPost | None:
        """Returns the post as followers see it; None where it can't be read and `unread` allows that.

        Raises:
            Refused: there is no such post, it is another account's, followers don't see it, or it can't be read.
        """
        try:
            shown = self._ask()
        except PlatformError as error:
            if unread:
                return None
            get_logger("delivery").warning("not read", channel=self.channel, url=self.url, why=error.message)
            raise self._refused(self._why_unread(error), why=error.problem) from error
        if shown is None:
            if unread:
                return None
            raise self._refused(ActProblem.NO_SUCH_POST)
        if shown.is_own is False:
            raise self._refused(ActProblem.OTHER_ACCOUNT)
        if not shown.visible:
            raise self._refused(ActProblem.NOT_VISIBLE, state=shown.state or "hidden")
        return shown

    @staticmethod
    def _why_unread(error: PlatformError) -> ActProblem:
        return ActProblem.NOT_ALLOWED_TO_READ if isinstance(error, CredentialsRefused) else ActProblem.NOT_READ

    def _ask(self) -> PublishedPost | None:
        adapter = self.channels.open(self.channel)
        if not isinstance(adapter, SupportsReadBack):
            raise Unavailable(ChannelProblem.POST_NOT_READABLE(platform=self.channels.profile(self.channel).label))
        return adapter.read_publication(self.id)

    def _refused(self, reason: ActProblem, **parameters: Any) -> ActRefused:
        return ActRefused(
            reason, delivery=self.delivery, url=self.url, channel=self.channel,
            account=self.channels.account(self.channel), platform=self.channels.profile(self.channel).label,
            **parameters,
        )  # fmt: skip


def _require_unused(session: Session, channel: str, remote_id: str, delivery: int) -> None:
    """Raises Refused when the post is the record of another delivery, of any channel on the same platform."""
    platform = select(Channel.platform).where(Channel.name == channel).scalar_subquery()
    query = (
        select(Delivery.id)
        .join(Channel, Channel.name == Delivery.channel_name)
        .where(Channel.platform == platform, Delivery.remote_id == remote_id, Delivery.id != delivery)
    )
    if (other := session.scalar(query.limit(1))) is not None:
        raise ActRefused(ActProblem.OTHER_DELIVERY, other=other, delivery=delivery)
