"""Tests that the whole site is written as files, only what has changed, and nothing else of the folder is touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from publisher.cli.main import cli
from publisher.core.content import RenditionSpec
from publisher.site.addresses import Addresses
from publisher.site.answers import Answer
from publisher.site.export import SiteAddressMissing, SiteExport
from publisher.site.export_folder import JOURNAL, MANIFEST, ExportFolder, SiteExportError
from publisher.site.page_request import PageRequest
from publisher.site.pages import SitePages
from tests.conftest import WriteDesk
from tests.public_site import ADDRESS, TODAY, PublicSite, open_public_site
from tests.queue_desk import InstantRenderer

FIRST_DAY = date(2022, 2, 12)
FIRST_PAGE = "archive/2022/2/12/index.html"


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[PublicSite]:
    opened = open_public_site(write_desk(tmp_path / "desk"))
    opened.desk.__dict__["renderer"] = InstantRenderer()
    opened.publish("Heron", translations={"ca": {"title": "Bernat", "alt_texts": ["Ocell"]}})
    opened.import_post("Stork", FIRST_DAY)
    yield opened
    opened.desk.database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "public"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_page_is_a_file(site: PublicSite, folder: Path) -> None:
    result = SiteExport(site.desk, folder).write()
    files = contents(folder)

    assert result.written
    assert {
        "index.html",
        "ca/index.html",
        "archive/index.html",
        "archive/2026/5/12/index.html",
        "ca/archive/2026/5/12/index.html",
        FIRST_PAGE,
        "tags/cell-biology/index.html",
        "people/sophie-arthur/index.html",
        "links/index.html",
        "about/index.html",
        "search/index.html",
        "404.html",
        "feed.xml",
        "ca/feed.xml",
        "sitemap.xml",
        "robots.txt",
        "site.css",
        "search.js",
    } <= set(files)
    assert b'href="/archive/2022/2/12/"' in files["archive/2026/5/12/index.html"]
    assert f"{ADDRESS}/archive/2022/2/12/".encode() in files["sitemap.xml"]


def test_unchanged_files_are_not_written_again(site: PublicSite, folder: Path) -> None:
    first = SiteExport(site.desk, folder).write(with_pictures=False)
    second = SiteExport(site.desk, folder).write(with_pictures=False)

    assert first.unchanged == 0
    assert (second.written, second.unchanged, second.removed) == (0, first.written, 0)


def test_what_is_no_longer_public_is_removed(site: PublicSite, folder: Path) -> None:
    post = site.import_post("Egret", FIRST_DAY + timedelta(days=1))
    SiteExport(site.desk, folder).write()
    (folder / "CNAME").write_text("cells.example.org", encoding="utf-8")
    site.change(post, state="withdrawn")

    result = SiteExport(site.desk, folder).write()

    assert result.removed
    assert not (folder / "archive/2022/2/13").exists()
    assert (folder / "CNAME").read_text(encoding="utf-8") == "cells.example.org"
    assert not [name for name, content in contents(folder).items() if b"Egret" in content]


def test_a_file_that_no_export_made_is_not_overwritten(site: PublicSite, folder: Path) -> None:
    folder.mkdir()
    (folder / "index.html").write_text("mine", encoding="utf-8")

    with pytest.raises(SiteExportError, match=r"index\.html is in the way"):
        SiteExport(site.desk, folder).write()

    assert contents(folder).keys() <= {"index.html", ".publisher-site.lock"}


@pytest.mark.parametrize("manifest", ['["../desk/queue.db"]', '["/etc/passwd"]', "{}", "[1]", "nothing"])
def test_a_manifest_that_was_tampered_with_removes_nothing(site: PublicSite, folder: Path, manifest: str) -> None:
    folder.mkdir()
    (folder / MANIFEST).write_text(manifest, encoding="utf-8")

    with pytest.raises(SiteExportError, match="does not list the files"):
        SiteExport(site.desk, folder).write()

    assert (site.desk.config.parent.parent / "queue.db").exists()


@pytest.mark.parametrize("number", [0, 1, 5, 12])
def test_an_export_that_was_killed_goes_on(
    site: PublicSite, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    class Killed(BaseException):
        pass

    original = ExportFolder.write_whole
    written: list[str] = []

    def write_or_die(folder: ExportFolder, name: str, content: bytes) -> None:
        if len(written) == number:
            raise Killed
        written.append(name)
        original(folder, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(ExportFolder, "write_whole", write_or_die)
        with pytest.raises(Killed):
            SiteExport(site.desk, folder).write(with_pictures=False)
    SiteExport(site.desk, folder).write(with_pictures=False)
    whole = folder.with_name("whole")
    SiteExport(site.desk, whole).write(with_pictures=False)

    assert contents(folder) == contents(whole)


def test_a_killed_export_claims_no_file_that_it_has_not_made(
    site: PublicSite, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_folder: ExportFolder, _name: str, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ExportFolder, "write_whole", fail)
        with pytest.raises(SiteExportError, match="No space left on device"):
            SiteExport(site.desk, folder).write(with_pictures=False)
    (folder / "index.html").write_text("mine", encoding="utf-8")

    with pytest.raises(SiteExportError, match=r"index\.html is in the way"):
        SiteExport(site.desk, folder).write(with_pictures=False)
    assert (folder / "index.html").read_text(encoding="utf-8") == "mine"


def test_a_torn_line_of_the_journal_is_no_file(site: PublicSite, folder: Path) -> None:
    folder.mkdir()
    (folder / JOURNAL).write_text('"index.html"\n"archi', encoding="utf-8")
    (folder / "index.html").write_text("unfinished", encoding="utf-8")
    SiteExport(site.desk, folder).write(with_pictures=False)

    assert not (folder / JOURNAL).exists()
    assert b"Heron" in (folder / "index.html").read_bytes()


def test_a_file_in_place_of_a_folder_is_told(site: PublicSite, folder: Path) -> None:
    folder.mkdir()
    (folder / "tags").write_text("mine", encoding="utf-8")

    with pytest.raises(SiteExportError, match="tags is in the way"):
        SiteExport(site.desk, folder).write()


def test_a_tag_written_in_two_ways_is_one(site: PublicSite, folder: Path) -> None:
    for number in range(13):
        site.publish(f"Wren {number}", FIRST_DAY + timedelta(days=1 + number), tags=["Frog spawn", "frog-spawn"])
    SiteExport(site.desk, folder).write(with_pictures=False)
    files = contents(folder)

    assert b'Frog spawn <span class="quiet">13<' in files["archive/index.html"]
    assert files["archive/2022/2/13/index.html"].count(b'<a href="/tags/frog-spawn/"') == 1
    assert "tags/frog-spawn/2/index.html" not in files
    assert [name for name, content in files.items() if b"There is no such page" in content] == ["404.html"]


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_went_meanwhile_is_left_out(
    site: PublicSite, folder: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    SiteExport(site.desk, folder).write(with_pictures=False)
    original = SitePages.answer

    def answer(pages: SitePages, request: PageRequest) -> Answer:
        return Answer(b"gone", status=status) if request.path == "/archive/2022/2/12" else original(pages, request)

    monkeypatch.setattr(SitePages, "answer", answer)
    result = SiteExport(site.desk, folder).write(with_pictures=False)

    assert result.removed == 1
    assert not (folder / FIRST_PAGE).exists()


def test_any_other_answer_ends_an_export(site: PublicSite, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SitePages, "answer", lambda _pages, _request: Answer(b"", status=301))

    with pytest.raises(SiteExportError, match=r"the page / can't be made \(it answers 301\)"):
        SiteExport(site.desk, folder).write(with_pictures=False)


@pytest.mark.parametrize(
    "tag",
    ["\U00010330" * 100, "long word " * 40, "\N{LATIN SMALL LETTER SHARP S}" * 100],
    ids=["gothic", "words", "sharp"],
)
def test_a_very_long_tag_has_a_short_file(site: PublicSite, folder: Path, tag: str) -> None:
    site.publish("Wren", FIRST_DAY + timedelta(days=1), tags=[f"{tag[:98]} a", f"{tag[:98]} b"])
    SiteExport(site.desk, folder).write(with_pictures=False)
    pages = [path for path in (folder / "tags").iterdir() if path.name != "cell-biology"]

    assert len(pages) == 2
    assert all(len(path.name.encode()) <= 120 and (path / "index.html").is_file() for path in pages)


def test_each_language_names_its_own_small_pictures(site: PublicSite, folder: Path) -> None:
    SiteExport(site.desk, folder).write()
    files = contents(folder)
    named = {
        name: set(re.findall(rb"/pictures/(1-1-320-[^\"]+)", files[name]))
        for name in ("archive/2026/5/index.html", "ca/archive/2026/5/index.html")
    }

    assert [len(names) for names in named.values()] == [1, 1]
    assert len(set.union(*named.values())) == 2
    for language, names in (("en", named["archive/2026/5/index.html"]), ("ca", named["ca/archive/2026/5/index.html"])):
        listed = json.loads(files[f"search-index/posts-{language}.json"])["1"]
        assert {listed["picture"].rpartition("/")[2].encode()} == names
        assert f"pictures/{next(iter(names)).decode()}" in files


def test_the_index_finds_public_words_alone(site: PublicSite, folder: Path) -> None:
    site.draft("Kingfisher")
    site.publish("Egret", TODAY + timedelta(days=1))
    SiteExport(site.desk, folder).write(with_pictures=False)
    words = {
        word: posts
        for path in (folder / "search-index/words").iterdir()
        for word, posts in json.loads(path.read_bytes()).items()
    }

    assert "heron" in words
    assert "bernat" in words
    assert not {"kingfisher", "egret"} & words.keys()
    posts = json.loads((folder / "search-index/posts-ca.json").read_bytes())
    assert posts[str(words["heron"][0])]["title"] == "Bernat"


def test_an_export_needs_the_address(site: PublicSite, folder: Path) -> None:
    text = site.desk.config.read_text(encoding="utf-8")
    site.desk.config.write_text(text.replace(f'address = "{ADDRESS}"\n', ""), encoding="utf-8")
    del site.desk.__dict__["settings"]

    with pytest.raises(SiteAddressMissing, match=r"site\.address"):
        SiteExport(site.desk, folder).write()


def test_the_command_says_what_it_did(site: PublicSite, folder: Path) -> None:
    arguments = ["--config", str(site.desk.config), "site", "export", str(folder), "--without-pictures", "--json"]
    result = CliRunner().invoke(cli, arguments)

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["pictures_missing"] == []
    assert (folder / FIRST_PAGE).is_file()


def test_a_picture_that_can_not_be_made_is_told(site: PublicSite, folder: Path) -> None:
    from publisher.adapt.images.rendering import ImageRefused
    from publisher.adapt.problem_codes import PictureProblem

    def refuse(spec: RenditionSpec) -> None:
        raise ImageRefused(PictureProblem.ORIGINAL_UNUSABLE(why="it is gone"))

    site.desk.__dict__["renderer"].render = refuse
    result = SiteExport(site.desk, folder).write()

    assert result.pictures_missing
    assert (folder / "index.html").is_file()


def test_a_site_below_a_path_links_below_it() -> None:
    addresses = Addresses("https://example.org/daily", "/daily", "ca", "en")

    assert addresses.day(FIRST_DAY) == "/daily/ca/archive/2022/2/12"
    assert addresses.whole(addresses.day(FIRST_DAY)) == "https://example.org/daily/ca/archive/2022/2/12"
    assert addresses.page() == "/daily/ca"
