"""Loads the translations of the desk's texts: one catalogue per language, in gettext's form."""

from __future__ import annotations

import gettext
import io
from functools import cache
from pathlib import Path

SOURCE_LANGUAGE = "en"
"""The language of the texts in the program: it needs no catalogue."""
DOMAIN = "publisher"
LOCALE_FOLDER = Path(__file__).parent.parent / "locale"
"""Has `publisher.pot`, which lists every text, and `LANGUAGE/LC_MESSAGES/publisher.po` for each translation."""


def catalogue_path(language: str) -> Path:
    """Returns where the catalogue of a language is kept."""
    return LOCALE_FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def desk_languages() -> tuple[str, ...]:
    """Lists the languages in which the desk can be read, English first."""
    translated = sorted(path.parent.parent.name for path in LOCALE_FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
    return (SOURCE_LANGUAGE, *translated)


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Returns the catalogue of a language. A language without one is read in English."""
    path = catalogue_path(language)
    if language == SOURCE_LANGUAGE or not path.is_file():
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - only where a translation is read
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language.replace("-", "_"), domain=DOMAIN))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
