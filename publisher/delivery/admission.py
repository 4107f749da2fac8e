"""Decides whether a post may go out now, by quotas and the month's budget, and gives it its idempotency key."""

from __future__ import annotations

from functools import cache
from typing import cast

import structlog
from sqlalchemy.orm import Session

from publisher.core.clock import Clock
from publisher.core.logs import get_logger
from publisher.db.models import Attempt
from publisher.db.session import Database
from publisher.delivery import intents, quotas
from publisher.delivery.budget import Spending, spending, whole_cost
from publisher.delivery.channels import Channels
from publisher.delivery.claim import ClaimedDelivery
from publisher.platforms.abilities import SupportsQuotas
from publisher.platforms.base import PlatformAdapter
from publisher.platforms.errors import Unavailable


@cache
def _supports_quotas(adapter: type[PlatformAdapter]) -> bool:
    """Returns whether a platform can be asked for quotas. Cached, because `issubclass` of a protocol is slow."""
    return issubclass(adapter, SupportsQuotas)


class Admission:
    """Admits posts while quotas and budgets leave room for them."""

    def __init__(self, database: Database, channels: Channels, clock: Clock) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock

    def admit(self, claimed: ClaimedDelivery, adapter: PlatformAdapter) -> str:
        """Returns the idempotency key under which the post may go out.

        Raises:
            RateLimited, BudgetReached: it may not now.
            Fenced: somebody else has the delivery.
        """
        key, token = self._check(claimed, adapter, has_quotas=claimed.has_quotas)
        if _supports_quotas(type(adapter)) and self._refresh_quotas(cast("SupportsQuotas", adapter), claimed):
            key, token = self._check(claimed, adapter, has_quotas=True)
        if token != claimed.seed.token:
            intents.store_token(self._database, claimed, token)
        return key

    def _check(self, claimed: ClaimedDelivery, adapter: PlatformAdapter, *, has_quotas: bool) -> tuple[str, str]:
        """Checks quotas and budget. `commit_intent` checks the quotas again, as they are by then."""
        profile = self._channels.profile(claimed.channel)
        with self._database.asking() as rows:
            if has_quotas:
                quotas.require_quotas(rows, claimed.channel, claimed.adapted, self._clock.now())
            key = intents.choose_key(rows, claimed, adapter.idempotency_key)
        # What may be public already is looked up first, and that is not held for money.
        if profile.prices is not None and claimed.unknown_since is None:
            with self._database.reading() as session:
                self._spending(session, claimed).require(whole_cost(profile, claimed.adapted), claimed.id)
        return key

    def _refresh_quotas(self, adapter: SupportsQuotas, claimed: ClaimedDelivery) -> bool:
        try:
            adapter.read_quotas()
        except Unavailable as error:
            # Worth knowing, and no reason to be late: the platform refuses what would be too much.
            get_logger("delivery").info("no quotas were told", channel=claimed.channel, why=error.message)
            return False
        return True

    def warn(self, claimed: ClaimedDelivery, attempt: int, log: structlog.stdlib.BoundLogger) -> None:
        """Logs once that the month's budget is nearly spent: when this attempt made it so."""
        if self._channels.profile(claimed.channel).prices is None:
            return
        with self._database.reading() as session:
            cost = session.get_one(Attempt, attempt).cost_micros
            if cost and (spent := self._spending(session, claimed)).became_nearly_spent(cost):
                log.warning("budget nearly spent", spent=str(spent.description))

    def _spending(self, session: Session, claimed: ClaimedDelivery) -> Spending:
        budget = self._channels.monthly_budget(claimed.channel)
        return spending(session, claimed.channel, budget, self._clock.now(), self._channels.zone)
