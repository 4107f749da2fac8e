"""People are told what needs them, once, and when it is over; a watcher elsewhere hears that all is well."""

from publisher.alerts.addresses import PING_VARIABLE, URLS_VARIABLE, Address, read_addresses, read_ping_url
from publisher.alerts.notifier import Notifier
from publisher.alerts.preflight import Line, Preflight, preflight

__all__ = [
    "PING_VARIABLE",
    "URLS_VARIABLE",
    "Address",
    "Line",
    "Notifier",
    "Preflight",
    "preflight",
    "read_addresses",
    "read_ping_url",
]
