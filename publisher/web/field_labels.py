"""Labels the fields of a post's form."""

from __future__ import annotations

import re

FIELD_LABELS = {
    "links": "More links",
    "place": "When",
    "fixed_date": "Fixed day",
    "embargo_until": "Not before",
    "language": "Language of this post",
    "body": "Text",
    "order": "Place",
    "fit": "Where its shape does not suit a channel",
    "window": "How its 16 bits are shown",
    "padding_colour": "Padding's colour",
    "credit_strip": "Credit below the picture",
    "crop_box": "Crop",
    "protected": "Protected parts",
    "gutters": "Cuts between panels",
}


def label_of(field: str) -> str:
    """Labels a field: `Alt text of picture 1` for `images-0-alt_text`, `Title (ca)` for `tr-ca-title`."""
    if match := re.fullmatch(r"images-(\d+)-(\w+)", field):
        number = int(match[1]) + 1
        return f"Picture {number}" if match[2] == "media" else f"{_plain_label(match[2])} of picture {number}"
    if match := re.fullmatch(r"tr-([A-Za-z0-9-]+)-alt-(\d+)", field):
        return f"Alt text of picture {int(match[2]) + 1} ({match[1]})"
    if match := re.fullmatch(r"tr-([A-Za-z0-9-]+)-(\w+)", field):
        return f"{_plain_label(match[2])} ({match[1]})"
    if field.startswith("caption-"):
        return f"Caption for {field.removeprefix('caption-')}"
    return _plain_label(field)


def _plain_label(field: str) -> str:
    return FIELD_LABELS.get(field, field.replace("_", " ").capitalize())
