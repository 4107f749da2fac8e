"""Compares the fields of a post's form with those of the stored post, as a browser sends them back."""

from __future__ import annotations

from collections.abc import Mapping

from publisher.web.differences import changed_fields
from publisher.web.forms import CUSTOM_COLOUR, image_numbers

CONTROL_FIELDS = frozenset(
    {"version", "then", "csrf", "tab", "typed_at", "continues", "continues_at", "draft", "place", "fixed_date"}
    | {"repeat_is_meant"}
)
"""Fields of the form that are no part of the post's content."""
PLACE_FIELDS = frozenset({"place", "fixed_date"})
"""Those of them that say when the post goes out."""
MULTI_LINE = ("body", "links")
MULTI_LINE_ENDS = ("-body", "-alt_text")
MULTI_LINE_STARTS = ("caption-", "tr-")


def differing_fields(stored: Mapping[str, str], sent: Mapping[str, str]) -> list[str]:
    """Lists the fields of the content that differ. Pictures are compared in their order, whatever their numbers."""
    return changed_fields(_comparable(stored), _comparable(sent))


def _comparable(fields: Mapping[str, str]) -> dict[str, str]:
    """Returns the fields of the content as a browser sends them, with the pictures numbered in their order."""
    places = {number: place for place, number in enumerate(image_numbers(fields))}
    named = ((_renumbered(name, places), value) for name, value in fields.items() if name not in CONTROL_FIELDS)
    comparable = {name: _as_typed(name, value) for name, value in named if name}
    for place in places.values():
        colour = f"images-{place}-padding_colour"
        if comparable.get(f"images-{place}-padding") != CUSTOM_COLOUR:
            comparable.pop(colour, None)
        if comparable.get(f"images-{place}-padding") == "edge":
            comparable.pop(f"images-{place}-padding")
    return comparable


def _renumbered(name: str, places: Mapping[int, int]) -> str:
    """Returns a field's name with the place of its picture for its number; empty: it says nothing about content."""
    before, separator, number = "images-", "-", name.removeprefix("images-").partition("-")[0]
    if name.startswith("tr-") and "-alt-" in name:
        before, separator, number = name.rpartition("-")[0] + "-", "", name.rpartition("-")[2]
    elif not name.startswith("images-"):
        return name
    rest = name.removeprefix(before + number)
    if not number.isdecimal() or int(number) not in places or rest in ("-order", "-remove"):
        return ""
    return f"{before}{places[int(number)]}{rest if separator else ''}"


def _as_typed(name: str, value: str) -> str:
    """Returns a text as it comes back from its field: the field of one line drops line ends."""
    if name in MULTI_LINE or name.endswith(MULTI_LINE_ENDS) or name.startswith(MULTI_LINE_STARTS):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    return value.replace("\r", "").replace("\n", "")
