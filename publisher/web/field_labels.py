"""Labels the fields of a post's form."""

from __future__ import annotations

import re
from collections.abc import Mapping

from publisher.core.messages import Message, _

FIELD_LABELS: Mapping[str, Message] = {
    "title": _("Title"),
    "standfirst": _("Standfirst"),
    "body": _("Text"),
    "credit": _("Credit"),
    "licence": _("Licence"),
    "written_by": _("Written by"),
    "tags": _("Tags"),
    "link": _("Link"),
    "links": _("More links"),
    "place": _("When"),
    "fixed_date": _("Fixed day"),
    "embargo_until": _("Not before"),
    "language": _("Language of this post"),
    "alt_text": _("Alt text"),
    "order": _("Place"),
    "remove": _("Remove"),
    "fit": _("Where its shape does not suit a channel"),
    "window": _("How its 16 bits are shown"),
    "padding": _("Padding"),
    "padding_colour": _("Padding's colour"),
    "credit_strip": _("Credit below the picture"),
    "focal_point": _("Focal point"),
    "crop_box": _("Crop"),
    "protected": _("Protected parts"),
    "gutters": _("Cuts between panels"),
}


def label_of(field: str) -> Message:
    """Labels a field: `Alt text of picture 1` for `images-0-alt_text`, `Title (ca)` for `tr-ca-title`."""
    if match := re.fullmatch(r"images-(\d+)-(\w+)", field):
        number = int(match[1]) + 1
        if match[2] == "media":
            return _("Picture {number}", number=number)
        return _("{label} of picture {number}", label=_plain_label(match[2]), number=number)
    if match := re.fullmatch(r"tr-([A-Za-z0-9-]+)-alt-(\d+)", field):
        return _("Alt text of picture {number} ({language})", number=int(match[2]) + 1, language=match[1])
    if match := re.fullmatch(r"tr-([A-Za-z0-9-]+)-(\w+)", field):
        return _("{label} ({language})", label=_plain_label(match[2]), language=match[1])
    if field.startswith("caption-"):
        return _("Caption for {channel}", channel=field.removeprefix("caption-"))
    return _plain_label(field)


def _plain_label(field: str) -> Message:
    return FIELD_LABELS.get(field) or Message("{field}", {"field": field.replace("_", " ").capitalize()})
