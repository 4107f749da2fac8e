"""Reads the fields of a page: by the selectors of its parts, or by a layout that needs none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urljoin

from cssselect import HTMLTranslator

from publisher.intake.dates import DateOrder, read_day
from publisher.intake.html_texts import HtmlPicture, HtmlText, read_elements
from publisher.intake.plain_pages import WRITTEN_BY, take_fields, take_writer
from publisher.intake.source_settings import SelectedField

MAX_DATE = 60
_TRANSLATOR = HTMLTranslator()
LINES = ("title", "standfirst", "date", "written_by", "credit", "licence")


def read_by_selectors(root: Any, selectors: Mapping[SelectedField, str], base: str) -> dict[str, Any]:
    """Returns the fields that CSS selectors find on a page, with its `pictures`. `base`: the page's address."""
    record: dict[str, Any] = {}
    for field, selector in selectors.items():
        found: list[Any] = root.xpath(_TRANSLATOR.css_to_xpath(selector))
        if field == "body":
            record["body"] = take_writer(read_elements(found, base).blocks, record)
        elif field == "tags":
            record["tags"] = [text for element in found if (text := _line(element))]
        elif field == "picture":
            record["pictures"] = _pictures(found, base)
        elif field in LINES and found:
            record[field] = found[0].get("datetime") or _line(found[0])
    writer = str(record.get("written_by", ""))
    if match := WRITTEN_BY.match(writer):
        record["written_by"] = match[1]
    return record


def read_repeated_title(page: HtmlText, order: DateOrder) -> dict[str, Any]:
    """Returns the fields of a page on which title, summary, date and the title again come before the text.

    The text ends at the writer. Of its pictures those count that stand between the title and the writer.
    """
    blocks = [block.replace("*", "").strip("# ") for block in page.blocks]
    for day, block in enumerate(blocks):
        if not _is_day(block, order) or day + 1 >= len(blocks):
            continue
        title = next((number for number in range(day - 1, -1, -1) if blocks[number] == blocks[day + 1]), None)
        if title is None:
            continue
        record: dict[str, Any] = {
            "title": blocks[title],
            "date": block,
            "standfirst": " ".join(" ".join(blocks[title + 1 : day]).split()),
        }
        rest = page.blocks[day + 2 :]
        end = next((number for number, text in enumerate(rest) if WRITTEN_BY.match(text.replace("*", ""))), len(rest))
        record["body"] = take_fields(rest[:end], record)
        take_writer(rest[end : end + 1], record)
        record["pictures"] = [picture for picture in page.pictures if title <= picture.position <= day + 2 + end]
        return record
    return {}


def _pictures(elements: list[Any], base: str) -> list[HtmlPicture]:
    """Returns the images among the found elements; a link to a picture is one, too."""
    linked = [
        HtmlPicture((urljoin(base, element.get("href")),), " ".join(str(element.get("title") or "").split()))
        for element in elements
        if element.tag == "a" and element.get("href")
    ]
    return linked or read_elements(elements, base).pictures


def _line(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _is_day(block: str, order: DateOrder) -> bool:
    return len(block) <= MAX_DATE and isinstance(read_day(block, order), date)
