"""Reads the text beside a picture, laid out as a page reads: title, summary, date, paragraphs, writer and credits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from publisher.intake.dates import DateOrder, read_day

WRITTEN_BY = re.compile(r"(?:written by|text by|text de|escrit per|escrito por)\s*:?\s+(.+)$", re.IGNORECASE)
_LABELS: Mapping[str, str] = {
    "credit": "credit", "credits": "credit", "image credit": "credit", "image by": "credit", "crèdit": "credit",
    "licence": "licence", "license": "licence", "tags": "tags", "alt": "alt", "alt text": "alt",
    "link": "link", "language": "language", "address": "address", "key": "key", "date": "date",
}  # fmt: skip
_LABEL = re.compile(r"([^:\n]{3,20}):\s*(\S.*)$")


def read_page(text: str, order: DateOrder = "") -> dict[str, Any]:
    """Returns the fields of a page under the names of a record. What stands behind the writer is no part of the text.

    Blocks are separated by empty lines. The first one is the title; what stands before the date is the summary.
    """
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]
    record: dict[str, Any] = {}
    plain = take_fields(blocks, record)
    if not plain:
        return record
    title, *rest = plain
    record["title"] = " ".join(title.split())
    dated = next((number for number, block in enumerate(rest) if _is_day(block, order)), None)
    if dated is not None:
        record.setdefault("date", rest[dated])
        standfirst, rest = rest[:dated], rest[dated + 1 :]
        if standfirst:
            record["standfirst"] = " ".join(" ".join(standfirst).split())
    if rest and rest[0].casefold() == record["title"].casefold():
        rest = rest[1:]
    if rest:
        record["body"] = rest
    return record


def take_fields(blocks: Sequence[str], record: dict[str, Any]) -> list[str]:
    """Takes the writer and the labelled values into the record, and returns the other blocks before the writer."""
    plain: list[str] = []
    for block in blocks:
        if (match := WRITTEN_BY.match(block)) and "\n" not in block:
            record["written_by"] = " ".join(match[1].split())
            continue
        label = _LABEL.match(block)
        if label and label[1].strip().casefold() in _LABELS and "\n" not in block:
            record.setdefault(_LABELS[label[1].strip().casefold()], label[2].strip())
        elif "written_by" not in record:
            plain.append(block)
    return plain


def take_writer(blocks: Sequence[str], record: dict[str, Any]) -> list[str]:
    """Takes the writer into the record, and returns all other blocks."""
    plain = []
    for block in blocks:
        if (match := WRITTEN_BY.match(block.replace("*", ""))) and "\n" not in block and len(block) < 200:
            record["written_by"] = " ".join(match[1].split())
        else:
            plain.append(block)
    return plain


def _is_day(block: str, order: DateOrder) -> bool:
    return len(block) < 60 and isinstance(read_day(block, order), date)
