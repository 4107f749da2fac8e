"""Tests what an import reads from folders, tables and plain texts, however they are written."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from publisher.core.errors import SettingsError
from publisher.core.problems import Problem
from publisher.intake.checking import check_item
from publisher.intake.dates import DateOrder, read_day
from publisher.intake.items import ImportedItem
from publisher.intake.opening import open_source
from publisher.intake.picture_files import PictureFolder
from publisher.intake.plain_pages import read_page
from publisher.intake.source_settings import SourceSettings, read_all_sources, read_source_settings
from publisher.posts.errors import PostError

PAGE = """\
Now in our 13th year


Skin Deep

How cells of the skin close a wound

3 June 2019

Skin Deep

First the cells crawl. Then they pull.

Later they rest (scale bar: 20 micrometres).

Written by Ana Serra

Search The Archive

Follow on Tumblr
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "old"
    made.mkdir()
    return made


def read(path: Path, **settings: Any) -> list[ImportedItem]:
    return list(open_source(path, SourceSettings.model_validate(settings)).items())


def write(file: Path, content: str | bytes) -> Path:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2022-02-12", "", date(2022, 2, 12)),
        ("2022-02-12T23:30:00-05:00", "", date(2022, 2, 12)),
        ("2022/2/12", "", date(2022, 2, 12)),
        ("12 February 2022", "", date(2022, 2, 12)),
        ("Saturday, 12th February 2022", "", date(2022, 2, 12)),
        ("February 12, 2022", "", date(2022, 2, 12)),
        ("Feb 12 2022", "", date(2022, 2, 12)),
        ("12 de febrer de 2022", "", date(2022, 2, 12)),
        ("1 d'abril de 2022", "", date(2022, 4, 1)),
        ("12 de març del 2022", "", date(2022, 3, 12)),
        ("Sat, 12 Feb 2022 01:00:00 +0200", "", date(2022, 2, 12)),
        ("13/02/2022", "", date(2022, 2, 13)),
        ("02/13/2022", "", date(2022, 2, 13)),
        ("03/04/2022", "day first", date(2022, 4, 3)),
        ("03.04.2022", "month first", date(2022, 3, 4)),
        ("04/04/2022", "", date(2022, 4, 4)),
    ],
)
def test_days_are_read_as_people_write_them(text: str, order: DateOrder, day: date) -> None:
    assert read_day(text, order) == day


@pytest.mark.parametrize("text", ["03/04/2022", "31/02/2022", "2022-02-30", "yesterday", "", "1" * 9_000, "\x00"])
def test_what_is_no_one_day_is_told(text: str) -> None:
    problem = read_day(text)
    assert isinstance(problem, Problem)
    assert len(str(problem)) < 300


def test_a_table_is_read_by_the_names_of_its_columns(folder: Path) -> None:
    text = (
        "Headline;Date;Text;Author;Keywords;Photo;Alt text;URL;links_on.tumblr;translations.ca.title;Mood\n"
        '"One; two";12 February 2022;Body;Ana;a, b;;;https://o.example/1;https://t.example/1;Un;good\n\n'
    )
    file = write(folder / "posts.csv", text)
    source = open_source(file, SourceSettings())
    (item,) = source.items()
    assert (item.title, item.published_on, item.body, item.written_by) == ("One; two", date(2022, 2, 12), "Body", "Ana")
    assert item.tags == ("a", "b")
    assert item.published_at == {"tumblr": "https://t.example/1", "site": "https://o.example/1"}
    assert item.translations == {"ca": {"title": "Un"}}
    assert (item.key, item.place, item.problems) == ("https://o.example/1", "posts.csv:2", ())
    assert [str(hint).split(";")[0] for hint in source.hints] == ["The field Mood of 1 item is not used"]


def test_columns_can_be_named(folder: Path) -> None:
    file = write(folder / "a.csv", "Títol,Dia\nUn,03/04/2022\n")
    (item,) = read(file, columns={"title": "Títol", "date": "dia"}, dates="day first", language="ca", credit="MRC")
    assert (item.title, item.published_on, item.language, item.credit) == ("Un", date(2022, 4, 3), "ca", "MRC")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_tell_themselves_are_read(folder: Path, encoding: str) -> None:
    file = write(folder / "a.csv", "title,date\nCèl·lules,2022-01-01\n".encode(encoding))
    assert [item.title for item in read(file)] == ["Cèl·lules"]


def test_another_encoding_is_read_by_its_name_and_else_told(folder: Path) -> None:
    file = write(folder / "a.csv", "title,date\nCèl·lules,2022-01-01\n".encode("cp1252"))
    with pytest.raises(PostError, match="is no text in the encoding utf-8; save it as UTF-8, or name its encoding"):
        read(file)
    assert [item.title for item in read(file, encoding="cp1252")] == ["Cèl·lules"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("title,date,Title\nx,2022-01-01,y\n", "the column “title” is there twice"),
        ("", "has no first line with the names of its columns"),
        ("\n\n", "has no first line with the names of its columns"),
        ('"' + "x" * 200_000, "a.csv:1 can't be read"),
    ],
)
def test_a_table_without_sound_columns_is_refused(folder: Path, content: str, sentence: str) -> None:
    with pytest.raises(PostError, match=sentence):
        read(write(folder / "a.csv", content))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("x,2022-01-01,y", "It has 3 cells and the first line only 2"),
        ("x\0,2022-01-01", "NUL character"),
        ('"x,2022-01-01\nand no end', "from here on the file can't be read"),
    ],
)
def test_a_row_that_is_damaged_is_told_with_its_line(folder: Path, row: str, sentence: str) -> None:
    items = read(write(folder / "a.csv", f"title,date\ngood,2022-01-01\n{row}\n"))
    assert [item.title for item in items] == ["good", ""]
    assert items[1].place == "a.csv:3"
    assert sentence in str(items[1].problems[0])


def test_a_text_over_lines_keeps_the_numbers_of_the_rows(folder: Path) -> None:
    file = write(folder / "a.csv", 'title,date,body\none,2022-01-01,"a\nb\nc"\ntwo,2022-01-02,\n')
    assert [item.place for item in read(file)] == ["a.csv:2", "a.csv:5"]


def test_a_page_is_read_as_it_is_laid_out() -> None:
    record = read_page(PAGE.partition("\n\n\n")[2])
    assert record == {
        "title": "Skin Deep",
        "standfirst": "How cells of the skin close a wound",
        "date": "3 June 2019",
        "body": ["First the cells crawl. Then they pull.", "Later they rest (scale bar: 20 micrometres)."],
        "written_by": "Ana Serra",
    }


def test_labels_of_a_page_are_fields() -> None:
    record = read_page(
        "A\n\n2 May 2020\n\nText: of the body\n\nCredit: Jane\n\nLicence: CC BY\n\nAlt: A disc\n\nTags: a, b"
    )
    assert record["body"] == ["Text: of the body"]
    assert (record["credit"], record["licence"], record["alt"], record["tags"]) == ("Jane", "CC BY", "A disc", "a, b")


def test_a_folder_has_post_files_and_pictures_with_a_text(folder: Path) -> None:
    (folder / "2019").mkdir()
    for name in ("2019/skin.jpg", "cell.png", "alone.png"):
        write(folder / name, b"picture")
    write(folder / "2019" / "skin.txt", PAGE.partition("\n\n\n")[2])
    front = "title: A cell\ndate: 2020-05-12\nimages:\n  - {file: cell.png, alt: A disc}\n"
    front += "links_on: {tumblr: 'https://t.example/1'}"
    write(folder / "cell.md", f"---\n{front}\n---\nText.")
    items = {item.place: item for item in read(folder)}
    assert sorted(items) == ["2019/skin.txt", "alone.png", "cell.md"]
    cell, skin, alone = items["cell.md"], items["2019/skin.txt"], items["alone.png"]
    assert (cell.title, cell.published_on, cell.body) == ("A cell", date(2020, 5, 12), "Text.")
    assert (cell.pictures[0].alt_text, cell.published_at) == ("A disc", {"tumblr": "https://t.example/1"})
    assert (skin.title, skin.key, name_of(skin.pictures[0].file)) == ("Skin Deep", "2019/skin.jpg", "skin.jpg")
    assert str(alone.problems[0]).startswith("No text stands beside this picture; write “alone.txt”")


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.txt", PAGE)
    write(tmp_path / "secret.png", b"picture")
    (folder / "a.txt").symlink_to(secret)
    (folder / "a.png").symlink_to(tmp_path / "secret.png")
    (folder / "loop").symlink_to(folder)
    (folder / "out").symlink_to(tmp_path)
    source = open_source(folder, SourceSettings())
    assert list(source.items()) == []
    assert len(source.hints) == 2


@pytest.mark.parametrize(
    ("front", "sentence"),
    [
        ("\n".join(f"key{number}: x" for number in range(10_000)), "unknown key"),
        ("title: x\ntitle: y", "given twice"),
        ("title: &a x\nbody: *a", "aliases"),
        ("fixed_date: 2020-01-01", "unknown key “fixed_date”"),
        ("images:\n  - {file: ../x.png}", "leads out of the folder"),
        ("images:\n  - {file: /etc/passwd}", "leads out of the folder"),
    ],
)
def test_front_matter_that_is_wrong_names_its_line(folder: Path, front: str, sentence: str) -> None:
    (item,) = read(write(folder / "a.md", f"---\n{front}\n---\nText").parent)
    assert sentence in str(item.problems[0])
    assert "a.md" in str(item.problems[0])


def test_an_address_of_a_picture_is_found_by_the_end_of_its_path(folder: Path) -> None:
    (folder / "2020").mkdir()
    picture = write(folder / "2020" / "cell 1.png", b"picture")
    found = PictureFolder(folder).find("https://old.example/wp-content/uploads/2020/cell%201.png?w=300")
    assert found == picture
    assert isinstance(PictureFolder(folder).find("https://old.example/../../etc/passwd"), Problem)


@pytest.mark.parametrize("kind", ["x.exe", "x"])
def test_a_file_of_another_kind_is_refused(folder: Path, kind: str) -> None:
    with pytest.raises(PostError, match="is of no kind that can be imported"):
        open_source(write(folder / kind, "x"), SourceSettings())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[old]\ndates = 'year first'", "old.dates"),
        ("[old]\nencoding = 'nope'", "there is no encoding “nope”"),
        ("[old]\ncolour = 'red'", "old.colour"),
        ("old = 3", "old is no table"),
        ("[old", "correct the line"),
    ],
)
def test_mistakes_in_the_settings_of_a_source_are_told(folder: Path, text: str, sentence: str) -> None:
    write(folder / "sources.toml", text)
    with pytest.raises(SettingsError, match=sentence):
        read_source_settings(folder, "old")


def test_settings_are_read_by_the_name_of_the_source(folder: Path) -> None:
    assert read_source_settings(folder, "old") == SourceSettings()
    write(folder / "sources.toml", "[old]\ndates = 'day first'\n[old.columns]\ntitle = 'Headline'")
    assert read_source_settings(folder, "old").columns == {"title": "Headline"}
    assert read_source_settings(folder, "other") == SourceSettings()


def name_of(file: Path | None) -> str:
    return file.name if file else ""


@pytest.mark.parametrize("name", ["n" * 61, "a\\u0000b"])
def test_a_name_that_no_source_can_have_is_told(tmp_path: Path, name: str) -> None:
    write(tmp_path / "sources.toml", f'["{name}"]\naddress = "http://old.test/feed"\n')
    with pytest.raises(SettingsError, match="can't be used; write at most 60"):
        read_all_sources(tmp_path)


@pytest.mark.parametrize("link", ["https://x.test/\0", "https://x.test/\ud800"])
def test_a_link_with_a_sign_that_no_address_has_is_told(link: str) -> None:
    item = ImportedItem("1", "1", published_on=date(2020, 1, 1), title="A", body="B", published_at={"site": link})
    (problem,) = check_item(item, date(2021, 1, 1)).problems
    assert str(problem).startswith("The link on site, https://x.test/, has a control character")
