"""Where messages go: Apprise addresses, which are secrets and are never shown, logged or stored."""

from __future__ import annotations

import importlib
import logging
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from publisher.settings import SettingsError, read_secret

URLS_VARIABLE = "PUBLISHER_NOTIFY_URLS"
PING_VARIABLE = "PUBLISHER_PING_URL"
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Address:
    """One place that takes messages. `name` tells it from the others without giving it away: `2 (slack)`."""

    name: str
    url: str = field(repr=False)

    def send(self, title: str, body: str, *, bad: bool) -> str:
        """Send one message. Returns why it was not taken, a clause without a secret in it; empty: it was taken."""
        try:
            return self._send(_apprise(), title, body, bad)
        except Exception as error:
            # Its text may quote the address.
            return f"it failed with {type(error).__name__}"

    def problem(self) -> str:
        """Why nothing can be sent there at all; empty when it may work. Sends nothing."""
        return "" if _apprise().Apprise.instantiate(self.url) else "it is no address that Apprise knows"

    def _send(self, apprise: Any, title: str, body: str, bad: bool) -> str:
        place = apprise.Apprise(asset=apprise.AppriseAsset(app_id="publisher", app_desc="publisher"))
        if not place.add(self.url):
            return "it is no address that Apprise knows"
        result = place.notify(
            body=body,
            title=title,
            notify_type=apprise.NotifyType.FAILURE if bad else apprise.NotifyType.SUCCESS,
            body_format=apprise.NotifyFormat.TEXT,
            timeout=TIMEOUT_SECONDS,
        )
        return "" if result else _why(result)


def _why(result: Any) -> str:
    """Of all that a service's log tells only the status is kept: the rest may name accounts."""
    statuses = [found[1] for line in result.logs() if (found := re.search(r"error=(\d{3})\b", str(line)))]
    if statuses:
        return f"it answered {statuses[-1]}"
    return "it did not answer in time" if result.status.name == "TIMEOUT" else "it did not take the message"


@cache
def _apprise() -> Any:
    """Imported by whoever sends: a desk that tells nobody does without its size."""
    # What it logs at each try is told here once, and without what it knows of accounts.
    logging.getLogger("apprise").propagate = False
    return importlib.import_module("apprise")


def read_addresses() -> tuple[Address, ...]:
    """The addresses that the operator set; none: people are not told.

    Raises:
        SettingsError: their file can't be read.
    """
    urls = (read_secret(URLS_VARIABLE) or "").split()
    return tuple(Address(f"{number} ({_schema(url)})", url) for number, url in enumerate(urls, start=1))


def _schema(url: str) -> str:
    schema = url.partition("://")[0] if "://" in url else ""
    return schema.lower() if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,19}", schema) else "not a URL"


def read_ping_url() -> str | None:
    """What is requested while all is well; None: nothing.

    Raises:
        SettingsError: it is no address to request, or its file can't be read.
    """
    url = read_secret(PING_VARIABLE)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        whole = None
    if not whole:
        raise SettingsError(f"{PING_VARIABLE} is no address to request; set one that begins with https://")
    return url
