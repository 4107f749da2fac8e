"""Reads post files: Markdown with TOML (`+++`) or YAML (`---`) front matter, beside their pictures.

The front matter holds the post's fields and its pictures, the rest of the file is the body.
Every mistake is one sentence that names the file and the line.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from publisher.core.content import ImageChoices
from publisher.core.file_reading import read_text
from publisher.core.machine_errors import reading_problem
from publisher.core.post_limits import describe_limit
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.errors import MachineError, PostError, unreadable_file

MAX_POST_BYTES = 256 * 1024
SUFFIXES = frozenset({".md", ".markdown"})

_HINTS = {
    "string_type": "; put the value in quotes",
    "timezone_aware": "; write its offset, such as 2026-05-12T10:00:00+01:00",
}
_CHOICES = frozenset(ImageChoices.model_fields)
_IMAGE_KEYS = frozenset({"file", "alt", "credit", "licence"}) | _CHOICES
_POST_KEYS = frozenset(PostDraft.model_fields) - {"body"}


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Holds one file of a folder: its draft, or why it can't be used."""

    path: Path
    draft: PostDraft | None = None
    problem: str = ""


def read_folder(folder: Path) -> list[ReadFile]:
    """Reads every post file of a folder, by name. A bad file does not stop the others.

    Raises:
        PostError: the folder can't be read.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        if reading_problem(error):
            raise unreadable_file(str(folder), error) from error
        raise PostError(f"{folder} can't be read: {error.strerror}; name a folder of post files") from None
    return [_read_or_explain(path) for path in files]


def _read_or_explain(path: Path) -> ReadFile:
    try:
        return ReadFile(path, read_post_file(path))
    except PostError as error:
        return ReadFile(path, problem=str(error))


def read_post_file(path: Path) -> PostDraft:
    """Reads the post that a file describes, with the paths of its pictures.

    Pictures are in the file's own folder or below it; no other path is allowed.

    Raises:
        PostError: something in the file is wrong; the sentence names the line.
    """
    front = _FrontMatter(path, _read_text(path))
    front.refuse_unknown(front.values, _POST_KEYS)
    values = {**front.values, "body": front.body, "images": front.images()}
    try:
        return PostDraft.model_validate(values)
    except ValidationError as error:
        raise front.error_of(error) from None


def _read_text(path: Path) -> str:
    try:
        return read_text(path, MAX_POST_BYTES, "utf-8-sig")
    except UnicodeDecodeError:
        raise PostError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise unreadable_file(str(path), error) from error


class _FrontMatter:
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
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
                raise PostError(f"{self._place(str(key), image)}: unknown key {key!r}; {hint}")

    def images(self) -> list[ImageDraft]:
        tables = self.values.get("images", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise PostError(f"{self._place('images')}: images is a list of tables, each with a file and its alt text")
        return [self._image(number, table) for number, table in enumerate(tables)]

    def _image(self, number: int, table: dict[str, Any]) -> ImageDraft:
        self.refuse_unknown(table, _IMAGE_KEYS, number)
        if not isinstance(table.get("file"), str):
            raise PostError(f"{self._place('images', number)}: images[{number}].file is missing; name the picture")
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
            if reading_problem(error):
                raise MachineError(f"{place}: {name!r} can't be read, because {reading_problem(error)}") from error
            raise PostError(f"{place}: {name!r} is no name of a file") from None
        if not inside:
            raise PostError(f"{place}: {name!r} leads out of the folder of the post; put the picture beside the file")
        names = [entry.name for entry in folder.iterdir() if entry.is_file()]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "put the picture beside the file"
        raise PostError(f"{place}: there is no picture {name!r}; {hint}")

    def error_of(self, error: ValidationError, image: int | None = None) -> PostError:
        """Returns the first mistake of a validation as a sentence."""
        mistake = error.errors(include_url=False)[0]
        keys = [str(key) for key in mistake["loc"] if key not in ("choices", "alt_text")]
        if "alt_text" in mistake["loc"]:
            keys.append("alt")
        message = describe_limit(mistake) or mistake["msg"].removeprefix("Value error, ")
        field = (f"images[{image}]." if image is not None else "") + ".".join(keys)
        if mistake["type"] == "missing":
            return PostError(f"{self.path}: {field!r} is missing; add it")
        hint = _HINTS.get(mistake["type"], "")
        place = self._place(keys[0] if keys else "", image)
        return PostError(f"{place}: {field}{': ' if field else ''}{message[:1].lower()}{message[1:]}{hint}")

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


def _split(path: Path, text: str) -> tuple[str, str, str]:
    """Splits a file into the fence, the front matter and the body."""
    lines = text.splitlines(keepends=True)
    fence = lines[0].strip() if lines else ""
    if fence not in ("+++", "---"):
        raise PostError(f"{path}:1: a post file begins with a line +++ (TOML) or --- (YAML), then its fields")
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == fence:
            return fence, "".join(lines[1:number]), "".join(lines[number + 1 :]).strip()
    raise PostError(f"{path}:1: the fields that begin with {fence} never end; close them with a line {fence}")


def _parse_toml(path: Path, front: str) -> dict[str, Any]:
    try:
        # The empty line is in place of the fence, so that the parser's line numbers are those of the file.
        return tomllib.loads("\n" + front)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise PostError(f"{path}{':' + line[1] if line else ''}: this is no valid TOML: {reason}") from None


class _PlainLoader(yaml.SafeLoader):
    """Loads YAML without aliases, because a few lines of them can expand to gigabytes, and without repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise yaml.MarkedYAMLError(problem="aliases (*name) can't be used; write the value out", problem_mark=mark)
        node = super().compose_node(parent, index)
        keys: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value in keys:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is given twice", problem_mark=key.start_mark)
            keys.add(str(key.value))
        return node


def _parse_yaml(path: Path, front: str) -> dict[str, Any]:
    try:
        values = yaml.load("\n" + front, Loader=_PlainLoader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise PostError(f"{path}{line}: this is no valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PostError(f"{path}: this is no valid YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(values, dict):
        raise PostError(f"{path}:2: the front matter is a list of fields such as `title: ...`")
    return values
