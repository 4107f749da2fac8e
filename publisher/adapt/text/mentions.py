"""Looks up people's accounts in a directory: `@[Jane Doe]` becomes the right handle on each platform."""

from __future__ import annotations

import tomllib
from pathlib import Path

import regex
from pydantic import Field, ValidationError

from publisher.core.content import Frozen
from publisher.core.errors import ErrorKind, UserError
from publisher.core.file_reading import PEOPLE_BYTES, read_text
from publisher.core.messages import Message, _
from publisher.core.problems import Problem

MENTION = regex.compile(r"@\[([^\[\]\n]{1,200})\](?!\()")
"""A mention as staff write it."""


class PeopleDirectoryError(UserError):
    """The directory can't be used; the message is one sentence for a person."""

    code = "people-file-unusable"
    kind = ErrorKind.CONFIGURATION


class DirectoryEntry(Frozen):
    """Lists the accounts of one person."""

    name: str = Field(min_length=1)
    handles: dict[str, str] = Field(default_factory=dict)
    """Account names by platform, with or without `@`."""


class PeopleDirectory(Frozen):
    """Holds the directory of people whom posts may mention."""

    people: tuple[DirectoryEntry, ...] = ()
    unreadable: Problem | None = None
    """Why the directory could not be read: what mentions somebody can't go out. None: it could."""

    @classmethod
    def load(cls, path: Path) -> PeopleDirectory:
        """Reads the directory from a TOML file of `[[people]]` tables; an empty one when there is no file.

        Raises:
            PeopleDirectoryError: the file can't be read or says something else.
        """
        try:
            return cls.model_validate(tomllib.loads(read_text(path, PEOPLE_BYTES)))
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise PeopleDirectoryError(_unreadable(path, error.strerror or str(error))) from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise PeopleDirectoryError(_unreadable(path, str(error))) from None
        except ValidationError as error:
            mistake = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in mistake["loc"])
            raise PeopleDirectoryError(
                _(
                    '{file}: {where}: {why}; write [[people]] with a name and handles = {{ PLATFORM = "..." }}',
                    file=str(path),
                    where=where,
                    why=mistake["msg"].lower(),
                )
            ) from None

    def handle(self, name: str, platform: str) -> str | None:
        """Returns `@account` of a person on a platform; None when the directory has none."""
        folded_name = " ".join(name.split()).casefold()
        for person in self.people:
            if person.name.casefold() == folded_name and (
                handle := person.handles.get(platform, "").strip().lstrip("@")
            ):
                return f"@{handle}"
        return None

    def knows(self, account: str, platform: str) -> bool:
        """Tells whether an account, with or without `@`, is one of these people's."""
        bare = account.lstrip("@").casefold()
        return any(person.handles.get(platform, "").strip().lstrip("@").casefold() == bare for person in self.people)


def _unreadable(path: Path, why: str) -> Message:
    return _("{file} can't be read: {why}", file=str(path), why=why)
