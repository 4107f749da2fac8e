"""Extracts the texts of the program into the template of catalogues, and checks the catalogues of translations.

    python -m tests.catalogues extract    # writes publisher.pot, and brings each publisher.po up to date
    python -m tests.catalogues check      # prints a sentence for each fault, and fails where there is one

The files have neither dates nor line numbers: they change only where a text changes.
"""

from __future__ import annotations

import ast
import io
import re
import string
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from babel import UnknownLocaleError
from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po

from publisher.core.messages import COUNT
from publisher.core.translations import DOMAIN

ROOT = Path(__file__).parent.parent
KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "plural_template": (1, 2)}
"""Functions that mark a text, with the places of their texts; None: the first."""
HEADER = """\
# The texts of the publisher's desk, in English. Made by: make texts
# The program fills {names}, its pages fill %(names)s: a translation has the same names as its source."""
COUNT_FIELD = re.compile(rf"[{{(%]+{COUNT}\b")
PERCENT_FIELD = re.compile(r"%\(\w+\)[-#0 +]*[\d.]*[a-zA-Z]")
PAGE_SUFFIX = ".html"
CHANGING_HEADERS = (b'"POT-Creation-Date:', b'"PO-Revision-Date:', b'"Generated-By:')

ExtractedText = tuple[int, str, Any, list[str]]


def python_texts(
    file: IO[bytes], keywords: Collection[str], comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[ExtractedText]:
    """Extracts the texts of a Python module. Babel's own extractor loses a plural where a text is nested in its call.

    Babel calls this; it wants the line, the function's name, its arguments and comments.
    """
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in keywords:
            arguments = [
                a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else None for a in node.args
            ]
            if arguments and arguments[0]:
                yield node.lineno, node.func.id, arguments, []


def extract_texts(root: Path) -> Catalog:
    """Returns every text of the program at `root`, sorted by the files that it is in."""
    mappings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]["mappings"]
    methods = [(mapping["pattern"], mapping["method"]) for mapping in mappings]
    options = {mapping["pattern"]: {name: str(value) for name, value in mapping.items()} for mapping in mappings}
    found = [
        (text, file) for file, _line, text, _comments, _context in extract_from_dir(root, methods, options, KEYWORDS)
    ]
    catalogue = Catalog(domain=DOMAIN, project="publisher", version="desk", header_comment=HEADER, fuzzy=False)
    for text, file in sorted(found, key=lambda pair: (_singular(pair[0]), pair[1])):
        catalogue.add(text, locations=[(file, 0)])
    return catalogue


def update_catalogues(root: Path) -> None:
    """Writes the template, and brings each catalogue up to date: new texts are empty, old ones go away."""
    template = extract_texts(root)
    path = _template_path(root)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_written(template))
    for path in catalogue_paths(root):
        catalogue = _read(path)
        catalogue.update(template, no_fuzzy_matching=True)
        path.write_bytes(_written(catalogue))


def find_faults(root: Path) -> Iterator[str]:
    """Returns a sentence for each fault of the template and of the catalogues."""
    template, path = extract_texts(root), _template_path(root)
    if not path.is_file() or path.read_bytes() != _written(template):
        yield f"{path.relative_to(root)} is not what the program's texts are now; run: make texts"
    for path in catalogue_paths(root):
        name = path.relative_to(root)
        try:
            catalogue = _read(path)
            write_mo(io.BytesIO(), catalogue)
        except (PoFileError, UnknownLocaleError, ValueError, UnicodeError) as error:
            yield f"{name} can't be compiled: {error}"
        else:
            yield from (f"{name} {fault}" for fault in _catalogue_faults(template, catalogue))


def catalogue_paths(root: Path) -> list[Path]:
    """Returns the catalogue of each language."""
    return sorted(_template_path(root).parent.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def _template_path(root: Path) -> Path:
    return root / "publisher" / "locale" / f"{DOMAIN}.pot"


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name.replace("-", "_"), domain=DOMAIN, abort_invalid=True)


def _written(catalogue: Catalog) -> bytes:
    """Returns a catalogue as it is in its file: stable from one machine and day to another."""
    content = io.BytesIO()
    write_po(content, catalogue, width=110, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    return b"".join(line for line in content.getvalue().splitlines(True) if not line.startswith(CHANGING_HEADERS))


def _catalogue_faults(template: Catalog, catalogue: Catalog) -> Iterator[str]:
    for source in template:
        if source.id:
            yield from _text_faults(source, catalogue.get(_singular(source.id)), catalogue.num_plurals)
    used = {_singular(source.id) for source in template}
    unused = [*catalogue.obsolete.values(), *(text for text in catalogue if _singular(text.id) not in used)]
    for text in unused:
        yield f"has {_singular(text.id)!r}, which the program no longer says; run: make texts"


def _text_faults(source: Message, translated: Message | None, plurals: int) -> Iterator[str]:
    name = repr(_singular(source.id))
    forms = _forms(translated.string) if translated else ()
    if translated is None or not all(forms) or len(forms) != (plurals if source.pluralizable else 1):
        yield f"lacks a translation of {name}; run make texts and write it"
        return
    if translated.fuzzy:
        yield f"has a translation of {name} that is marked as fuzzy; check it and take the mark away"
    sources = [fields_of(form) for form in _forms(source.id)]
    is_on_page = any(file.endswith(PAGE_SUFFIX) for file, _line in source.locations)
    for form in forms:
        yield from (f"has a translation of {name} {fault}" for fault in _field_faults(sources, form))
        if is_on_page and "%" in PERCENT_FIELD.sub("", form.replace("%%", "")):
            yield f"has a translation of {name} with a single percent sign; double it"


def _field_faults(sources: list[set[str] | None], form: str) -> Iterator[str]:
    """Compares a translation with the singular and the plural of its source. A form may say a count in words."""
    if None in sources:
        return
    fields, allowed = fields_of(form), set[str]().union(*(source or () for source in sources))
    if fields is None:
        yield "with a single brace; double it, or give it its other half"
    elif missing := {field for field in allowed - fields if len(sources) == 1 or not COUNT_FIELD.match(field)}:
        yield f"without {', '.join(sorted(missing))}; the source has it"
    elif extra := fields - allowed:
        yield f"with {', '.join(sorted(extra))}, which its source does not have"


def fields_of(text: str) -> set[str] | None:
    """Returns the fields of a text as they are written, `{day:weekday}` or `%(name)s`. None: a brace is single."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return None
    braces = {
        f"{{{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}}}"
        for _literal, name, form, conversion in parts
        if name is not None
    }
    return braces | {match[0] for match in PERCENT_FIELD.finditer(text)}


def _singular(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


def _forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text or "",) if isinstance(text, str | None) else tuple(text)


def main(arguments: list[str]) -> str | None:
    """Runs one of the two commands. Returns what it ends with: None where all is well."""
    match arguments:
        case ["extract"]:
            update_catalogues(ROOT)
        case ["check"]:
            return "\n".join(find_faults(ROOT)) or None
        case _:
            return __doc__
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
