"""Renders caption templates: Jinja2 in a sandbox, with helpers that know the platform.

A template says which fields a caption shows, in which order, and which may be shortened. It is rendered
once into marked text, from which the plain caption and the rich blocks are made.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from publisher.adapt.text.markdown import TextMarker
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.adapt.text.rich_text import Marker, MarkKind, RichText, change_lines
from publisher.core.errors import ErrorKind, UserError

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
    marker = _marker(context)
    for field in marker.read(str(text)).marks_of_kind("field"):
        if field.value in _NEVER_SHORTENED:
            raise ValueError(f"the {field.value} is never shortened; remove `| shorten` there")
    return marker.wrap(str(text), "shorten")


@jinja2.pass_context
def _bullets(context: Context, items: object) -> str:
    marker = _marker(context)
    text = str(items) if isinstance(items, str) else "\n".join(str(item) for item in _items(items))
    return change_lines(text, lambda line: marker.wrap(marker.wrap("• ", "prefix") + line, "bullet"))


def _items(items: object) -> Iterable[object]:
    if isinstance(items, Iterable):
        return items
    raise ValueError("`| bullets` takes a text or a list such as links")


def _environment() -> _Sandbox:
    # Captions are plain text: HTML escaping would show followers "&amp;".
    environment = _Sandbox(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.globals.clear()
    allowed = {name: FILTERS[name] for name in _ALLOWED_FILTERS}
    marking = {kind: _mark_filter(kind) for kind in ("heading", "bold", "italic", "quote")}
    environment.filters = {**allowed, **marking, "shorten": _shorten, "bullets": _bullets}
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
    functions: dict[str, object] = {"hashtags": _sample_hashtags, "mention": text.mention}
    full = samples | functions | {"links": ("Sample",)}
    empty = dict.fromkeys(samples, "") | functions | {"links": ()}
    for values in (full, empty):
        render(source, name, values, text)


def _sample_hashtags(maximum: object = None) -> str:
    if maximum is None or isinstance(maximum, int):
        return "#Sample"
    raise ValueError("hashtags takes a number, such as hashtags(5)")


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
                    f"{name} gives more than {MAX_OUTPUT_LENGTH:,} characters; make the caption shorter"
                )
            pieces.append(piece)
    except TemplateError:
        raise
    except Exception as error:  # whatever a template raises is its own mistake
        raise TemplateError(f"{_describe_location(name, error)}: {_describe_error(error)}") from error
    return text.marker.read("".join(pieces))


@lru_cache(maxsize=256)
def _compiled(source: str, name: str) -> jinja2.Template:
    if len(source) > MAX_TEMPLATE_LENGTH:
        raise TemplateError(f"{name} is longer than {MAX_TEMPLATE_LENGTH:,} characters; make the template shorter")
    try:
        tree = _ENVIRONMENT.parse(source)
        _check_statements(tree, name)
        _check_names(tree, name)
        _check_filters(tree, name)
        return _ENVIRONMENT.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{name}, line {error.lineno}: {_describe_syntax_error(error)}") from None
    except RecursionError:
        raise TemplateError(f"{name} is nested too deeply; make the template simpler") from None


def _check_statements(tree: nodes.Template, name: str) -> None:
    for node in tree.find_all(tuple(_FORBIDDEN)):
        raise TemplateError(
            f"{name}, line {node.lineno}: {_FORBIDDEN[type(node)]} can't be used in a caption; remove it"
        )
    for loop in tree.find_all(nodes.For):
        if loop.recursive or any(True for _ in loop.find_all(nodes.For)):
            raise TemplateError(f"{name}, line {loop.lineno}: a loop inside a loop can't be used in a caption; use one")


def _check_names(tree: nodes.Template, name: str) -> None:
    used = list(tree.find_all(nodes.Name))
    known = {*HELPERS, "loop", *(node.name for node in used if node.ctx == "store")}
    for node in used:
        if node.ctx == "load" and node.name not in known:
            raise TemplateError(f"{name}, line {node.lineno}: there is no {node.name!r}; {_hint(node.name, HELPERS)}")


def _check_filters(tree: nodes.Template, name: str) -> None:
    for node in tree.find_all(nodes.Filter):
        if node.name not in _ENVIRONMENT.filters:
            hint = _hint(node.name, _ENVIRONMENT.filters)
            raise TemplateError(f"{name}, line {node.lineno}: there is no filter {node.name!r}; {hint}")


def _hint(name: str, known: Iterable[str]) -> str:
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(choices)}"


def _describe_syntax_error(error: jinja2.TemplateSyntaxError) -> str:
    message = (error.message or "it can't be read").rstrip(".")
    return f"{message}; mend the template there"


def _describe_location(name: str, error: BaseException) -> str:
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{name}, line {line}" if line else name


def _describe_error(error: Exception) -> str:
    if isinstance(error, jinja2.exceptions.SecurityError):
        return "a caption may use the fields and filters only; remove the rest"
    return f"{str(error).rstrip('.') or type(error).__name__}"
