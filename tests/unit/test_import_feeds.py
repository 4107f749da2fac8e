"""Tests what an import reads from feeds and WordPress exports, the hostile ones included."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from publisher.intake.html_texts import HtmlNotReadWhole, plain_text, read_html
from publisher.intake.items import ImportedItem
from publisher.intake.mastodon_accounts import first_line_as_title
from publisher.intake.opening import open_source
from publisher.intake.source_settings import SourceSettings
from publisher.posts.errors import PostError

ATOM = """\
<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Daily</title>
<entry><id>tag:old.example,2022:1</id><title type="html">A &lt;i&gt;cell&lt;/i&gt;</title>
<published>2022-02-12T23:30:00-05:00</published><link href="https://old.example/1"/><author><name>Desk</name></author>
<category term="cells"/><summary>What it is</summary>
<content type="html">&lt;p&gt;It &lt;b&gt;moves&lt;/b&gt;.&lt;/p&gt;&lt;p&gt;Written by Ana&lt;/p&gt;
&lt;img src="/img/cell.png" alt="A disc"/&gt;</content></entry></feed>
"""
RSS = """\
<rss version="2.0"><channel><title>Daily</title><language>ca</language>
<item><title>U</title><guid>https://old.example/?p=1</guid><pubDate>Sat, 12 Feb 2022 10:00:00 GMT</pubDate>
<description>Text</description><enclosure url="https://old.example/cell.png" type="image/png" length="1"/></item>
<item><title>Dos</title><guid isPermaLink="false">x2</guid><description>Sense dia</description></item></channel></rss>
"""
WORDPRESS = """\
<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:wp="http://wordpress.org/export/1.2/"><channel>
<wp:author><wp:author_login>ana</wp:author_login><wp:author_display_name>Ana Serra</wp:author_display_name></wp:author>
<item><title>Skin</title><link>https://old.example/skin</link><guid>https://old.example/?p=7</guid>
<dc:creator>ana</dc:creator><content:encoded><![CDATA[First.
Second line.

[caption id="a"]<a href="https://old.example/up/2020/skin.png"><img src="https://old.example/up/2020/skin-300x200.png"
 /></a> A caption[/caption]

Last.]]></content:encoded>
<excerpt:encoded>Short</excerpt:encoded><wp:post_id>7</wp:post_id><wp:post_date>2020-03-04 23:59:00</wp:post_date>
<wp:status>publish</wp:status><wp:post_type>post</wp:post_type>
<category domain="post_tag" nicename="cells">cells</category>
<category domain="category" nicename="uncategorized">Uncategorized</category>
<wp:postmeta><wp:meta_key>_thumbnail_id</wp:meta_key><wp:meta_value>9</wp:meta_value></wp:postmeta></item>
<item><title>No</title><wp:status>draft</wp:status><wp:post_type>post</wp:post_type></item>
<item><title>Page</title><wp:status>publish</wp:status><wp:post_type>page</wp:post_type></item>
<item><wp:post_id>9</wp:post_id><wp:post_type>attachment</wp:post_type><wp:status>inherit</wp:status>
<wp:attachment_url>https://old.example/up/2020/skin.png</wp:attachment_url>
<wp:postmeta><wp:meta_key>_wp_attachment_image_alt</wp:meta_key>
<wp:meta_value>A wound</wp:meta_value></wp:postmeta></item>
</channel></rss>
"""
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "up" / "2020").mkdir(parents=True)
    for name in ("cell.png", "up/2020/skin.png"):
        (tmp_path / name).write_bytes(b"picture")
    return tmp_path


def read(folder: Path, text: str | bytes, name: str = "feed.xml") -> list[ImportedItem]:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return list(open_source(folder / name, SourceSettings()).items())


def test_an_atom_feed_is_read(folder: Path) -> None:
    (item,) = read(folder, ATOM)
    assert (item.key, item.title, item.published_on) == ("tag:old.example,2022:1", "A cell", date(2022, 2, 12))
    assert (item.standfirst, item.body, item.written_by) == ("What it is", "It **moves**.", "Ana")
    assert (item.tags, item.published_at) == (("cells",), {"site": "https://old.example/1"})
    assert [(name_of(picture.file), picture.alt_text) for picture in item.pictures] == [("cell.png", "A disc")]
    assert item.problems == ()


def test_an_rss_feed_is_read(folder: Path) -> None:
    one, two = read(folder, RSS, "feed.rss")
    assert (one.title, one.published_on, one.language, one.body) == ("U", date(2022, 2, 12), "ca", "Text")
    assert [name_of(picture.file) for picture in one.pictures] == ["cell.png"]
    assert (two.key, two.published_on, two.place) == ("x2", None, "feed.rss, 2")


def test_a_wordpress_export_is_read(folder: Path) -> None:
    source = open_source(_written(folder / "export.xml", WORDPRESS), SourceSettings())
    (item,) = source.items()
    assert (item.key, item.title, item.published_on) == ("https://old.example/?p=7", "Skin", date(2020, 3, 4))
    assert (item.standfirst, item.written_by, item.tags) == ("Short", "Ana Serra", ("cells",))
    assert item.body == "First.\nSecond line.\n\nA caption\n\nLast."
    assert [(name_of(picture.file), picture.alt_text) for picture in item.pictures] == [("skin.png", "A wound")]
    assert [str(hint) for hint in source.hints] == ["Posts of export.xml that are not published were left out: 1"]


def _written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", [ATOM, WORDPRESS])
def test_entities_are_refused_in_every_encoding(folder: Path, text: str, encoding: str) -> None:
    begin = text.partition("?>")[2].lstrip()
    bomb = f'<?xml version="1.0" encoding="{encoding}"?>{BOMB}{begin}'.replace("Daily", "&b;")
    with pytest.raises(PostError, match="declares entities, which are not read"):
        read(folder, bomb.encode(encoding))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no XML"),
        (b"\x4c\x6f\xa7\x94", "is no XML"),
        (b"<html><p>A page</p></html>", "is no Atom or RSS feed"),
        (b"\xff\xfe\x00", "is no XML"),
        (WORDPRESS.replace("</channel>", "").encode(), "is no valid XML"),
        (b'<rss xmlns:wp="http://wordpress.org/export/1.2/"></rss>', "is no WordPress export"),
    ],
)
def test_what_is_no_feed_is_told(folder: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(PostError, match=sentence):
        read(folder, content)


def test_a_feed_that_breaks_off_says_so(folder: Path) -> None:
    source = open_source(_written(folder / "feed.xml", RSS.partition("<item><title>Dos")[0]), SourceSettings())
    assert [item.title for item in source.items()] == ["U"]
    assert "the rest is missing" in str(source.hints[0])


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("<p>Hi <b>you </b>and <i>me</i></p>", ["Hi **you** and *me*"]),
        ("<p>2 * 3 <a href='/a'>b</a></p>", [r"2 \* 3 [b](https://o.example/a)"]),
        ("<ul><li>one<li>two</ul>", ["- one", "- two"]),
        ("a<br>b<div>c</div>tail", ["a\nb", "c", "tail"]),
        ("<a href='javascript:x'>y</a><script>z</script>", ["y"]),
        ("<b>a<p>b</b></p>", ["**a**", "b"]),
        ("5 &lt; 6<!-- no --><?x y?>", ["5 < 6"]),
        ("", []),
        ("\0", []),
        ("<b></b><i> </i>", []),
    ],
)
def test_html_becomes_the_small_markdown_of_posts(text: str, blocks: list[str]) -> None:
    assert read_html(text, "https://o.example/p/").blocks == blocks


def test_the_largest_copy_of_a_picture_comes_first() -> None:
    (picture,) = read_html("<img src='a-300x200.jpg' alt=' z '><img src='data:x'>", "https://o.example/").pictures
    assert picture.addresses == ("https://o.example/a.jpg", "https://o.example/a-300x200.jpg")
    assert (picture.alt_text, plain_text("<b>a</b> b")) == ("z", "a b")


def test_html_that_is_deep_is_read_whole() -> None:
    deep = "<div>" * 1_500 + "<p>Deep.</p>" + "</div>" * 1_500 + "<p>After.</p>"
    assert read_html(deep).blocks == ["Deep.", "After."]


@pytest.mark.parametrize("tag", ["<div>", "<b>"])
def test_html_that_is_too_deep_is_no_text(tag: str) -> None:
    with pytest.raises(HtmlNotReadWhole):
        read_html(tag * 20_000 + "x")


@pytest.mark.parametrize(
    ("html", "sentence"), [("<div>" * 3_000 + "x", "nested more than 2048 deep"), ("x" * 5_000_001, "longer than 5 MB")]
)
@pytest.mark.parametrize(("feed", "text"), [(RSS, "Text"), (WORDPRESS, "Last.")])
def test_an_item_that_is_not_read_whole_is_told(folder: Path, feed: str, text: str, html: str, sentence: str) -> None:
    told = html.replace("<", "&lt;") if feed is RSS else html
    items = read(folder, feed.replace(text, told))
    assert sentence in str(items[0].problems[0])
    assert len(items) == (2 if feed is RSS else 1)


def name_of(file: Path | None) -> str:
    return file.name if file else ""


def test_marks_in_marks_are_closed() -> None:
    assert read_html("<p><i> a <b>b</b> </i>c <b>d <i>e</i></b><i> </i></p>").blocks == ["*a **b*** c d *e*"]
    assert read_html("<div><i>a<div>b</div>c</i> <b>d</b></div>").blocks == ["a", "b", "c **d**"]


@pytest.mark.parametrize(
    "text",
    [
        "<p><i>" + "<br>" * 5_000 + "<i>x</i></i></p>",
        "<p><img src=x.png srcset='" + "a," * 5_000 + "'>" * 9 + "x</p>",
        "<a href='http://x/'>" * 1_500 + "<p>x</p>" * 5_000,
    ],
    ids=["marks", "copies of a picture", "links"],
)  # fmt: skip
def test_hostile_html_is_read_in_time(text: str) -> None:
    assert "x" in read_html(text).blocks[-1]


def test_a_hostile_first_line_is_read_in_time() -> None:
    assert first_line_as_title(["\\[" * 50_000])[0].endswith("…")
    assert first_line_as_title([r"\\[A \[b\]](http://x.test/) c\*"])[0] == r"\A [b] c*"


def test_the_id_of_an_entry_without_a_link_is_no_address(tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_text(ATOM.replace('<link href="https://old.example/1"/>', ""), encoding="utf-8")
    (item,) = open_source(file, SourceSettings()).items()
    assert (item.published_at, item.key) == ({}, "tag:old.example,2022:1")
