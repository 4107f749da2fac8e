"""Estimates what publishing costs, sums it by month, and refuses what would pass the budget.

The sums are estimates, and err on the side of too much: a request whose answer was lost counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.core.content import AdaptedPost
from publisher.core.errors import UserError
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.models import Attempt, Delivery
from publisher.delivery.problem_codes import DeliveryProblem
from publisher.platforms.abilities import CountsPostsRead
from publisher.platforms.profiles import Prices, Profile, load_profile
from publisher.settings import Settings

MICROS = 1_000_000
"""Costs are whole millionths of a US dollar, so that sums are exact."""
NEARLY = 0.8
"""The part of a budget from which on people are warned."""


class BudgetReached(UserError):
    """Says that the next post would cost more than is left of the month's budget; nothing was sent."""

    code = "budget-reached"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def request_cost(profile: Profile, text: str) -> int:
    """Returns the price of the one request that publishes a post with this text, in micros."""
    prices = profile.prices
    if prices is None:
        return 0
    from publisher.adapt.text.counting import rules_of  # noqa: PLC0415 - the grammar of addresses is large

    return round(MICROS * (prices.post_with_link if rules_of(profile.text).find_links(text) else prices.post))


def alt_text_cost(prices: Prices | None, alt_texts: Iterable[str]) -> int:
    """Returns the price of sending these alt texts, in micros; empty ones are not sent."""
    return 0 if prices is None else sum(1 for text in alt_texts if text) * round(MICROS * prices.alt_text)


def reading_cost(prices: Prices | None, adapted: AdaptedPost) -> int:
    """Returns the price of the reading just before a post is sent, in micros. A reply needs none."""
    return 0 if prices is None or adapted.reply_to else round(MICROS * prices.newest_posts)


def posts_read_cost(prices: Prices | None, adapter: object) -> int:
    """Returns the price of all posts that this adapter has read, in micros."""
    if prices is None or not isinstance(adapter, CountsPostsRead):
        return 0
    return adapter.count_posts_read() * round(MICROS * prices.post_read)


def whole_cost(profile: Profile, adapted: AdaptedPost) -> int:
    """Returns the price of a post with all its replies, in micros: a thread that began is to be finished."""
    requests = sum(request_cost(profile, text) for text in (adapted.caption, *adapted.thread))
    alt_texts = alt_text_cost(profile.prices, (image.alt_text for image in adapted.images))
    return requests + alt_texts + reading_cost(profile.prices, adapted)


@dataclass(frozen=True, slots=True)
class Month:
    """Holds a calendar month by the outlet's clocks."""

    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, now: datetime, zone: tzinfo) -> Month:
        local = now.astimezone(zone)
        begins = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
        year, month = divmod(begins.year * 12 + begins.month, 12)
        return cls(begins, begins.replace(year=year, month=month + 1))


@dataclass(frozen=True, slots=True)
class Spending:
    """Holds what a channel has spent in a month, in micros."""

    channel: str
    month: Month
    spent: int
    budget: int | None
    """None: no limit."""

    @property
    def nearly_spent(self) -> bool:
        return self.budget is not None and self.spent >= NEARLY * self.budget

    def became_nearly_spent(self, cost: int) -> bool:
        """Returns whether the last `cost` micros made the budget nearly spent."""
        return self.nearly_spent and not replace(self, spent=self.spent - cost).nearly_spent

    @property
    def description(self) -> Message:
        """Returns a part of a sentence: `about $0.45 in May 2026, 9 % of its budget of $5.00`."""
        amount, month = format_dollars(self.spent), self.month.begins.date()
        if self.budget is None:
            return _("about {amount} in {month:month}", amount=amount, month=month)
        return _(
            "about {amount} in {month:month}, {share} % of its budget of {budget}",
            amount=amount,
            month=month,
            share=self.spent * 100 // self.budget,
            budget=format_dollars(self.budget),
        )

    def require(self, cost: int, delivery: int) -> None:
        """Raises BudgetReached when this further cost would pass the budget."""
        if self.budget is None or self.spent + cost <= self.budget:
            return
        raise BudgetReached(
            DeliveryProblem.BUDGET_REACHED(
                channel=self.channel,
                spending=self.description,
                cost=format_dollars(cost),
                ends=self.month.ends.date(),
                delivery=delivery,
            )
        )


def spending(session: Session, channel: str, budget: float | None, now: datetime, zone: tzinfo) -> Spending:
    """Sums what a channel has spent in the present month. `budget`: in US dollars."""
    month = Month.of(now, zone)
    query = (
        select(func.coalesce(func.sum(Attempt.cost_micros), 0))
        .join(Delivery)
        .where(Delivery.channel_name == channel, Attempt.started_at >= month.begins, Attempt.started_at < month.ends)
    )
    return Spending(channel, month, int(session.scalar(query) or 0), None if budget is None else round(budget * MICROS))


def monthly_spendings(session: Session, settings: Settings, now: datetime) -> list[Spending]:
    """Sums the present month for every channel whose platform charges money."""
    return [
        spending(session, name, channel.monthly_budget, now, settings.outlet.zone)
        for name, channel in settings.channels.items()
        if load_profile(channel.platform).prices is not None
    ]


def format_dollars(micros: int) -> str:
    """Formats micros as dollars, such as `$4.95`; with tenths of a cent only where there are some."""
    thousandths = round(micros / 1000)
    return f"${thousandths / 1000:.2f}" if thousandths % 10 == 0 else f"${thousandths / 1000:.3f}"
