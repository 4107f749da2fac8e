"""Names the recorded events for people; the names that are stored are for programs."""

from __future__ import annotations

from collections.abc import Mapping

from publisher.core.messages import Message, _

EVENT_NAMES: Mapping[str, Message] = {
    "api token made": _("api token made"),
    "api token revoked": _("api token revoked"),
    "calendar key made": _("calendar key made"),
    "calendar key revoked": _("calendar key revoked"),
    "canceled post is public": _("canceled post is public"),
    "channel connected": _("channel connected"),
    "channel in trouble": _("channel in trouble"),
    "channel paused": _("channel paused"),
    "channel resumed": _("channel resumed"),
    "channel skipped": _("channel skipped"),
    "clock set": _("clock set"),
    "commented": _("commented"),
    "database restored": _("database restored"),
    "delivery adapted again": _("delivery adapted again"),
    "delivery canceled": _("delivery canceled"),
    "delivery failed": _("delivery failed"),
    "delivery held": _("delivery held"),
    "delivery missed": _("delivery missed"),
    "delivery pending": _("delivery pending"),
    "delivery preparing": _("delivery preparing"),
    "delivery published": _("delivery published"),
    "delivery publishing": _("delivery publishing"),
    "delivery unconfirmed": _("delivery unconfirmed"),
    "empty slot": _("empty slot"),
    "job fails": _("job fails"),
    "job works again": _("job works again"),
    "log-ins refused": _("log-ins refused"),
    "logged in": _("logged in"),
    "password set": _("password set"),
    "person activated": _("person activated"),
    "person added": _("person added"),
    "person deactivated": _("person deactivated"),
    "person invited": _("person invited"),
    "post added": _("post added"),
    "post adopted": _("post adopted"),
    "post approved": _("post approved"),
    "post edited": _("post edited"),
    "post has another id": _("post has another id"),
    "post moved": _("post moved"),
    "post picked": _("post picked"),
    "post withdrawn": _("post withdrawn"),
    "read back as sent": _("read back as sent"),
    "read back differs": _("read back differs"),
    "reply opened before": _("reply opened before"),
    "restored": _("restored"),
    "review asked": _("review asked"),
    "right code after wrong ones": _("right code after wrong ones"),
    "roles changed": _("roles changed"),
    "second copy": _("second copy"),
    "second factor removed": _("second factor removed"),
    "second factor set": _("second factor set"),
    "sent back": _("sent back"),
    "slot missed": _("slot missed"),
    "stray draft": _("stray draft"),
    "undone": _("undone"),
    "webhook added": _("webhook added"),
    "webhook removed": _("webhook removed"),
    "webhook switched off": _("webhook switched off"),
    "webhook switched on": _("webhook switched on"),
    "wrong code": _("wrong code"),
}


def event_name(name: str) -> Message | str:
    """Names an event for people; one of another version of the program has its stored name."""
    return EVENT_NAMES.get(name, name)
