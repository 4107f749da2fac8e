"""Describes the files of an exported archive, so that an import reads back exactly what an export wrote.

A post is one record under the names of the fields that an import knows. JSON Lines hold it as it is; a table holds the
same values, the structured ones as JSON, each guarded so that no spreadsheet runs it as a formula.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from publisher.core.characters import guard_cell, unguard_cell

MARKER = "publisher-export.json"
"""Says what a folder holds. It is written last, so that a folder without it is no whole export."""
POSTS = "posts"
PICTURES = "pictures"
TEXTS = ("key", "date", "language", "title", "standfirst", "body", "written_by", "credit", "licence", "link")
STRUCTURES = ("tags", "links", "images", "links_on", "captions", "translations")
COLUMNS = (*TEXTS, *STRUCTURES)
_KEY = re.compile(r"urn:publisher:item:([0-9a-f]{64})")


def key_of_item(digest: str) -> str:
    """Returns what an export calls an item, by the key under which a desk knows it."""
    return f"urn:publisher:item:{digest}"


def key_of_post(post_id: int, created_at: datetime) -> str:
    """Returns what an export calls a post that no item has: the same at every export, whatever becomes of its text."""
    return key_of_item(sha256(f"publisher {created_at.isoformat()} {post_id}".encode()).hexdigest())


def exported_key(key: object) -> str | None:
    """Returns the key under which a desk knows an exported item; None: it is no exported one."""
    found = _KEY.fullmatch(key) if isinstance(key, str) else None
    return found[1] if found else None


def to_row(record: Mapping[str, Any]) -> list[str]:
    """Returns the cells of a record, in the order of `COLUMNS`."""
    texts = (str(record.get(name, "")) for name in TEXTS)
    structures = (to_json(record[name]) if name in record else "" for name in STRUCTURES)
    return [guard_cell(cell) for cell in (*texts, *structures)]


def is_exported_table(columns: Sequence[str]) -> bool:
    """Decides whether a table was written by an export, by the names of its columns."""
    return tuple(columns) == COLUMNS


def from_row(row: Sequence[str]) -> dict[str, Any]:
    """Reads the record of a row. Raises ValueError where a structured cell is no JSON."""
    cells = dict(zip(COLUMNS, map(unguard_cell, row), strict=False))
    return {name: json.loads(cell) if name in STRUCTURES else cell for name, cell in cells.items() if cell}


def to_json(value: Any) -> str:
    """Writes a value always in the same way, in one line."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
