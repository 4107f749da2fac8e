"""Computes a short fingerprint of a table, which is equal on every database that holds the same rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select

from publisher.core.problems import Problem

CHUNK = 500
"""Rows that are in memory at a time."""
_MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class TableContent:
    """Holds the number of rows, and their hash."""

    rows: int
    hash: str


class Fingerprint:
    """Takes rows in, and computes their common fingerprint.

    The hash is the sum of the rows' own: databases don't agree on the order of texts, so the
    rows come in whatever order they like.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            encoded = json.dumps(list(row), default=_plain, ensure_ascii=False).encode("utf-8", "surrogatepass")
            self._rows += 1
            self._sum = (self._sum + int.from_bytes(hashlib.sha256(encoded).digest())) % _MODULUS

    @property
    def content(self) -> TableContent:
        return TableContent(self._rows, f"{self._sum:064x}")


def read_in_batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Yields the rows of a query, and reads them in batches."""
    yield from connection.execute(query, execution_options={"yield_per": CHUNK}).partitions()


def query_content(connection: Connection, query: Select[Any]) -> TableContent:
    """Returns the fingerprint of what a query finds."""
    fingerprint = Fingerprint()
    for rows in read_in_batches(connection, query):
        fingerprint.add(rows)
    return fingerprint.content


def _plain(value: object) -> str:
    match value:
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case Problem():
            return json.dumps(value.to_json(), ensure_ascii=False)
    raise TypeError(f"a column holds {type(value).__name__}, which has no fingerprint")
