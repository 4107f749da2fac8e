"""Translates the texts of templates for the present reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.core.messages import current_reader
from publisher.core.translations import translations

if TYPE_CHECKING:
    from jinja2 import Environment


def install_translations(environment: Environment) -> None:
    """Adds `_`, `ngettext` and `{% trans %}` to the templates of an environment."""
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    # The extension adds this method.
    environment.install_gettext_callables(_translate, _translate_number, newstyle=True)  # type: ignore[attr-defined]


def _translate(text: str) -> str:
    return translations(current_reader().language).gettext(text)


def _translate_number(singular: str, plural: str, number: int) -> str:
    return translations(current_reader().language).ngettext(singular, plural, number)
