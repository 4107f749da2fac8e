"""Renders the site's templates, and finds its files: an outlet's own in `config/site/` stand for ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.sandbox import SandboxedEnvironment

from publisher.core.date_format import format_moment, format_number, native_name
from publisher.core.errors import ErrorKind, UserError
from publisher.core.file_reading import CONFIGURATION_BYTES, read_bytes
from publisher.core.messages import Message, _
from publisher.core.template_texts import install_translations

FILES = {"site.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
"""The files that pages refer to."""
SEARCH_SCRIPT = "search.js"
"""Searches a static export, which has no program behind it."""
ABOUT = "about.md"


_NO_CHARACTERS = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What neither HTML nor XML may contain."""


class SiteTemplateError(UserError):
    """One of the outlet's own files of the site can't be used; the message is one sentence."""

    code = "site-template-unusable"
    kind = ErrorKind.CONFIGURATION


class _OwnLoader(FileSystemLoader):
    """Loads the outlet's own templates, and says which one can't be read."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        file = Path(self.searchpath[0]) / template
        try:
            return super().get_source(environment, template)
        except TemplateNotFound:
            raise
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> SiteTemplateError:
    if isinstance(error, UnicodeDecodeError):
        return SiteTemplateError(_("{file} is no text in UTF-8; save it so, or remove it to show ours", file=file))
    why = error.strerror or str(error)
    return SiteTemplateError(
        _("{file} can't be read: {why:clause}; mend that, or remove it to show ours", file=file, why=why)
    )


class SiteFiles:
    """Finds and renders what the site is made of."""

    def __init__(self, own: Path) -> None:
        """`own`: the outlet's folder, which may be missing, or have some files only."""
        self._own = own
        self._environment = SandboxedEnvironment(
            loader=ChoiceLoader([_OwnLoader(own), PackageLoader("publisher.site")]),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_render_text,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        install_translations(self._environment)
        filters = {"number": format_number, "long_day": describe_day, "month": _month, "month_name": _month_name}
        self._environment.filters |= {**filters, "native_name": native_name}

    def render(self, template: str, context: dict[str, Any]) -> str:
        """Renders a template. Raises SiteTemplateError where one of the outlet's own has a mistake."""
        try:
            text = self._environment.get_template(template).render(context)
        except SiteTemplateError:
            raise
        except Exception as error:  # whatever a template of the outlet raises is its own mistake
            if (mistake := self._own_mistake(error)) is None:
                raise
            raise mistake from error
        return _NO_CHARACTERS.sub("", text)

    def _own_mistake(self, error: Exception) -> SiteTemplateError | None:
        """Describes what one of the outlet's templates does wrong; None: it is none of them."""
        file, line = _place_of(error, self._own)
        if isinstance(error, TemplateSyntaxError) and error.filename:
            file, line = (Path(error.filename) if Path(error.filename).parent == self._own else None), error.lineno
        why: Message | str = str(error).strip()
        if isinstance(error, RecursionError):
            why = _("it uses itself without end")
        if file is not None:
            return SiteTemplateError(
                _(
                    "{file}, line {line}: {why:clause}; mend the template there, or remove it to show ours",
                    file=file,
                    line=line,
                    why=why or _("it can't be rendered"),
                )
            )
        # One of ours misses what an own base.html or parts.html no longer has.
        if isinstance(error, TemplateError) and any(self._own.glob("*.html")):
            return SiteTemplateError(
                _(
                    "the templates in {folder} don't fit to ours: {why:clause}; mend them, or remove them to show ours",
                    folder=self._own,
                    why=why,
                )
            )
        return None

    def file(self, name: str) -> bytes:
        """Returns a file that pages refer to: the outlet's own, else ours. Raises SiteTemplateError."""
        own = self._read_own(name)
        return own if own is not None else resources.files("publisher.site").joinpath("static", name).read_bytes()

    def _read_own(self, name: str) -> bytes | None:
        """Returns the content of one of the outlet's own files; None: there is none."""
        file = self._own / name
        try:
            return read_bytes(file, CONFIGURATION_BYTES) if file.is_file() else None
        except OSError as error:
            raise _unreadable(file, error) from error

    def version(self, name: str) -> str:
        """Returns what changes with a file, for its address."""
        return hashlib.sha256(self.file(name)).hexdigest()[:12]

    def about(self, language: str) -> str | None:
        """Returns the outlet's text about itself, in Markdown: `about.ca.md`, else `about.md`. None: it has none."""
        for name in (f"about.{language}.md", ABOUT):
            if (own := self._read_own(name)) is not None:
                return own.decode("utf-8", "replace")
        return None


def _place_of(error: BaseException, folder: Path) -> tuple[Path | None, int | None]:
    """Returns the file of a folder, and its line, at which an error came up."""
    place: tuple[Path | None, int | None] = (None, None)
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.parent == folder:
            place = file, trace.tb_lineno
        trace = trace.tb_next
    return place


def _render_text(value: Any) -> Any:
    return str(value) if isinstance(value, Message) else value


def describe_day(day: date) -> str:
    """Writes a day like `12 May 2026` for the present reader."""
    return format_moment(day, "day-month-year")


def _month(day: date) -> str:
    return format_moment(day, "month")


def _month_name(day: date) -> str:
    return format_moment(day, "month-name")
