"""Makes an item of a record: the named values of a table's row, of a JSON object or of front matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from publisher.core.characters import quote_value
from publisher.core.messages import Message, ngettext
from publisher.core.problems import Problem
from publisher.intake.dates import read_day
from publisher.intake.exported_posts import exported_key
from publisher.intake.items import ImportedItem, ImportedPicture
from publisher.intake.picture_files import PictureFinder
from publisher.intake.problem_codes import ImportProblem
from publisher.intake.source_settings import SourceSettings

OTHER_NAMES: Mapping[str, str] = {
    "day": "date", "published": "date", "published_on": "date", "pubdate": "date", "publication date": "date",
    "headline": "title", "name": "title",
    "summary": "standfirst", "subtitle": "standfirst", "description": "standfirst",
    "text": "body", "content": "body", "paragraphs": "body",
    "author": "written_by", "by": "written_by", "writer": "written_by", "written by": "written_by",
    "credits": "credit", "copyright": "licence", "license": "licence", "keywords": "tags", "lang": "language",
    "url": "address", "permalink": "address", "id": "key", "guid": "key",
    "image": "images", "picture": "images", "pictures": "images", "file": "images", "photo": "images",
    "alt text": "alt", "alt_text": "alt", "published_at": "links_on", "published at": "links_on",
}  # fmt: skip
"""What sources call the fields, in small letters."""
TEXTS = ("title", "standfirst", "body", "written_by", "credit", "licence", "link", "language")
FIELDS = frozenset(
    {*TEXTS, "key", "date", "address", "links", "tags", "translations", "captions", "images", "alt", "links_on"}
)
SEPARATORS = (";", "|", ",", "\n")


class RecordReader:
    """Reads the records of one source, and counts the fields that it does not know."""

    def __init__(self, settings: SourceSettings, pictures: PictureFinder) -> None:
        self._settings, self._pictures = settings, pictures
        self._columns = {name.casefold(): field for field, name in settings.columns.items()}
        self.unused: Counter[str] = Counter()

    def read(
        self, record: Mapping[str, Any], place: str, key: str = "", pictures: Sequence[ImportedPicture] | None = None
    ) -> ImportedItem:
        """Makes the item of a record. `key`: what it is called where it names no key and no address.

        `pictures`: those of an item whose source has read them itself.
        """
        problems: list[Problem] = []
        values = self._named(record, problems)
        texts = {name: _text(values, name, problems) for name in TEXTS}
        tags = _tags(values, problems)
        if exported_key(values.get("key")) and not problems:
            # A desk wrote it: nothing has to be guessed or trimmed.
            body, written_tags = values.get("body"), values.get("tags")
            texts["body"] = body if isinstance(body, str) else texts["body"]
            tags = tuple(written_tags) if isinstance(written_tags, list) else tags
        day = _day(values, self._settings, problems)
        address = _text(values, "address", problems)
        links_on = _links_on(values, problems)
        if address:
            links_on.setdefault(self._settings.platform, address)
        shown = self._shown(values, problems) if pictures is None else tuple(pictures)
        links = _list(values, "links", problems)
        translations = _table(values, "translations", problems)
        return ImportedItem(
            place=place,
            key=_text(values, "key", problems) or address or key or f"{day} {texts['title']}",
            published_on=day,
            links=tuple(link for link in links if isinstance(link, Mapping)),
            tags=tags,
            translations=translations,
            captions=_table(values, "captions", problems),
            pictures=shown,
            published_at=links_on,
            problems=tuple(problems),
            title=texts["title"],
            standfirst=texts["standfirst"],
            body=texts["body"],
            written_by=texts["written_by"],
            link=texts["link"],
            language=texts["language"] or self._settings.language,
            credit=texts["credit"] or self._settings.credit,
            licence=texts["licence"] or self._settings.licence,
        )

    def hints(self) -> list[Message]:
        """Returns what a person should know of the fields that were not used."""
        return [
            ngettext(
                "The field {field} of {count} item is not used; name the field of a post that it is in "
                "config/sources.toml, or leave it.",
                "The field {field} of {count} items is not used; name the field of a post that it is in "
                "config/sources.toml, or leave it.",
                count=count,
                field=name[:100],
            )
            for name, count in self.unused.most_common(20)
        ]

    def _named(self, record: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
        """Returns the values under the names of a post's fields, `translations.ca.title` in its place."""
        values: dict[str, Any] = {}
        for name, value in record.items():
            if value is None or value == "":
                continue
            head, *rest = str(name).strip().split(".")
            field = self._field(str(name)) if not rest else self._field(head)
            if field is None:
                self.unused[str(name)] += 1
            elif rest:
                inner = values.setdefault(field, {})
                for part in rest[:-1]:
                    inner = inner.setdefault(part, {}) if isinstance(inner, dict) else {}
                if isinstance(inner, dict):
                    inner[rest[-1]] = value
            elif field in values:
                problems.append(ImportProblem.FIELD_TWICE(field=field))
            else:
                values[field] = value
        return values

    def _field(self, name: str) -> str | None:
        plain = name.strip().casefold()
        if plain in self._columns:
            return self._columns[plain]
        field = OTHER_NAMES.get(plain, plain.replace(" ", "_"))
        return field if field in FIELDS and field not in self._settings.columns else None

    def _shown(self, values: Mapping[str, Any], problems: list[Problem]) -> tuple[ImportedPicture, ...]:
        named = values.get("images", [])
        if isinstance(named, str):
            named = _split(named, SEPARATORS[:2])
        entries = named if isinstance(named, list) else [named]
        alt_texts = _alt_texts(values.get("alt", ""), len(entries))
        pictures = []
        for number, entry in enumerate(entries):
            table = {"file": entry} if isinstance(entry, str) else entry
            if isinstance(table, dict) and "lost" in table and exported_key(values.get("key")):
                # The original was lost where it was exported; the texts of its post come in without it.
                continue
            if not isinstance(table, dict) or not isinstance(table.get("file"), str):
                problems.append(ImportProblem.NOT_A_TEXT(field=f"images[{number + 1}].file", value=_shortened(entry)))
                continue
            found = self._pictures.find(table["file"])
            if isinstance(found, Problem):
                problems.append(found)
                continue
            alt = table.get("alt", table.get("alt_text", alt_texts[number] if number < len(alt_texts) else ""))
            texts = {"alt_text": alt, "credit": table.get("credit", ""), "licence": table.get("licence", "")}
            wrong = [name for name, value in texts.items() if not isinstance(value, str)]
            problems += [
                ImportProblem.NOT_A_TEXT(field=f"images[{number + 1}].{name}", value=_shortened(texts[name]))
                for name in wrong
            ]
            choices = table.get("choices", {})
            if not wrong:
                where = {"file": None, "addresses": found} if isinstance(found, tuple) else {"file": found}
                pictures.append(ImportedPicture(choices=choices if isinstance(choices, dict) else {}, **where, **texts))
        return tuple(pictures)


def _alt_texts(value: Any, pictures: int) -> list[str]:
    """Returns the alt texts; of one picture it is the whole text, whatever signs it has."""
    if isinstance(value, list):
        return [text if isinstance(text, str) else "" for text in value]
    text = str(value)
    return [text] if pictures == 1 else [part.strip() for part in text.split("|")]


def _text(values: Mapping[str, Any], name: str, problems: list[Problem]) -> str:
    value = values.get(name, "")
    if name == "body" and isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n\n".join(value)
    if isinstance(value, str):
        return value.strip()
    if name == "key" and isinstance(value, int):
        return str(value)
    problems.append(ImportProblem.NOT_A_TEXT(field=name, value=_shortened(value)))
    return ""


def _list(values: Mapping[str, Any], name: str, problems: list[Problem]) -> list[Any]:
    value = values.get(name, [])
    if isinstance(value, list):
        return value
    problems.append(ImportProblem.NOT_A_LIST(field=name, value=_shortened(value)))
    return []


def _table(values: Mapping[str, Any], name: str, problems: list[Problem]) -> dict[str, Any]:
    value = values.get(name, {})
    if isinstance(value, dict):
        return value
    problems.append(ImportProblem.NOT_A_LIST(field=name, value=_shortened(value)))
    return {}


def _tags(values: Mapping[str, Any], problems: list[Problem]) -> tuple[str, ...]:
    value = values.get("tags", [])
    tags = _split(value, SEPARATORS) if isinstance(value, str) else _list(values, "tags", problems)
    problems += [
        ImportProblem.NOT_A_TEXT(field="tags", value=_shortened(tag)) for tag in tags if not isinstance(tag, str)
    ]
    return tuple(dict.fromkeys(tag.strip().lstrip("#") for tag in tags if isinstance(tag, str) and tag.strip("# ")))


def _links_on(values: Mapping[str, Any], problems: list[Problem]) -> dict[str, str]:
    table = _table(values, "links_on", problems)
    problems += [
        ImportProblem.NOT_A_TEXT(field=f"links_on.{name}", value=_shortened(url))
        for name, url in table.items()
        if not isinstance(url, str)
    ]
    return {str(name)[:40]: url.strip() for name, url in table.items() if isinstance(url, str) and url.strip()}


def _day(values: Mapping[str, Any], settings: SourceSettings, problems: list[Problem]) -> date | None:
    if "date" not in values:
        return None
    day = read_day(values["date"], settings.dates)
    if isinstance(day, Problem):
        problems.append(day)
        return None
    return day


def _split(text: str, separators: Sequence[str]) -> list[str]:
    """Splits a text at the first of the separators that it has."""
    separator = next((sign for sign in separators if sign in text), None)
    return [part.strip() for part in text.split(separator) if part.strip()] if separator else [text.strip()]


def _shortened(value: object) -> str:
    shown = quote_value(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
