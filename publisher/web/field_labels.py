"""Labels the fields of a post's form."""

from __future__ import annotations

import re
from collections.abc import Mapping

from publisher.core.date_format import language_name
from publisher.core.messages import Message, _
from publisher.posts.search_texts import SearchText
from publisher.web.channel_fields import channel_field_label

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
    "window_black": _("Value that is black"),
    "window_white": _("Value that is white"),
    "padding": _("Padding"),
    "padding_colour": _("Padding's colour"),
    "credit_strip": _("Credit below the picture"),
    "focal_point": _("Focal point"),
    "crop_box": _("Crop"),
    "protected": _("Protected parts"),
    "gutters": _("Cuts between panels"),
}

OPTIONS: Mapping[str, Mapping[str, Message]] = {
    "place": {"queue": _("in the queue"), "date": _("on a fixed day"), "reserve": _("in the reserve")},
    "fit": {
        "pad": _("show all of it, with padding"),
        "crop": _("crop it"),
        "split": _("show all of it, then its panels"),
        "as-is": _("as it is, or not at all"),
    },
    "padding": {
        "edge": _("the colour of the picture's border"),
        "blur": _("the picture, blurred"),
        "colour": _("a colour:"),
    },
    "window": {
        "full": _("over their full range, always"),
        "detected": _("over the range that was detected"),
        "percentile": _("from the 0.1 to the 99.9 percentile"),
        "typed": _("between typed values"),
    },
}
"""The fields whose value is one of a list."""


def value_label(field: str, value: str) -> Message | str:
    """Returns the value of a field as people read it: a choice by its label, a language by its name."""
    name = field.partition(":")[0].rpartition("-")[2]
    if name == "language":
        return language_name(value) if value else ""
    return OPTIONS.get(name, {}).get(value, value)


def label_of(field: str) -> Message:
    """Labels a field: `Alt text of picture 1` for `images-0-alt_text`, `Title (ca)` for `tr-ca-title`."""
    if match := re.fullmatch(r"images-(\d+)-(\w+)", field):
        number = int(match[1]) + 1
        if match[2] == "media":
            return _("Picture {number}", number=number)
        return _("{label} of picture {number}", label=_plain_label(match[2]), number=number)
    if match := re.fullmatch(r"images-(\d+)-(\w+):(.+)", field):
        number = int(match[1]) + 1
        return _(
            "{label} of picture {number}, for {channel}",
            label=_plain_label(match[2]),
            number=number,
            channel=match[3],
        )
    if match := re.fullmatch(r"tr-([A-Za-z0-9-]+)-alt-(\d+)", field):
        return _("Alt text of picture {number} ({language})", number=int(match[2]) + 1, language=match[1])
    if match := re.fullmatch(r"tr-([A-Za-z0-9-]+)-(\w+)", field):
        return _("{label} ({language})", label=_plain_label(match[2]), language=match[1])
    if field.startswith("caption-"):
        return _("Caption for {channel}", channel=field.removeprefix("caption-"))
    return _plain_label(field)


def _plain_label(field: str) -> Message:
    if label := channel_field_label(field):
        return label
    return FIELD_LABELS.get(field) or Message("{field}", {"field": field.replace("_", " ").capitalize()})


def search_place(where: SearchText) -> Message:
    """Names the place of a text where a search matched: `Alt text of picture 2 (Catalan)`."""
    label = _plain_label(where.field)
    if where.channel:
        label = _("Caption for {channel}", channel=where.channel)
    elif where.field == "captions":
        label = _("Caption")
    elif where.picture is not None:
        label = _("{label} of picture {number}", label=label, number=where.picture)
    return _("{label} ({language})", label=label, language=language_name(where.language))
