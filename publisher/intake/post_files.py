"""Reads post files: Markdown with TOML (`+++`) or YAML (`---`) front matter, beside their pictures.

The front matter holds the post's fields and its pictures, the rest of the file is the body.
Every mistake is one sentence that names the file and the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from publisher.core.file_reading import read_text
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import Message, _
from publisher.intake.front_matter import FrontMatter
from publisher.posts.drafts import PostDraft
from publisher.posts.errors import PostError, unreadable_file

MAX_POST_BYTES = 256 * 1024
SUFFIXES = frozenset({".md", ".markdown"})

_POST_KEYS = frozenset(PostDraft.model_fields) - {"body"}


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Holds one file of a folder: its draft, or why it can't be used."""

    path: Path
    draft: PostDraft | None = None
    problem: PostError | None = None
    hints: tuple[Message, ...] = ()
    """What a person should look at, although the file can be used."""

    def checked(self) -> PostDraft:
        """Returns the draft. Raises PostError where the file can't be used."""
        if self.draft is None:
            raise self.problem or PostError(_("{file} can't be read", file=str(self.path)))
        return self.draft


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
        why = error.strerror or str(error)
        raise PostError(
            _("{folder} can't be read: {why}; name a folder of post files", folder=str(folder), why=why)
        ) from None
    return [read_file(path) for path in files]


def read_file(path: Path) -> ReadFile:
    """Reads one post file, or says why it can't be used."""
    try:
        draft, hints = _read_file(path)
        return ReadFile(path, draft, hints=hints)
    except PostError as error:
        return ReadFile(path, problem=error)


def read_post_file(path: Path) -> PostDraft:
    """Reads the post that a file describes, with the paths of its pictures.

    Pictures are in the file's own folder or below it; no other path is allowed.

    Raises:
        PostError: something in the file is wrong; the sentence names the line.
    """
    return _read_file(path)[0]


def _read_file(path: Path) -> tuple[PostDraft, tuple[Message, ...]]:
    front = FrontMatter(path, _read_text(path))
    front.refuse_unknown(front.values, _POST_KEYS)
    values = {**front.values, "body": front.body, "images": front.images()}
    try:
        return PostDraft.model_validate(values), tuple(front.hints)
    except ValidationError as error:
        raise front.error_of(error) from None


def _read_text(path: Path) -> str:
    try:
        return read_text(path, MAX_POST_BYTES, "utf-8-sig")
    except UnicodeDecodeError:
        raise PostError(_("{file} is not UTF-8 text; save it as UTF-8", file=str(path))) from None
    except OSError as error:
        raise unreadable_file(str(path), error) from error
