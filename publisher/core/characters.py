"""Removes control characters from texts, and makes them harmless where texts are shown.

Texts lose them where they enter (`remove_control_characters`). What was stored before, or comes from elsewhere,
is made harmless by the face that shows it (`make_visible`).
"""

from __future__ import annotations

import re
from typing import Any

_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
"""A command line or JSON gives these for bytes that are no text; nothing can store or send them."""
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\ufff9-\ufffb]")
"""Control characters, and those that turn the direction of all that follows: an override makes `gpj.exe` read as
`exe.jpg`. The isolates and marks that writing from right to left needs stay."""
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_CONTROL_PICTURES = 0x2400
_FORMULA_STARTS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b")
"""A spreadsheet runs a cell that begins with these. The last eight are wide and small forms of the first four."""
_CELL_BORDERS = frozenset(',;\t\r\n"')
"""What may begin a new cell, in a file or when a cell is cut at another separator than the one it was written with."""
_STARTS = "".join(map(re.escape, sorted(_FORMULA_STARTS)))
_BORDER = r"""((?:^|(?<=[,;\t\r\n"]))[\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*)"""
"""Where a cell could begin, with the spaces and invisible characters that don't end its beginning."""
_FORMULA = re.compile(f"{_BORDER}('*[{_STARTS}])")
_GUARDED = re.compile(f"{_BORDER}'('*[{_STARTS}])")
_ONE_LINE = str.maketrans("\t\r\n", "   ")


def remove_control_characters(text: str) -> str:
    """Returns the text with every line end made `\\n`, and without characters that are no part of it.

    A surrogate, which is no character, becomes U+FFFD.
    """
    return _SURROGATES.sub(_REPLACEMENT, _CONTROLS.sub("", _LINE_ENDS.sub("\n", text)))


def is_text(text: str) -> bool:
    """Tells whether a text can be stored and sent: it has no surrogates."""
    return text.isascii() or _SURROGATES.search(text) is None


def clean_line(text: str) -> str:
    """Returns a text that somebody typed as one line, without control characters and without spaces around it."""
    return " ".join(remove_control_characters(text).split())


def remove_control_characters_from_json(value: Any, depth: int = 8) -> Any:
    """Returns a value as JSON has it with every text in it, keys included, freed of control characters.

    `depth`: levels that are kept. What is nested deeper is left out: no part of a post is.
    """
    if isinstance(value, str):
        return remove_control_characters(value)
    if not isinstance(value, dict | list | tuple):
        return value
    if not depth:
        return None
    if isinstance(value, dict):
        return {
            remove_control_characters_from_json(key): remove_control_characters_from_json(item, depth - 1)
            for key, item in value.items()
        }
    return [remove_control_characters_from_json(item, depth - 1) for item in value]


def make_visible(text: str, keep: str = "") -> str:
    """Returns the text with a visible sign for every character that would steer a terminal. `keep`: those that may."""
    return _STEERING.sub(lambda match: match[0] if match[0] in keep else _visible_sign(match[0]), text)


def _visible_sign(character: str) -> str:
    return chr(_CONTROL_PICTURES + ord(character)) if character < " " else _REPLACEMENT


def escape_for_json(text: str) -> str:
    """Returns JSON text in which the characters that would steer a terminal are written as their numbers."""
    return _STEERING.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def spreadsheet_cell(text: str) -> str:
    """Returns a text in one line that no spreadsheet takes for a formula, whichever separator it splits the line at.

    A spreadsheet whose separator is a semicolon, as in most of Europe, or a tab, cuts a cell that holds one, and takes
    a quotation mark there for its own: every place where a cell could begin gets an apostrophe before a formula.
    """
    safe = []
    begins = True
    for character in text:
        if begins and character in _FORMULA_STARTS:
            safe.append("'")
        safe.append(character)
        # Spaces and invisible characters do not end the beginning of a cell.
        begins = character in _CELL_BORDERS or (begins and (character == " " or not character.isprintable()))
    if text.endswith(";"):
        # Without it, the quotation mark that ends the cell would begin another one, up to the next line.
        safe.append(" ")
    return "".join(safe).translate(_ONE_LINE)


def guard_cell(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula, with one apostrophe more before each; see `unguard_cell`.

    As `spreadsheet_cell`, but nothing of the text is lost.
    """
    return _FORMULA.sub(r"\1'\2", text)


def unguard_cell(text: str) -> str:
    """Returns what `guard_cell` was given."""
    return _GUARDED.sub(r"\1\2", text)


def quote_value(value: object) -> str:
    """Returns a value as texts for people show it: a text between “ and ”, anything else as Python writes it."""
    return f"“{make_visible(value)}”" if isinstance(value, str) else repr(value)
