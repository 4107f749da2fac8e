"""Holds texts for people as data: an English source and the values in it. A face renders them for its reader.

`_` marks a text for translation and takes its values: `_("Post {post} is not there.", post=7)`. Nothing is rendered
until somebody reads it: `str(message)` renders it for the present reader, who is English-speaking where nobody said
otherwise. A field may say how its value is written: `{at:moment}`, `{day:weekday}`, `{day:long_day}`,
`{size:number}`, `{names:list}`, `{answer:clause}` (without its full stop), `{why:sentence}` (with one),
`{parts:clauses}` and `{problems:sentences}` for several of them, `{names:lines}` (a line each), `{code:language}` (the
name of a language), `{price:dollars}` (US dollars).

The values of the fields `channel`, `channels` and `place` are keys of channels in the configuration. Each is written as
the reader calls the channel; `{channel:key}` writes the key, where the text is about the configuration itself.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, tzinfo
from enum import Enum, auto
from typing import Any

from publisher.core.translations import SOURCE_LANGUAGE, translations

SENTENCE_ENDS = (".", "?", "!", "…", ":")
TEXT_FORMATS = frozenset({"", "clause", "clauses", "sentence", "sentences", "key", "list", "lines"})
COUNT = "count"
"""The value that chooses between a text's singular and plural."""
CHANNEL_FIELDS = frozenset({"channel", "channels", "place"})
"""Fields whose values are keys of channels."""


class Face(Enum):
    """Says where a person reads a text: each place has other means to do what the text advises."""

    COMMAND = auto()
    PAGE = auto()
    PROGRAM = auto()


@dataclass(frozen=True, slots=True)
class Reader:
    """Says for whom texts are rendered. `zone`: of the instants in them."""

    language: str = SOURCE_LANGUAGE
    zone: tzinfo = UTC
    face: Face = Face.COMMAND
    channel_names: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What the reader calls each channel, by its key. One without a name is called by its key."""


ENGLISH_READER = Reader()
_reader: ContextVar[Reader] = ContextVar("reader", default=ENGLISH_READER)


def current_reader() -> Reader:
    """Returns the reader for whom `str()` renders texts in this thread or task."""
    return _reader.get()


def set_reader(reader: Reader) -> None:
    """Sets the reader of this thread or task until something else is set."""
    _reader.set(reader)


@contextmanager
def reading_as(reader: Reader) -> Iterator[None]:
    """Sets the reader within a block."""
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)


def channel_name(key: str) -> str:
    """Returns what the present reader calls a channel."""
    return current_reader().channel_names.get(key, key)


def render_with_keys(message: Message) -> str:
    """Renders a text for the present reader, in which channels have their keys: it says what to type."""
    return render(message, replace(current_reader(), channel_names={}))


@dataclass(frozen=True, slots=True)
class Message:
    """Holds one text: its English source, and the values of the fields in it."""

    source: str
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    plural: str = ""
    """The English source where the value `count` is not 1. Empty: the text has no number."""

    def __str__(self) -> str:
        return render(self, current_reader())

    def fill(self, values: Mapping[str, Any]) -> Message:
        """Returns the same text with these values."""
        return Message(self.source, values, self.plural)


def _(source: str, /, **values: Any) -> Message:
    """Makes a text that is translated when it is read. The first argument must be a literal, so that it is found."""
    return Message(source, values)


def ngettext(singular: str, plural: str, /, *, count: int, **values: Any) -> Message:
    """Makes a text with a number in it, `{count}`, which is translated when it is read."""
    return Message(singular, {COUNT: count, **values}, plural)


def plural_template(singular: str, plural: str, /) -> Message:
    """Makes a text with a number in it whose values come later, with `Message.fill`."""
    return Message(singular, {}, plural)


def render(message: Message, reader: Reader) -> str:
    """Renders a text in the reader's language, with times in the reader's zone."""
    catalogue = translations(reader.language)
    if message.plural:
        template = catalogue.ngettext(message.source, message.plural, int(message.values[COUNT]))
    else:
        template = catalogue.gettext(message.source)
    text = _Formatter(reader).vformat(template, (), message.values)
    # Pages and programs get UTF-8, which has no half of a pair. The command line shows such a value in its own way.
    return text if text.isascii() or reader.face is Face.COMMAND else text.encode("utf-8", "replace").decode()


def as_sentence(text: str) -> str:
    """Ends a text with a full stop where it has no end."""
    return text if not text or text.endswith(SENTENCE_ENDS) else f"{text}."


class _ChannelKey(str):
    """Marks the key of a channel among the values of a text."""

    __slots__ = ()


def _channel_keys(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    return [_ChannelKey(part) if isinstance(part, str) else part for part in value]


class _Formatter(string.Formatter):
    """Fills the fields of a text; a field is a plain name, so that a translation reaches nothing else."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        # What another version of the program has stored may lack a value.
        value = kwargs.get(field_name, "?")
        if field_name in CHANNEL_FIELDS:
            value = _ChannelKey(value) if isinstance(value, str) else _channel_keys(value)
        return value, field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec in TEXT_FORMATS:
            return self._format_text(value, format_spec)
        if format_spec in PATTERNS:
            return format_instant(value, format_spec, self._reader)
        match format_spec:
            case "number":
                return format_number(value, self._reader)
            case "dollars":
                from babel.numbers import format_currency  # noqa: PLC0415 - few texts have prices

                locale = locale_name(self._reader.language)
                return format_currency(value, "USD", locale=locale, decimal_quantization=False)
            case "language":
                return language_name(str(value), self._reader)
        raise ValueError(f"a text has the unknown format {format_spec!r}")

    def _format_text(self, value: Any, format_spec: str) -> str:
        match format_spec:
            case "key":
                return str(value)
            case "clause":
                return self._text(value).rstrip(".")
            case "sentence":
                return as_sentence(self._text(value))
            case "list":
                return ", ".join(map(self._text, value))
            case "clauses":
                return "; ".join(self._text(part).rstrip(".") for part in value)
            case "sentences":
                return " ".join(map(self._text, value))
            case "lines":
                return "\n".join(map(self._text, value))
        return self._text(value)

    def _text(self, value: Any) -> str:
        if isinstance(value, Message):
            return render(value, self._reader)
        if isinstance(value, _ChannelKey):
            return self._reader.channel_names.get(value, value)
        with reading_as(self._reader):
            return str(value)


SIGNIFICANT_DIGITS = 4
"""So many digits of a floating-point number are written."""
_PLAIN_SIZES = (1e-4, 1e7)
"""Smaller and larger floating-point numbers are written with an exponent."""


def format_number(value: int | float, reader: Reader) -> str:
    """Writes a number with its groups of digits: `1,234`; a floating-point one with four digits."""
    from babel.numbers import format_decimal, format_scientific  # noqa: PLC0415 - few texts have such numbers

    locale = locale_name(reader.language)
    if isinstance(value, int):
        return str(format_decimal(value, locale=locale))
    rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if rounded == 0 or _PLAIN_SIZES[0] <= abs(rounded) < _PLAIN_SIZES[1]:
        return str(format_decimal(rounded, format="#,##0.#######", locale=locale))
    return str(format_scientific(rounded, format="0.###E0", locale=locale))


MOMENT = _("HH:mm 'on' yyyy-MM-dd")
"""How an instant is written, as a pattern of the Unicode CLDR."""
PATTERNS: Mapping[str, Message] = {
    "moment": MOMENT,
    "clock": _("HH:mm"),
    "day": _("yyyy-MM-dd"),
    "month": _("MMMM yyyy"),
    "weekday": _("EEEE yyyy-MM-dd"),
    "short_weekday": _("EEE yyyy-MM-dd"),
    "long_day": _("EEEE d MMMM yyyy"),
}


def format_instant(value: datetime | date | time | str | None, form: str, reader: Reader) -> str:
    """Writes an instant or a day in the reader's language and zone; a `str` is one in ISO 8601."""
    if value is None:
        return str(_("an unknown time"))
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if len(value) > len("2026-05-12") else date.fromisoformat(value)
    return format_by_pattern(value, PATTERNS[form], reader)


def format_by_pattern(value: datetime | date | time, form: Message, reader: Reader) -> str:
    """Writes an instant or a day by a pattern of the Unicode CLDR, which is translated too."""
    from babel.dates import format_date, format_datetime, format_time  # noqa: PLC0415 - most starts show no time

    pattern, locale = translations(reader.language).gettext(form.source), locale_name(reader.language)
    if isinstance(value, datetime):
        return str(format_datetime(value, pattern, tzinfo=reader.zone, locale=locale))
    if isinstance(value, date):
        return str(format_date(value, pattern, locale=locale))
    return str(format_time(value, pattern, locale=locale))


def language_name(code: str, reader: Reader) -> str:
    """Returns the name of a language in the reader's language; one that nobody knows is called by its code."""
    from babel import Locale  # noqa: PLC0415 - few texts name a language

    names = Locale.parse(locale_name(reader.language)).languages
    return str(names.get(code.partition("-")[0], code))


def locale_name(language: str) -> str:
    """Returns the name under which Babel knows a language."""
    return "en" if language == SOURCE_LANGUAGE else language.replace("-", "_")
