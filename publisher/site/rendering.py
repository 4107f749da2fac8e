"""Renders the site's templates, and finds its files: an outlet's own in `config/site/` stand for ours."""

from __future__ import annotations

import hashlib
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError
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


class SiteTemplateError(UserError):
    """A template of the site can't be rendered; the message is one sentence."""

    code = "site-template-unusable"
    kind = ErrorKind.CONFIGURATION


class SiteFiles:
    """Finds and renders what the site is made of."""

    def __init__(self, own: Path) -> None:
        """`own`: the outlet's folder, which may be missing, or have some files only."""
        self._own = own
        self._environment = SandboxedEnvironment(
            loader=ChoiceLoader([FileSystemLoader(own), PackageLoader("publisher.site")]),
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
            return self._environment.get_template(template).render(context)
        except TemplateError as error:
            if not (self._own / template).is_file() and not (self._own / "base.html").is_file():
                raise
            text = _("{file} can't be used: {reason}", file=self._own / template, reason=str(error))
            raise SiteTemplateError(text) from error

    def file(self, name: str) -> bytes:
        """Returns a file that pages refer to: the outlet's own, else ours."""
        own = self._own / name
        if own.is_file():
            return read_bytes(own, CONFIGURATION_BYTES)
        return resources.files("publisher.site").joinpath("static", name).read_bytes()

    def version(self, name: str) -> str:
        """Returns what changes with a file, for its address."""
        return hashlib.sha256(self.file(name)).hexdigest()[:12]

    def about(self, language: str) -> str | None:
        """Returns the outlet's text about itself, in Markdown: `about.ca.md`, else `about.md`. None: it has none."""
        for name in (f"about.{language}.md", ABOUT):
            if (self._own / name).is_file():
                return read_bytes(self._own / name, CONFIGURATION_BYTES).decode("utf-8", "replace")
        return None


def _render_text(value: Any) -> Any:
    return str(value) if isinstance(value, Message) else value


def describe_day(day: date) -> str:
    """Writes a day like `12 May 2026` for the present reader."""
    return format_moment(day, "day-month-year")


def _month(day: date) -> str:
    return format_moment(day, "month")


def _month_name(day: date) -> str:
    return format_moment(day, "month-name")
