"""Reads the front matter of a post file, and finds the lines of its mistakes."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from publisher.core.content import ImageChoices
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import Message, _
from publisher.core.value_mistakes import describe_mistake
from publisher.posts.drafts import ImageDraft
from publisher.posts.errors import MachineError, PostError

_CHOICES = frozenset(ImageChoices.model_fields)
_IMAGE_KEYS = frozenset({"file", "alt", "credit", "licence"}) | _CHOICES


class FrontMatter:
    """Splits a post file into fields and body, and finds the lines of its mistakes."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        fence, front, self.body = _split(path, text)
        self._lines = front.splitlines()
        self.values = _parse_toml(path, front) if fence == "+++" else _parse_yaml(path, front)

    def refuse_unknown(self, table: Mapping[str, Any], known: frozenset[str], image: int | None = None) -> None:
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                place = self._place(str(key), image)
                if near:
                    raise PostError(
                        _(
                            "{place}: unknown key {key}; did you mean '{near}'?",
                            place=place,
                            key=repr(key),
                            near=near[0],
                        )
                    )
                raise PostError(
                    _(
                        "{place}: unknown key {key}; known are {keys:list}",
                        place=place,
                        key=repr(key),
                        keys=sorted(known),
                    )
                )

    def images(self) -> list[ImageDraft]:
        tables = self.values.get("images", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise PostError(
                _("{place}: images is a list of tables, each with a file and its alt text", place=self._place("images"))
            )
        return [self._image(number, table) for number, table in enumerate(tables)]

    def _image(self, number: int, table: dict[str, Any]) -> ImageDraft:
        self.refuse_unknown(table, _IMAGE_KEYS, number)
        if not isinstance(table.get("file"), str):
            place = self._place("images", number)
            raise PostError(_("{place}: images[{image}].file is missing; name the picture", place=place, image=number))
        values = {
            "file": self._picture(number, table["file"]),
            "alt_text": table.get("alt", ""),
            "credit": table.get("credit", ""),
            "licence": table.get("licence", ""),
            "choices": {key: value for key, value in table.items() if key in _CHOICES},
        }
        try:
            return ImageDraft.model_validate(values)
        except ValidationError as error:
            raise self.error_of(error, number) from None

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
                    _("{place}: {name} can't be read, because {why}", place=place, name=repr(name), why=why)
                ) from error
            raise PostError(_("{place}: {name} is no name of a file", place=place, name=repr(name))) from None
        if not inside:
            raise PostError(
                _(
                    "{place}: {name} leads out of the folder of the post; put the picture beside the file",
                    place=place,
                    name=repr(name),
                )
            )
        names = [entry.name for entry in folder.iterdir() if entry.is_file()]
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            raise PostError(
                _(
                    "{place}: there is no picture {name}; did you mean '{near}'?",
                    place=place,
                    name=repr(name),
                    near=near[0],
                )
            )
        raise PostError(
            _("{place}: there is no picture {name}; put the picture beside the file", place=place, name=repr(name))
        )

    def error_of(self, error: ValidationError, image: int | None = None) -> PostError:
        """Returns the first mistake of a validation as a sentence."""
        mistake = error.errors(include_url=False)[0]
        keys = [str(key) for key in mistake["loc"] if key not in ("choices", "alt_text")]
        if "alt_text" in mistake["loc"]:
            keys.append("alt")
        field = (f"images[{image}]." if image is not None else "") + ".".join(keys)
        if mistake["type"] == "missing":
            return PostError(_("{file}: '{field}' is missing; add it", file=str(self.path), field=field))
        place = self._place(keys[0] if keys else "", image)
        why = describe_mistake(mistake)
        if isinstance(why, str):
            why = f"{why[:1].lower()}{why[1:]}"
        return PostError(_describe_mistake(place, field, mistake["type"], why))

    def _place(self, word: str, image: int | None = None) -> str:
        """Returns `FILE:LINE` of a key or a file name; `image`: the number of the picture that it belongs to."""
        key = re.compile(rf"[\s\[{{\-,]*[\"']?{re.escape(word)}[\"']?\s*[\]}}]*\s*[=:]")
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


def _describe_mistake(place: str, field: str, kind: str, why: Message | str) -> Message:
    """Says what is wrong with a field. `kind`: as pydantic names the kinds of mistakes."""
    if not field:
        return _("{place}: {why}", place=place, why=why)
    match kind:
        case "string_type":
            return _("{place}: {field}: {why}; put the value in quotes", place=place, field=field, why=why)
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
        raise PostError(_("{place}: this is no valid TOML: {why}", place=place, why=reason)) from None


class _YamlRefused(yaml.MarkedYAMLError):
    """Refuses what is valid YAML and no part of a post file."""

    def __init__(self, text: Message, mark: yaml.Mark) -> None:
        super().__init__(problem=str(text), problem_mark=mark)
        self.text = text


class _PlainLoader(yaml.SafeLoader):
    """Loads YAML without aliases, because a few lines of them can expand to gigabytes, and without repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise _YamlRefused(_("aliases (*name) can't be used; write the value out"), mark)
        node = super().compose_node(parent, index)
        keys: set[str] = set()
        for key, _value in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value in keys:
                raise _YamlRefused(_("{key} is given twice", key=repr(key.value)), key.start_mark)
            keys.add(str(key.value))
        return node


def _parse_yaml(path: Path, front: str) -> dict[str, Any]:
    try:
        values = yaml.load("\n" + front, Loader=_PlainLoader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        place = f"{path}:{error.problem_mark.line + 1}" if error.problem_mark else str(path)
        why = error.text if isinstance(error, _YamlRefused) else str(error.problem)
        raise PostError(_("{place}: this is no valid YAML: {why}", place=place, why=why)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = str(error).splitlines()[0]
        raise PostError(_("{file}: this is no valid YAML: {why}", file=str(path), why=why)) from None
    if not isinstance(values, dict):
        raise PostError(_("{file}:2: the front matter is a list of fields such as `title: ...`", file=str(path)))
    return values
