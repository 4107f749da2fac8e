"""Reads the addresses that alerts go to. They are secrets, which are never shown, logged or stored."""

from __future__ import annotations

import importlib
import logging
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from publisher.core.logs import get_logger
from publisher.core.messages import Message, _
from publisher.settings import SettingsError, read_secret

URLS_VARIABLE = "PUBLISHER_NOTIFY_URLS"
PING_VARIABLE = "PUBLISHER_PING_URL"
TIMEOUT_SECONDS = 30.0
UNKNOWN_TO_APPRISE = _("it is not an address that Apprise knows")


@dataclass(frozen=True, slots=True)
class Address:
    """Holds one address. `name` identifies it without its secret, such as `2 (slack)`."""

    name: str
    url: str = field(repr=False)

    def send(self, title: str, body: str, *, bad: bool) -> Message | None:
        """Sends one message. Returns why that failed, as a clause without a secret; None: it was sent."""
        try:
            return self._send(_load_apprise(), title, body, bad)
        except Exception as error:
            # Its text may quote the address.
            log = get_logger("alerts")
            log.error("sending to an address failed unexpectedly", address=self.name, error=type(error).__name__)
            return _("sending failed unexpectedly; the log has the kind of error")

    def problem(self) -> Message | None:
        """Returns why nothing can ever be sent there; None: it may work. Sends nothing."""
        return None if _load_apprise().Apprise.instantiate(self.url) else UNKNOWN_TO_APPRISE

    def _send(self, apprise: Any, title: str, body: str, bad: bool) -> Message | None:
        sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="publisher", app_desc="publisher"))
        if not sender.add(self.url):
            return UNKNOWN_TO_APPRISE
        result = sender.notify(
            body=body,
            title=title,
            notify_type=apprise.NotifyType.FAILURE if bad else apprise.NotifyType.SUCCESS,
            body_format=apprise.NotifyFormat.TEXT,
            timeout=TIMEOUT_SECONDS,
        )
        return None if result else _failure_reason(result)


def _failure_reason(result: Any) -> Message:
    """Returns the HTTP status from the log of a service, and nothing else of it, since that may name accounts."""
    statuses = [match[1] for line in result.logs() if (match := re.search(r"error=(\d{3})\b", str(line)))]
    if statuses:
        return _("it answered {status}", status=int(statuses[-1]))
    if result.status.name == "TIMEOUT":
        return _("it did not answer in time")
    return _("it did not accept the message")


@cache
def _load_apprise() -> Any:
    """Imports Apprise on first use: it is large, and a desk without addresses does not need it."""
    # It logs each try, and its lines may name accounts. The notifier logs each failure once.
    logging.getLogger("apprise").propagate = False
    return importlib.import_module("apprise")


def read_addresses() -> tuple[Address, ...]:
    """Reads the addresses that the operator set; none: nobody gets alerts.

    Raises:
        SettingsError: their file can't be read.
    """
    urls = (read_secret(URLS_VARIABLE, several=True) or "").split()
    return tuple(Address(f"{number} ({_service_name(url)})", url) for number, url in enumerate(urls, start=1))


def _service_name(url: str) -> str:
    schema = url.partition("://")[0] if "://" in url else ""
    return schema.lower() if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,19}", schema) else "not a URL"


def read_ping_url() -> str | None:
    """Reads the address of the dead-man's switch; None: there is none.

    Raises:
        SettingsError: it is not a web address, or its file can't be read.
    """
    url = read_secret(PING_VARIABLE)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        is_valid = None
    if not is_valid:
        raise SettingsError(
            _("{variable} is not a web address; set one that begins with https://", variable=PING_VARIABLE)
        )
    return url
