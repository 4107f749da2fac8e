"""Tests what an import reads from addresses: feeds, pages, and sites that are walked, with their pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from publisher.cli.main import cli
from publisher.intake.fetched_pages import sweep_pages
from publisher.intake.html_texts import read_html
from tests.conftest import OpenOutlet
from tests.hostile_web import LocalWeb, answer, open_web
from tests.outlet import Outlet, draw

PAGE = """\
<!DOCTYPE html><html><body><h1>{title}</h1><h2>A summary</h2><time>{day} June 2019</time>
<figure><a href="/img/{day}.png"><img src="/img/{day}-300x200.png" alt="A disc"></a></figure>
<h3>{title}</h3><p>Text of {title}.</p><p>Credit: Jane Doe</p><p>Written by Ana</p>
<a href="{other}">before</a> <a href="/login">log in</a> <a href="?page=2">more</a>
<a href="http://elsewhere.test/archive/2019/6/1">friends</a> <a href="/archive/2019/6/1.pdf">print</a></body></html>
"""
FEED = """\
<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Daily</title><entry><id>tag:old.test,2019:1</id>
<title>First</title><published>2019-06-01T10:00:00Z</published><link href="http://old.test/1"/>
<content type="html">&lt;p&gt;Text.&lt;/p&gt;&lt;img src="/img/small.png" srcset="/img/small.png 300w,
/img/large.png 1200w" alt="A disc"&gt;</content></entry></feed>
"""


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    found = open_outlet("tumblr")
    settings = '[old]\npreset = "repeated-title"\ninterval = 0.1\n'
    (found.config.parent / "sources.toml").write_text(settings, encoding="utf-8")
    return found


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWeb]:
    monkeypatch.setattr("publisher.intake.web_fetching.WebFetcher._pause", lambda *_arguments: None)
    with open_web(monkeypatch) as opened:
        yield opened


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    draw(tmp_path / "drawn.png")
    return (tmp_path / "drawn.png").read_bytes()


def publish_site(web: LocalWeb, picture: bytes) -> None:
    web.put("old.test/archive/", '<h1>Archive</h1><a href="2019/6/">June</a><a href="/about">about</a>')
    web.put("old.test/archive/2019/6/", '<a href="3">third</a>')
    web.put("old.test/archive/2019/6/3", PAGE.format(title="Skin", day=3, other="/archive/2019/6/2#top"))
    web.put("old.test/archive/2019/6/2", PAGE.format(title="Bone", day=2, other="/archive/2019/6/1"))
    web.answers["old.test/archive/2019/6/1"] = answer(404)
    for number in (2, 3):
        web.put(f"old.test/img/{number}.png", picture + bytes(number), "image/png")


def run(outlet: Outlet, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(outlet.config), "import", *arguments])


def test_a_site_is_walked_from_its_date_pages(outlet: Outlet, web: LocalWeb, picture: bytes) -> None:
    publish_site(web, picture)
    preview = run(outlet, "http://old.test/archive/", "--as", "old", "--dry-run")
    assert "would be made: http://old.test/archive/2019/6/2 “Bone”, 2019-06-02" in preview.output
    pages = [place for place in web.requests if "/img/" not in place]
    assert sorted(pages) == [f"old.test/archive/{path}" for path in ("", "2019/6/", "2019/6/1", "2019/6/2", "2019/6/3")]
    web.requests.clear()
    made = run(outlet, "http://old.test/archive/", "--as", "old")
    assert "Import 1: made 1, here already 1" in made.output or "Import 1: made 2" in made.output
    assert "1 page could not be fetched" in made.output
    # The pages are those of the preview; only what was missing is asked for again.
    assert [place for place in web.requests if "/img/" not in place] == ["old.test/archive/2019/6/1"]
    assert not list((outlet.config.parent.parent / "fetched").glob("*"))
    web.requests.clear()
    assert "unchanged 2" in run(outlet, "http://old.test/archive/", "--as", "old").output
    assert not [place for place in web.requests if "/img/" in place]


def test_a_page_of_a_day_is_read_alone(outlet: Outlet, web: LocalWeb, picture: bytes) -> None:
    publish_site(web, picture)
    made = run(outlet, "http://old.test/archive/2019/6/3", "--as", "old", "--json")
    (item,) = json.loads(made.stdout)["items"]
    assert (item["outcome"], item["title"], item["published_on"]) == ("made", "Skin", "2019-06-03")
    assert web.requests == ["old.test/archive/2019/6/3", "old.test/img/3.png"]
    shown = json.loads(CliRunner().invoke(cli, ["--config", str(outlet.config), "show", "1", "--json"]).output)
    assert shown["published_links"] == {"site": "http://old.test/archive/2019/6/3"}


def test_a_feed_is_read_with_its_largest_pictures(outlet: Outlet, web: LocalWeb, picture: bytes) -> None:
    web.put("old.test/", '<head><link rel="alternate" type="application/atom+xml" href="/atom"></head><p>Hello</p>')
    web.put("old.test/atom", FEED, "application/atom+xml")
    web.put("old.test/img/large.png", picture, "image/png")
    web.put("old.test/img/small.png", b"small", "image/png")
    assert "made 1" in run(outlet, "http://old.test/").output
    assert web.requests == ["old.test/", "old.test/atom", "old.test/img/large.png"]


def test_a_picture_that_cannot_be_fetched_is_told(outlet: Outlet, web: LocalWeb) -> None:
    web.put("old.test/atom", FEED.replace("/img/large.png", "http://127.0.0.1:1/x.png"), "application/atom+xml")
    made = run(outlet, "http://old.test/atom")
    assert made.exit_code == 1
    assert "wrong: http://old.test/atom, 1 “First”" in made.output
    # The better copy was refused, and so the one that is shown was tried.
    assert "Picture 1: http://old.test/img/small.png is not there any more" in made.output
    web.redirect("old.test/img/small.png", "http://169.254.169.254/latest/meta-data/")
    assert "no public address" in run(outlet, "http://old.test/atom").output


def test_a_site_that_fails_again_and_again_is_left_alone(outlet: Outlet, web: LocalWeb) -> None:
    links = "".join(f'<a href="/archive/2019/6/{day}">{day}</a>' for day in range(1, 20))
    web.put("old.test/archive/", links)
    for day in range(1, 20):
        web.answers[f"old.test/archive/2019/6/{day}"] = answer(500)
    result = run(outlet, "http://old.test/archive/", "--as", "old")
    assert result.exit_code == 1
    assert "5 tries in a row failed" in str(result.exception)
    assert len(web.requests) == 6


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("file:///etc/passwd", "is no web address that can be fetched"),
        ("ftp://old.test/feed", "is no web address that can be fetched"),
        ("http://127.0.0.1:9/feed", "private_network = true"),
        ("http://old.test/", "names no feed"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(outlet: Outlet, web: LocalWeb, source: str, text: str) -> None:
    web.put("old.test/", "<p>Hello</p>")
    assert text in str(run(outlet, source).exception)


def test_the_largest_copy_of_a_srcset_comes_before_the_shown_one() -> None:
    markup = '<img src="a-300x200.jpg" srcset="b.jpg 2x, c.jpg 3x,d.jpg 1x"><img src="e.jpg" srcset="x,y z">'
    first, second = read_html(markup, "https://old.example/").pictures
    assert [address.rpartition("/")[2] for address in first.addresses] == ["a.jpg", "c.jpg", "a-300x200.jpg"]
    assert second.addresses == ("https://old.example/e.jpg",)


def test_each_preview_fetches_anew(outlet: Outlet, web: LocalWeb) -> None:
    web.put("old.test/feed", FEED)
    assert "“First”" in run(outlet, "http://old.test/feed", "--dry-run").output
    web.put("old.test/feed", FEED.replace("First", "Second"))
    assert "“Second”" in run(outlet, "http://old.test/feed", "--dry-run").output


def test_a_damaged_page_that_was_kept_is_fetched_again(outlet: Outlet, web: LocalWeb) -> None:
    web.put("old.test/feed", FEED)
    run(outlet, "http://old.test/feed", "--dry-run")
    (kept,) = (outlet.config.parent.parent / "fetched").glob("*/*.page")
    kept.write_bytes(b"\xff\xfe\n<feed>")
    assert "“First”" in run(outlet, "http://old.test/feed").output


def test_pages_that_were_kept_for_a_day_are_removed(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    made = datetime.fromtimestamp((tmp_path / "source").stat().st_mtime, UTC)
    assert sweep_pages(tmp_path, made + timedelta(hours=23)) == 0
    assert sweep_pages(tmp_path, made + timedelta(hours=25)) == 1
    assert not list(tmp_path.iterdir())
    assert sweep_pages(tmp_path / "none", made) == 0


@pytest.mark.parametrize("address", ["http://[bad/feed", "http://[bad/@daily", "http://old.test/\x01"])
def test_what_is_no_address_is_told_in_a_sentence(outlet: Outlet, web: LocalWeb, address: str) -> None:
    result = run(outlet, address)
    assert result.exit_code == 1
    assert "is no web address that can be fetched" in str(result.exception)
    assert web.requests == []


def test_a_picture_at_no_address_is_told(outlet: Outlet, web: LocalWeb) -> None:
    web.put(
        "old.test/feed",
        FEED.replace(
            'src="/img/small.png" srcset="/img/small.png 300w,\n/img/large.png 1200w"', 'src="http://[bad/y.jpg"'
        ),
    )
    result = run(outlet, "http://old.test/feed")
    assert "Picture 1: http://[bad/y.jpg is no web address" in result.output


def test_a_walk_does_not_leave_its_folder_by_dots(outlet: Outlet, web: LocalWeb) -> None:
    web.put("old.test/archive/", '<a href="http://old.test/archive/../private/x">x</a><a href="%2e%2e/private/y">y</a>')
    run(outlet, "http://old.test/archive/", "--as", "old")
    assert web.requests == ["old.test/archive/"]
