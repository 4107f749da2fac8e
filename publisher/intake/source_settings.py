"""Reads `config/sources.toml`: how the fields of a source are called, and in which order it writes dates."""

from __future__ import annotations

import codecs
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cssselect import HTMLTranslator, SelectorError
from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from publisher.core.characters import quote_value
from publisher.core.content import Frozen
from publisher.core.errors import SettingsError, unreadable_error
from publisher.core.field_names import describe_path
from publisher.core.file_reading import CONFIGURATION_BYTES, read_text
from publisher.core.messages import _
from publisher.core.value_mistakes import describe_mistake
from publisher.intake.dates import DateOrder
from publisher.posts.drafts import Language

MAX_NAME = 60
FILE_NAME = "sources.toml"


def _require_encoding(value: str) -> str:
    try:
        codecs.lookup(value)
    except LookupError:
        raise ValueError(
            _("there is no encoding {name}; write one such as utf-8 or cp1252", name=quote_value(value))
        ) from None
    return value


SelectedField = Literal[
    "title", "standfirst", "date", "body", "written_by", "credit", "licence", "tags", "picture"
]  # fmt: skip


def _require_selector(value: str) -> str:
    try:
        HTMLTranslator().css_to_xpath(value)
    except SelectorError:
        raise ValueError(
            _("{value} is no CSS selector; write one such as h1 or .text p", value=quote_value(value))
        ) from None
    return value


class SourceSettings(Frozen):
    """Says how one source is read."""

    dates: DateOrder = ""
    language: Language = "en"
    """Of the items that name none."""
    platform: Annotated[str, Field(min_length=1, max_length=40)] = "site"
    """Where an item's own address is: its link is shown under this name."""
    encoding: Annotated[str, AfterValidator(_require_encoding)] = "utf-8"
    credit: str = ""
    """Of the items that name none."""
    licence: str = ""
    """Of the items that name none."""
    preset: Literal["", "repeated-title"] = ""
    """How the pages of a saved site are laid out, where no selectors are given."""
    site: Annotated[str, StringConstraints(pattern=r"^(https?://\S+/)?$")] = ""
    """The address that the folder of a saved site had, with a slash at its end."""
    pages: Annotated[str, StringConstraints(min_length=1, pattern=r"^[^/].*$")] = "**/*.html"
    """Which files of a saved site are pages, as a pattern of paths."""
    address: Annotated[str, StringConstraints(pattern=r"^(https?://\S+)?$", max_length=2_000)] = ""
    """Where the source is, for the desk's page and for watching."""
    watch: bool = False
    """New items of the source become drafts."""
    every: Annotated[int, Field(ge=10, le=10_080)] = 60
    """Minutes between two looks at a source that is watched."""
    private_network: bool = False
    """The source may be on this machine or in a private network."""
    interval: Annotated[float, Field(ge=0.1, le=600)] = 1.0
    """Seconds between two requests to a site."""
    max_pages: Annotated[int, Field(ge=1, le=50_000)] = 10_000
    """Of a site that is walked."""
    selectors: dict[SelectedField, Annotated[str, AfterValidator(_require_selector)]] = Field(default_factory=dict)
    """Where the fields stand on a page of a saved site, as CSS selectors."""
    columns: dict[str, str] = Field(default_factory=dict)
    """What the source calls each field of a post, by the field's name."""

    @model_validator(mode="after")
    def _watched_has_address(self) -> Self:
        if self.watch and not self.address:
            raise ValueError(_("a source that is watched needs its address"))
        return self

    @property
    def is_of_site(self) -> bool:
        """Decides whether a folder with these settings is a saved site."""
        return bool(self.preset or self.selectors)


def read_source_settings(config_folder: Path, name: str) -> SourceSettings:
    """Returns the settings of a source; the usual ones where the file or the source is not there.

    Raises:
        SettingsError: the file can't be used; the sentence names it and the key.
    """
    file = config_folder / FILE_NAME
    return _checked(file, name, _read_tables(file).get(name, {}))


def read_all_sources(config_folder: Path) -> dict[str, SourceSettings]:
    """Returns the settings of every source that the file names, in its order. Raises SettingsError."""
    file = config_folder / FILE_NAME
    return {name: _checked(file, name, table) for name, table in _read_tables(file).items()}


def _read_tables(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(file, CONFIGURATION_BYTES, "utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unreadable_error(str(file), error) from error
    except UnicodeDecodeError:
        raise SettingsError(_("{file} is not UTF-8 text; save it as UTF-8", file=str(file))) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_("{file}: {why}; correct the line", file=str(file), why=str(error))) from None


def _checked(file: Path, name: str, table: Any) -> SourceSettings:
    if len(name) > MAX_NAME or not name.isprintable():
        raise SettingsError(
            _("{file}: the name of the source {name} can't be used; write at most {limit} letters, digits, dots and "
              "dashes",
              file=str(file), name=quote_value(name[:100]), limit=MAX_NAME)
        )  # fmt: skip
    if not isinstance(table, Mapping):
        raise SettingsError(_("{file}: {name} is no table; begin it with a line [{name}]", file=str(file), name=name))
    try:
        return SourceSettings.model_validate(dict(table))
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        field = describe_path((name, *mistake["loc"]))
        raise SettingsError(
            _("{file}: {field}: {why}", file=str(file), field=field, why=describe_mistake(mistake))
        ) from None
