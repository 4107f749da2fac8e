"""Reads the items of a JSON Lines file: one object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from publisher.core.file_reading import check_plain_file
from publisher.core.messages import Message
from publisher.core.problems import Problem
from publisher.intake.items import ImportedItem
from publisher.intake.picture_files import PictureFolder
from publisher.intake.problem_codes import ImportProblem
from publisher.intake.records import RecordReader
from publisher.intake.source_settings import SourceSettings
from publisher.posts.errors import unreadable_file

MAX_LINE = 16_000_000
"""More than a post within its limits can have."""
MAX_FILE_BYTES = 2_000_000_000
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})


class FieldRepeated(ValueError):
    """Says that an object gives a field twice, of which a parser would keep the last."""


class JsonLinesSource:
    """Reads a JSON Lines file line by line."""

    def __init__(self, file: Path, settings: SourceSettings, pictures: Path | None = None) -> None:
        """`pictures`: the folder that they are in; else the file's own."""
        self.name = str(file)
        self.hints: list[Message] = []
        self._file = file
        self._reader = RecordReader(settings, PictureFolder(pictures or file.parent))

    def items(self) -> Iterator[ImportedItem]:
        """Yields an item for each line that is not empty. Raises PostError where the file can't be read."""
        try:
            check_plain_file(self._file, MAX_FILE_BYTES)
            with self._file.open("rb") as opened:
                number = 0
                while line := opened.readline(MAX_LINE + 1):
                    number += 1
                    if line.strip(b"\xef\xbb\xbf \t\r\n"):
                        yield self._item(line, f"{self._file.name}:{number}")
                    while len(line) > MAX_LINE and not line.endswith(b"\n"):
                        line = opened.readline(MAX_LINE + 1)
                        if not line:
                            break
        except OSError as error:
            raise unreadable_file(self.name, error) from error
        self.hints += self._reader.hints()

    def _item(self, line: bytes, place: str) -> ImportedItem:
        record = _parse(line)
        if isinstance(record, Problem):
            return ImportedItem(place=place, key=place, problems=(record,))
        return self._reader.read(record, place)


def _parse(line: bytes) -> dict[str, Any] | Problem:
    if len(line) > MAX_LINE:
        return ImportProblem.LINE_TOO_LONG(limit=MAX_LINE)
    if b"\0" in line:
        return ImportProblem.NUL()
    try:
        record = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_unique)
    except FieldRepeated as error:
        return ImportProblem.FIELD_TWICE(field=str(error))
    except UnicodeDecodeError:
        return ImportProblem.NO_JSON(why="it is not UTF-8 text")
    except RecursionError:
        return ImportProblem.NESTED_TOO_DEEPLY()
    except ValueError as error:
        return ImportProblem.NO_JSON(why=str(error))
    return record if isinstance(record, dict) else ImportProblem.NO_RECORD()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise FieldRepeated(name[:100])
        values[name] = value
    return values
