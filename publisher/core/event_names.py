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
    "chat addresses set": _("chat addresses set"),
    "clock set": _("clock set"),
    "collection changed": _("collection changed"),
    "collection made": _("collection made"),
    "collection ordered": _("collection ordered"),
    "collection removed": _("collection removed"),
    "commented": _("commented"),
    "correction asked for": _("correction asked for"),
    "correction failed": _("correction failed"),
    "correction replaced": _("correction replaced"),
    "correction unanswered": _("correction unanswered"),
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
    "import undone": _("import undone"),
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
    "post corrected": _("post corrected"),
    "post edited": _("post edited"),
    "post has another id": _("post has another id"),
    "post moved": _("post moved"),
    "post picked": _("post picked"),
    "post withdrawn": _("post withdrawn"),
    "posts imported": _("posts imported"),
    "preview link made": _("preview link made"),
    "preview link revoked": _("preview link revoked"),
    "put into a collection": _("put into a collection"),
    "read back as sent": _("read back as sent"),
    "read back differs": _("read back differs"),
    "remark by preview link": _("remark by preview link"),
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
    "taken out of a collection": _("taken out of a collection"),
    "undone": _("undone"),
    "webhook added": _("webhook added"),
    "webhook removed": _("webhook removed"),
    "webhook switched off": _("webhook switched off"),
    "webhook switched on": _("webhook switched on"),
    "wrong code": _("wrong code"),
}

EVENT_SENTENCES: Mapping[str, Message] = {
    "canceled post is public": _("It was canceled, and is public on {place}", place=""),
    "correction asked for": _("Its correction waits to be sent to {place}", place=""),
    "correction failed": _("It could not be corrected on {place}", place=""),
    "correction replaced": _("A newer correction for {place} took the place of one that waited", place=""),
    "correction unanswered": _("It is not known whether {place} took the correction", place=""),
    "delivery adapted again": _("Its text for {place} was made anew", place=""),
    "delivery canceled": _("It was canceled, and does not go out on {place}", place=""),
    "delivery failed": _("It could not be published on {place}", place=""),
    "delivery held": _("It waits for a person before it goes to {place}", place=""),
    "delivery missed": _("It was not published on {place} in time", place=""),
    "delivery pending": _("It waits to be sent to {place}", place=""),
    "delivery preparing": _("Its pictures are being prepared for {place}", place=""),
    "delivery published": _("It is public on {place}", place=""),
    "delivery publishing": _("It is being sent to {place}", place=""),
    "delivery unconfirmed": _("It is not known yet whether it is public on {place}", place=""),
    "post adopted": _("A post on {place} was taken for its record", place=""),
    "post has another id": _("Its post on {place} has another id", place=""),
    "read back as sent": _("{place} shows it as it was sent", place=""),
    "read back differs": _("{place} shows it in another way than it was sent", place=""),
    "reply opened before": _("The reply was opened on {place} before its turn", place=""),
    "second copy": _("It is on {place} twice", place=""),
    "stray draft": _("A draft that nothing needs is left on {place}", place=""),
}
"""By the name of an event of a delivery."""


def event_sentence(name: str, place: Message | str | None) -> Message | str:
    """Says what an event of a delivery was. `place`: its channel and part; None: the event is of no delivery."""
    sentence = EVENT_SENTENCES.get(name)
    return event_name(name) if sentence is None or place is None else sentence.fill({"place": place})


def event_name(name: str) -> Message | str:
    """Names an event for people; one of another version of the program has its stored name."""
    return EVENT_NAMES.get(name, name)
