"""Checks for `publisher doctor` what is to be done, and whether it is being done."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.alerts.changed_today import describe_change
from publisher.cli.doctor_lines import DoctorLine
from publisher.core.messages import _, ngettext
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.delivery.budget import Spending, monthly_spendings
from publisher.delivery.due import next_appointments
from publisher.desk import Desk
from publisher.health import OVERDUE_AFTER, SCHEDULER, WORKER, last_heartbeats
from publisher.health.failing import describe_failure
from publisher.job_failures import failing_jobs
from publisher.schedule.changed_channels import changed_channels
from publisher.schedule.projection import days_of_cover

MIN_DAYS_OF_COVER = 3
"""So many coming days should have a post."""


def check_work(desk: Desk) -> Iterator[DoctorLine]:
    """Yields the lines about the queue, the deliveries, the processes, the jobs and the costs."""
    with desk.database.reading() as session:
        cover = days_of_cover(session, desk.settings, desk.now())
        states = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        counts: dict[str, int] = {state: number for state, number in states}
        running = _check_processes(desk, session)
        failing = failing_jobs(session)
        costs = monthly_spendings(session, desk.settings, desk.now())
        changes = list(_changed_since_pick(desk, session))
    yield _check_cover(cover)
    yield _check_deliveries(counts)
    yield from changes
    yield running
    problems = [describe_failure(failure) for failure in failing]
    yield DoctorLine(
        not failing, _("jobs"), _("{problems:sentences}", problems=problems) if failing else _("all of them work")
    )
    yield from map(_check_costs, costs)


def _check_cover(cover: int) -> DoctorLine:
    if cover >= MIN_DAYS_OF_COVER:
        return DoctorLine(True, _("queue"), ngettext("{count} day is covered", "{count} days are covered", count=cover))
    text = ngettext(
        "{count} day is covered; add and approve posts",
        "{count} days are covered; add and approve posts",
        count=cover,
    )
    return DoctorLine(False, _("queue"), text)


def _check_deliveries(counts: dict[str, int]) -> DoctorLine:
    waiting = [
        _("{number} {state}", number=counts[state], state=state)
        for state in (State.HELD, State.FAILED, State.UNCONFIRMED)
        if counts.get(state)
    ]
    if not waiting:
        return DoctorLine(True, _("deliveries"), _("none needs a person"))
    return DoctorLine(False, _("deliveries"), _("{waiting:list}; see publisher deliveries", waiting=waiting))


def _changed_since_pick(desk: Desk, session: Session) -> Iterator[DoctorLine]:
    """Yields a line for each channel whose configuration was changed after today's pick."""
    for changed in changed_channels(session, desk.settings, desk.now()):
        what = _("channel {channel}", channel=changed.channel)
        text = _("was changed after today's pick: {meaning}", meaning=describe_change(changed).with_remedy(None))
        yield DoctorLine(True, what, text, warning=True)


def _check_costs(cost: Spending) -> DoctorLine:
    what = _("costs of {channel}", channel=cost.channel)
    if not cost.nearly_spent:
        return DoctorLine(True, what, cost.description)
    text = _(
        "{costs}; raise channels.{channel:key}.monthly_budget before posts are held",
        costs=cost.description,
        channel=cost.channel,
    )
    return DoctorLine(False, what, text)


def _check_processes(desk: Desk, session: Session) -> DoctorLine:
    """Checks that a scheduler and a worker run if work is due."""
    now = desk.now()
    heartbeats = last_heartbeats(session, now)
    seen = [
        _("{role} seen {at:moment}", role=role, at=heartbeats[role].at)
        if role in heartbeats
        else _("no {role} seen", role=role)
        for role in (SCHEDULER, WORKER)
    ]
    due = [appointment for appointment in next_appointments(session, now) if appointment.at <= now]
    run = all(role in heartbeats and heartbeats[role].lives(now) for role in (SCHEDULER, WORKER))
    if not due and run:
        return DoctorLine(True, _("worker"), _("{processes:list}; nothing is overdue", processes=seen))
    if not due:
        text = _(
            "{processes:list}; nothing is overdue, and nothing goes out until publisher run is started", processes=seen
        )
        return DoctorLine(True, _("worker"), text, warning=True)
    overdue = _(
        "{processes:list}; {channel} has work since {at:moment}", processes=seen, channel=due[0].channel, at=due[0].at
    )
    if not run:
        return DoctorLine(False, _("worker"), _("{overdue}: start publisher run", overdue=overdue))
    text = _("{overdue}: see the log of publisher run if it stays so", overdue=overdue)
    return DoctorLine(now - due[0].at <= OVERDUE_AFTER, _("worker"), text)
