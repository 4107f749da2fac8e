"""Tests that a platform is two folders: generic code neither names nor imports one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import publisher
from publisher.adapt.text.counting import rules_of
from publisher.platforms.profiles import load_profile, platform_names
from publisher.platforms.registry import adapter_class
from publisher.sandbox.discovery import sandbox_class, sandbox_names

PACKAGE = Path(publisher.__file__).parent
TEXTS = {".css", ".example", ".html", ".j2", ".js", ".md", ".mako", ".svg", ".toml"}
ALLOWED = {
    ("adapt/images/process/analysis.py", "x"),  # how a number is written
    ("starter/__init__.py", "x"),  # the mode in which a file is opened that must not be there
    ("samples/canvas.py", "x"),  # the sign that a figure is labelled with
}
SHORT = 2
"""A name of so few letters is also a word, a coordinate or a mode: it counts where it stands in quotes by itself."""


def generic_files() -> Iterator[Path]:
    own = [PACKAGE / room / name for room in ("platforms", "sandbox") for name in platform_names()]
    for file in sorted(PACKAGE.rglob("*")):
        if file.is_file() and not any(file.is_relative_to(folder) for folder in own):
            yield file


def names_in_text(text: str, names: tuple[str, ...]) -> set[str]:
    """Finds the platforms that a page, a style or a configuration names."""
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    return {name for name in names if re.search(pattern_of(name), text, re.IGNORECASE)}


def pattern_of(name: str) -> str:
    return rf"['\"]{name}['\"]" if len(name) <= SHORT else rf"(?<![a-z]){name}(?![a-z])"


def names_in_code(code: str, names: tuple[str, ...]) -> set[str]:
    """Finds the platforms that strings, identifiers and imports of a module name; docstrings may use an example."""
    platforms = set()
    for node in explained_apart(ast.parse(code)):
        for word in words_of(node):
            for name in names:
                is_named = word == name if len(name) <= SHORT else re.search(pattern_of(name), word, re.IGNORECASE)
                is_path = re.search(rf"\b(?:platforms|sandbox)\.{name}\b", word)
                if is_named or is_path:
                    platforms.add(name)
    return platforms


def explained_apart(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        yield node
        yield from explained_apart(node)


def words_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Import(names=aliases):
            yield from (alias.name for alias in aliases)
        case ast.ImportFrom(module=str(module), names=aliases):
            yield from (f"{module}.{alias.name}" for alias in aliases)
        case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            # One letter is a coordinate or a loop's own.
            yield from (name,) if len(name) > SHORT else ()
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name


def test_generic_code_names_no_platform() -> None:
    mentions = set()
    for file in generic_files():
        place = file.relative_to(PACKAGE).as_posix()
        if file.suffix == ".py":
            mentions |= {(place, name) for name in names_in_code(file.read_text(encoding="utf-8"), platform_names())}
        elif file.suffix in TEXTS:
            mentions |= {(place, name) for name in names_in_text(file.read_text(encoding="utf-8"), platform_names())}
    assert mentions == ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        "from publisher.platforms.x.text import find_links",
        "from publisher.platforms import x",
        "import publisher.sandbox.tumblr.service",
        "if platform == 'x': pass",
        "LINKS = {'tumblr': 1}",
        "message = 'Start local Tumblr.'",
        "self.tumblr_server = 1",
        "def open_tumblr(): pass",
        "start(tumblr=1)",
        "from publisher import adapt\nmodule = 'publisher.platforms.x.text'",
    ],
)
def test_code_that_names_a_platform_is_detected(code: str) -> None:
    assert names_in_code(code, ("tumblr", "x"))


@pytest.mark.parametrize(
    "code",
    ['def f(x):\n    """Counts as Tumblr does."""\n    return x', "x = point.x", "width = f'{a} x {b}'"],
)
def test_prose_and_coordinates_name_no_platform(code: str) -> None:
    assert not names_in_code(code, ("tumblr", "x"))


def test_pages_and_styles_that_name_a_platform_are_detected() -> None:
    assert names_in_text("{% if look.platform == 'x' %}", ("tumblr", "x")) == {"x"}
    assert names_in_text(".tumblr .shots { scroll-snap-type: x mandatory; }", ("tumblr", "x")) == {"tumblr"}
    assert names_in_text("{# as on Tumblr #} overflow-x", ("tumblr", "x")) == set()


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Builds the graph of the package's imports."""
    return grimp.build_graph("publisher", include_external_packages=False)


@pytest.mark.parametrize("room", ["platforms", "sandbox"])
def test_only_a_platforms_own_folder_imports_from_it(graph: grimp.ImportGraph, room: str) -> None:
    for name in platform_names():
        package = f"publisher.{room}.{name}"
        inside = {package} | graph.find_descendants(package)
        assert len(inside) > 1
        importers = {other for module in inside for other in graph.find_modules_that_directly_import(module)}
        assert importers <= inside


def test_a_sandbox_takes_nothing_from_an_adapter(graph: grimp.ImportGraph) -> None:
    """Else both would have the same mistakes."""
    for name in sandbox_names():
        for module in graph.find_descendants(f"publisher.sandbox.{name}"):
            assert not {other for other in graph.find_modules_directly_imported_by(module) if ".platforms." in other}


def test_each_platform_has_a_sandbox() -> None:
    assert sandbox_names() == platform_names()
    for name in platform_names():
        assert sandbox_class(name).name == name
        assert sandbox_class(name).label


def test_the_rules_that_a_profile_leads_to_are_there() -> None:
    for name in platform_names():
        assert rules_of(load_profile(name).text).count("a cell") > 0


def test_an_unknown_platform_is_reported_with_those_that_exist() -> None:
    names = ", ".join(platform_names())
    for find in (adapter_class, sandbox_class):
        with pytest.raises(LookupError, match=f"there is no platform “myspace”; known are {names}"):
            find("myspace")
