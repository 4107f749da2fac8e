"""Tells people what needs them, once; and a watcher elsewhere that all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from publisher.alerts import store
from publisher.alerts.addresses import TIMEOUT_SECONDS, URLS_VARIABLE, Address, read_addresses
from publisher.alerts.conditions import View
from publisher.alerts.late_posts import late_channels
from publisher.alerts.message import compose
from publisher.alerts.ping import Ping
from publisher.alerts.tomorrow import examine_tomorrow
from publisher.core.logs import get_logger
from publisher.db.operations import Notice
from publisher.desk import Desk
from publisher.health import check_ready

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)


class Notifier:
    """Made once per process, and called regularly. Any number of processes may have one.

    Neither method raises: what goes wrong is logged once, until it works again.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ping = Ping()
        self._troubles: dict[str, str] = {}

    def round(self, now: datetime) -> None:
        """Compare the rows with what people know, tell the difference, and ping while all is well.

        To be called about every 30 seconds. It reads the rows alone, so that it tells of a post
        that is not out also where no worker and no scheduler is left to notice. It may take
        half a minute for each address that does not answer.
        """
        self._safely("people can't be told", self._round, now)

    def evening(self, now: datetime) -> None:
        """Examine tomorrow's post once, when the configured hour has come; the next round tells what was found.

        To be called about every minute, in a thread of its own: pictures are made, platforms and
        links are asked, and that may take minutes.
        """
        self._safely("tomorrow can't be examined", lambda at: examine_tomorrow(self._desk, at), now)

    def _safely(self, what: str, act: Callable[[datetime], None], now: datetime) -> None:
        try:
            act(now)
        except Exception as error:
            if what not in self._troubles:
                get_logger("notices").exception(f"{what}; trying again until it works")
            self._troubles[what] = str(error)
        else:
            if self._troubles.pop(what, None) is not None:
                get_logger("notices").info("works again", what=what)

    def _round(self, now: datetime) -> None:
        desk = self._desk
        store.reconcile(desk.database, desk.settings, now)
        addresses = read_addresses()
        if addresses:
            hold = FIRST_PAUSE + timedelta(seconds=2 * TIMEOUT_SECONDS * len(addresses))
            self._tell(store.claim(desk.database, now, hold), addresses, now)
        if self._ping.is_due(now) and self._all_is_well(now):
            self._ping.request(now)

    def _all_is_well(self, now: datetime) -> bool:
        """The desk can work, and nothing is past its deadline."""
        if not all(check.ok for check in check_ready(self._desk)):
            return False
        with self._desk.database.reading() as session:
            return not late_channels(View(session, self._desk.settings, now))

    def _tell(self, notices: Sequence[Notice], addresses: Iterable[Address], now: datetime) -> None:
        reached = {notice.id: set(notice.reached) for notice in notices}
        troubles: dict[int, list[str]] = {notice.id: [] for notice in notices}
        for address in addresses:
            lacking = [notice for notice in notices if address.name not in reached[notice.id]]
            if not lacking:
                continue
            why = self._send(address, lacking)
            for notice in lacking:
                if why:
                    troubles[notice.id].append(f"address {address.name}: {why}")
                else:
                    reached[notice.id].add(address.name)
        for notice in notices:
            store.record(
                self._desk.database,
                notice,
                reached=reached[notice.id],
                trouble="; ".join(troubles[notice.id]),
                next_try_at=now + _pause(notice.tries),
                now=now,
            )

    def _send(self, address: Address, notices: Sequence[Notice]) -> str:
        message = compose(self._desk.settings.outlet.name, notices)
        why = address.send(message.title, message.body, bad=message.bad)
        log = get_logger("notices").bind(address=address.name)
        if not why:
            log.info("told", notices=len(notices))
            if self._troubles.pop(address.name, None) is not None:
                log.info("the address takes messages again")
        elif address.name not in self._troubles:
            log.error("an address of people takes no messages", variable=URLS_VARIABLE, why=why)
            self._troubles[address.name] = why
        return why


def _pause(tries: int) -> timedelta:
    """Before the next try after so many: twice as long each time."""
    return min(FIRST_PAUSE * (1 << min(tries - 1, 16)), LONGEST_PAUSE)
