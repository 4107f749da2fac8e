"""Fetches pages, feeds and pictures from addresses that people entered or that a page named.

Every address is hostile until it was checked: only http and https, only public machines, also after each redirect, and
the connection goes to the address that was checked. What comes is bounded in size and time, packed or not, and must be
of the kind that was asked for. A site is asked at most once in so many seconds, and never for what its robots.txt
keeps from programs.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from cachetools import LRUCache

from publisher import __version__
from publisher.core.clock import SystemClock, monotonic, sleep
from publisher.core.errors import ErrorKind
from publisher.core.public_hosts import AddressRefused, NotPublic, NotResolvedNow, ResolvedHost, resolve_public_host
from publisher.core.special_addresses import IPAddress, is_private_network
from publisher.intake.problem_codes import FetchProblem
from publisher.intake.robots import NoRules, ReadRules, RobotRules
from publisher.intake.web_addresses import is_sendable, resolve_dots
from publisher.intake.web_request import REDIRECTS, ROBOTS, Answer, FetchRefused, FileKind, WebRequest, shown_address
from publisher.posts.errors import PostError

MAX_REDIRECTS = 5
MAX_ADDRESS_LENGTH = 2_000
MAX_KNOWN_SITES = 500
MAX_FAILURES = 5
"""So many failures in a row that say nothing about the address itself end an import."""
ROBOTS_AGAIN_SECONDS = 300.0
"""So long a robots.txt that can't be read is not asked for again."""
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 5.0, 120.0


class SiteStopped(PostError):
    """Says that a site failed several times in a row; the text is a `FetchProblem`."""

    code = "site-stopped"
    kind = ErrorKind.DEPENDENCY


@dataclass(frozen=True, slots=True)
class FetchRules:
    """Says how a source is asked."""

    private: bool = False
    """It may be on this machine or in a private network."""
    interval: float = 1.0
    """Seconds between two requests to one site."""
    tries: int = 3
    """So often a server is asked that wants to be left alone for a while, after a pause."""
    contact: str = ""
    """The address of the outlet's own site: whoever runs the server sees it."""
    kinds: Mapping[FileKind, FileKind] = field(default_factory=dict)
    """Other limits for a kind than it usually has."""

    @property
    def agent(self) -> str:
        """Returns what the program calls itself in each request."""
        about = f"+{self.contact}; " if self.contact else ""
        return f"publisher/{__version__} ({about}imports an outlet's earlier posts)"


class WebFetcher:
    """Fetches what one import needs, one after the other."""

    def __init__(self, rules: FetchRules, wait: Callable[[float], object] = sleep) -> None:
        """`wait`: pauses for so many seconds."""
        self.rules = rules
        self._wait = wait
        self._robots: LRUCache[str, RobotRules] = LRUCache(MAX_KNOWN_SITES)
        self._robots_failures: LRUCache[str, tuple[float, FetchRefused]] = LRUCache(MAX_KNOWN_SITES)
        """When the robots.txt of a site could not be read, and why."""
        self._failures = 0
        self._next_request: LRUCache[str, float] = LRUCache(MAX_KNOWN_SITES)

    def fetch_bytes(self, url: str, kind: FileKind, headers: Mapping[str, str] | None = None) -> tuple[Answer, bytes]:
        """Fetches a text into memory. Raises FetchRefused."""
        content = io.BytesIO()
        answer = self.fetch(url, kind, content, headers)
        return answer, content.getvalue()

    def fetch(self, url: str, kind: FileKind, into: BinaryIO, headers: Mapping[str, str] | None = None) -> Answer:
        """Fetches what is at an address, and where that leads on. `headers`: conditions such as `If-None-Match`.

        Raises:
            FetchRefused: it must not be fetched, or can't be. What is in the file then is of no use.
            SiteStopped: nothing was to be had for the last times, and it makes no sense to go on.
        """
        try:
            answer = self._follow(url, kind, into, headers or {})
        except FetchRefused as refusal:
            self._count_failure(url, refusal)
            raise
        self._failures = 0
        return answer

    def _count_failure(self, url: str, refusal: FetchRefused) -> None:
        self._failures = 0 if refusal.is_lasting else self._failures + 1
        if self._failures >= MAX_FAILURES:
            values = {"address": shown_address(url), "count": self._failures, "why": refusal.problem}
            raise SiteStopped(FetchProblem.SITE_STOPPED(**values)) from refusal

    def _follow(self, url: str, kind: FileKind, into: BinaryIO, headers: Mapping[str, str]) -> Answer:
        first = url
        for _redirect in range(MAX_REDIRECTS + 1):
            url = _as_sent(url)
            answer = self._ask_again(url, kind, into, headers)
            if answer.status not in REDIRECTS:
                return answer
            url = _target(url, answer)
        raise FetchRefused(FetchProblem.REDIRECTS(address=shown_address(first), limit=MAX_REDIRECTS))

    def _ask_again(self, url: str, kind: FileKind, into: BinaryIO, headers: Mapping[str, str]) -> Answer:
        """Sends a request, and once more after a pause where the server asks for one."""
        for _try in range(self.rules.tries - 1):
            try:
                return self._ask(url, kind, into, headers, with_robots=True)
            except FetchRefused as refusal:
                if refusal.problem.code is not FetchProblem.LATER:
                    raise
                self._wait_for(refusal)
        return self._ask(url, kind, into, headers, with_robots=True)

    def _wait_for(self, refusal: FetchRefused) -> None:
        pause = seconds_until(refusal.retry_after, SystemClock().now())
        self._wait(min(max(pause, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS))

    def _ask(
        self, url: str, kind: FileKind, into: BinaryIO, headers: Mapping[str, str], *, with_robots: bool
    ) -> Answer:
        """Sends one request, and follows nothing."""
        kind = self.rules.kinds.get(kind, kind)
        place = self._resolve(url)
        if with_robots:
            rules = self._rules_of(place, url)
            if not rules.allows(url):
                raise FetchRefused(FetchProblem.ROBOTS(address=shown_address(url)))
        self._pause(place)
        request = WebRequest(place, url, kind, {"User-Agent": self.rules.agent, **headers})
        try:
            return request.send(into)
        finally:
            self._next_request[place.host] = monotonic() + self._interval(place)

    def _resolve(self, url: str) -> ResolvedHost:
        parts = _split(url)
        if parts is None or len(url) > MAX_ADDRESS_LENGTH:
            raise FetchRefused(FetchProblem.NO_WEB_ADDRESS(address=shown_address(url)))
        if "@" in parts:
            raise FetchRefused(FetchProblem.PASSWORD_IN_ADDRESS(address=shown_address(url.partition("@")[2])))
        try:
            return resolve_public_host(url, is_private_network if self.rules.private else _allow_none)
        except NotPublic as refusal:
            code = FetchProblem.NOT_PRIVATE_EITHER if self.rules.private else FetchProblem.NOT_PUBLIC
            raise FetchRefused(code(address=shown_address(url), why=refusal.text)) from None
        except NotResolvedNow as refusal:
            raise FetchRefused(FetchProblem.NO_ANSWER(address=shown_address(url), why=refusal.text)) from None
        except AddressRefused as refusal:
            raise FetchRefused(FetchProblem.HOST_REFUSED(address=shown_address(url), why=refusal.text)) from None

    def _rules_of(self, place: ResolvedHost, url: str) -> RobotRules:
        """Returns the rules of a site; they are read once."""
        site = _site(place)
        if (known := self._robots.get(site)) is not None:
            return known
        since, failure = self._robots_failures.get(site, (0.0, None))
        if failure is None or monotonic() - since >= ROBOTS_AGAIN_SECONDS:
            try:
                self._robots[site] = rules = self._read_rules_again(f"{site}/robots.txt")
            except FetchRefused as refusal:
                failure = refusal
                self._robots_failures[site] = (monotonic(), refusal)
            else:
                return rules
        raise FetchRefused(
            FetchProblem.NO_ROBOTS(address=shown_address(url), why=failure.problem), retry_after=failure.retry_after
        )

    def _read_rules_again(self, url: str) -> RobotRules:
        """Reads the rules, and once more after a pause where they can't be read now."""
        for _try in range(self.rules.tries - 1):
            try:
                return self._read_rules(url)
            except FetchRefused as refusal:
                if refusal.is_lasting:
                    raise
                self._wait_for(refusal)
        return self._read_rules(url)

    def _read_rules(self, url: str) -> RobotRules:
        for _redirect in range(MAX_REDIRECTS + 1):
            content = io.BytesIO()
            try:
                answer = self._ask(url, ROBOTS, content, {}, with_robots=False)
            except FetchRefused as refusal:
                if refusal.problem.code in (FetchProblem.STATUS, FetchProblem.NOT_THERE) and refusal.is_lasting:
                    return NoRules()
                raise
            if answer.status not in REDIRECTS:
                return ReadRules(content.getvalue())
            url = _as_sent(_target(url, answer))
        return NoRules()

    def _interval(self, place: ResolvedHost) -> float:
        rules = self._robots.get(_site(place))
        return max(self.rules.interval, rules.delay if rules else 0.0)

    def _pause(self, place: ResolvedHost) -> None:
        seconds = self._next_request.get(place.host, 0.0) - monotonic()
        if seconds > 0:
            self._wait(seconds)


def seconds_until(retry_after: str, now: datetime) -> float:
    """Returns in how many seconds a server wants to be asked again; 0 where it does not say."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
        return max((at - now).total_seconds(), 0.0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0


def _target(url: str, answer: Answer) -> str:
    """Returns where a redirect leads; an address that is none is refused when it is asked for."""
    location = answer.headers.get("location", "")
    try:
        return urljoin(url, location.strip())
    except ValueError:
        return location


def _as_sent(url: str) -> str:
    """Returns an address as it is sent; one that is none is refused when it is asked for."""
    try:
        return resolve_dots(url)
    except ValueError:
        return url


def _split(url: str) -> str | None:
    """Returns the network location of a web address; None: it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not is_sendable(url) or "\\" in parts.netloc:
        return None
    return parts.netloc if parts.scheme in ("http", "https") and parts.hostname else None


def _site(place: ResolvedHost) -> str:
    return f"{place.url.scheme}://{place.url.netloc}"


def _allow_none(_address: IPAddress) -> bool:
    return False
