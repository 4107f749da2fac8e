"""Renders caption templates: Jinja2 in a sandbox, with helpers that know the platform.

A template says which fields a caption shows, in which order, and which may be shortened. It is rendered
once into marked text, from which the plain caption and the rich blocks are made.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from publisher.adapt.text.markdown import TextMarker
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.adapt.text.rich_text import Marker, MarkKind, RichText, change_lines
from publisher.adapt.text.shortening import FILL
from publisher.core.errors import ErrorKind, UserError
from publisher.core.field_names import FIELD_NAMES
from publisher.core.messages import Message, _

MAX_TEMPLATE_LENGTH = 10_000
MAX_OUTPUT_LENGTH = 200_000
"""Limits of a template and of its output, in code points."""

HELPERS: Mapping[str, str] = {
    "title": "the title",
    "standfirst": "the one-line summary",
    "body": "the text, with its links and emphasis",
    "written_by": "who wrote it",
    "credit": "who made the pictures; all of them when there are several",
    "licence": "the licence",
    "link": "the address of the post's own page",
    "link_label": "the site of that page, linked where the platform links",
    "links": "the further links, one by one",
    "hashtags": "hashtags(5): at most five hashtags",
    "mention": 'mention("Jane Doe"): her handle here, or her name',
    "in_language": 'in_language("Written by", ca="Text de"): words by the language of the post, else the first',
    "language": "the language of the post, such as en",
    "platform": "the name of the platform",
}
"""The names that a template may use, for the documentation and for messages."""

_NEVER_SHORTENED = ("credit", "licence", "link")
_ALLOWED_FILTERS = ("default", "first", "join", "last", "lower", "trim", "upper")
_FORBIDDEN: dict[type[nodes.Node], str] = {
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.Block: "{% block %}",
    nodes.CallBlock: "{% call %}",
    nodes.Extends: "{% extends %}",
    nodes.FromImport: "{% import %}",
    nodes.Import: "{% import %}",
    nodes.Include: "{% include %}",
    nodes.Macro: "{% macro %}",
    nodes.Mod: "%",
    nodes.Mul: "*",
    nodes.Pow: "**",
}
_TEXT = "_text"


class TemplateError(UserError):
    """A caption template can't be used; the message is one sentence for a person."""

    code = "template-unusable"
    kind = ErrorKind.CONFIGURATION


class _Sandbox(ImmutableSandboxedEnvironment):
    """Refuses attributes, which templates of captions do not need."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allows only the loop's own counters: methods of strings could use any amount of memory."""
        return isinstance(obj, LoopContext) and super().is_safe_attribute(obj, attr, value)


def _marker(context: Context) -> Marker:
    text: TextMarker = context[_TEXT]
    return text.marker


def _mark_filter(kind: MarkKind) -> Any:
    @jinja2.pass_context
    def mark(context: Context, text: object) -> str:
        return _marker(context).wrap(str(text), kind)

    return mark


@jinja2.pass_context
def _shorten(context: Context, text: object) -> str:
    _check_may_be_shortened(context, text, "shorten")
    return _marker(context).wrap(str(text), "shorten")


@jinja2.pass_context
def _fill(context: Context, text: object) -> str:
    _check_may_be_shortened(context, text, "fill")
    return _marker(context).wrap(str(text), "shorten", FILL)


def _check_may_be_shortened(context: Context, text: object, name: str) -> None:
    for field in _marker(context).read(str(text)).marks_of_kind("field"):
        if field.value in _NEVER_SHORTENED:
            never = _(
                "the {field} is never shortened; remove `| {filter}` there",
                field=FIELD_NAMES[field.value],
                filter=name,
            )
            raise ValueError(never)


@jinja2.pass_context
def _bullets(context: Context, items: object) -> str:
    marker = _marker(context)
    text = str(items) if isinstance(items, str) else "\n".join(str(item) for item in _items(items))
    return change_lines(text, lambda line: marker.wrap(marker.wrap("• ", "prefix") + line, "bullet"))


def _items(items: object) -> Iterable[object]:
    if isinstance(items, Iterable):
        return items
    raise ValueError(_("`| bullets` takes a text or a list such as links"))


def _environment() -> _Sandbox:
    # Captions are plain text: HTML escaping would show followers "&amp;".
    environment = _Sandbox(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.globals.clear()
    allowed = {name: FILTERS[name] for name in _ALLOWED_FILTERS}
    marking = {kind: _mark_filter(kind) for kind in ("heading", "bold", "italic", "quote")}
    environment.filters = {**allowed, **marking, "shorten": _shorten, "fill": _fill, "bullets": _bullets}
    return environment


_ENVIRONMENT = _environment()


def check_template(source: str, name: str) -> None:
    """Checks that a template works before a post needs it. `name` is its file, for messages.

    Raises:
        TemplateError: it does not; the sentence names the file and the line.
    """
    marker = Marker()
    text = TextMarker(marker, "", "label", PeopleDirectory())
    samples: dict[str, object] = {name: text.marker.wrap("Sample", "field", name) for name in HELPERS}
    functions: dict[str, object] = {
        "hashtags": _sample_hashtags,
        "in_language": partial(words_in_language, "en"),
        "mention": text.mention,
    }
    full = samples | functions | {"links": ("Sample",)}
    empty = dict.fromkeys(samples, "") | functions | {"links": ()}
    for values in (full, empty):
        render(source, name, values, text)


def _sample_hashtags(maximum: object = None) -> str:
    if maximum is None or isinstance(maximum, int):
        return "#Sample"
    raise ValueError(_("hashtags takes a number, such as hashtags(5)"))


def words_in_language(language: str, words: object, /, **translations: object) -> str:
    """Returns the words of a template in a language such as `pt-BR`: those named `pt_BR`, `pt`, or the first ones."""
    if not all(isinstance(text, str) for text in (words, *translations.values())):
        raise ValueError(_("in_language takes words, such as in_language('Written by', ca='Text de')"))
    exact = language.replace("-", "_")
    return str(translations.get(exact) or translations.get(exact.partition("_")[0]) or words)


def render(source: str, name: str, values: Mapping[str, object], text: TextMarker) -> RichText:
    """Renders a template as marked text; `values` has an entry for each of `HELPERS`.

    Raises:
        TemplateError: the template can't be read, uses what is not there, or gives too much.
    """
    template = _compiled(source, name)
    pieces: list[str] = []
    length = 0
    try:
        for piece in template.generate({**values, _TEXT: text}):
            length += len(piece)
            if length > MAX_OUTPUT_LENGTH:
                raise TemplateError(
                    _(
                        "{template} gives more than {maximum:number} characters; make the caption shorter",
                        template=name,
                        maximum=MAX_OUTPUT_LENGTH,
                    )
                )
            pieces.append(piece)
    except TemplateError:
        raise
    except Exception as error:  # whatever a template raises is its own mistake
        raise _error_at(name, _line_of(error), _describe_error(error)) from error
    return text.marker.read("".join(pieces))


@lru_cache(maxsize=256)
def _compiled(source: str, name: str) -> jinja2.Template:
    if len(source) > MAX_TEMPLATE_LENGTH:
        raise TemplateError(
            _(
                "{template} is longer than {maximum:number} characters; make the template shorter",
                template=name,
                maximum=MAX_TEMPLATE_LENGTH,
            )
        )
    try:
        tree = _ENVIRONMENT.parse(source)
        _check_statements(tree, name)
        _check_names(tree, name)
        _check_filters(tree, name)
        return _ENVIRONMENT.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise _error_at(name, error.lineno, _describe_syntax_error(error)) from None
    except RecursionError:
        raise TemplateError(_("{template} is nested too deeply; make the template simpler", template=name)) from None


def _check_statements(tree: nodes.Template, name: str) -> None:
    for node in tree.find_all(tuple(_FORBIDDEN)):
        why = _("{statement} can't be used in a caption; remove it", statement=_FORBIDDEN[type(node)])
        raise _error_at(name, node.lineno, why)
    for loop in tree.find_all(nodes.For):
        if loop.recursive or any(True for _ in loop.find_all(nodes.For)):
            raise _error_at(name, loop.lineno, _("a loop inside a loop can't be used in a caption; use one"))


def _check_names(tree: nodes.Template, name: str) -> None:
    used = list(tree.find_all(nodes.Name))
    known = {*HELPERS, "loop", *(node.name for node in used if node.ctx == "store")}
    for node in used:
        if node.ctx == "load" and node.name not in known:
            raise _error_at(name, node.lineno, _no_helper(node.name))


def _check_filters(tree: nodes.Template, name: str) -> None:
    for node in tree.find_all(nodes.Filter):
        if node.name not in _ENVIRONMENT.filters:
            raise _error_at(name, node.lineno, _no_filter(node.name))


def _no_helper(name: str) -> Message:
    choices = sorted(HELPERS)
    if near := difflib.get_close_matches(name, choices, n=1):
        return _("there is no “{name}”; did you mean “{near}”?", name=name, near=near[0])
    return _("there is no “{name}”; there are {choices:list}", name=name, choices=choices)


def _no_filter(name: str) -> Message:
    choices = sorted(_ENVIRONMENT.filters)
    if near := difflib.get_close_matches(name, choices, n=1):
        return _("there is no filter “{name}”; did you mean “{near}”?", name=name, near=near[0])
    return _("there is no filter “{name}”; there are {choices:list}", name=name, choices=choices)


def _error_at(template: str, line: int | None, why: Message | str) -> TemplateError:
    if line is None:
        return TemplateError(_("{template}: {why:clause}", template=template, why=why))
    return TemplateError(_("{template}, line {line}: {why:clause}", template=template, line=line, why=why))


def _describe_syntax_error(error: jinja2.TemplateSyntaxError) -> Message:
    if not error.message:
        return _("it can't be read; mend the template there")
    return _("{why:clause}; mend the template there", why=error.message)


def _line_of(error: BaseException) -> int | None:
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _describe_error(error: Exception) -> Message | str:
    if isinstance(error, jinja2.exceptions.SecurityError):
        return _("a caption may use the fields and filters only; remove the rest")
    if error.args and isinstance(error.args[0], Message):
        return error.args[0]
    return str(error) or type(error).__name__
