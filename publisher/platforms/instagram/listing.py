"""Reads a page of an account's posts: what is a post, which is newer, which pictures it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerThan:
    """Says what a post must be newer than: another post's number, or a time on Instagram's clock."""

    number: int | None = None
    time: datetime | None = None

    def holds_for(self, item: Mapping[str, Any]) -> bool:
        number_fits = self.number is None or int(item["pk"]) > self.number
        return number_fits and (self.time is None or taken_at(item) >= self.time)


def is_whole(page: Mapping[str, Any]) -> bool:
    """Returns whether every post of a page can be read, and whether the page says how it goes on."""
    items = page.get("items")
    follows = page.get("next_max_id") or page.get("more_available") is False
    return page.get("status") == "ok" and isinstance(items, list) and all(map(is_post, items)) and bool(follows)


def is_post(item: object) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("taken_at"), int)
        and str(item.get("pk", "")).isdecimal()
        and all(isinstance(picture, dict) for picture in pictures_of(item))
    )


def taken_at(item: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(item["taken_at"], UTC)


def pictures_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the children of a carousel, or the post itself."""
    children = item.get("carousel_media")
    return list(children) if isinstance(children, list) else [dict(item)]
