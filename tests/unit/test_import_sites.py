"""Tests what an import reads from the pages of a saved site."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from publisher.core.errors import SettingsError
from publisher.intake.items import ImportedItem
from publisher.intake.opening import open_source
from publisher.intake.source_settings import SourceSettings, read_source_settings
from publisher.posts.errors import PostError

PAGE = """\
<!DOCTYPE html><html><head><title>Daily</title></head><body>
<header><img src="/img/logo.png" alt="Logo"><p>Now in our 13th year</p></header>
<h1>Skin &amp; Bone</h1><h2>How cells of the skin close a wound</h2><time>3 June 2019</time>
<figure><a href="../../../img/skin.jpg"><img src="../../../img/skin-300x200.jpg" alt="A wound"></a></figure>
<h3>Skin &amp; Bone</h3><div class="text"><p>First the cells <em>crawl</em>.</p><p>Then they pull.</p>
<p>Credit: Jane Doe</p><p>Written by Ana Serra</p></div>
<footer><img src="/img/foot.png"><p>Search The Archive</p></footer></body></html>
"""
SELECTORS = {"title": "h1", "standfirst": "h2", "date": "time", "body": ".text p", "picture": "figure img"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "img").mkdir(parents=True)
    for name in ("logo.png", "skin.jpg", "skin-300x200.jpg", "foot.png"):
        (folder / "img" / name).write_bytes(b"picture")
    write(folder / "archive/2019/6/3.html", PAGE)
    return folder


def write(file: Path, content: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def read(folder: Path, **settings: Any) -> list[ImportedItem]:
    return list(open_source(folder, SourceSettings.model_validate(settings)).items())


@pytest.mark.parametrize("settings", [{"preset": "repeated-title"}, {"selectors": SELECTORS}])
def test_a_page_of_a_day_is_read(site: Path, settings: dict[str, Any]) -> None:
    (item,) = read(site, site="https://old.example/", **settings)
    assert (item.title, item.published_on, item.written_by) == ("Skin & Bone", date(2019, 6, 3), "Ana Serra")
    assert item.standfirst == "How cells of the skin close a wound"
    assert item.body.startswith("First the cells *crawl*.\n\nThen they pull.")
    assert [(name_of(picture.file), picture.alt_text) for picture in item.pictures] == [("skin.jpg", "A wound")]
    assert item.published_at == {"site": "https://old.example/archive/2019/6/3.html"}
    assert item.key == "https://old.example/archive/2019/6/3.html"
    assert item.problems == ()


def test_the_layout_finds_the_credit(site: Path) -> None:
    (item,) = read(site, preset="repeated-title")
    assert (item.credit, item.body) == ("Jane Doe", "First the cells *crawl*.\n\nThen they pull.")
    assert (item.key, item.published_at) == ("archive/2019/6/3.html", {})


def test_selectors_find_credit_and_tags(site: Path) -> None:
    page = PAGE.replace("</h2>", '</h2><b class="by">Jane</b><i class="tag">cells</i><i class="tag">skin</i>')
    write(site / "archive/2019/6/3.html", page)
    (item,) = read(site, selectors={**SELECTORS, "credit": ".by", "tags": ".tag", "picture": "figure a"})
    assert (item.credit, item.tags, name_of(item.pictures[0].file)) == ("Jane", ("cells", "skin"), "skin.jpg")


def test_a_page_says_its_address_and_its_path_the_day(site: Path) -> None:
    page = PAGE.replace("<title>", '<link rel="canonical" href="https://old.example/archive/2019/6/3"><title>')
    write(site / "archive/2019/6/3.html", page.replace("<time>3 June 2019</time>", ""))
    (item,) = read(site, selectors=SELECTORS)
    assert (item.published_on, item.key) == (date(2019, 6, 3), "https://old.example/archive/2019/6/3")


def test_pages_that_are_no_posts_are_counted(site: Path) -> None:
    write(site / "about.html", "<h1>About</h1><p>Us</p>")
    write(site / "empty.html", "")
    source = open_source(site, SourceSettings(preset="repeated-title"))
    assert [item.title for item in source.items()] == ["Skin & Bone"]
    assert str(source.hints[0]).startswith("2 pages have no title or no date")
    assert [item.title for item in read(site, preset="repeated-title", pages="archive/*/*/*.html")] == ["Skin & Bone"]


def test_a_page_that_is_too_deep_is_told(site: Path) -> None:
    write(site / "archive/2019/6/3.html", PAGE.replace("<body>", "<body>" + "<div>" * 3_000))
    (item,) = read(site, preset="repeated-title")
    assert "nested more than 2048 deep" in str(item.problems[0])


def test_an_old_encoding_is_read_as_the_page_declares_it(site: Path) -> None:
    page = PAGE.replace("<head>", '<head><meta charset="iso-8859-1">').replace("Skin &amp; Bone", "Cèl·lules")
    write(site / "archive/2019/6/3.html", page.encode("iso-8859-1"))
    assert [item.title for item in read(site, preset="repeated-title")] == ["Cèl·lules"]


@pytest.mark.parametrize("source", ["../../../../secret.jpg", "/etc/passwd", "file:///etc/passwd", "http://[x/a.jpg"])
def test_a_picture_outside_is_told(site: Path, source: str) -> None:
    (site.parent / "secret.jpg").write_bytes(b"secret")
    page = PAGE.replace('<a href="../../../img/skin.jpg">', "").replace("../../../img/skin-300x200.jpg", source)
    write(site / "archive/2019/6/3.html", page)
    (item,) = read(site, selectors=SELECTORS)
    assert item.pictures == ()
    assert "picture" in str(item.problems[0])


def test_a_page_that_is_a_link_out_of_the_site_is_not_read(site: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret.html", PAGE)
    (site / "secret.html").symlink_to(tmp_path / "secret.html")
    assert len(read(site, preset="repeated-title")) == 1


@pytest.mark.parametrize("pages", ["*.htm", "../*.html"])
def test_a_pattern_that_finds_no_page_is_told(site: Path, pages: str) -> None:
    with pytest.raises(PostError, match="has no pages"):
        read(site, preset="repeated-title", pages=pages)


@pytest.mark.parametrize(
    "line", ["selectors = {title = 'h1['}", "selectors = {colour = 'h1'}", "preset = 'x'", "site = 'old'"]
)
def test_a_wrong_setting_of_a_site_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "sources.toml").write_text(f"[old]\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"sources\.toml: old"):
        read_source_settings(tmp_path, "old")


def name_of(file: Path | None) -> str:
    return file.name if file else ""
