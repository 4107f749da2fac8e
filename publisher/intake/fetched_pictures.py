"""Fetches the pictures of an item while its post is made, and removes the files after that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from publisher.core.characters import quote_value
from publisher.core.problems import Problem
from publisher.intake.items import ImportedItem, ImportedPicture
from publisher.intake.problem_codes import FetchProblem, ImportProblem
from publisher.intake.web_fetching import WebFetcher
from publisher.intake.web_request import PICTURE, FetchRefused

MAX_COPIES = 4
"""So many addresses of one picture are tried."""
_OTHER_SIGNS = re.compile(r"[^\w.-]+")


class WebPictures:
    """Finds pictures at their addresses, and fetches none of them."""

    def __init__(self) -> None:
        self._copies: dict[str, tuple[str, ...]] = {}

    def choose(self, names: Sequence[str]) -> str:
        """Returns the address of the best copy, and remembers the others until the picture is found."""
        addresses = tuple(name for name in dict.fromkeys(names) if name.startswith(("http://", "https://")))
        if not addresses:
            return names[-1]
        # The last one is what the page itself shows.
        self._copies[addresses[0]] = (*addresses[: MAX_COPIES - 1], *addresses[MAX_COPIES - 1 :][-1:])
        return addresses[0]

    def find(self, name: str) -> tuple[str, ...] | Problem:
        """Returns the addresses of a picture, the best copy first."""
        if not name.startswith(("http://", "https://")):
            return ImportProblem.PICTURE_WITHOUT_ADDRESS(name=quote_value(name[:300]))
        return self._copies.pop(name, (name,))


class PictureFetcher:
    """Fetches pictures into files of a folder."""

    def __init__(self, fetcher: WebFetcher, folder: Path | None = None) -> None:
        """`folder`: where the files are while they are needed; None: that of the system."""
        self._fetcher, self._folder = fetcher, folder

    @contextmanager
    def files_of(self, item: ImportedItem) -> Iterator[ImportedItem]:
        """Yields the item with its pictures as files; one that could not be fetched is a problem of the item.

        Raises:
            SiteStopped: nothing was to be had for the last times.
        """
        with TemporaryDirectory(dir=self._folder, prefix="import-") as folder:
            pictures: list[ImportedPicture] = []
            problems: list[Problem] = []
            for number, picture in enumerate(item.pictures, start=1):
                if picture.file is not None:
                    pictures.append(picture)
                    continue
                try:
                    file = self._fetch(picture, Path(folder) / str(number))
                except FetchRefused as refusal:
                    problems.append(FetchProblem.PICTURE_NOT_FETCHED(picture=number, why=refusal.problem))
                    break
                pictures.append(replace(picture, file=file))
            yield replace(item, pictures=tuple(pictures), problems=(*item.problems, *problems))

    def _fetch(self, picture: ImportedPicture, folder: Path) -> Path:
        """Fetches the best copy that is there. Raises FetchRefused where none of them can be fetched."""
        folder.mkdir()
        refusals = []
        for address in picture.addresses:
            file = folder / _file_name(address)
            try:
                with file.open("wb") as opened:
                    self._fetcher.fetch(address, PICTURE, opened)
            except FetchRefused as refusal:
                if not refusal.is_lasting:
                    raise
                refusals.append(refusal)
            else:
                return file
        raise refusals[-1]


def _file_name(address: str) -> str:
    """Returns the last part of an address as the name of a file."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return "picture"  # It is refused when it is asked for.
    name = _OTHER_SIGNS.sub("-", unquote(path).rpartition("/")[2]).strip(".-")
    return name[-80:].encode()[-120:].decode(errors="ignore") or "picture"
