"""Names the fields of a post in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping

from publisher.core.messages import Message, _

FIELD_NAMES: Mapping[str, Message] = {
    "title": _("title"),
    "standfirst": _("standfirst"),
    "body": _("body"),
    "written_by": _("written by"),
    "credit": _("credit"),
    "licence": _("licence"),
    "link": _("link"),
    "links": _("links"),
    "tags": _("tags"),
    "language": _("language"),
    "embargo_until": _("embargo until"),
    "captions": _("captions"),
    "translations": _("translations"),
    "images": _("images"),
}
