"""Reads the items of a CSV file: one on each row, under the names of the first row."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from publisher.core.characters import quote_value
from publisher.core.file_reading import read_bytes
from publisher.core.messages import Message, _
from publisher.intake.exported_posts import from_row, is_exported_table
from publisher.intake.items import ImportedItem
from publisher.intake.picture_files import PictureFolder
from publisher.intake.problem_codes import ImportProblem
from publisher.intake.records import RecordReader
from publisher.intake.source_settings import SourceSettings
from publisher.posts.errors import PostError, unreadable_file

MAX_TABLE_BYTES = 200_000_000
# A cell may hold the translations of a post; the whole table is bounded.
csv.field_size_limit(MAX_TABLE_BYTES)
TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class TableSource:
    """Reads a CSV file whose cells are separated by commas, semicolons or tabs."""

    def __init__(self, file: Path, settings: SourceSettings, pictures: Path | None = None) -> None:
        """`pictures`: the folder that they are in; else the file's own."""
        self.name = str(file)
        self.hints: list[Message] = []
        self._file, self._settings = file, settings
        self._reader = RecordReader(settings, PictureFolder(pictures or file.parent))

    def items(self) -> Iterator[ImportedItem]:
        """Yields an item for each row. Raises PostError where the file or its first row can't be read."""
        text = self._text()
        first = text[: text.find("\n")] if "\n" in text else text
        delimiter = max(",;\t", key=first.count)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = self._columns(rows)
        begin = rows.line_num + 1
        while True:
            place = f"{self._file.name}:{begin}"
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield _wrong(place, error)
                return
            begin = rows.line_num + 1
            if row is None:
                break
            if any(cell.strip() for cell in row):
                yield self._item(columns, row, place)
        self.hints += self._reader.hints()

    def _item(self, columns: list[str], row: list[str], place: str) -> ImportedItem:
        if any("\0" in cell for cell in row):
            return ImportedItem(place=place, key=place, problems=(ImportProblem.NUL(),))
        if len(row) > len(columns) and any(row[len(columns) :]):
            cells = ImportProblem.MORE_CELLS(cells=len(row), columns=len(columns))
            return ImportedItem(place=place, key=place, problems=(cells,))
        if not is_exported_table(columns):
            return self._reader.read(dict(zip(columns, row, strict=False)), place)
        try:
            return self._reader.read(from_row(row), place)
        except (ValueError, RecursionError) as error:
            return ImportedItem(place=place, key=place, problems=(ImportProblem.NO_JSON_CELL(why=str(error)),))

    def _columns(self, rows: Iterator[list[str]]) -> list[str]:
        try:
            columns = [name.strip() for name in next(rows, [])]
        except csv.Error as error:
            raise PostError(_("{file}:1 can't be read: {why}", file=self.name, why=str(error))) from None
        if not any(columns):
            raise PostError(_("{file} has no first line with the names of its columns; add it", file=self.name))
        names = Counter(name.casefold() for name in columns if name)
        if twice := next((name for name, count in names.items() if count > 1), None):
            raise PostError(
                _("{file}:1: the column {name} is there twice; rename one", file=self.name, name=quote_value(twice))
            )
        return columns

    def _text(self) -> str:
        try:
            content = read_bytes(self._file, MAX_TABLE_BYTES)
        except OSError as error:
            raise unreadable_file(self.name, error) from error
        marked = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), self._settings.encoding)
        try:
            return content.decode(marked)
        except UnicodeError:
            raise PostError(
                _(
                    "{file} is no text in the encoding {encoding}; save it as UTF-8, or name its encoding in "
                    "config/sources.toml",
                    file=self.name,
                    encoding=marked,
                )
            ) from None


def _wrong(place: str, error: csv.Error) -> ImportedItem:
    """Returns the item of a row behind which nothing can be read any more."""
    cause = ImportProblem.UNREADABLE(
        why=_("from here on the file can't be read ({why}); repair the quotes, and import it again", why=str(error))
    )
    return ImportedItem(place=place, key=place, problems=(cause,))
