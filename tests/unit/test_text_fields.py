"""Tests that every text gets the values of its fields: one that lacks a value would be shown with a gap."""

from __future__ import annotations

import ast
import importlib
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import publisher
from publisher.core.messages import COUNT, PATTERNS, Face
from publisher.core.problems import ProblemCode, find_code, import_code_lists
from publisher.core.remedies import Remedy

ROOT = Path(publisher.__file__).parent
TEXT_FORMATS = {"", "clause", "clauses", "sentence", "sentences", "list", "lines", "number", "dollars", "language"}
TEXT_FORMATS |= {"key", *PATTERNS}
MODULES = sorted(ROOT.rglob("*.py"))


def fields_of(*texts: str) -> set[str]:
    """Returns the names of the fields in texts, and checks how each is written."""
    names = set()
    for text in texts:
        for _, name, form, conversion in string.Formatter().parse(text):
            if name is not None:
                assert name.isidentifier(), f"{name!r} in {text!r} is no plain name"
                assert form in TEXT_FORMATS, f"{form!r} in {text!r} is no format of a text"
                assert conversion is None, f"{text!r} converts a value"
                names.add(name)
    return names


def codes() -> list[ProblemCode]:
    """Lists the codes of the program, not those of tests."""
    import_code_lists()
    lists = (listed for listed in ProblemCode.__subclasses__() if listed.__module__.startswith("publisher."))
    return [member for listed in lists for member in listed]


def literals(call: ast.Call) -> list[str]:
    """Returns the leading arguments of a call that are texts."""
    return [
        argument.value
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value
    ]


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def in_code_lists(path: Path) -> bool:
    """Returns whether the values of a module's texts come later: those of problems, remedies and scripts."""
    return path.name == "problem_codes.py" or path in (
        ROOT / "core" / "remedies.py",
        ROOT / "core" / "problems.py",
        ROOT / "web" / "script_texts.py",
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_text_gets_its_values(path: Path) -> None:
    for call in calls(path):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name not in ("_", "ngettext"):
            continue
        sources = literals(call)
        assert len(sources) == len(call.args) == (1 if name == "_" else 2), f"line {call.lineno}: not a literal text"
        given = {keyword.arg for keyword in call.keywords}
        needed = fields_of(*sources)
        if None in given or (
            not given and needed and (in_code_lists(path) or path.name in ("messages.py", "problems.py"))
        ):
            continue
        assert needed <= given, f"line {call.lineno}: {sources[0]!r} lacks {needed - given}"
        assert given <= needed | {COUNT}, f"line {call.lineno}: {sources[0]!r} does not use {given - needed}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_problem_gets_its_parameters(path: Path) -> None:
    lists = {listed.__name__: listed for listed in {type(code) for code in codes()}}
    for call in calls(path):
        function = call.func
        if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
            continue
        listed = lists.get(function.value.id)
        if listed is None or function.attr not in listed.__members__:
            continue
        code = listed[function.attr]
        texts = [code.template.source, code.template.plural]
        if code.remedy and not call.args:
            texts += [code.remedy.sentences[face].source for face in Face] + [
                code.remedy.command.source,
                code.remedy.path,
            ]
        given = {keyword.arg for keyword in call.keywords}
        if None not in given:
            missing = fields_of(*texts) - given
            assert not missing, f"line {call.lineno}: {code.code} lacks {missing}"


def test_each_code_has_a_name_and_a_text_of_its_own() -> None:
    listed = codes()
    assert len({code.code for code in listed}) == len(listed)
    for code in listed:
        assert find_code(code.code) is code
        fields_of(code.template.source, code.template.plural)
    for kind in {type(code) for code in listed}:
        assert len(kind.__members__) == len(list(kind)), f"{kind.__name__} has two codes with one text and remedy"


def test_each_module_of_codes_is_found() -> None:
    modules = {
        ".".join(("publisher", *path.relative_to(ROOT).with_suffix("").parts))
        for path in ROOT.rglob("problem_codes.py")
    }
    import_code_lists()
    defined = {listed.__module__ for listed in ProblemCode.__subclasses__()}
    assert modules <= defined, "a module of codes is not where codes are looked for, or has none"
    for name in modules:
        importlib.import_module(name)


def test_each_remedy_has_a_command_and_a_sentence_for_each_place() -> None:
    for remedy in Remedy:
        assert set(remedy.sentences) == set(Face)
        fields_of(remedy.command.source, remedy.path, *(remedy.sentences[face].source for face in Face))
