"""Reads the items of a folder: post files beside their pictures, and pictures with a text beside them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from publisher.core.characters import quote_value
from publisher.core.file_reading import read_text
from publisher.core.messages import Message, _
from publisher.intake.front_matter import FrontMatter
from publisher.intake.items import MAX_ITEMS, ImportedItem, ImportedPicture
from publisher.intake.picture_files import PictureFolder
from publisher.intake.plain_pages import read_page
from publisher.intake.post_files import MAX_POST_BYTES, SUFFIXES
from publisher.intake.problem_codes import ImportProblem
from publisher.intake.records import FIELDS, OTHER_NAMES, RecordReader
from publisher.intake.source_settings import SourceSettings
from publisher.posts.drafts import ImageDraft
from publisher.posts.errors import MachineError, PostError, unreadable_file

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".webp", ".avif", ".heic"})
MAX_DEPTH = 20
_KEYS = (FIELDS - {"body", "alt"}) | {name for name in OTHER_NAMES if " " not in name}


class FolderSource:
    """Reads a folder and those below it. A link that leads out of the folder is not followed."""

    def __init__(self, folder: Path, settings: SourceSettings) -> None:
        self.name = str(folder)
        self.hints: list[Message] = []
        self._folder, self._settings = folder, settings
        self._reader = RecordReader(settings, PictureFolder(folder))

    def items(self) -> Iterator[ImportedItem]:
        """Yields an item for each post file, and one for each picture that no post file shows."""
        files = self._files()
        shown: set[Path] = set()
        for file in files:
            if file.suffix.lower() in SUFFIXES:
                item = self._read_post_file(file)
                shown.update(picture.file for picture in item.pictures if picture.file)
                yield item
        texts = {file for file in files if file.suffix.lower() == ".txt"}
        for file in files:
            if file.suffix.lower() in PICTURE_SUFFIXES and file.resolve() not in shown:
                yield self._read_picture(file, texts)
        self.hints += self._reader.hints()

    def _files(self) -> list[Path]:
        """Returns the plain files of the folder by their names, without hidden ones."""
        root = self._folder.resolve()
        files: list[Path] = []

        def refuse(error: OSError) -> None:
            raise unreadable_file(str(error.filename or self._folder), error) from error

        for folder, folders, names in os.walk(self._folder, onerror=refuse):
            depth = len(Path(folder).relative_to(self._folder).parts)
            folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < MAX_DEPTH else []
            for name in sorted(name for name in names if not name.startswith(".")):
                file = Path(folder) / name
                if file.is_symlink() and not file.resolve().is_relative_to(root):
                    self.hints.append(
                        _("{file} is a link that leads out of the folder; it is not read", file=str(file))
                    )
                elif file.is_file():
                    files.append(file)
            if len(files) > 4 * MAX_ITEMS:
                raise PostError(
                    _("{folder} has more than {number:number} files; split it", folder=self.name, number=4 * MAX_ITEMS)
                )
        return files

    def _read_post_file(self, file: Path) -> ImportedItem:
        place = self._key(file)
        try:
            front = FrontMatter(file, _read(file))
            front.refuse_unknown(front.values, frozenset(_KEYS))
            pictures = [_picture(draft) for draft in front.images()]
        except MachineError:
            raise
        except PostError as error:
            return ImportedItem(place=place, key=place, problems=(ImportProblem.UNREADABLE(why=error.text),))
        record: dict[str, Any] = {**front.values, "body": front.body}
        record.pop("images", None)
        item = self._reader.read(record, place, place, pictures)
        return replace(item, hints=tuple(front.hints))

    def _read_picture(self, picture: Path, texts: set[Path]) -> ImportedItem:
        place = self._key(picture)
        beside = (picture.with_name(f"{picture.name}.txt"), picture.with_suffix(".txt"))
        text = next((file for file in beside if file in texts), None)
        if text is None:
            missing = ImportProblem.NO_TEXT_BESIDE(name=quote_value(beside[1].name))
            return ImportedItem(place=place, key=place, problems=(missing,))
        try:
            record = read_page(_read(text), self._settings.dates)
        except MachineError:
            raise
        except PostError as error:
            return ImportedItem(place=place, key=place, problems=(ImportProblem.UNREADABLE(why=error.text),))
        alt_text = str(record.pop("alt", ""))
        return self._reader.read(record, self._key(text), place, [ImportedPicture(picture.resolve(), alt_text)])

    def _key(self, file: Path) -> str:
        """Returns the name of a file below the folder, which is the same wherever the folder is."""
        return unicodedata.normalize("NFC", file.relative_to(self._folder).as_posix())


def _read(file: Path) -> str:
    try:
        return read_text(file, MAX_POST_BYTES, "utf-8-sig")
    except UnicodeDecodeError:
        raise PostError(_("{file} is not UTF-8 text; save it as UTF-8", file=str(file))) from None
    except OSError as error:
        raise unreadable_file(str(file), error) from error


def _picture(draft: ImageDraft) -> ImportedPicture:
    if draft.file is None:
        raise RuntimeError("a post file names the files of its pictures")
    choices = draft.choices.model_dump(mode="json", exclude_unset=True)
    return ImportedPicture(draft.file, draft.alt_text, draft.credit, draft.licence, choices)
