"""Understands markup that the editor does not write: HTML, entities, footnotes, tables, reference links, shortcodes.

What has a plain meaning becomes text or the markup of `markup_signs`. What has none is found, with its line, and left
out, so that followers never read markup.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html.entities import html5

import regex

from publisher.adapt.text import foreign_html
from publisher.adapt.text.cleaning import clean
from publisher.adapt.text.foreign_html import HtmlWriter, Tag, Trouble
from publisher.adapt.text.markup_signs import LINK, LINK_ADDRESS, LINK_END, REMOVED_LINE, literal, remove_signs
from publisher.adapt.text.raised_text import raise_or_lower
from publisher.adapt.text.web_addresses import address_end, find_addresses


@dataclass(frozen=True, slots=True)
class Finding:
    """Says what was found, as it is written, and in which line of the text; lines count from 1."""

    trouble: Trouble
    line: int
    markup: str


MAX_SHOWN = 40

_REFERENCE = regex.compile(
    r"\[(?!\^)(?P<name>[^\[\]\n]+)\]:\s+<?(?P<address>https?://[^\s<>]+)>?(?:\s+[\"'(].*[\"')])?", regex.IGNORECASE
)
_FOOTNOTE = regex.compile(r"\[\^(?P<name>[^\s\[\]]{1,40})\]:\s*(?P<text>.*)")
_ROW = regex.compile(r".*(?<!\\)\|.*")
_TABLE_RULE = regex.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)+\|?|\|\s*:?-+:?\s*\|")
_CELLS = regex.compile(r"(?<!\\)\|")
_TAIL = r"\((?:[^()\n]|\([^()\n]*\))*+\)"
_MARKUP = regex.compile(
    rf"""
    (?P<escaped>\\.)
    |(?P<address>(?<![A-Za-z0-9])https?://)
    |(?P<comment><!--.*?-->)
    |(?P<unclosed_comment><!--)
    |(?P<declaration><!DOCTYPE[^<>]*+>|<\?[^<>]*+\?>|<!\[(?:if|endif)\b[^<>]*+>)
    |(?<!\S)```[\w+-]*+\n(?P<fenced>(?:(?!```).)*?)\n```(?!\S)
    |(?<![\p{{L}}\p{{N}}`])(?:`(?P<code>[^`\s](?:[^`\n]*[^`\s])?)`|``[ ]?(?P<double>[^\s`](?:(?!``).)*?)[ ]?``)
        (?!(?!s\b)[\p{{L}}\p{{N}}`])
    |(?P<removed_element><(?P<removed>{foreign_html.REMOVED})\b[^<>]*+>.*?</(?P=removed)\s*>)
    |{foreign_html.TAG}
    |<(?P<autolink>https?://[^\s<>]++(?:<[\d:][^\s<>]*+>[^\s<>]*+)*+|[\w.+-]++@[\w-]++\.[\w.-]++)>
    |(?P<entity>&(?:\#\d{{1,7}}|\#[xX][0-9a-fA-F]{{1,6}}|[A-Za-z][A-Za-z0-9]{{1,31}});)
    |(?P<picture>!\[\[[^\[\]\n]+\]\]|\[\[(?:File|Image|Fitxer|Imatge|Archivo|Imagen):[^\[\]\n]+\]\]
        |\[!\[[^\[\]\n]*+\]{_TAIL}\]{_TAIL}|!\[[^\[\]\n]*+\](?:{_TAIL}|\[[^\[\]\n]*+\]))
    |\[\[(?P<page>\p{{L}}[^\[\]|\n]*)(?:\|(?P<page_label>[^\[\]|\n]+))?\]\]
    |\[\^(?P<footnote>[^\s\[\]]{{1,40}})\]
    |(?P<shortcode>\{{\{{[<%][^{{}}\n]*+\}}\}}|\{{%[^{{}}%\n]*+%\}}|\{{\{{\s*+[A-Za-z_][^{{}}\n]*+\}}\}}
        |\[/?(?:gallery|caption|embed|audio|video|playlist|youtube|vimeo|wpvideo)\b[^\[\]\n]*+\](?!\()
        |\[[a-z][\w-]*+(?:\s+[\w-]++=(?:"[^"\n]*+"|'[^'\n]*+'))+\s*/?\](?!\()|\[/[a-z][\w-]*+\](?!\())
    |\[(?P<label>[^\[\]\n]++)\](?!\(|:\s)(?:\[(?P<reference>[^\[\]\n]*+)\])?
    """,
    regex.VERBOSE | regex.DOTALL | regex.IGNORECASE,
)
# Text that may hold any of it.
_SUSPICIOUS = regex.compile(r"[<&|{`]|\[")
_REFERENCE_NAME = regex.compile(r"[\w.:-]{1,40}")


class _Reader:
    """Reads one text."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._references: dict[str, str] = {}
        self._footnotes: dict[str, int] = {}
        self._explained: set[str] = set()
        self._text = ""
        self._raised = True
        self.findings: list[Finding] = []

    def read(self) -> str:
        self._read_lines()
        self._text = text = "\n".join(self._lines)
        self._raised = not regex.search(r"[\p{N}]\[\^", text)
        writer = HtmlWriter(self._find)
        at = 0
        while found := _MARKUP.search(text, at):
            writer.add(text[at : found.start()])
            at = self._read_markup(found, writer)
        writer.add(text[at:])
        shown = writer.finish()
        return str(regex.sub(rf"{REMOVED_LINE}\n?", "", shown))

    def _find(self, trouble: Trouble, markup: str, at: int) -> None:
        line = self._text.count("\n", 0, at) + 1
        one_line = " ".join(markup.split())
        shown = one_line if len(one_line) <= MAX_SHOWN else f"{one_line[:MAX_SHOWN].rstrip()}…"
        self.findings.append(Finding(trouble, line, remove_signs(shown)))

    def _read_lines(self) -> None:
        """Reads what takes whole lines: tables, and what references and footnotes refer to."""
        for number, line in enumerate(self._lines):
            bare = line.strip()
            if reference := _REFERENCE.fullmatch(bare):
                self._references[_folded(reference["name"])] = reference["address"]
                self._lines[number] = REMOVED_LINE
            elif footnote := _FOOTNOTE.fullmatch(bare):
                self._explained.add(footnote["name"])
                self._lines[number] = f"[^{footnote['name']}] {footnote['text']}"
            elif number and _TABLE_RULE.fullmatch(bare) and _ROW.fullmatch(self._lines[number - 1]):
                self._read_table(number)

    def _read_table(self, rule: int) -> None:
        self.findings.append(Finding(Trouble.TABLE, rule, self._lines[rule - 1].strip()[:MAX_SHOWN]))
        self._lines[rule] = REMOVED_LINE
        row = rule - 1
        while row == rule or (row < len(self._lines) and _ROW.fullmatch(self._lines[row])):
            if row != rule:
                cells = _CELLS.split(self._lines[row].strip().removeprefix("|").removesuffix("|"))
                self._lines[row] = " · ".join(cell.strip() for cell in cells if cell.strip())
            row += 1

    def _read_markup(self, found: regex.Match[str], writer: HtmlWriter) -> int:
        """Writes what a piece of markup means, and returns where the text goes on."""
        if found["address"]:
            end = max(address_end(self._text, found.start()), found.end())
            writer.add(self._text[found.start() : end].replace("&amp;", "&"))
            return end
        if found["tag"] and self._is_comparison(found):
            self._find(Trouble.NOT_CLOSED, found[0], found.start())
            return found.end()
        if found["tag"]:
            writer.tag(
                Tag(found["tag"].lower(), found["attributes"] or "", found[0], found.start(), bool(found["closing"]))
            )
            return found.end()
        for name, meaning in self._meanings.items():
            if found[name] is not None:
                writer.add(meaning(self, found))
                return found.end()
        return found.end()

    def _is_comparison(self, found: regex.Match[str]) -> bool:
        """Tells whether `<p>` may compare numbers, as in `n<p>m`: a paragraph may lack its closing tag."""
        around = self._text[found.start() - 1 : found.start()], self._text[found.end() : found.end() + 1]
        return found[0].lower() == "<p>" and all(map(str.isalnum, around)) and "</p" not in self._text.lower()

    def _escaped(self, found: regex.Match[str]) -> str:
        return found[0]

    def _left_out(self, found: regex.Match[str]) -> str:
        return ""

    def _code(self, found: regex.Match[str]) -> str:
        code = str(found["fenced"] or found["code"] or found["double"])
        pieces: list[str] = []
        at = 0
        for start, end in find_addresses(code):
            pieces += (literal(code[at:start]), code[start:end])
            at = end
        return "".join((*pieces, literal(code[at:])))

    def _unclosed_comment(self, found: regex.Match[str]) -> str:
        self._find(Trouble.NOT_CLOSED, found[0], found.start())
        return ""

    def _removed(self, found: regex.Match[str]) -> str:
        self._find(Trouble.EMBEDDED, found[0], found.start())
        return ""

    def _picture(self, found: regex.Match[str]) -> str:
        self._find(Trouble.PICTURE, found[0], found.start())
        return ""

    def _shortcode(self, found: regex.Match[str]) -> str:
        self._find(Trouble.EMBEDDED, found[0], found.start())
        return ""

    def _autolink(self, found: regex.Match[str]) -> str:
        return str(found["autolink"])

    def _entity(self, found: regex.Match[str]) -> str:
        name = found[0].removeprefix("&")
        # A browser takes the beginning of an unknown name for a known one: "&timestamp;" is "×tamp;" to it.
        is_known = name.startswith("#") or name in html5
        return literal(decoded_text(html.unescape(found[0]))) if is_known else found[0]

    def _page(self, found: regex.Match[str]) -> str:
        return str(found["page_label"] or found["page"]).strip()

    def _footnote(self, found: regex.Match[str]) -> str:
        name = found["footnote"]
        if name not in self._explained:
            self._find(Trouble.REFERENCE_MISSING, found[0], found.start())
        number = self._footnotes.setdefault(name, len(self._footnotes) + 1)
        shown = name if name.isdigit() else str(number)
        return (raise_or_lower(shown, "sup") if self._raised else None) or literal(f"[{shown}]")

    def _labelled(self, found: regex.Match[str]) -> str:
        label, name = found["label"], found["reference"]
        address = self._references.get(_folded(name or label))
        if address:
            # The number of a reference is no word of the sentence.
            label = literal(f"[{label}]") if name is None and label.isdigit() else label
            return f"{LINK}{label}{LINK_ADDRESS}{address}{LINK_END}"
        if name is not None and " " in label and _REFERENCE_NAME.fullmatch(name or "-"):
            self._find(Trouble.REFERENCE_MISSING, found[0], found.start())
            return str(label)
        return str(found[0])

    _meanings: Mapping[str, Callable[[_Reader, regex.Match[str]], str]] = {
        "escaped": _escaped,
        "comment": _left_out,
        "declaration": _left_out,
        "fenced": _code,
        "code": _code,
        "double": _code,
        "unclosed_comment": _unclosed_comment,
        "removed_element": _removed,
        "autolink": _autolink,
        "entity": _entity,
        "picture": _picture,
        "page": _page,
        "footnote": _footnote,
        "shortcode": _shortcode,
        "label": _labelled,
    }


def decoded_text(text: str) -> str:
    """Returns the characters of an entity that followers may get; a space of any width stays one."""
    return text if text.isspace() and text not in "\r\n\t" else clean(text)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


@lru_cache(maxsize=512)
def understand(text: str) -> tuple[str, tuple[Finding, ...]]:
    """Returns the text with signs instead of foreign markup, and what has no plain meaning."""
    if not _SUSPICIOUS.search(text):
        return text, ()
    reader = _Reader(text)
    shown = reader.read()
    return shown, tuple(sorted(reader.findings, key=lambda finding: finding.line))
