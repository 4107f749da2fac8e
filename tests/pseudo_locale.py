"""Provides a language that puts every translated text in brackets and makes it longer: other text is hard-coded."""

from __future__ import annotations

import gettext
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from publisher.core import translations as catalogues
from publisher.core.date_format import FORMS
from publisher.core.messages import PATTERNS

PSEUDO_LANGUAGE = "eo"
"""A language without a catalogue whose days and plurals Babel and browsers know."""
OPENING, CLOSING = "⟦", "⟧"
FILLER = " łœŋæ"
DATE_PATTERNS = frozenset(form.source for form in (*PATTERNS.values(), *FORMS.values()))


class PseudoTranslations(gettext.NullTranslations):
    """Translates each text to itself in brackets, a third longer."""

    def gettext(self, message: str) -> str:
        return _bracketed(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return _bracketed(msgid1 if n == 1 else msgid2)


def _bracketed(text: str) -> str:
    # The letters of a pattern of days have a meaning.
    filler = "" if text in DATE_PATTERNS else FILLER * (1 + len(text) // (3 * len(FILLER)))
    return f"{OPENING}{text}{filler}{CLOSING}"


@contextmanager
def pseudo_locale() -> Iterator[None]:
    """Registers the language while the block runs, for every module that has imported the catalogues."""
    translations, languages = catalogues.translations, catalogues.desk_languages
    pseudo = PseudoTranslations()

    def with_pseudo(language: str) -> gettext.NullTranslations:
        return pseudo if language == PSEUDO_LANGUAGE else translations(language)

    def languages_with_pseudo() -> tuple[str, ...]:
        return (*languages(), PSEUDO_LANGUAGE)

    with ExitStack() as stack:
        for module in [module for name, module in sys.modules.items() if name.startswith("publisher.")]:
            if getattr(module, "translations", None) is translations:
                stack.enter_context(patch.object(module, "translations", with_pseudo))
            if getattr(module, "desk_languages", None) is languages:
                stack.enter_context(patch.object(module, "desk_languages", languages_with_pseudo))
        yield
