"""Reads the metrics for Prometheus from the database at each scrape.

Every process answers with the same numbers, and a scrape must not become slower with each
delivery. So what is open is counted whole, and what is over is counted within a window: the
last 24 hours, and for money the calendar month. The numbers of a window fall again when it
moves on: use them as they are, without `rate` or `increase`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.core.states import State
from publisher.db.models import Attempt, Delivery
from publisher.db.operations import IS_OPEN_ALERT, Alert, Channel, Quota
from publisher.delivery.budget import MICROS, monthly_spendings
from publisher.delivery.due import next_appointments
from publisher.delivery.platform_clocks import clock_differences
from publisher.health.heartbeat import SCHEDULER, WEB, WORKER, last_heartbeats
from publisher.job_failures import TickPart, failing_jobs
from publisher.schedule.projection import days_of_cover
from publisher.settings import Settings

DAY = timedelta(days=1)
LATENESS_BUCKETS = (0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, float("inf"))
"""Seconds. Posts should be within the first two; the last ones are for platforms that were not reached."""
COUNTED_STATES = tuple(state for state in State if state != State.PUBLISHED)


def read_metrics(session: Session, settings: Settings, now: datetime) -> Iterator[Metric]:
    """Reads every metric that is in the database."""
    yield _deliveries(session)
    yield _lateness(session, now)
    yield _overdue(session, now)
    yield _attempts(session, now)
    yield from _quotas(session)
    yield from _spendings(session, settings, now)
    yield _paused(session)
    yield _alerts(session)
    yield _processes(session, now)
    yield _failing_jobs(session)
    yield _clocks(session, now)
    yield GaugeMetricFamily(
        "publisher_days_of_cover",
        "Coming days that would get a post before the first that would not.",
        days_of_cover(session, settings, now),
    )


def _deliveries(session: Session) -> Metric:
    family = GaugeMetricFamily(
        "publisher_deliveries",
        "Deliveries in each state but published: those are counted by publisher_lateness_seconds.",
        labels=["channel", "state"],
    )
    query = select(Delivery.channel_name, Delivery.state, func.count()).where(Delivery.remote_id.is_(None))
    rows = session.execute(query.group_by(Delivery.channel_name, Delivery.state))
    counts = {(channel, state): number for channel, state, number in rows}
    for channel in session.scalars(select(Channel.name)):
        for state in COUNTED_STATES:
            family.add_metric([channel, state], counts.get((channel, state), 0))
    return family


def _lateness(session: Session, now: datetime) -> Metric:
    """Counts posts by lateness. A channel without a post has empty buckets, and a channel that is removed has none."""
    lateness: dict[str, list[float]] = {name: [] for name in session.scalars(select(Channel.name))}
    query = select(Delivery.channel_name, Delivery.scheduled_at, Delivery.published_at).where(
        Delivery.published_at > now - DAY
    )
    for channel, scheduled_at, published_at in session.execute(query):
        lateness[channel].append(max(0.0, ((published_at or scheduled_at) - scheduled_at).total_seconds()))
    family = HistogramMetricFamily(
        "publisher_lateness_seconds",
        "From the hour of a post to its being public, for the posts of the last 24 hours.",
        labels=["channel"],
    )
    for channel, seconds in lateness.items():
        family.add_metric([channel], _cumulative(seconds), sum(seconds))
    return family


def _cumulative(seconds: list[float]) -> list[tuple[str, float]]:
    counts = [0] * len(LATENESS_BUCKETS)
    for second in seconds:
        counts[bisect_left(LATENESS_BUCKETS, second)] += 1
    names = [f"{bound:g}" for bound in LATENESS_BUCKETS[:-1]] + ["+Inf"]
    return [(name, float(sum(counts[: index + 1]))) for index, name in enumerate(names)]


def _overdue(session: Session, now: datetime) -> Metric:
    waits = defaultdict(float, dict.fromkeys(session.scalars(select(Channel.name)), 0.0))
    for appointment in next_appointments(session, now):
        waited = (now - appointment.at).total_seconds()
        waits[appointment.channel] = max(waits[appointment.channel], waited)
    family = GaugeMetricFamily(
        "publisher_overdue_seconds",
        "How long a channel's due work has been waiting; 0 for a paused channel.",
        labels=["channel"],
    )
    for channel, seconds in waits.items():
        family.add_metric([channel], seconds)
    return family


def _attempts(session: Session, now: datetime) -> Metric:
    family = GaugeMetricFamily(
        "publisher_attempts_last_day",
        "Tries begun in the last 24 hours: sends, look-ups of unknown outcomes, and read-backs.",
        labels=["channel", "kind", "outcome"],
    )
    query = (
        select(Delivery.channel_name, Attempt.kind, func.coalesce(Attempt.outcome, "running"), func.count())
        .join(Delivery)
        .where(Attempt.started_at > now - DAY)
        .group_by(Delivery.channel_name, Attempt.kind, Attempt.outcome)
    )
    for *labels, number in session.execute(query):
        family.add_metric(labels, number)
    return family


def _quotas(session: Session) -> Iterator[Metric]:
    labels = ["channel", "quota"]
    remaining = GaugeMetricFamily(
        "publisher_quota_remaining", "What is left of the quota, by the platform's last answer.", labels=labels
    )
    maximum = GaugeMetricFamily("publisher_quota_maximum", "The whole quota.", labels=labels)
    resets = GaugeMetricFamily(
        "publisher_quota_resets_timestamp_seconds", "When the quota is whole again.", labels=labels
    )
    for row in session.scalars(select(Quota)):
        names = [row.channel_name, row.name]
        remaining.add_metric(names, row.remaining)
        maximum.add_metric(names, row.maximum)
        resets.add_metric(names, row.resets_at.timestamp())
    yield from (remaining, maximum, resets)


def _spendings(session: Session, settings: Settings, now: datetime) -> Iterator[Metric]:
    spend = GaugeMetricFamily(
        "publisher_spend_dollars",
        "About what a channel's requests of this calendar month cost, where its platform asks for money.",
        labels=["channel"],
    )
    budget = GaugeMetricFamily("publisher_budget_dollars", "What may be spent in a month.", labels=["channel"])
    for spending in monthly_spendings(session, settings, now):
        spend.add_metric([spending.channel], spending.spent / MICROS)
        if spending.budget is not None:
            budget.add_metric([spending.channel], spending.budget / MICROS)
    yield from (spend, budget)


def _paused(session: Session) -> Metric:
    family = GaugeMetricFamily("publisher_channel_paused", "1 while a channel waits for a person.", labels=["channel"])
    for name, paused_at in session.execute(select(Channel.name, Channel.paused_at)):
        family.add_metric([name], int(paused_at is not None))
    return family


def _alerts(session: Session) -> Metric:
    family = GaugeMetricFamily("publisher_alerts_open", "Alerts that are not over.", labels=["kind"])
    for kind, number in session.execute(select(Alert.kind, func.count()).where(IS_OPEN_ALERT).group_by(Alert.kind)):
        family.add_metric([kind], number)
    return family


def _processes(session: Session, now: datetime) -> Metric:
    family = GaugeMetricFamily(
        "publisher_up", "1 while a process with this role has a recent heartbeat.", labels=["role"]
    )
    seen = last_heartbeats(session, now)
    for role in (SCHEDULER, WORKER, WEB):
        family.add_metric([role], int(role in seen and seen[role].lives(now)))
    return family


def _failing_jobs(session: Session) -> Metric:
    family = GaugeMetricFamily("publisher_job_failing", "1 while a regular job fails.", labels=["job"])
    failing = [failure.job for failure in failing_jobs(session)]
    for job in dict.fromkeys((*TickPart, *failing)):
        family.add_metric([job], int(job in failing))
    return family


def _clocks(session: Session, now: datetime) -> Metric:
    family = GaugeMetricFamily(
        "publisher_platform_clock_ahead_seconds",
        "How far the platform's clock is ahead of this machine's, by its last answer.",
        labels=["channel"],
    )
    for difference in clock_differences(session, now):
        family.add_metric([difference.channel], difference.ahead.total_seconds())
    return family
