"""Sends alerts to people: once when something needs them, and once when it is over. Pings a dead-man's switch."""

from publisher.alerts.addresses import PING_VARIABLE, URLS_VARIABLE, Address, read_addresses, read_ping_url
from publisher.alerts.notifier import Notifier
from publisher.alerts.preflight import Preflight, preflight
from publisher.alerts.preflight_lines import PreflightLine

__all__ = [
    "PING_VARIABLE",
    "URLS_VARIABLE",
    "Address",
    "Notifier",
    "Preflight",
    "PreflightLine",
    "preflight",
    "read_addresses",
    "read_ping_url",
]
