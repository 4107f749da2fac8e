"""Reads the front matter of a post file, and finds the lines of its mistakes."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from publisher.core.characters import quote_value
from publisher.core.content import ImageChoices
from publisher.core.field_names import describe_path
from publisher.core.file_reading import describe_no_plain_file
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import Message, _
from publisher.core.value_mistakes import describe_mistake
from publisher.intake.file_names import find_named_file
from publisher.intake.line_mistakes import advise_toml, advise_yaml, cut_texts
from publisher.intake.plain_yaml import PlainLoader, YamlRefused
from publisher.intake.value_remedies import OTHER_NAMES, WrittenValue, value_remedy
from publisher.posts.channel_texts import ChannelTextInvalid, parse_channels
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.errors import MachineError, PostError

_CHOICES = frozenset(ImageChoices.model_fields)
_IMAGE_KEYS = frozenset({"file", "alt", "credit", "licence"}) | _CHOICES


class FrontMatter:
    """Splits a post file into fields and body, and finds the lines of its mistakes."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._fence, front, self.body = _split(path, text)
        self._lines = front.splitlines()
        self.values = _parse_toml(path, front) if self._fence == "+++" else _parse_yaml(path, front)
        self.hints: list[Message] = [] if self._fence == "+++" else _cut_texts(path, self._lines)
        """What a person should look at, although the file can be used."""

    def refuse_unknown(self, table: Mapping[str, Any], known: frozenset[str], image: int | None = None) -> None:
        for key in table:
            if key not in known:
                place = self._place(str(key), image)
                self._refuse_misplaced(place, str(key), table[key], image)
                near = difflib.get_close_matches(str(key), known, n=1)
                if OTHER_NAMES.get(str(key).casefold()) in known:
                    near = [OTHER_NAMES[str(key).casefold()]]
                if near:
                    raise PostError(
                        _(
                            "{place}: unknown key {key}; did you mean “{near}”?",
                            place=place,
                            key=quote_value(key),
                            near=near[0],
                        )
                    )
                raise PostError(
                    _(
                        "{place}: unknown key {key}; known are {keys:list}",
                        place=place,
                        key=quote_value(key),
                        keys=sorted(known),
                    )
                )

    def _refuse_misplaced(self, place: str, key: str, value: Any, image: int | None) -> None:
        """Refuses what stands at a picture and is no field of it, where that has a reason of its own."""
        if image is None:
            return
        if key in PostDraft.model_fields and self._fence == "+++":
            raise PostError(
                _(
                    "{place}: {key} is a field of the post, not of the picture; write it above [[images]]",
                    place=place,
                    key=quote_value(key),
                )
            )
        if key in PostDraft.model_fields:
            raise PostError(
                _(
                    "{place}: {key} is a field of the post, not of the picture; begin its line at the left edge",
                    place=place,
                    key=quote_value(key),
                )
            )
        if value is None:
            raise PostError(
                _(
                    "{place}: {key} belongs to the text before it; between braces, a text with a comma is put in "
                    "quotes",
                    place=place,
                    key=quote_value(key),
                )
            )

    def images(self) -> list[ImageDraft]:
        tables = self.values.get("images", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            example = "[[images]]" if self._fence == "+++" else '- {file: cell.png, alt: "What it shows"}'
            raise PostError(
                _(
                    "{place}: images is a list, of which each has a file and its alt text; begin each with {example}",
                    place=self._place("images"),
                    example=example,
                )
            )
        return [self._image(number, table) for number, table in enumerate(tables)]

    def _image(self, number: int, table: dict[str, Any]) -> ImageDraft:
        self.refuse_unknown(table, _IMAGE_KEYS, number)
        if not isinstance(table.get("file"), str):
            place = self._place("images", number)
            raise PostError(
                _(
                    "{place}: picture {image}: the field file is missing; name the picture",
                    place=place,
                    image=number + 1,
                )
            )
        values = {
            "file": self._picture(number, table["file"]),
            "alt_text": table.get("alt", ""),
            "credit": table.get("credit", ""),
            "licence": table.get("licence", ""),
            "choices": {key: self._choice(number, key, value) for key, value in table.items() if key in _CHOICES},
        }
        try:
            return ImageDraft.model_validate(values)
        except ValidationError as error:
            raise self.error_of(error, number) from None

    def _choice(self, number: int, key: str, value: Any) -> Any:
        """Returns a choice; how colour channels are merged may be written in one line."""
        if key != "colour_channels" or not isinstance(value, str):
            return value
        try:
            return parse_channels(value)
        except ChannelTextInvalid as error:
            raise PostError(
                _("{place}: colour_channels: {why}", place=self._place(key, number), why=str(error))
            ) from None

    def _picture(self, number: int, name: str) -> Path:
        """Returns the picture's path, and refuses a path outside the folder of the post file."""
        place = self._place(name, number)
        folder = self.path.parent.resolve()
        try:
            picture = (folder / name).resolve()
            inside = not Path(name).is_absolute() and ".." not in Path(name).parts and picture.is_relative_to(folder)
            if inside and picture.is_file():
                return picture
        except (OSError, ValueError) as error:
            if why := reading_problem(error):
                raise MachineError(
                    _("{place}: {name} can't be read, because {why}", place=place, name=quote_value(name), why=why)
                ) from error
            raise PostError(_("{place}: {name} is no name of a file", place=place, name=quote_value(name))) from None
        if not inside:
            raise PostError(
                _(
                    "{place}: {name} leads out of the folder of the post; put the picture beside the file",
                    place=place,
                    name=quote_value(name),
                )
            )
        if why := describe_no_plain_file(picture.stat().st_mode) if picture.exists() and not picture.is_dir() else None:
            raise PostError(_("{place}: {name} can't be read: {why}", place=place, name=quote_value(name), why=why))
        if found := find_named_file(folder, name):
            if not found.is_same:
                self.hints.append(
                    _(
                        "{place}: the picture {name} is called {found} on this disk, and was taken; write its name as "
                        "it is",
                        place=place,
                        name=quote_value(name),
                        found=quote_value(found.name),
                    )
                )
            return found.path.resolve()
        names = [entry.name for entry in folder.iterdir() if entry.is_file()]
        alike = [entry for entry in names if entry.casefold() == name.casefold()]
        near = alike or difflib.get_close_matches(name, names, n=1)
        if near:
            raise PostError(
                _(
                    "{place}: there is no picture {name}; did you mean “{near}”?",
                    place=place,
                    name=quote_value(name),
                    near=near[0],
                )
            )
        raise PostError(
            _(
                "{place}: there is no picture {name}; put the picture beside the file",
                place=place,
                name=quote_value(name),
            )
        )

    def error_of(self, error: ValidationError, image: int | None = None) -> PostError:
        """Returns the first mistake of a validation as a sentence."""
        mistakes = error.errors(include_url=False)
        # A misspelt field is also missing under its own name.
        mistake = next((one for one in mistakes if one["type"] == "extra_forbidden"), mistakes[0])
        path = [key for key in mistake["loc"] if key not in ("choices", "alt_text")]
        if "alt_text" in mistake["loc"]:
            path.append("alt")
        field = describe_path(["images", image, *path] if image is not None else path)
        keys = list(map(str, path))
        place = self._place(keys[0] if keys else "", image)
        if mistake["type"] == "missing":
            where = place if len(keys) > 1 else str(self.path)
            return PostError(_("{file}: “{field}” is missing; add it", file=where, field=field))
        below = self._lines[self._line_of_keys(keys) :] if image is None else ()
        if remedy := value_remedy(mistake, WrittenValue(keys, below, is_toml=self._fence == "+++")):
            return PostError(_("{place}: {field}: {why}", place=place, field=field, why=remedy))
        why = describe_mistake(mistake)
        if isinstance(why, str):
            why = f"{why[:1].lower()}{why[1:]}"
        return PostError(_describe_mistake(place, field, mistake["type"], why))

    def _line_of_keys(self, keys: Sequence[str]) -> int:
        """Returns the line of a value, counted from 0, by the keys that lead to it: each stands behind the former."""
        line = 0
        for key in keys:
            name = re.compile(rf"[\s\[{{\-,]*(?:[\w-]+\.)*[\"']?{re.escape(key)}[\"']?\s*[\]}}]*\s*(?:[=:]|$)")
            line = next((number for number in range(line, len(self._lines)) if name.match(self._lines[number])), line)
        return line

    def _place(self, word: str, image: int | None = None) -> str:
        """Returns `FILE:LINE` of a key or a file name; `image`: the number of the picture that it belongs to."""
        key = re.compile(rf"[\s\[{{\-,]*[\"']?{re.escape(word)}[\"']?\s*[\]}}]*\s*(?:[=:]|(?<=\])$)")
        start = self._line_of_image(image) if image is not None else 0
        for number, line in enumerate(self._lines[start:], start=start + 2):
            if word and (key.match(line) or (image is not None and word in line)):
                return f"{self.path}:{number}"
        return f"{self.path}:{start + 2}" if image is not None else str(self.path)

    def _line_of_image(self, image: int) -> int:
        starts = [number for number, line in enumerate(self._lines) if re.search(r"\bfile[\"']?\s*[=:]", line)]
        headers = [number for number, line in enumerate(self._lines) if re.match(r"\s*\[\[\s*images\s*\]\]", line)]
        lines = headers or starts
        return lines[image] if image < len(lines) else 0


def _describe_mistake(place: str, field: Message | str, kind: str, why: Message | str) -> Message:
    """Says what is wrong with a field. `kind`: as pydantic names the kinds of mistakes."""
    if not field:
        return _("{place}: {why}", place=place, why=why)
    match kind:
        case "timezone_aware":
            return _(
                "{place}: {field}: {why}; write its offset, such as 2026-05-12T10:00:00+01:00",
                place=place,
                field=field,
                why=why,
            )
    return _("{place}: {field}: {why}", place=place, field=field, why=why)


def _split(path: Path, text: str) -> tuple[str, str, str]:
    """Splits a file into the fence, the front matter and the body."""
    lines = text.splitlines(keepends=True)
    fence = lines[0].strip() if lines else ""
    if fence not in ("+++", "---"):
        raise PostError(
            _("{file}:1: a post file begins with a line +++ (TOML) or --- (YAML), then its fields", file=str(path))
        )
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == fence:
            return fence, "".join(lines[1:number]), "".join(lines[number + 1 :]).strip()
    raise PostError(
        _(
            "{file}:1: the fields that begin with {fence} never end; close them with a line {fence}",
            file=str(path),
            fence=fence,
        )
    )


def _parse_toml(path: Path, front: str) -> dict[str, Any]:
    try:
        # The empty line is in place of the fence, so that the parser's line numbers are those of the file.
        return tomllib.loads("\n" + front)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        reason = re.sub(r" \(at .*\)$", "", str(error))
        place = f"{path}:{line[1]}" if line else str(path)
        if line and (advice := advise_toml(front.splitlines(), int(line[1]) - 2)):
            raise PostError(_("{place}: {why}", place=place, why=advice)) from None
        raise PostError(_("{place}: this is no valid TOML: {why}", place=place, why=reason)) from None


def _cut_texts(path: Path, lines: Sequence[str]) -> list[Message]:
    return [
        _(
            "{place}: {field} ends before {rest}, because # begins a comment; put it in quotes if that belongs to it",
            place=f"{path}:{number + 2}",
            field=field,
            rest=quote_value(rest),
        )
        for number, field, rest in cut_texts(lines)
    ]


def _parse_yaml(path: Path, front: str) -> dict[str, Any]:
    try:
        values = yaml.load("\n" + front, Loader=PlainLoader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        lines = front.splitlines()
        mark = None if isinstance(error, YamlRefused) else error.problem_mark
        if mark is not None and (advice := advise_yaml(lines, mark.line - 1)):
            number, text = advice
            raise PostError(_("{place}: {why}", place=f"{path}:{number + 2}", why=text)) from None
        place = f"{path}:{error.problem_mark.line + 1}" if error.problem_mark else str(path)
        why = error.text if isinstance(error, YamlRefused) else str(error.problem)
        raise PostError(_("{place}: this is no valid YAML: {why}", place=place, why=why)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = str(error).splitlines()[0]
        raise PostError(_("{file}: this is no valid YAML: {why}", file=str(path), why=why)) from None
    if not isinstance(values, dict):
        raise PostError(_("{file}:2: the front matter is a list of fields such as `title: ...`", file=str(path)))
    return values
