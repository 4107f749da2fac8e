"""Renews log-ins that would end, regularly."""

from __future__ import annotations

from publisher.core.logs import get_logger
from publisher.core.problems import Problem
from publisher.delivery.channels import Channels
from publisher.platforms.abilities import KeepsLogin
from publisher.platforms.errors import CredentialsRefused, PlatformError


def refresh_sessions(channels: Channels) -> dict[str, Problem]:
    """Renews each log-in that would end before the next round an hour later. Any machine may, at any time.

    Returns, by channel, the problem of each log-in that a person has to see to.
    """
    refused: dict[str, Problem] = {}
    for name in channels.names():
        log = get_logger("delivery").bind(channel=name)
        try:
            adapter = channels.open(name)
            if isinstance(adapter, KeepsLogin):
                adapter.keep_login()
        except CredentialsRefused as error:
            log.error("the log-in needs a person", why=error.message)
            refused[name] = error.problem
        except PlatformError as error:
            log.warning("the log-in was not renewed; it is tried again", why=error.message)
        except Exception:
            log.exception("the log-in was not renewed; it is tried again")
    return refused
