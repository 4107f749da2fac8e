"""Names the signs that stand inside a text for markup that was understood already, such as that of HTML.

They are private-use characters, which `clean` removes from the texts of staff: nobody can type them.
"""

from __future__ import annotations

import regex

LITERAL = "\ue000"
"""The next character is no markup."""
ITALIC, ITALIC_END = "\ue001", "\ue002"
BOLD, BOLD_END = "\ue003", "\ue004"
LINK, LINK_ADDRESS, LINK_END = "\ue005", "\ue006", "\ue007"
"""Around a label and its address."""
REMOVED_LINE = "\ue008"
"""Stands for a line that is left out."""
ENDS = {ITALIC: ITALIC_END, BOLD: BOLD_END, LINK: LINK_END}

MARKUP = frozenset("\\*_[]()<>#-+.@=")
"""Characters that markup is made of."""


_SIGN = regex.compile(r"[\ue000-\ue008]")


def literal(text: str) -> str:
    """Returns a text of which no character is markup."""
    return "".join(LITERAL + character if character in MARKUP else character for character in text)


def remove_signs(text: str) -> str:
    """Returns the text without any of these signs."""
    return str(_SIGN.sub("", text))
