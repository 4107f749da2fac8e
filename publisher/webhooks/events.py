"""Lists the events that webhooks can get, and renders them as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from publisher.core.messages import Message, _
from publisher.core.states import State
from publisher.db.models import Delivery, Event, Post
from publisher.db.problem_column import read_recorded

WEBHOOK_ADDED = "webhook added"
"""The first event of every webhook, so that whoever adds one sees that it works."""
EVENTS: Mapping[str, Message] = {
    f"delivery {State.PUBLISHED}": _("a post is public on a channel"),
    f"delivery {State.HELD}": _("a delivery waits for a person"),
    f"delivery {State.FAILED}": _("a platform refused a post for good"),
    f"delivery {State.MISSED}": _("a delivery was too late to go out"),
    f"delivery {State.CANCELED}": _("somebody gave a delivery up"),
    f"delivery {State.UNCONFIRMED}": _("the outcome of a delivery is not known yet"),
    "second copy": _("a post is public twice"),
    "post added": _("somebody added a post"),
    "post edited": _("somebody changed a post"),
    "review asked": _("a post waits for an editor"),
    "sent back": _("a post in review is a draft again"),
    "post approved": _("a post goes out when its turn comes"),
    "post withdrawn": _("a post was taken out of the queue"),
    "channel paused": _("a channel publishes nothing until somebody has mended it"),
    "channel resumed": _("a paused channel publishes again"),
    "channel in trouble": _("a platform gives no answers"),
}
"""The names of the events with their meanings. Events about log-ins, people and secrets are never sent."""
SENT_DETAILS = ("channel", "reason", "before", "first", "second")


def event_id(event: Event) -> str:
    """Returns an id that no other event has, although a restored desk uses some row numbers again."""
    return f"{event.id}-{event.at:%Y%m%d%H%M%S%f}"


def render_message(session: Session, event: Event, outlet: str) -> bytes:
    """Renders an event as JSON for the present reader, to be stored and sent as the same bytes at every try."""
    delivery = session.get(Delivery, event.delivery_id) if event.delivery_id else None
    post_id = event.post_id or (delivery.pick.post_id if delivery else None)
    post = session.get(Post, post_id) if post_id else None
    message: dict[str, Any] = {
        "id": event_id(event),
        "event": event.name,
        "at": event.at.isoformat(),
        "outlet": outlet,
        "detail": {name: event.detail[name] for name in SENT_DETAILS if event.detail.get(name)},
    }
    if (problem := read_recorded(event.detail.get("problem"))) is not None:
        message["detail"]["problem"] = str(problem)
        message["problem"] = problem.to_json_with_text()
    if post is not None:
        message["post"] = {"id": post.id, "title": post.title}
    if delivery is not None:
        message["delivery"] = {
            "id": delivery.id,
            "day": delivery.pick.slot.isoformat(),
            "channel": delivery.channel_name,
            "part": delivery.part + 1,
            "url": delivery.remote_url,
        }
    return json.dumps(message, ensure_ascii=False).encode()
