"""Whether a post may go out now: what quotas and the month's budget leave, and its idempotency key."""

from __future__ import annotations

from functools import cache
from typing import cast

import structlog
from sqlalchemy.orm import Session

from publisher.core.clock import Clock
from publisher.core.logs import get_logger
from publisher.db.models import Attempt
from publisher.db.session import Database
from publisher.delivery import quotas, records
from publisher.delivery.budget import Spending, spending, whole_cost
from publisher.delivery.channels import Channels
from publisher.delivery.claim import ClaimedDelivery
from publisher.platforms.base import PlatformAdapter, SupportsQuotas
from publisher.platforms.errors import Unavailable


@cache
def _can_tell_quotas(adapter: type[PlatformAdapter]) -> bool:
    """Returns whether adapters of a platform can be asked for quotas: looked for once, for it takes Python long."""
    return issubclass(adapter, SupportsQuotas)


class Admission:
    """Lets posts through that quotas and budgets leave room for."""

    def __init__(self, database: Database, channels: Channels, clock: Clock) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock

    def admit(self, claimed: ClaimedDelivery, adapter: PlatformAdapter) -> str:
        """The idempotency key under which the post may go out.

        Raises:
            RateLimited, BudgetReached: it may not now.
            Fenced: the delivery is in other hands.
        """
        key, token = self._check(claimed, adapter, quotas_told=claimed.quotas_told)
        if _can_tell_quotas(type(adapter)) and self._has_told_quotas(cast("SupportsQuotas", adapter), claimed):
            key, token = self._check(claimed, adapter, quotas_told=True)
        if token != claimed.seed.token:
            records.keep_token(self._database, claimed, token)
        return key

    def _check(self, claimed: ClaimedDelivery, adapter: PlatformAdapter, *, quotas_told: bool) -> tuple[str, str]:
        """What is told between this and the intent to publish is heeded there."""
        profile = self._channels.profile(claimed.channel)
        with self._database.asking() as rows:
            if quotas_told:
                quotas.require(rows, claimed.channel, claimed.adapted, self._clock.now())
            key = records.free_key(rows, claimed, adapter.idempotency_key)
        # What may be public already is looked up first, and that is not held for money.
        if profile.prices is not None and claimed.unknown_since is None:
            with self._database.reading() as session:
                self._spending(session, claimed).require(whole_cost(profile, claimed.adapted), claimed.id)
        return key

    def _has_told_quotas(self, adapter: SupportsQuotas, claimed: ClaimedDelivery) -> bool:
        try:
            adapter.read_quotas()
        except Unavailable as error:
            # Worth knowing, and no reason to be late: the platform refuses what would be too much.
            get_logger("delivery").info("no quotas were told", channel=claimed.channel, why=error.message)
            return False
        return True

    def warn(self, claimed: ClaimedDelivery, attempt: int, log: structlog.stdlib.BoundLogger) -> None:
        """Tell once that the month's budget is nearly spent: when this attempt made it so."""
        if self._channels.profile(claimed.channel).prices is None:
            return
        with self._database.reading() as session:
            cost = session.get_one(Attempt, attempt).cost_micros
            if cost and (spent := self._spending(session, claimed)).became_nearly_spent(cost):
                log.warning("budget nearly spent", told=spent.told)

    def _spending(self, session: Session, claimed: ClaimedDelivery) -> Spending:
        budget = self._channels.monthly_budget(claimed.channel)
        return spending(session, claimed.channel, budget, self._clock.now(), self._channels.zone)
