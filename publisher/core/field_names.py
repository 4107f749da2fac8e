"""Names the fields of a post in sentences for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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


def describe_field(field: str) -> Message | str:
    """Names the field of a problem, such as `images[0].alt_text`, as people count and read it."""
    if match := re.fullmatch(r"images\[(\d+)\](?:\.(.+))?", field):
        return describe_path(["images", int(match[1]), *([match[2]] if match[2] else [])])
    return field


def describe_path(path: Sequence[str | int]) -> Message | str:
    """Names a field by the keys that lead to it. Pictures are counted from 1, as everywhere."""
    match list(path):
        case ["images", int(number)]:
            return _("picture {number}", number=number + 1)
        case ["images", int(number), *rest]:
            return _("picture {number}, {field}", number=number + 1, field=".".join(map(str, rest)))
        case [*before, int(number)] if before:
            return _("{field}, entry {number}", field=".".join(map(str, before)), number=number + 1)
        case [str(name), int(number), *rest]:
            inner = ".".join(map(str, rest))
            return _("{field}, entry {number}, {inner}", field=name, number=number + 1, inner=inner)
    return ".".join(map(str, path))
