"""Names the fields of a post's form, and the field in which a problem is solved."""

from __future__ import annotations

import re
from collections.abc import Sequence

TEXTS = ("title", "standfirst", "body", "written_by", "credit", "licence", "link", "language")
TRANSLATED = ("title", "standfirst", "body", "credit", "link")
"""The single texts of a translation; its links and tags are lists."""
TRANSLATED_LISTS = ("links", "tags")
IMAGE_TEXTS = ("alt_text", "credit", "licence")
FRAMING = ("fit", "focal_point", "crop_box")
"""The fields of a picture that each channel can have of its own."""
IMAGE_FIELDS = (*IMAGE_TEXTS, "fit", "padding", "window")
"""The fields of a picture that a problem can link to; other problems link to the picture."""


def field_of_value(path: Sequence[int | str], numbers: Sequence[int]) -> str:
    """Names the form field of a value of the content.

    `path`: as pydantic gives it. `numbers`: the pictures' numbers in the form.
    """
    match list(path):
        case ["images", int(number), str(name), *_] if name in IMAGE_TEXTS:
            return f"images-{numbers[number]}-{name}"
        case ["images", int(number), "choices", "window", *_]:
            return f"images-{numbers[number]}-window"
        case ["images", int(number), "choices", "colour_channels", int(channel), "window", *_]:
            return f"images-{numbers[number]}-channel_{channel + 1}_range"
        case ["images", int(number), *_]:
            return f"images-{numbers[number]}"
        case ["translations", str(language), *rest]:
            return f"tr-{language}-{rest[0] if rest and rest[0] in (*TRANSLATED, *TRANSLATED_LISTS) else 'title'}"
        case ["captions", str(channel), *_]:
            return f"caption-{channel}"
        case [str(name), *_]:
            return name
    return "form"


def anchor_of(field: str, *, channel: str = "", translated: str = "", numbers: Sequence[int] = ()) -> str:
    """Names the form field in which a problem is solved.

    `translated`: the language of the channel's text, where it is a translation. `numbers`: the numbers of the
    pictures in the form, in their order; without them, their places are their numbers.
    """
    if match := re.fullmatch(r"images\[(\d+)\](?:\.(\w+))?", field):
        place, name = int(match[1]), match[2]
        number = numbers[place] if place < len(numbers) else place
        if name == "alt_text" and translated:
            return f"tr-{translated}-alt-{number}"
        return f"images-{number}-{name}" if name in IMAGE_FIELDS else f"images-{number}"
    if translated and field in (*TRANSLATED, *TRANSLATED_LISTS):
        return f"tr-{translated}-{field}"
    if field == "caption":
        return f"caption-{channel}"
    if field.startswith("captions."):
        return f"caption-{field.removeprefix('captions.')}"
    if field == "images":
        return "pictures"
    return field if field in {*TEXTS, "tags", "links", "embargo_until", "fixed_date"} else "title"
