"""Sums up a channel: whether it publishes, what is left of quotas, what waits, who is logged in."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from publisher.core.content import Account
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.core.remedies import Remedy
from publisher.core.states import BY_HAND, WAITING
from publisher.db.models import Delivery
from publisher.db.operations import Channel, Quota
from publisher.db.session import Database
from publisher.delivery.budget import Spending, spending
from publisher.delivery.channels import Channels
from publisher.delivery.quotas import find_used_up_quota
from publisher.platforms.abilities import KeepsLogin
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import PlatformError
from publisher.platforms.profiles import Profile
from publisher.settings import ChannelSettings, Settings

MAX_LISTED = 20
"""So many deliveries are named; more of them are a reason to look at their own page."""


@dataclass(frozen=True, slots=True)
class ChannelWait:
    """Says why a channel that is not paused publishes nothing for now."""

    until: datetime
    why: Message


@dataclass(frozen=True, slots=True)
class LoginState:
    """Holds what is known about a channel's log-in without asking its platform."""

    problem: Problem | None = None
    """Why it can't be used. None: as far as is known, it can."""
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelOverview:
    channel: ChannelSettings
    profile: Profile
    row: Channel
    hour: time
    language: str
    wait: ChannelWait | None
    quotas: tuple[Quota, ...]
    """Those that were not reset since they were reported."""
    spending: Spending | None
    """None: the platform asks for no money."""
    latest: Delivery | None
    """The newest post that is public."""
    waiting: tuple[Delivery, ...]
    """What goes out by itself, as long as the channel is not paused: the newest of it."""
    waiting_left_out: int
    """So many more wait."""
    needs_person: tuple[Delivery, ...]
    needs_person_left_out: int
    login: LoginState
    connects_in_steps: bool

    @property
    def retryable(self) -> tuple[Delivery, ...]:
        """Those that wait for a person, and surely are not public: trying again posts none of them twice."""
        return tuple(
            delivery
            for delivery in self.needs_person
            if delivery.unknown_since is None
            and delivery.problem is not None
            and delivery.problem.remedy is Remedy.RECONNECT_AND_RETRY
        )

    @property
    def on_sandbox(self) -> bool:
        return is_on_this_machine(self.channel)


def load_overviews(database: Database, channels: Channels, settings: Settings, now: datetime) -> list[ChannelOverview]:
    """Returns an overview of every channel of the configuration. Only reads; no platform is asked."""
    logins = {name: read_login(channels, name) for name in channels.names()}
    with database.reading() as session:
        return [
            _overview(session, channels, settings, channel, logins[name], now)
            for name, channel in settings.channels.items()
        ]


def _overview(
    session: Session, channels: Channels, settings: Settings, channel: ChannelSettings, login: LoginState, now: datetime
) -> ChannelOverview:
    name, profile = channel.name, channels.profile(channel.name)
    row = session.get_one(Channel, name)
    quotas = select(Quota).where(Quota.channel_name == name, Quota.resets_at > now).order_by(Quota.name)
    waiting, waiting_left_out = _in_states(session, name, WAITING)
    needs_person, needs_person_left_out = _in_states(session, name, BY_HAND)
    priced = profile.prices is not None
    return ChannelOverview(
        channel=channel,
        profile=profile,
        row=row,
        hour=settings.channel_hour(channel),
        language=settings.channel_language(channel),
        wait=_wait(session, row, now),
        quotas=tuple(session.scalars(quotas)),
        spending=spending(session, name, channel.monthly_budget, now, settings.outlet.zone) if priced else None,
        latest=_newest(session, name),
        waiting=waiting,
        waiting_left_out=waiting_left_out,
        needs_person=needs_person,
        needs_person_left_out=needs_person_left_out,
        login=login,
        connects_in_steps=channels.connects_in_steps(name),
    )


def _wait(session: Session, row: Channel, now: datetime) -> ChannelWait | None:
    waits = []
    if row.next_publish_at is not None and row.next_publish_at > now:
        waits.append(ChannelWait(row.next_publish_at, _("the platform asked to wait, or sets the pace")))
    if quota := find_used_up_quota(session, row.name, {"posts": 1, "requests": 1}, now):
        waits.append(ChannelWait(quota.until, _("the quota “{quota}” is used up", quota=quota.name)))
    return max(waits, key=lambda wait: wait.until, default=None)


def _newest(session: Session, channel: str) -> Delivery | None:
    query = select(Delivery).where(
        Delivery.channel_name == channel, Delivery.part == 0, Delivery.published_at.is_not(None)
    )
    return session.scalar(query.order_by(Delivery.published_at.desc()).limit(1))


def _in_states(session: Session, channel: str, states: Collection[str]) -> tuple[tuple[Delivery, ...], int]:
    """Returns the newest deliveries in these states, and how many more there are."""
    among = (Delivery.channel_name == channel, Delivery.state.in_(states))
    query = (
        select(Delivery).where(*among).options(joinedload(Delivery.pick)).order_by(Delivery.id.desc()).limit(MAX_LISTED)
    )
    listed = tuple(session.scalars(query))
    if len(listed) < MAX_LISTED:
        return listed, 0
    return listed, (session.scalar(select(func.count()).select_from(Delivery).where(*among)) or 0) - len(listed)


def read_login(channels: Channels, name: str) -> LoginState:
    """Returns what the stored log-in says. Sends nothing."""
    try:
        return LoginState(ends=login_ends(channels.open(name)))
    except PlatformError as error:
        return LoginState(problem=error.problem)


def check_login(channels: Channels, name: str) -> tuple[Account, datetime | None]:
    """Asks the platform whose the channel's credentials are, and when the log-in ends. Raises PlatformError."""
    adapter = channels.open(name)
    account = adapter.verify_credentials()
    return account, login_ends(adapter)


def login_ends(adapter: PlatformAdapter) -> datetime | None:
    return adapter.login_ends() if isinstance(adapter, KeepsLogin) else None


def is_on_this_machine(channel: ChannelSettings) -> bool:
    """Returns whether a channel leads to a platform on this machine, as the sandbox is."""
    host = urlsplit(channel.base_url or channel.proxy or "").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
