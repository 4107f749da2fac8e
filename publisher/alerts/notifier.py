"""Sends alerts to people and requests the address of the dead-man's switch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from publisher.alerts import store
from publisher.alerts.addresses import TIMEOUT_SECONDS, URLS_VARIABLE, Address, read_addresses
from publisher.alerts.conditions import Snapshot
from publisher.alerts.late_posts import late_channels
from publisher.alerts.message import compose
from publisher.alerts.ping import Ping
from publisher.alerts.problem_codes import AlertSendProblem
from publisher.alerts.tomorrow import examine_tomorrow
from publisher.core.logs import get_logger
from publisher.core.messages import Message, _, reading_as
from publisher.core.outage_log import LogOnce
from publisher.core.problems import Problem
from publisher.db.operations import Alert
from publisher.desk import Desk
from publisher.health import check_ready
from publisher.settings.alert_reader import alert_reader

FIRST_PAUSE = timedelta(seconds=30)
MAX_PAUSE = timedelta(hours=1)


class Notifier:
    """Sends alerts for one process. Any number of processes may have one.

    Neither public method raises: a failure is logged once, until it works again.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ping = Ping()
        self._sending = LogOnce("alerts", "sending alerts")
        self._examination = LogOnce("alerts", "examining tomorrow's post")
        self._address_logs: dict[str, LogOnce] = {}

    def notify(self, now: datetime) -> None:
        """Sends the alerts that are due, and pings while the desk is ready and no post is late.

        To be called about every 30 seconds. It reads only the database, so that it reports a post
        that is not out even where no worker and no scheduler runs. It may take half a minute for
        each address that does not answer.
        """
        self._run_logged(self._sending, self._notify, now)

    def examine_tomorrow(self, now: datetime) -> None:
        """Examines tomorrow's post once, when the configured hour has come; the next `notify` sends the result.

        To be called about every minute, in a thread of its own: it makes pictures and asks
        platforms and links, which may take minutes.
        """
        self._run_logged(self._examination, lambda at: examine_tomorrow(self._desk, at), now)

    def _run_logged(self, log: LogOnce, act: Callable[[datetime], None], now: datetime) -> None:
        try:
            act(now)
        except Exception as error:
            log.failed(error)
        else:
            log.worked()

    def _notify(self, now: datetime) -> None:
        desk = self._desk
        store.reconcile(desk.database, desk.settings, now)
        addresses = read_addresses()
        if addresses:
            claim_time = FIRST_PAUSE + timedelta(seconds=2 * TIMEOUT_SECONDS * len(addresses))
            self._send_all(store.claim(desk.database, now, claim_time), addresses, now)
        if self._ping.is_due(now) and self._all_is_well(now):
            self._ping.request(now)

    def _all_is_well(self, now: datetime) -> bool:
        """Decides whether the desk can work and no post is past its deadline."""
        if not all(check.ok for check in check_ready(self._desk)):
            return False
        with self._desk.database.reading() as session:
            return not late_channels(Snapshot(session, self._desk.settings, now))

    def _send_all(self, alerts: Sequence[Alert], addresses: Iterable[Address], now: datetime) -> None:
        reached = {alert.id: set(alert.reached) for alert in alerts}
        failures: dict[int, list[Message]] = {alert.id: [] for alert in alerts}
        for address in addresses:
            unsent = [alert for alert in alerts if address.name not in reached[alert.id]]
            if not unsent:
                continue
            reason = self._send(address, unsent)
            for alert in unsent:
                if reason:
                    failures[alert.id].append(_("address {address}: {reason}", address=address.name, reason=reason))
                else:
                    reached[alert.id].add(address.name)
        for alert in alerts:
            store.record(
                self._desk.database,
                alert,
                reached=reached[alert.id],
                send_error=_send_error(failures[alert.id]),
                next_try_at=now + retry_pause(alert.tries),
                now=now,
            )

    def _send(self, address: Address, alerts: Sequence[Alert]) -> Message | None:
        """Sends one message to one address. Returns why that failed; None: it was sent."""
        settings = self._desk.settings
        with reading_as(alert_reader(settings)):
            message = compose(settings.outlet.name, alerts, settings.notify.link)
        reason = address.send(message.title, message.body, bad=message.bad)
        log = self._log_of(address)
        if reason:
            log.failed_because(str(reason))
        else:
            log.worked()
            get_logger("alerts").info("sent", address=address.name, alerts=len(alerts))
        return reason

    def _log_of(self, address: Address) -> LogOnce:
        if address.name not in self._address_logs:
            self._address_logs[address.name] = LogOnce(
                "alerts", "sending alerts to an address", address=address.name, variable=URLS_VARIABLE
            )
        return self._address_logs[address.name]


def _send_error(failures: Sequence[Message]) -> Problem | None:
    return AlertSendProblem.NOT_SENT(failures=list(failures)) if failures else None


def retry_pause(tries: int) -> timedelta:
    """Returns the pause after so many failed tries: twice as long each time, an hour at most."""
    return min(FIRST_PAUSE * (1 << min(tries - 1, 16)), MAX_PAUSE)
