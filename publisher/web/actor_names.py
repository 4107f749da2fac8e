"""Names those who did something: people, commands, and the desk's own processes."""

from __future__ import annotations

from publisher.core.messages import Message, _
from publisher.delivery.lease_owner import host_of
from publisher.intake.watching import SOURCE_PREFIX

COMMAND_PREFIX = "cli:"


def actor_name(actor: str | None) -> Message | str:
    """Names who did something, for people. The recorded name is for programs."""
    if not actor:
        return _("the desk")
    if host := host_of(actor):
        return _("a worker on {host}", host=host)
    if actor.startswith(COMMAND_PREFIX):
        return _("{user}, on the command line", user=actor.removeprefix(COMMAND_PREFIX))
    if actor.startswith(SOURCE_PREFIX):
        return _("the watched source {source}", source=actor.removeprefix(SOURCE_PREFIX))
    return actor
