"""Tests the extraction of texts, and each fault that the check of catalogues finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalogues import ROOT, extract_texts, fields_of, find_faults, main, update_catalogues

MODULE = """
ABSENT = _("Post {post} is not there."), Remedy.SHOW_QUEUE
DAYS = plural_template("{count} day", "{count} days")


def refuse(number: int) -> None:
    late = ngettext("{count} post: {why:clause}", "{count} posts: {why:clause}", count=number, why=_("It is late."))
    raise Refused(late)
"""
PAGE = """
<h1>{{ _("Queue") }}</h1>
{% trans name=person %}
  Written by
  {{ name }}
{% endtrans %}
{% trans count=posts %}{{ count }} post{% pluralize %}{{ count }} posts{% endtrans %}
{% trans %}100 %{% endtrans %}
"""
TRANSLATED = {
    "Post {post} is not there.": "No hi ha l'entrada {post}.",
    "It is late.": "És tard.",
    "Queue": "Cua",
    "100 %%": "100 %%",
    "Written by %(name)s": "Escrit per %(name)s",
}
PLURALS = {
    "{count} day": ("un dia", "{count} dies"),
    "{count} post: {why:clause}": ("{count} entrada: {why:clause}", "{count} entrades: {why:clause}"),
    "%(count)s post": ("una entrada", "%(count)s entrades"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Makes a small program with a template and a whole catalogue."""
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    templates = tmp_path / "publisher" / "web" / "templates"
    templates.mkdir(parents=True)
    (templates / "queue.html").write_text(PAGE)
    (tmp_path / "publisher" / "refusals.py").write_text(MODULE)
    catalogue(tmp_path).parent.mkdir(parents=True)
    catalogue(tmp_path).write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
    )
    update_catalogues(tmp_path)
    catalogue(tmp_path).write_text("\n".join(translate(catalogue(tmp_path).read_text().splitlines())), encoding="utf-8")
    return tmp_path


def translate(lines: list[str]) -> Iterator[str]:
    """Fills an empty catalogue."""
    source = ""
    for line in lines:
        keyword, _space, text = line.partition(" ")
        if keyword == "msgid":
            source = text.strip('"')
        if source and keyword == "msgstr":
            yield f'{keyword} "{TRANSLATED[source]}"'
        elif source and keyword.startswith("msgstr"):
            yield f'{keyword} "{PLURALS[source][int(keyword[len("msgstr[") : -1])]}"'
        else:
            yield line
    yield ""


def catalogue(root: Path) -> Path:
    return root / "publisher" / "locale" / "ca" / "LC_MESSAGES" / "publisher.po"


def template(root: Path) -> Path:
    return root / "publisher" / "locale" / "publisher.pot"


def change(path: Path, old: str, new: str) -> None:
    """Replaces a text in a file, which has it once."""
    content = path.read_text(encoding="utf-8")
    assert content.count(old) == 1, content
    path.write_text(content.replace(old, new), encoding="utf-8")


def the_fault(root: Path) -> str:
    """Returns the one fault that the tree has."""
    (fault,) = find_faults(root)
    return fault


def test_each_text_is_extracted(tree: Path) -> None:
    sources = {text.id if isinstance(text.id, str) else text.id[0] for text in extract_texts(tree) if text.id}
    assert sources == {*TRANSLATED, *PLURALS}


def test_a_whole_catalogue_has_no_fault(tree: Path) -> None:
    assert list(find_faults(tree)) == []


def test_extraction_keeps_translations_and_is_stable(tree: Path) -> None:
    before = template(tree).read_bytes(), catalogue(tree).read_bytes()
    update_catalogues(tree)
    assert (template(tree).read_bytes(), catalogue(tree).read_bytes()) == before
    change(tree / "publisher" / "refusals.py", "ABSENT", "\n\n\nABSENT")
    assert list(find_faults(tree)) == [], "a text that is on another line is still the same text"
    for content in before:
        assert b"-Date" not in content
        assert str(tree).encode() not in content


def test_a_template_of_other_texts_is_a_fault(tree: Path) -> None:
    change(template(tree), "It is late.", "It was late.")
    assert the_fault(tree) == "publisher/locale/publisher.pot is not what the program's texts are now; run: make texts"


def test_a_template_that_is_missing_is_a_fault(tree: Path) -> None:
    template(tree).unlink()
    assert "publisher.pot" in the_fault(tree)


def test_a_text_without_translation_is_a_fault(tree: Path) -> None:
    change(catalogue(tree), '"És tard."', '""')
    assert the_fault(tree).endswith("lacks a translation of 'It is late.'; run make texts and write it")


def test_a_new_text_is_a_fault_until_it_is_translated(tree: Path) -> None:
    change(tree / "publisher" / "refusals.py", "It is late.", "It is too late.")
    update_catalogues(tree)
    assert "lacks a translation of 'It is too late.'" in the_fault(tree)
    assert "És tard" not in catalogue(tree).read_text(encoding="utf-8")


def test_a_plural_without_translation_is_a_fault(tree: Path) -> None:
    change(catalogue(tree), '"{count} dies"', '""')
    assert "lacks a translation of '{count} day'" in the_fault(tree)


def test_a_fuzzy_translation_is_a_fault(tree: Path) -> None:
    change(catalogue(tree), 'msgid "It is late."', '#, fuzzy\nmsgid "It is late."')
    assert "'It is late.' that is marked as fuzzy" in the_fault(tree)


def test_a_text_that_is_no_longer_used_is_a_fault(tree: Path) -> None:
    whole = catalogue(tree).read_text(encoding="utf-8")
    for prefix in ("", "#~ "):
        old = f'\n{prefix}msgid "It is early."\n{prefix}msgstr "És aviat."\n'
        catalogue(tree).write_text(whole + old, encoding="utf-8")
        assert the_fault(tree).endswith("has 'It is early.', which the program no longer says; run: make texts")
    update_catalogues(tree)
    assert list(find_faults(tree)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("l'entrada {post}", "l'entrada", "without {post}"),
        ("l'entrada {post}", "l'entrada {entrada}", "without {post}"),
        ("l'entrada {post}", "l'entrada {post} {day}", "with {day}"),
        ("l'entrada {post}", "l'entrada {post:number}", "without {post}"),
        ("l'entrada {post}", "l'entrada {post", "with a single brace"),
        ("{count} dies", "{n} dies", "with {n}"),
        ("{count} entrades: {why:clause}", "{count} entrades: {why}", "without {why:clause}"),
        ("Escrit per %(name)s", "Escrit per %(nom)s", "without %(name)s"),
        ("Escrit per %(name)s", "Escrit per %(name)d", "without %(name)s"),
        ('"100 %%"\nmsgstr "100 %%"', '"100 %%"\nmsgstr "100 %"', "with a single percent sign; double it"),
    ],
)
def test_other_fields_than_in_the_source_are_a_fault(tree: Path, old: str, new: str, fault: str) -> None:
    change(catalogue(tree), old, new)
    assert fault in the_fault(tree)


def test_a_catalogue_that_is_no_catalogue_is_a_fault(tree: Path) -> None:
    change(catalogue(tree), 'msgid "It is', 'msgi "It is')
    assert "publisher.po can't be compiled: " in the_fault(tree)


def test_a_catalogue_in_other_bytes_than_it_says_is_a_fault(tree: Path) -> None:
    catalogue(tree).write_bytes(catalogue(tree).read_bytes().replace("És".encode(), "És".encode("latin-1")))
    assert "publisher.po can't be compiled: " in the_fault(tree)


def test_a_language_that_there_is_not_is_a_fault(tree: Path) -> None:
    folder = catalogue(tree).parent.parent
    folder.rename(folder.parent / "ab-cd-ef")
    assert "can't be compiled" in the_fault(tree)


def test_fields_are_compared_as_they_are_written() -> None:
    assert fields_of("{day:weekday}, {post}, {{no}} 100% %(name)s") == {"{day:weekday}", "{post}", "%(name)s"}
    assert fields_of("a {") is None


def test_the_command_says_how_it_is_run() -> None:
    assert "python -m tests.catalogues extract" in (main([]) or "")
